package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// pending is a call on its way: waiting for a socket, or in flight.
type pending struct {
	method string
	params []any
	sub    *Subscription // set if the answer is a subscription id
	resume bool          // made by the owner itself, after a reconnect
	answer chan answer   // capacity 1
	over   bool          // owner's: an answer was given
	timer  *time.Timer   // of a resume
	id     uint64
}

type answer struct {
	result json.RawMessage
	err    error
}

type cancellation struct {
	p     *pending
	cause error
}

// Bounds of what is kept for subscriptions whose answer hasn't come yet.
const (
	maxEarly      = 256
	maxEarlyBytes = 4 << 20
)

// owner is the state of a Client. Only its goroutine touches it, and it waits for nothing but its channels.
type owner struct {
	c        *Client
	link     *link
	dials    chan dialled
	retry    *time.Timer
	failures int   // dials that failed in a row
	refused  error // set while the endpoint must not be used
	silent   int   // calls without an answer in a row

	next    uint64
	flying  map[uint64]*pending
	waiting []*pending
	subs    map[string]*Subscription
	asleep  []*Subscription          // to be made again with the next socket
	orphans map[uint64]*Subscription // asked for by callers who went away
	early   []frame
	earlyB  int
	closing sync.WaitGroup
}

func newOwner(c *Client) *owner {
	return &owner{
		c: c, dials: make(chan dialled, 1), retry: time.NewTimer(0),
		flying: map[uint64]*pending{}, subs: map[string]*Subscription{}, orphans: map[uint64]*Subscription{},
		next: 1 << 20, // the handshake numbers its own calls from 1
	}
}

func (o *owner) run() {
	defer close(o.c.done)
	defer o.retry.Stop()
	dialling := false
	for {
		var in chan frame
		var failed chan error
		if o.link != nil {
			in, failed = o.link.in, o.link.failed
		}
		select {
		case <-o.c.ctx.Done():
			o.shut(dialling)
			return
		case <-o.retry.C:
			dialling = true
			o.c.note(func(s *Stats) { s.Dials++ })
			go func() {
				sock, err := o.c.connect()
				o.dials <- dialled{sock, err}
			}()
		case d := <-o.dials:
			dialling = false
			o.dialled(d)
		case p := <-o.c.requests:
			o.accept(p)
		case k := <-o.c.cancels:
			o.cancel(k)
		case s := <-o.c.unsubs:
			o.unsubscribe(s)
		case f := <-in:
			o.frame(f)
		case err := <-failed:
			o.lost(err)
		case err := <-o.c.resets:
			if o.link != nil {
				o.lost(err)
			}
		}
	}
}

func (o *owner) dialled(d dialled) {
	if d.err != nil {
		o.failures++
		wait := o.backoff()
		o.refused = nil
		if errors.Is(d.err, ErrRefused) {
			wait, o.refused = jitter(o.c.o.RefusedRetry), d.err
			for _, p := range o.waiting {
				o.finish(p, answer{err: d.err})
			}
			o.waiting = nil
		}
		o.c.note(func(s *Stats) { s.LastError, s.LastErrorAt, s.Waiting = d.err, time.Now(), len(o.waiting) })
		o.retry.Reset(wait)
		return
	}
	o.refused, o.silent = nil, 0
	o.link = o.c.startLink(d.sock)
	o.c.note(func(s *Stats) { s.Connected, s.Since, s.Waiting = true, time.Now(), 0 })
	for _, s := range o.asleep {
		o.resume(s)
	}
	waiting := o.waiting
	o.asleep, o.waiting = nil, nil
	for _, p := range waiting {
		o.accept(p)
	}
}

func (o *owner) backoff() time.Duration {
	d := o.c.o.MinBackoff
	for range min(o.failures-1, 20) {
		if d *= 2; d >= o.c.o.MaxBackoff {
			d = o.c.o.MaxBackoff
			break
		}
	}
	return jitter(d)
}

// jitter takes off up to a half, so that clients of a node that restarted don't all come back at once.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/2+1) }

