package subtensor

import (
	"context"
	"fmt"
	"slices"
)

// sortU16 sorts in place.
func sortU16(v []uint16) { slices.Sort(v) }

// SetStorage writes raw storage entries with the next block, as sudo would; an empty value removes the entry. For tests.
func (n *Node) SetStorage(entries map[string][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for k, v := range entries {
		n.storage = append(n.storage, change{key: k, new: v})
	}
}

// SetHyperparameters replaces a subnet's rules with the next block. StakeThreshold and CommitmentSpace count for all subnets.
func (n *Node) SetHyperparameters(netuid uint16, h Hyperparameters) error {
	if err := h.Validate(); err != nil {
		return err
	}
	s := newState(nil, nil)
	h.write(s, netuid)
	s.putU64(stakeThreshold.at(), h.StakeThreshold)
	s.putU32(maxSpace.at(), h.CommitmentSpace)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.storage = append(n.storage, s.changes()...)
	return nil
}

// SetBalance gives an account a free balance, in rao, with the next block.
func (n *Node) SetBalance(address string, free uint64) error {
	a, err := parseAccount("address", address)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := newState(n.best.root, nil)
	i := s.accountInfo(a)
	i.free, i.providers = free, max(1, i.providers)
	s.putAccountInfo(a, i)
	n.storage = append(n.storage, s.changes()...)
	return nil
}

// withStorage is a block whose state has entries written over.
func withStorage(b *block, entries []change) *block {
	c := *b
	c.digest = digest{}
	c.digest.sum.Set(&b.digest.sum)
	for _, e := range entries {
		var old []byte
		if v, ok := c.root.get(e.key); ok {
			old = nonNil(v)
		}
		value := e.new
		if len(value) == 0 {
			value = nil
			c.root = c.root.del(e.key)
		} else {
			c.root = c.root.put(e.key, value)
		}
		c.digest.apply([]change{{key: e.key, old: old, new: value}})
	}
	return &c
}

// rebase states the changes of b, and of the entries written over before it, against the true state of its parent.
func rebase(parent *tree, b *block, entries []change) []change {
	keys := map[string]struct{}{}
	for _, e := range entries {
		keys[e.key] = struct{}{}
	}
	for _, c := range b.changes {
		keys[c.key] = struct{}{}
	}
	s := &state{base: parent, root: b.root, touched: keys}
	return s.changes()
}

// Upgrade makes the next block change the runtime: the spec version grows by one, and the indices of the calls, events and errors of
// SubtensorModule and Commitments, and of these pallets, are others. A client that holds on to the old ones is refused or wrong.
func (n *Node) Upgrade() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.upgrade = true
}

// Reorg takes back the newest blocks and makes as many others and one more in their place. The transactions of the lost blocks go back
// to the pool, and into the new blocks where they are still valid. Blocks that are final stay: ErrFinal.
func (n *Node) Reorg(ctx context.Context, depth int) (Block, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if depth < 1 || uint64(depth) > n.best.number-n.finalized {
		return Block{}, fmt.Errorf("couldn't take back %d blocks from %d: %w: %d is", depth, n.best.number, ErrFinal, n.finalized)
	}
	var lost []*block
	for range depth {
		b := n.best
		parent := n.blocks[b.parent]
		if parent == nil || parent.root == nil {
			return Block{}, fmt.Errorf("couldn't take back block %d: its parent is forgotten", b.number)
		}
		if n.store != nil {
			if err := n.store.retract(ctx, b); err != nil {
				return Block{}, err
			}
		}
		lost = append(lost, b)
		delete(n.numbers, b.number)
		n.best = parent
	}
	for _, b := range lost {
		for _, p := range b.included {
			p.tell(map[string]string{"retracted": b.id.String()})
			if n.pool.byAccount[p.x.signer][p.x.nonce] == nil {
				n.pool.put(p)
			}
		}
		b.included = nil
	}
	var ref Block
	for range depth + 1 {
		var err error
		if ref, err = n.produce(ctx); err != nil {
			return Block{}, err
		}
	}
	return ref, nil
}
