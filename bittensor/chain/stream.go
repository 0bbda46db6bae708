package chain

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Head is a block that became part of a chain of heads. A stream delivers each block's head in order: the Parent of each is the Hash of the one
// before, unless Reorg or Skipped say otherwise.
type Head struct {
	Header
	// Reorg is the number of heads delivered before that this one and those after it replace.
	Reorg int
	// Skipped is the number of blocks between the head before and this one that are not delivered: the stream was cut off for long.
	Skipped uint64
}

// depth is how far back a stream remembers and fetches.
const depth = 256

// HeadStream delivers heads on C until its context ends or the client is closed; then C is closed and Err says why.
type HeadStream struct {
	C <-chan Head

	c         *Client
	ch        chan Head
	in        chan announcement
	finalized bool
	known     []Header // ascending by one, each the parent of the next
	err       atomic.Pointer[error]
}

// Heads streams the best chain's heads from now on, across reorganisations, dropped sockets and endpoints. The reader may be slow: heads wait
// for it, at most 64 of them, later ones are fetched then.
func (c *Client) Heads(ctx context.Context) *HeadStream { return c.stream(ctx, false) }

// FinalizedHeads streams the heads of blocks that can't be replaced any more.
func (c *Client) FinalizedHeads(ctx context.Context) *HeadStream { return c.stream(ctx, true) }

func (c *Client) stream(ctx context.Context, finalized bool) *HeadStream {
	s := &HeadStream{c: c, ch: make(chan Head, 64), in: make(chan announcement, 8), finalized: finalized}
	s.C = s.ch
	c.heads.mu.Lock()
	c.heads.streams[s] = struct{}{}
	if c.heads.from != nil {
		s.offer(announcement{c.heads.from, c.heads.best})
	}
	c.heads.mu.Unlock()
	c.wg.Go(func() {
		err := s.run(ctx)
		c.heads.mu.Lock()
		delete(c.heads.streams, s)
		c.heads.mu.Unlock()
		s.err.Store(&err)
		close(s.ch)
	})
	return s
}

// Err returns why C was closed: the context's error or ErrClosed.
func (s *HeadStream) Err() error {
	if p := s.err.Load(); p != nil {
		return *p
	}
	return nil
}

// offer never waits: a stream that is behind needs only the newest.
func (s *HeadStream) offer(a announcement) {
	for {
		select {
		case s.in <- a:
			return
		default:
		}
		select {
		case <-s.in:
		default:
		}
	}
}

func (s *HeadStream) run(ctx context.Context) error {
	var leader *endpoint
	for {
		var a announcement
		idle := time.NewTimer(4 * s.c.blockTime())
		select {
		case a = <-s.in:
		case <-idle.C: // nobody announces anything: look
			h, err := s.c.Header(ctx, Hash{})
			if err != nil {
				if ctx.Err() == nil && !closing(s.c.ctx) {
					continue
				}
			}
			a.head = h
		case <-ctx.Done():
		case <-s.c.ctx.Done():
		}
		idle.Stop()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case closing(s.c.ctx):
			return ErrClosed
		}
		var err error
		switch top := s.top(); {
		case s.finalized:
			if a.head, err = s.newestFinalized(ctx); err == nil && (len(s.known) == 0 || a.head.Number > top.Number) {
				err = s.take(ctx, a.head)
			}
		case len(s.known) == 0, a.head.Number > top.Number, a.from == leader && a.head.Hash != top.Hash:
			if err = s.take(ctx, a.head); err == nil {
				leader = a.from
			}
		}
		if err != nil && (ctx.Err() != nil || closing(s.c.ctx)) {
			continue // the select above tells which
		}
		// Other errors wait for the next announcement, which starts from the same place.
	}
}

func (s *HeadStream) top() Header {
	if len(s.known) == 0 {
		return Header{}
	}
	return s.known[len(s.known)-1]
}

func (s *HeadStream) newestFinalized(ctx context.Context) (Header, error) {
	h, err := s.c.FinalizedHash(ctx)
	if err != nil {
		return Header{}, err
	}
	if s.top().Hash == h {
		return s.top(), nil
	}
	return s.c.Header(ctx, h)
}

// take delivers h and everything between it and what was delivered before.
func (s *HeadStream) take(ctx context.Context, h Header) error {
	if s.top().Hash == h.Hash {
		return nil
	}
	// Walk back from h until a block that was delivered.
	path := []Header{h}
	var reorg int
	var skipped uint64
	for len(s.known) > 0 {
		low := path[len(path)-1]
		if at := s.find(low.Parent); at >= 0 {
			reorg = len(s.known) - 1 - at
			s.known = s.known[:at+1]
			break
		}
		if len(path) >= depth || low.Number <= s.known[0].Number || low.Number == 0 {
			// Nothing in common within reach: start afresh from here.
			if top := s.top().Number; low.Number > top {
				skipped = low.Number - top - 1
			} else {
				reorg = len(s.known)
			}
			s.known = nil
			break
		}
		p, err := s.c.Header(ctx, low.Parent)
		if err != nil {
			return fmt.Errorf("couldn't follow heads: %w", err)
		}
		if p.Number+1 != low.Number {
			return errors.Join(ErrAnswer, fmt.Errorf("block %d's parent has number %d", low.Number, p.Number))
		}
		path = append(path, p)
	}
	for i := len(path) - 1; i >= 0; i-- {
		select {
		case s.ch <- Head{Header: path[i], Reorg: reorg, Skipped: skipped}:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.c.ctx.Done():
			return ErrClosed
		}
		reorg, skipped = 0, 0
		if s.known = append(s.known, path[i]); len(s.known) > depth {
			s.known = append(s.known[:0], s.known[len(s.known)-depth:]...)
		}
	}
	return nil
}

func (s *HeadStream) find(h Hash) int {
	for i := len(s.known) - 1; i >= 0; i-- {
		if s.known[i].Hash == h {
			return i
		}
	}
	return -1
}

// WaitBlock waits until the best chain has a block of the number and returns its hash. Without a deadline in the context it waits twice as long
// as the blocks in between should take.
func (c *Client) WaitBlock(ctx context.Context, number uint64) (Hash, error) {
	head, _, _ := c.heads.now()
	var missing uint64
	if number > head.Number {
		missing = min(number-head.Number, 1<<20)
	}
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout+2*time.Duration(missing)*c.blockTime())
	defer cancel()
	for {
		head, at, changed := c.heads.now()
		if head.Number >= number && !at.IsZero() {
			h, err := c.BlockHash(ctx, number)
			if err == nil || !errors.Is(err, ErrNoBlock) {
				return h, err
			}
		}
		select {
		case <-changed:
		case <-time.After(2 * c.blockTime()): // no announcements? ask
			if h, err := c.Header(ctx, Hash{}); err == nil {
				c.heads.saw(h)
			}
		case <-c.ctx.Done():
			return Hash{}, ErrClosed
		case <-ctx.Done():
			head, _, _ := c.heads.now()
			return Hash{}, fmt.Errorf("couldn't wait for block %d (the chain is at %d, endpoints: %s): %w", number, head.Number, c.summary(), context.Cause(ctx))
		}
	}
}

// summary names the endpoints and their state, for errors that no single call caused.
func (c *Client) summary() string {
	text := ""
	for i, h := range c.Health() {
		if i > 0 {
			text += ", "
		}
		state := "connected"
		if !h.Socket.Connected {
			state = "not connected"
		}
		text += h.Endpoint + " " + state
		if h.LastError != nil && !h.Socket.Connected {
			text += fmt.Sprintf(" (%v)", h.LastError)
		}
	}
	return text
}
