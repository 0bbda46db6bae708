package status

import (
	"context"
	"sync"
)

// Subscription is a reader's queue of events. A reader that is slower than the process loses the oldest events, never holds anything
// up, and is told how many it lost.
type Subscription struct {
	registry *Registry
	limit    int
	wake     chan struct{} // holds one; full when there is something to look at

	mu      sync.Mutex
	queue   []Event
	dropped int
	closed  bool
}

// Subscribe makes a Subscription that holds up to limit events that were not read yet. Close it when done.
func (r *Registry) Subscribe(limit int) *Subscription {
	s := &Subscription{registry: r, limit: max(1, limit), wake: make(chan struct{}, 1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscribers[s] = struct{}{}
	return s
}

// put appends an event, without waiting.
func (s *Subscription) put(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if len(s.queue) >= s.limit {
		s.queue = s.queue[1:]
		s.dropped++
	}
	s.queue = append(s.queue, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for events and returns all that are there, in order, with the number of those that were lost before them. After Close it
// gives what is left and then ok = false; it gives false as well when ctx ends.
func (s *Subscription) Next(ctx context.Context) (events []Event, dropped int, ok bool) {
	for {
		s.mu.Lock()
		events, dropped = s.queue, s.dropped
		s.queue, s.dropped = nil, 0
		closed := s.closed
		s.mu.Unlock()
		if len(events) > 0 {
			return events, dropped, true
		}
		if closed {
			return nil, 0, false
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, 0, false
		}
	}
}

// Close ends the subscription. What was queued can still be read. It may be called again.
func (s *Subscription) Close() {
	s.registry.mu.Lock()
	delete(s.registry.subscribers, s)
	s.registry.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