// accept sends a request, keeps it for the next socket, or refuses it.
func (o *owner) accept(p *pending) {
	switch {
	case o.refused != nil:
		o.finish(p, answer{err: o.refused})
	case o.link == nil && len(o.waiting) >= o.c.o.MaxInFlight, len(o.flying) >= o.c.o.MaxInFlight:
		o.finish(p, answer{err: ErrBusy})
	case o.link == nil:
		o.waiting = append(o.waiting, p)
		o.count()
	default:
		o.next++
		b, err := encode(o.next, p.method, p.params)
		if err != nil {
			o.finish(p, answer{err: err})
			return
		}
		select {
		case o.link.out <- b:
			p.id = o.next
			o.flying[p.id] = p
			o.c.note(func(s *Stats) { s.Calls++; s.InFlight = len(o.flying) })
		default: // the node takes nothing more
			o.finish(p, answer{err: ErrBusy})
		}
	}
}

func (o *owner) count() {
	o.c.note(func(s *Stats) { s.InFlight, s.Waiting = len(o.flying), len(o.waiting) })
}

// cancel ends a call whose caller gives up, and says what it was waiting for.
func (o *owner) cancel(k cancellation) {
	p := k.p
	if p.over {
		return
	}
	late := errors.Is(k.cause, context.DeadlineExceeded)
	if _, ok := o.flying[p.id]; !ok {
		for i, w := range o.waiting {
			if w == p {
				o.waiting = append(o.waiting[:i], o.waiting[i+1:]...)
				break
			}
		}
		err := fmt.Errorf("%w: %w", ErrNoConnection, k.cause)
		if last := o.c.Stats().LastError; last != nil {
			err = fmt.Errorf("%w: %w (last: %v)", ErrNoConnection, k.cause, last)
		}
		o.finish(p, answer{err: err})
		return
	}
	if p.resume { // a node that can't renew a subscription won't do with this socket; lost puts the subscription back to sleep
		o.lost(fmt.Errorf("%w: subscription not renewed", ErrStalled))
		return
	}
	delete(o.flying, p.id)
	if p.sub != nil && len(o.orphans) < o.c.o.MaxInFlight {
		o.orphans[p.id] = p.sub
	}
	if !late {
		o.finish(p, answer{err: k.cause})
		return
	}
	o.finish(p, answer{err: fmt.Errorf("%w: %w", ErrNoAnswer, k.cause)})
	if o.silent++; o.silent >= o.c.o.MaxStalled {
		o.lost(fmt.Errorf("%w: %d calls without an answer", ErrStalled, o.silent))
	}
}

// finish gives a call its only answer.
func (o *owner) finish(p *pending, a answer) {
	if p.over {
		return
	}
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if a.err != nil {
		var own *Error
		if !errors.As(a.err, &own) {
			o.c.note(func(s *Stats) { s.Failures++ })
		}
		if p.resume {
			p.sub.end(a.err)
		}
	}
	p.answer <- a
	o.count()
}

// frame handles one message of the node.
func (o *owner) frame(f frame) {
	switch {
	case f.hasID:
		p, ok := o.flying[f.id]
		if !ok { // the caller gave up, or the node invents answers
			if s := o.orphans[f.id]; s != nil && f.err == nil && subscriptionID(f.result) {
				o.send(s.feed.Unsubscribe, f.result)
			}
			delete(o.orphans, f.id)
			return
		}
		delete(o.flying, f.id)
		o.silent = 0
		if f.err == nil && p.sub != nil {
			if !subscriptionID(f.result) {
				f.err = fmt.Errorf("%w: subscription id expected", ErrMalformed)
			} else {
				o.bind(p, string(f.result))
			}
		}
		o.finish(p, answer{f.result, f.err})
	case f.sub != "":
		if s, ok := o.subs[f.sub]; ok {
			o.notify(s, f)
			return
		}
		if len(o.early) >= maxEarly || o.earlyB+f.size > maxEarlyBytes {
			o.early, o.earlyB = nil, 0 // leftovers of subscriptions that were closed
		}
		if f.size <= maxEarlyBytes {
			o.early = append(o.early, f)
			o.earlyB += f.size
		}
	default:
		o.c.note(func(s *Stats) { s.Malformed++ })
	}
}

