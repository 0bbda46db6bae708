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
	"math"
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
// It copies them; bf16 weights stay bf16 in memory, except in small models.
func New(cfg Config, weights map[string]Tensor, opt ...Options) (*Model, error) {
	return build(cfg, func(name string) (Tensor, error) {
		t, ok := weights[name]
		if !ok {
			return Tensor{}, fmt.Errorf("weight %s is missing", name)
		}
		return t, nil
	}, opt...)
}

func build(cfg Config, get func(name string) (Tensor, error), options ...Options) (*Model, error) {
	opt := Options{CacheBytes: 1 << 30}
	if len(options) > 0 {
		opt = options[0]
		if opt.CacheBytes <= 0 {
			opt.CacheBytes = 1 << 30
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("couldn't build the model: %w", err)
	}
	cfg.EOS = append([]int(nil), cfg.EOS...)
	m := &Model{cfg: cfg, layers: make([]layer, cfg.Layers), small: cfg.Parameters() <= smallModel && !opt.large}
	b := builder{get: get, widen: m.small}
	d, q, kv, f := cfg.HiddenSize, cfg.QDim(), cfg.KVDim(), cfg.IntermediateSize
	m.embed = b.matrix(d, part{"model.embed_tokens.weight", cfg.VocabSize})
	m.head = m.embed
	for i := range m.layers {
		l := &m.layers[i]
		p := fmt.Sprintf("model.layers.%d.", i)
		a, u := p+"self_attn.", p+"mlp."
		l.norm1 = b.vector(part{p + "input_layernorm.weight", d})
		l.norm2 = b.vector(part{p + "post_attention_layernorm.weight", d})
		l.qkv = b.matrix(d, part{a + "q_proj.weight", q}, part{a + "k_proj.weight", kv}, part{a + "v_proj.weight", kv})
		l.o = b.matrix(q, part{a + "o_proj.weight", d})
		l.gateUp = b.matrix(d, part{u + "gate_proj.weight", f}, part{u + "up_proj.weight", f})
		l.down = b.matrix(f, part{u + "down_proj.weight", d})
		if cfg.AttentionBias {
			l.qkvBias = b.vector(part{a + "q_proj.bias", q}, part{a + "k_proj.bias", kv}, part{a + "v_proj.bias", kv})
		}
		if cfg.OutputBias {
			l.oBias = b.vector(part{a + "o_proj.bias", d})
		}
		if cfg.QKNorm {
			l.qNorm = b.vector(part{a + "q_norm.weight", cfg.HeadDim})
			l.kNorm = b.vector(part{a + "k_norm.weight", cfg.HeadDim})
		}
		if cfg.MLPBias {
			l.gateUpBias = b.vector(part{u + "gate_proj.bias", f}, part{u + "up_proj.bias", f})
			l.downBias = b.vector(part{u + "down_proj.bias", d})
		}
	}
	m.norm = b.vector(part{"model.norm.weight", d})
	if !cfg.TieEmbeddings {
		m.head = b.matrix(d, part{"lm_head.weight", cfg.VocabSize})
	}
	if b.err != nil {
		return nil, fmt.Errorf("couldn't build the model: %w", b.err)
	}
	m.rope = NewRope(&m.cfg, 0)
	m.pool, m.budget = sharedPool(), opt.CacheBytes
	switch {
	case opt.Pool != nil:
		m.pool = opt.Pool
	case opt.Threads > 0:
		m.pool, m.owned = kernel.NewPool(opt.Threads), true
	}
	return m, nil
}

// Config returns the shape of the model.
func (m *Model) Config() Config { return m.cfg }

// Close ends the model's own threads. The model must not be in use.
func (m *Model) Close() {
	if m.owned {
		m.pool.Close()
	}
}

// part is one named weight of a fused matrix or vector: rows of it.
type part struct {
	name string
	rows int
}

// builder collects weights and keeps the first error.
type builder struct {
	get   func(name string) (Tensor, error)
	widen bool // store bf16 as f32: faster where memory traffic is no matter
	err   error
}

func (b *builder) fetch(p part, want ...int) (Tensor, bool) {
	if b.err != nil {
		return Tensor{}, false
	}
	t, err := b.get(p.name)
	if err != nil {
		b.err = err
		return Tensor{}, false
	}
	same := len(t.Shape) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = t.Shape[i] == want[i]
	}
	n := Tensor{Shape: want}.Len()
	if !same || len(t.F32)+len(t.BF16) != n {
		b.err = fmt.Errorf("weight %s has shape %v and %d values, want shape %v", p.name, t.Shape, len(t.F32)+len(t.BF16), want)
		return Tensor{}, false
	}
	return t, true
}

func (b *builder) vector(parts ...part) []float32 {
	var v []float32
	for _, p := range parts {
		if t, ok := b.fetch(p, p.rows); ok {
			v = append(v, widened(t)...)
		}
	}
	return v
}

// matrix packs the parts [rows][k] below one another; it stays bf16 if all are
// and the builder does not widen.
func (b *builder) matrix(k int, parts ...part) *kernel.Packed {
	n, allBF16 := 0, !b.widen
	var list []Tensor
	for _, p := range parts {
		t, ok := b.fetch(p, p.rows, k)
		if !ok {
			return nil
		}
		n += p.rows
		allBF16 = allBF16 && t.BF16 != nil
		list = append(list, t)
	}
	if allBF16 {
		all := list[0].BF16
		if len(list) > 1 {
			all = make([]uint16, 0, n*k)
			for _, t := range list {
				all = append(all, t.BF16...)
			}
		}
		return kernel.PackBF16(all, n, k)
	}
	all := make([]float32, 0, n*k)
	for _, t := range list {
		all = append(all, widened(t)...)
	}
	return kernel.Pack(all, n, k)
}

func widened(t Tensor) []float32 {
	if t.BF16 == nil {
		return t.F32
	}
	x := make([]float32, len(t.BF16))
	kernel.BF16ToF32(x, t.BF16)
	return x
}

// embedding copies row token of the embedding matrix to dst[hidden].
func (m *Model) embedding(dst []float32, token int) {
	p, c := token/kernel.PanelWidth, token%kernel.PanelWidth
	if m.embed.IsBF16() {
		panel := m.embed.PanelBF16(p)
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(panel[k*kernel.PanelWidth+c]) << 16)
		}
		return
	}
	panel := m.embed.Panel(p)
	for k := range dst {
		dst[k] = panel[k*kernel.PanelWidth+c]
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
