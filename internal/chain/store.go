package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// store keeps blocks and the newest state. A block and its state are stored together or not at all.
type store interface {
	// load returns the newest block, the state after it and the genesis block, or ok = false when the store is new.
	load(ctx context.Context) (loaded, bool, error)
	// append adds the block after the newest. state is nil when it has not changed.
	append(ctx context.Context, h header, state []byte, xs []included) error
	// block returns a block's header, or ErrNoBlock.
	block(ctx context.Context, n uint64) (header, error)
	close() error
}

type loaded struct {
	head, genesis header
	state         []byte
}

// memoryBlocks is how many blocks a chain without a file remembers.
const memoryBlocks = 1 << 16

// memory is a store for tests and simulations. It forgets old blocks but the genesis.
type memory struct {
	mu     sync.Mutex
	blocks []header // ring by number
	count  uint64
	first  header
}

func (m *memory) load(context.Context) (loaded, bool, error) { return loaded{}, false, nil }

func (m *memory) append(_ context.Context, h header, _ []byte, _ []included) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.number != m.count {
		return fmt.Errorf("couldn't keep block %d after %d blocks", h.number, m.count)
	}
	if h.number == 0 {
		m.first = h
	}
	if len(m.blocks) < memoryBlocks {
		m.blocks = append(m.blocks, h)
	} else {
		m.blocks[h.number%memoryBlocks] = h
	}
	m.count++
	return nil
}

func (m *memory) block(_ context.Context, n uint64) (header, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case n >= m.count:
		return header{}, ErrNoBlock
	case n == 0:
		return m.first, nil
	case n+memoryBlocks < m.count:
		return header{}, fmt.Errorf("%w: block %d was forgotten, a chain without a file keeps %d", ErrNoBlock, n, memoryBlocks)
	}
	return m.blocks[n%memoryBlocks], nil
}

func (m *memory) close() error { return nil }

// verify checks that the head's state is the one that its header names.
func (l loaded) verify() (*state, error) {
	if got := stateRoot(l.state); got != l.head.stateRoot {
		return nil, fmt.Errorf("%w: state after block %d has root %s, the block says %s", ErrCorrupt, l.head.number, hashText(got), hashText(l.head.stateRoot))
	}
	s, err := decodeState(l.state)
	if err != nil {
		return nil, errors.Join(ErrCorrupt, err)
	}
	return s, nil
}
