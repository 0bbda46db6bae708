package serve

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/model"
)

// batch is what the scheduler needs of model.Batch.
type batch interface {
	Join(model.BatchRequest) (*model.Stream, error)
	Leave(*model.Stream)
	Step() []model.Token
	Idle() bool
	Load() model.BatchLoad
}

// scheduler owns a batch: one goroutine, run, joins sequences, steps and delivers.
// Everybody else leaves word under the lock and wakes it.
type scheduler struct {
	b        batch
	slots    int // sequences decoded together
	capacity int // sequences that run and wait
	wake     chan struct{}

	mu       sync.Mutex
	jobs     map[*job]bool // accepted and not over; true: it is to leave
	arrivals []*job        // of them, those that haven't joined
	open     int           // sequences of jobs that go on
	draining bool
	failure  *problem // of the batch: nothing works any more
	load     model.BatchLoad
	mean     time.Duration // moving mean of the time that a sequence takes

	stepped func(time.Duration) // told the time of each step
	broken  func(trace string)  // told of a failure of the batch

	streams map[*model.Stream]*sequence // the goroutine's own
	joined  map[*sequence]time.Time
}

func newScheduler(b batch, slots, queue int) *scheduler {
	return &scheduler{
		b: b, slots: slots, capacity: slots + queue, wake: make(chan struct{}, 1), jobs: map[*job]bool{}, mean: time.Second, load: b.Load(),
		streams: map[*model.Stream]*sequence{}, joined: map[*sequence]time.Time{}, stepped: func(time.Duration) {}, broken: func(string) {},
	}
}

// submit accepts a job or says why not: the server is busy, or ends. Whoever submits must
// call leave in the end.
func (s *scheduler) submit(j *job) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(j.sequences)
	switch {
	case s.failure != nil:
		return s.failure
	case s.draining:
		return errEnding
	case n > s.capacity:
		return invalid("n", "the request asks for %d completions, the server takes up to %d at a time", n, s.capacity)
	case s.open+n > s.capacity:
		return busy(s.patience())
	}
	s.open += n
	s.jobs[j] = false
	s.arrivals = append(s.arrivals, j)
	s.poke()
	return nil
}

// patience is how long it may take until there is room.
func (s *scheduler) patience() time.Duration {
	waves := math.Ceil(float64(s.open) / float64(s.slots))
	return min(max(time.Duration(float64(s.mean)*waves), time.Second), time.Minute)
}

// leave ends a job whether it is over or not. Its sequences leave before the next token.
func (s *scheduler) leave(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.jobs[j]; ok {
		s.jobs[j] = true
		s.poke()
	}
}

// drain refuses jobs from now on.
func (s *scheduler) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// fail ends all jobs with a problem, at once.
func (s *scheduler) fail(p *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for j := range s.jobs {
		j.fail(p)
		s.jobs[j] = true
	}
	s.poke()
}

func (s *scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// state tells what the scheduler is doing.
func (s *scheduler) state() (l model.BatchLoad, open int, failure *problem, draining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l = s.load
	for _, j := range s.arrivals {
		l.Waiting += len(j.sequences)
	}
	return l, s.open, s.failure, s.draining
}

// run is the scheduler's goroutine. It ends with ctx, failing what is left.
func (s *scheduler) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil { // a defect of the engine must not take the process along
			s.mu.Lock()
			s.failure = errInternal
			s.mu.Unlock()
			s.broken(fmt.Sprintf("%v\n%s", p, debug.Stack()))
			s.fail(errInternal)
		}
	}()
	for ctx.Err() == nil {
		s.exchange()
		if s.b.Idle() {
			select {
			case <-s.wake:
			case <-ctx.Done():
			}
			continue
		}
		start := time.Now()
		out := s.b.Step()
		s.stepped(time.Since(start))
		for _, t := range out {
			if q := s.streams[t.Stream]; q.advance(t) {
				s.b.Leave(t.Stream)
				s.end(q)
			}
		}
	}
	s.fail(errEnding)
	s.exchange()
}

// exchange lets arrivals join the batch and takes those out that are to leave.
func (s *scheduler) exchange() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.arrivals {
		for _, q := range j.sequences {
			if s.jobs[j] {
				break // it has gone already
			}
			stream, err := s.b.Join(q.request)
			if err != nil { // requests are checked before
				j.fail(invalid("", "%v", err))
				s.jobs[j] = true
				break
			}
			q.stream = stream
			s.streams[stream] = q
			s.joined[q] = time.Now()
		}
	}
	s.arrivals = slices.Delete(s.arrivals, 0, len(s.arrivals))
	for j, leaves := range s.jobs {
		if !leaves {
			continue
		}
		for _, q := range j.sequences {
			if q.ended {
				continue
			}
			q.ended = true
			s.open--
			if q.stream != nil {
				s.b.Leave(q.stream)
				delete(s.streams, q.stream)
				delete(s.joined, q)
			}
		}
		delete(s.jobs, j)
	}
	s.load = s.b.Load()
}

// end settles a sequence that came to its end.
func (s *scheduler) end(q *sequence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.ended = true
	s.open--
	took := time.Since(s.joined[q])
	s.mean += (took - s.mean) / 8
	delete(s.streams, q.stream)
	delete(s.joined, q)
}