func (o *owner) notify(s *Subscription, f frame) {
	if f.err != nil {
		o.c.note(func(st *Stats) { st.Malformed++ })
		return
	}
	s.deliver(Notification{Result: f.result})
}

// bind gives a subscription its id and the notifications that came before it.
func (o *owner) bind(p *pending, id string) {
	s := p.sub
	if s.ended {
		o.send(s.feed.Unsubscribe, json.RawMessage(id))
		return
	}
	s.id = id
	o.subs[id] = s
	if p.resume {
		s.deliver(Notification{Resumed: true})
	}
	rest := o.early[:0]
	o.earlyB = 0
	for _, f := range o.early {
		if f.sub == id {
			o.notify(s, f)
			continue
		}
		rest = append(rest, f)
		o.earlyB += f.size
	}
	clear(o.early[len(rest):])
	o.early = rest
}

// resume asks for a subscription again.
func (o *owner) resume(s *Subscription) {
	if s.ended {
		return
	}
	p := &pending{method: s.feed.Subscribe, params: s.feed.Params, sub: s, resume: true, answer: make(chan answer, 1)}
	p.timer = time.AfterFunc(o.c.o.CallTimeout, func() {
		select {
		case o.c.cancels <- cancellation{p, context.DeadlineExceeded}:
		case <-o.c.done:
		}
	})
	o.accept(p)
}

func (o *owner) unsubscribe(s *Subscription) {
	if s.ended {
		return
	}
	if o.subs[s.id] == s {
		delete(o.subs, s.id)
		o.send(s.feed.Unsubscribe, json.RawMessage(s.id))
	}
	for i, a := range o.asleep {
		if a == s {
			o.asleep = append(o.asleep[:i], o.asleep[i+1:]...)
			break
		}
	}
	s.end(ErrClosed)
}

// send writes a request whose answer nobody needs.
func (o *owner) send(method string, param json.RawMessage) {
	if method == "" || o.link == nil {
		return
	}
	o.next++
	if b, err := encode(o.next, method, []any{param}); err == nil {
		select {
		case o.link.out <- b:
		default:
		}
	}
}

// lost gives the socket up: calls in flight fail, subscriptions sleep or end, and the next dial is set.
func (o *owner) lost(reason error) {
	l := o.link
	o.link = nil
	l.cancel()
	o.closing.Go(l.close) // a socket's Close may wait; the owner doesn't
	o.silent = 0
	err := fmt.Errorf("%w: %w", ErrDropped, reason)
	if time.Since(l.since) >= 10*time.Second {
		o.failures = 0 // it was good for a while
	}
	o.failures++
	o.c.note(func(s *Stats) {
		s.Connected, s.Since, s.LastError, s.LastErrorAt = false, time.Now(), o.c.fail("socket", l.since, reason), time.Now()
	})
	for id, s := range o.subs {
		delete(o.subs, id)
		s.id = ""
		if s.feed.Resume {
			o.asleep = append(o.asleep, s)
		} else {
			s.end(err)
		}
	}
	flying := o.flying
	o.flying = map[uint64]*pending{}
	for _, p := range flying {
		if p.resume && !p.sub.ended {
			p.over = true
			p.timer.Stop()
			o.asleep = append(o.asleep, p.sub)
			continue
		}
		o.finish(p, answer{err: err})
	}
	o.early, o.earlyB = nil, 0
	clear(o.orphans)
	o.retry.Reset(o.backoff())
	o.count()
}

// shut ends everything, for Close.
func (o *owner) shut(dialling bool) {
	if o.link != nil {
		o.link.close()
	}
	o.closing.Wait()
	if dialling {
		if d := <-o.dials; d.sock != nil {
			_ = d.sock.Close()
		}
	}
	for _, p := range o.flying {
		o.finish(p, answer{err: ErrClosed})
	}
	for _, p := range o.waiting {
		o.finish(p, answer{err: ErrClosed})
	}
	for _, s := range o.subs {
		s.end(ErrClosed)
	}
	for _, s := range o.asleep {
		s.end(ErrClosed)
	}
	o.c.note(func(s *Stats) { s.Connected = false })
}
