// Package model runs dense decoder language models (Llama, Qwen2 and Qwen3
// shapes) on the CPU with the same bits everywhere.
//
// # What is the same
//
// The hidden state and the logits of a token depend on the weights and on the
// tokens before it, and on nothing else: not on whether the token was processed in
// a long prompt or alone against a KV cache, not on the other sequences of
// the batch, not on padding, threads or instruction set. So a verifier can
// compare for equality what another machine computed while generating.
//
// Four rules give it. Every product runs through package kernel, where an
// output is one chain of fused multiply-adds over k ascending. Attention sees
// keys in blocks of 32 by absolute position, and the row at position p always
// sums over whole blocks, the places after p having probability +0. Softmax and
// norms sum in an order fixed by index. And whatever is not a kernel is
// a correctly rounded operation a value.
//
// # The parts
//
// Load or New make a Model from weights. Generate samples completions, Replay
// computes for given tokens what proofs and checks need. Package train, below
// this one, fits the weights.
package model

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
)

// Options of a loaded model; none changes a result.
type Options struct {
	// Threads is the number of threads of a pool of the model's own, which
	// Close ends; 0 shares one pool of GOMAXPROCS threads with other models.
	Threads int
	// Pool, if not nil, is the pool to use instead; its owner closes it.
	Pool *kernel.Pool
	// CacheBytes bounds the memory of keys and values that one call keeps,
	// by decoding fewer sequences together; one is always allowed. 0: 1 GiB.
	CacheBytes int64

	large bool // in tests: take a small model for a large one
}

// Model is a decoder ready to run. Its weights never change; any number of
// goroutines may use it.
type Model struct {
	cfg    Config
	layers []layer
	norm   []float32
	embed  *kernel.Packed // [vocab][hidden]; the head itself when tied
	head   *kernel.Packed
	pool   *kernel.Pool
	owned  bool
	budget int64 // Options.CacheBytes
	small  bool  // so small that threads share a step by sequences, not by products

	ropeLock sync.Mutex
	rope     *Rope

	freeLock sync.Mutex
	free     []*workspace
}

type layer struct {
	norm1, qNorm, kNorm, norm2           []float32
	qkv, o, gateUp, down                 *kernel.Packed
	qkvBias, oBias, gateUpBias, downBias []float32
}

// smallModel is the number of weights up to which a decoding step is too short
// to be cut further than by sequences.
const smallModel = 8 << 20

var sharedPool = sync.OnceValue(func() *kernel.Pool { return kernel.NewPool(runtime.GOMAXPROCS(0)) })

// New makes a model from weights under their canonical names (Config.Tensors).
// It copies them; matrices of bf16 and f16 stay so in memory, except in small models.
func New(cfg Config, weights map[string]Tensor, opt ...Options) (*Model, error) {
	return build(cfg, func(name string) (weight, error) {
		t, ok := weights[name]
		if !ok {
			return weight{}, fmt.Errorf("weight %s is missing", name)
		}
		if t.values() != t.Len() {
			return weight{}, fmt.Errorf("weight %s has %d values, want those of shape %v", name, t.values(), t.Shape)
		}
		return tensorWeight(t), nil
	}, opt...)
}

// Config returns the shape of the model.
func (m *Model) Config() Config { return m.cfg }

// Close ends the model's own threads. The model must not be in use.
func (m *Model) Close() {
	if m.owned {
		m.pool.Close()
	}
}

// ropeFor returns tables of at least n positions.
func (m *Model) ropeFor(n int) *Rope {
	m.ropeLock.Lock()
	defer m.ropeLock.Unlock()
	if m.rope.Positions() < n {
		bigger := *m.rope // readers keep the old tables
		bigger.Grow(min(max(2*n, 256), max(m.cfg.MaxPositions, n)))
		m.rope = &bigger
	}
	return m.rope
}
