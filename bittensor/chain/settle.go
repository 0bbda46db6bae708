package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

// settle finds a transaction's fate without the node's help: by looking into each new block, until one has it, its nonce is used by another
// transaction, or every version's era is over.
func (s *submission) settle(ctx context.Context) (*Outcome, verdict, error) {
	for {
		_, _, changed := s.c.heads.now()
		out, v, err := s.look(ctx)
		if v != unsure {
			if out != nil && s.o.Finalized && !out.Finalized {
				return s.awaitFinal(ctx, out, err)
			}
			return out, v, err
		}
		if ctx.Err() == nil {
			select {
			case <-changed:
			case <-time.After(2 * s.c.blockTime()):
			case <-s.c.ctx.Done():
				return nil, done, ErrClosed
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return s.late(ctx, nil, nil)
		}
	}
}

// look looks once: unsure means that nothing is decided.
func (s *submission) look(ctx context.Context) (*Outcome, verdict, error) {
	head, err := s.c.Header(ctx, Hash{})
	if err != nil {
		return nil, unsure, err
	}
	s.c.heads.saw(head)
	v, err := s.c.view(ctx, head)
	if err != nil {
		return nil, unsure, err
	}
	// Back from the head along the parents, so that a block of another fork doesn't count.
	first, last := s.span()
	var walked []Hash
	for h := head; h.Number >= first && h.Number > 0 && !s.seen[h.Hash]; {
		if h.Number <= last {
			b, err := s.c.Block(ctx, h.Hash)
			if err != nil {
				return nil, unsure, err
			}
			if s.index(b) >= 0 {
				out, failure, err := s.outcome(ctx, b)
				if err != nil {
					return nil, unsure, err
				}
				return out, done, failure
			}
		}
		walked = append(walked, h.Hash)
		if h, err = s.c.Header(ctx, h.Parent); err != nil {
			return nil, unsure, err
		}
	}
	for _, h := range walked {
		s.seen[h] = true
	}
	state, err := v.Balance(ctx, s.account)
	if err != nil {
		return nil, unsure, err
	}
	if uint64(state.Nonce) > s.nonce {
		return nil, renonce, fmt.Errorf("%w: nonce %d", ErrNonce, s.nonce)
	}
	if len(s.versions) > 0 && head.Number+1 >= last {
		return nil, again, fmt.Errorf("%w at block %d", ErrOutdated, head.Number)
	}
	return nil, unsure, nil
}

// span returns the blocks from the first and before the last in which a version may be.
func (s *submission) span() (first, last uint64) {
	for i, v := range s.versions {
		if i == 0 {
			first = v.from
		}
		first, last = min(first, v.from), max(last, v.death)
	}
	return first, last
}

// index returns the place in a block of a version of the transaction, -1 if there is none.
func (s *submission) index(b *Block) int {
	for i, x := range b.Extrinsics {
		for _, v := range s.versions {
			if string(x) == string(v.raw) {
				return i
			}
		}
	}
	return -1
}

// locate reads the outcome from a block that a node named.
func (s *submission) locate(ctx context.Context, hash Hash) (*Outcome, error, error) {
	b, err := s.c.Block(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	if s.index(b) < 0 {
		return nil, nil, fmt.Errorf("%w: block %d doesn't have the transaction", ErrAnswer, b.Number)
	}
	return s.outcome(ctx, b)
}

// outcome reads what a block's events say of the transaction. failure is the runtime's refusal, err that the events can't be had.
func (s *submission) outcome(ctx context.Context, b *Block) (out *Outcome, failure, err error) {
	i := s.index(b)
	events, rt, err := s.c.events(ctx, b.Header)
	if err != nil {
		return nil, nil, err
	}
	out = &Outcome{Nonce: s.nonce, Block: b.Hash, Number: b.Number, Index: i, Attempts: s.attempts, Hash: metadata.ExtrinsicHash(b.Extrinsics[i])}
	for _, v := range s.versions {
		if v.hash == out.Hash {
			out.Endpoint = v.endpoint
		}
	}
	for _, e := range events {
		if e.Phase == metadata.ApplyExtrinsic && e.Extrinsic == uint32(i) {
			out.Events = append(out.Events, e)
		}
	}
	if e := out.Event("TransactionPayment", "TransactionFeePaid"); e != nil {
		switch fee := e.Fields.Get("actual_fee").(type) {
		case uint64:
			out.Fee = fee
		case *big.Int:
			out.Fee = fee.Uint64()
		}
	}
	s.c.heads.saw(b.Header)
	found, failed := rt.Outcome(events, uint32(i))
	var d *metadata.DispatchError
	switch {
	case !found:
		return nil, nil, fmt.Errorf("%w: no outcome among the events of block %d", ErrAnswer, b.Number)
	case errors.As(failed, &d):
		return out, &DispatchError{*d}, nil
	}
	return out, failed, nil
}

// events reads a block's events with the runtime that made them: that of the parent's state, for the block may end in an upgrade.
func (c *Client) events(ctx context.Context, h Header) ([]metadata.Event, *Runtime, error) {
	at := h.Parent
	if h.Number == 0 {
		at = h.Hash
	}
	rt, err := c.runtimes.at(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	v := View{Header: h, Runtime: rt, c: c}
	key, err := rt.StorageKey("System", "Events")
	if err != nil {
		return nil, nil, err
	}
	values, err := v.each(ctx, []string{hexText(key)})
	if err != nil {
		return nil, nil, v.failed("read events", err)
	}
	if values[0] == nil {
		return nil, rt, nil
	}
	events, err := rt.DecodeEvents(values[0])
	return events, rt, err
}

// Events returns what happened in a block. Where an event can't be decoded, those before it are returned with the error.
func (c *Client) Events(ctx context.Context, hash Hash) ([]metadata.Event, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.Timeout)
	defer cancel()
	h, err := c.Header(ctx, hash)
	if err != nil {
		return nil, err
	}
	events, _, err := c.events(ctx, h)
	return events, err
}

// awaitFinal waits until the block with the transaction is final, or is replaced.
func (s *submission) awaitFinal(ctx context.Context, out *Outcome, failure error) (*Outcome, verdict, error) {
	for {
		_, _, changed := s.c.heads.now()
		v, err := s.c.Finalized(ctx)
		if err == nil && v.Header.Number >= out.Number {
			hash, err := s.c.BlockHash(ctx, out.Number)
			if err == nil && hash == out.Block {
				out.Finalized = true
				return out, done, failure
			}
			if err == nil { // replaced: it may be in another block
				s.seen = map[Hash]bool{}
				return s.settle(ctx)
			}
		}
		select {
		case <-changed:
		case <-time.After(2 * s.c.blockTime()):
		case <-s.c.ctx.Done():
			return out, done, s.pending(out, ErrClosed)
		case <-ctx.Done():
			return s.late(ctx, out, failure)
		}
	}
}
