package beacon

import (
	"bytes"
	"sync"
)

// cache keeps the last rounds put into it, oldest out first.
type cache struct {
	mu     sync.Mutex
	rounds map[uint64]Round
	order  []uint64 // ring
	next   int
}

func newCache(size int) *cache {
	return &cache{rounds: make(map[uint64]Round, size), order: make([]uint64, size)}
}

func (c *cache) get(n uint64) (Round, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.rounds[n]
	return r.clone(), ok
}

func (c *cache) put(r Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.rounds[r.Number]; ok {
		return
	}
	delete(c.rounds, c.order[c.next])
	c.order[c.next] = r.Number
	c.next = (c.next + 1) % len(c.order)
	c.rounds[r.Number] = r.clone()
}

func (r Round) clone() Round {
	r.Randomness, r.Signature = bytes.Clone(r.Randomness), bytes.Clone(r.Signature)
	return r
}
