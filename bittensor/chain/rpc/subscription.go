package rpc

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"
)

// Notification is one message of a subscription.
type Notification struct {
	Result json.RawMessage // nil if Resumed
	// Resumed says that the socket was lost and the subscription made again on a new one: what happened in between was not told.
	Resumed bool
}

// Feed names a subscription's methods.
type Feed struct {
	Subscribe, Unsubscribe string
	Params                 []any
	// Resume has the subscription made again after a reconnect; without it a lost socket ends it.
	Resume bool
	// Buffer is the number of notifications kept for a slow reader; then the oldest is dropped and counted. Default 64.
	Buffer int
}

// Subscription is a stream of notifications.
type Subscription struct {
	// C carries the notifications. It is closed when the subscription ended; Err then says why.
	C <-chan Notification

	c       *Client
	feed    Feed
	ch      chan Notification
	id      string // owner's
	ended   bool   // owner's
	err     atomic.Pointer[error]
	dropped atomic.Uint64
}

// Subscribe starts a subscription. The context bounds only the wait for the node's answer.
func (c *Client) Subscribe(ctx context.Context, feed Feed) (*Subscription, error) {
	start := time.Now()
	if feed.Buffer <= 0 {
		feed.Buffer = 64
	}
	s := &Subscription{c: c, feed: feed, ch: make(chan Notification, feed.Buffer)}
	s.C = s.ch
	if _, err := c.do(ctx, &pending{method: feed.Subscribe, params: feed.Params, sub: s}); err != nil {
		return nil, c.fail(feed.Subscribe, start, err)
	}
	return s, nil
}

// Err returns why C was closed: an *EndpointError, with ErrClosed inside after Close.
func (s *Subscription) Err() error {
	if p := s.err.Load(); p != nil {
		return *p
	}
	return nil
}

// Dropped returns how many notifications were lost because nobody took them.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Close ends the subscription and closes C.
func (s *Subscription) Close() {
	select {
	case s.c.unsubs <- s:
	case <-s.c.done:
	}
}

// deliver never waits. Only the owner calls it.
func (s *Subscription) deliver(n Notification) {
	for !s.ended {
		select {
		case s.ch <- n:
			return
		default:
		}
		select {
		case <-s.ch:
			s.dropped.Add(1)
			s.c.note(func(st *Stats) { st.Dropped++ })
		default:
		}
	}
}

func (s *Subscription) end(err error) {
	if s.ended {
		return
	}
	s.ended = true
	e := s.c.fail(s.feed.Subscribe, time.Now(), err)
	s.err.Store(&e)
	close(s.ch)
}
