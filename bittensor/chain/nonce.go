package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/ss58"
)

// nonces hands out each account's transaction numbers, so that several transactions can be on their way at once.
type nonces struct {
	mu       sync.Mutex
	accounts map[Account]*nonceState
}

// nonceState is one account's. sem is its lock, which waits no longer than a context does.
type nonceState struct {
	sem      chan struct{}
	next     uint64
	flying   map[uint64]bool
	free     []uint64 // given back while later ones were flying
	floor    uint64   // one past the highest included
	included time.Time
	doubt    bool // somebody else uses the account: ask the chain
}

// floorFor is how long an included nonce outweighs an endpoint that hasn't seen the block yet.
const floorFor = 2 * time.Minute

func newNonces() *nonces { return &nonces{accounts: map[Account]*nonceState{}} }

func (n *nonces) of(a Account) *nonceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.accounts[a]
	if s == nil {
		s = &nonceState{sem: make(chan struct{}, 1), flying: map[uint64]bool{}}
		n.accounts[a] = s
	}
	return s
}

// takeNonce reserves an account's next nonce: that of the chain (with its pool) if nothing is flying, otherwise the one after the last.
func (c *Client) takeNonce(ctx context.Context, a Account) (uint64, error) {
	s := c.nonces.of(a)
	select {
	case s.sem <- struct{}{}:
	case <-ctx.Done():
		return 0, fmt.Errorf("couldn't take nonce, another transaction still asks for it (endpoints: %s): %w", c.summary(), context.Cause(ctx))
	}
	defer func() { <-s.sem }()
	if len(s.flying) == 0 || s.doubt {
		var next uint64
		accept := func(raw json.RawMessage) error {
			if err := json.Unmarshal(raw, &next); err != nil || next >= 1<<32 {
				return fmt.Errorf("%w: next nonce %.40s", ErrAnswer, raw)
			}
			return nil
		}
		if _, err := c.ask(ctx, accept, "account_nextIndex", ss58.EncodeBittensor(a)); err != nil {
			return 0, err
		}
		if time.Since(s.included) < floorFor {
			next = max(next, s.floor)
		}
		s.next, s.free, s.doubt = next, nil, false
	}
	for s.flying[s.next] {
		s.next++
	}
	n := s.next
	if len(s.free) > 0 {
		n = slices.Min(s.free)
		s.free = slices.DeleteFunc(s.free, func(x uint64) bool { return x == n })
	} else {
		s.next++
	}
	s.flying[n] = true
	return n, nil
}

// fate is what became of a nonce.
type fate int

const (
	used  fate = iota // the transaction was included
	taken             // another transaction of the account has it
	freed             // nothing was sent
)

// endNonce says what became of a nonce.
func (c *Client) endNonce(a Account, n uint64, f fate) {
	s := c.nonces.of(a)
	s.sem <- struct{}{} // held by others only as long as their context lasts
	defer func() { <-s.sem }()
	delete(s.flying, n)
	switch {
	case f == used:
		if n+1 > s.floor || time.Since(s.included) >= floorFor {
			s.floor = n + 1
		}
		s.included = time.Now()
	case f == taken:
		s.doubt = true
	case n+1 == s.next:
		s.next = n
	default:
		s.free = append(s.free, n)
	}
}
