package chain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// announcement is a new best block as one endpoint sees it.
type announcement struct {
	from *endpoint
	head Header
}

// headFeed gathers the announcements of all endpoints and hands them to streams.
type headFeed struct {
	mu      sync.Mutex
	best    Header
	from    *endpoint
	at      time.Time
	changed chan struct{} // closed at the next announcement
	streams map[*HeadStream]struct{}
}

func newHeadFeed() *headFeed {
	return &headFeed{changed: make(chan struct{}), streams: map[*HeadStream]struct{}{}}
}

// announce takes a head for the best one if it is higher than any, or if it is from the endpoint that the best one came from.
func (f *headFeed) announce(a announcement) {
	a.from.sawHead(a.head.Number)
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.head.Number > f.best.Number || f.from == nil || f.from == a.from {
		f.best, f.from, f.at = a.head, a.from, time.Now()
		close(f.changed)
		f.changed = make(chan struct{})
	} else if a.head.Hash == f.best.Hash {
		f.at = time.Now()
	}
	for s := range f.streams {
		s.offer(a)
	}
}

// now returns the best head, when it was announced, and a channel that is closed at the next one.
func (f *headFeed) now() (Header, time.Time, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.best, f.at, f.changed
}

// saw notes a head that was read rather than announced, so that the next view is not older than what the caller has seen.
func (f *headFeed) saw(h Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.Number > f.best.Number || f.at.IsZero() {
		f.best, f.from, f.at = h, nil, time.Now()
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// follow keeps an endpoint's best head known, for its health and for the streams, as long as the client lives.
func (c *Client) follow(e *endpoint) {
	for c.ctx.Err() == nil {
		s, err := e.Subscribe(c.ctx, rpc.Feed{Subscribe: "chain_subscribeNewHeads", Unsubscribe: "chain_unsubscribeNewHeads", Resume: true})
		switch own := (*rpc.Error)(nil); {
		case err == nil:
			c.listen(e, s)
			s.Close()
		case errors.As(err, &own): // a node without subscriptions: ask it
			c.poll(e)
		case errors.Is(err, rpc.ErrRefused):
			c.pause(time.Minute)
		}
		c.pause(2 * time.Second)
	}
}

// pause waits up to d, at least half of it, or until the client is closed.
func (c *Client) pause(d time.Duration) {
	select {
	case <-time.After(d - rand.N(d/2+1)):
	case <-c.ctx.Done():
	}
}

// silence is how long an endpoint may announce nothing before it is asked why.
func (c *Client) silence() time.Duration { return 8 * c.blockTime() }

// listen takes announcements until the subscription ends or turns out to be dead.
func (c *Client) listen(e *endpoint, s *rpc.Subscription) {
	quiet := time.NewTimer(c.silence())
	defer quiet.Stop()
	var last uint64
	for {
		select {
		case n, ok := <-s.C:
			if !ok {
				return
			}
			if n.Resumed {
				continue
			}
			h, err := parseHeader(n.Result)
			if err != nil {
				e.score(0, fmt.Errorf("couldn't read announced head: %w", err))
				continue
			}
			last = h.Number
			c.heads.announce(announcement{e, h})
			quiet.Reset(c.silence())
		case <-quiet.C:
			h, err := c.probe(e)
			switch {
			case closing(c.ctx):
				return
			case err != nil:
				e.Reset(fmt.Errorf("%w: no heads for %s, and no answer: %v", rpc.ErrStalled, c.silence(), err))
			case h.Number > last:
				c.heads.announce(announcement{e, h})
				return // the subscription is dead, the socket isn't
			}
			quiet.Reset(c.silence()) // the chain stands still
		case <-c.ctx.Done():
			return
		}
	}
}

// poll asks an endpoint for its head every half block, for a while.
func (c *Client) poll(e *endpoint) {
	for range 100 {
		h, err := c.probe(e)
		if err != nil {
			return
		}
		c.heads.announce(announcement{e, h})
		c.pause(c.blockTime() / 2)
		if closing(c.ctx) {
			return
		}
	}
}

func (c *Client) probe(e *endpoint) (Header, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.Timeout)
	defer cancel()
	raw, err := e.call(ctx, "chain_getHeader")
	if err != nil {
		return Header{}, err
	}
	return parseHeader(raw)
}

func closing(ctx context.Context) bool { return ctx.Err() != nil }
