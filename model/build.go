package model

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
)

// build makes a model of weights that get names. Each is read once, row by row, into the form in which the kernels want it, so that
// loading takes the memory of the model and one panel (32 rows) of working memory a thread.
func build(cfg Config, get func(name string) (weight, error), options ...Options) (*Model, error) {
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
	m.pool, m.budget = sharedPool(), opt.CacheBytes
	switch {
	case opt.Pool != nil:
		m.pool = opt.Pool
	case opt.Threads > 0:
		m.pool, m.owned = kernel.NewPool(opt.Threads), true
	}
	b := builder{get: get, pool: m.pool, widen: m.small}
	m.fill(&b)
	if b.err != nil {
		m.Close()
		return nil, fmt.Errorf("couldn't build the model: %w", b.err)
	}
	m.rope = NewRope(&m.cfg, 0)
	return m, nil
}

// fill reads all weights.
func (m *Model) fill(b *builder) {
	cfg := &m.cfg
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
}

// matrices lists the operands of the model, each once.
func (m *Model) matrices() []*kernel.Packed {
	list := []*kernel.Packed{m.embed}
	for i := range m.layers {
		l := &m.layers[i]
		list = append(list, l.qkv, l.o, l.gateUp, l.down)
	}
	if m.head != m.embed {
		list = append(list, m.head)
	}
	return list
}

// part is one named weight of a fused matrix or vector: rows of it.
type part struct {
	name string
	rows int
}

// builder reads weights and keeps the first error.
type builder struct {
	get   func(name string) (weight, error)
	pool  *kernel.Pool
	widen bool // keep 16 bits as f32: faster where memory traffic is no matter

	lock  sync.Mutex
	err   error
	spare []*panelRows
}

// panelRows is the working memory of one panel: its rows as they come from the file.
type panelRows struct {
	f32  []float32
	half []uint16
}

func (b *builder) fail(err error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *builder) fetch(p part, want ...int) (weight, bool) {
	if b.err != nil {
		return weight{}, false
	}
	w, err := b.get(p.name)
	if err != nil {
		b.err = err
		return weight{}, false
	}
	if !slices.Equal(w.shape, want) {
		b.err = fmt.Errorf("weight %s has shape %v, want shape %v", p.name, w.shape, want)
		return weight{}, false
	}
	return w, true
}

func (b *builder) vector(parts ...part) []float32 {
	n := 0
	for _, p := range parts {
		n += p.rows
	}
	v := make([]float32, n)
	rest := v
	for _, p := range parts {
		if w, ok := b.fetch(p, p.rows); ok {
			b.guard(func() { w.widen(rest[:p.rows], 0) })
			rest = rest[p.rows:]
		}
	}
	return v
}

// stack is several weights of the same width below one another.
type stack struct {
	parts   []weight
	rows, k int
}

// at gives the part that row r lies in, and its row there.
func (s *stack) at(r int) (*weight, int) {
	for i := range s.parts {
		n := s.parts[i].shape[0]
		if r < n {
			return &s.parts[i], r
		}
		r -= n
	}
	panic("model: a row past the end of a stack of weights")
}

// form is the narrowest that holds every part exactly.
func (s *stack) form(widen bool) form {
	f := s.parts[0].form
	for _, w := range s.parts {
		if w.form != f || widen {
			return formF32
		}
	}
	return f
}

// groupBytes is how much of a matrix a thread packs before its file's pages are forgotten.
const groupBytes = 1 << 20

// matrix packs the parts [rows][k] below one another; it keeps the 16 bits of bf16 or f16 if all have the same
// and the builder doesn't widen.
func (b *builder) matrix(k int, parts ...part) *kernel.Packed {
	s := stack{k: k}
	for _, p := range parts {
		w, ok := b.fetch(p, p.rows, k)
		if !ok {
			return nil
		}
		s.parts = append(s.parts, w)
		s.rows += p.rows
	}
	form := s.form(b.widen)
	w := newPacked(form, s.rows, k)
	panels := w.Panels()
	group := max(1, groupBytes/(4*k*kernel.PanelWidth))
	b.pool.Run((panels+group-1)/group, func(i int) {
		first, last := i*group, min((i+1)*group, panels)
		b.guard(func() {
			for p := first; p < last; p++ {
				b.panel(w, form, &s, p)
			}
		})
		for r, end := first*kernel.PanelWidth, min(last*kernel.PanelWidth, s.rows); r < end; {
			part, row := s.at(r)
			n := min(end-r, part.shape[0]-row)
			part.done(row, n)
			r += n
		}
	})
	return w
}

// panel packs the rows of one panel.
func (b *builder) panel(w *kernel.Packed, form form, s *stack, p int) {
	first := p * kernel.PanelWidth
	columns, k := min(kernel.PanelWidth, s.rows-first), s.k
	buffer := b.take(form, columns*k)
	defer b.give(buffer)
	for c := range columns {
		part, row := s.at(first + c)
		if form == formF32 {
			part.widen(buffer.f32[c*k:(c+1)*k], row)
		} else {
			part.patterns(buffer.half[c*k:(c+1)*k], row)
		}
	}
	switch form {
	case formF32:
		kernel.TransposeStrided(w.Panel(p), kernel.PanelWidth, buffer.f32, k, columns, k)
	case formBF16:
		transpose16(w.PanelBF16(p), buffer.half, columns, k)
	case formF16:
		transpose16(w.PanelF16(p), buffer.half, columns, k)
	}
}

func (b *builder) take(form form, n int) *panelRows {
	b.lock.Lock()
	x := &panelRows{}
	if last := len(b.spare) - 1; last >= 0 {
		x, b.spare = b.spare[last], b.spare[:last]
	}
	b.lock.Unlock()
	if form == formF32 && len(x.f32) < n {
		x.f32 = make([]float32, n)
	}
	if form != formF32 && len(x.half) < n {
		x.half = make([]uint16, n)
	}
	return x
}

func (b *builder) give(x *panelRows) {
	b.lock.Lock()
	b.spare = append(b.spare, x)
	b.lock.Unlock()
}

// transpose16 writes panel[k][32] from rows [columns][k]. It goes in blocks that stay in the first cache.
func transpose16(panel, rows []uint16, columns, k int) {
	const depth = 64
	for j0 := 0; j0 < k; j0 += depth {
		n := min(depth, k-j0)
		block := panel[j0*kernel.PanelWidth:][:n*kernel.PanelWidth]
		for c := range columns {
			for j, x := range rows[c*k+j0:][:n] {
				block[j*kernel.PanelWidth+c] = x
			}
		}
	}
}

// newPacked gives an operand of zeros in a form.
func newPacked(form form, n, k int) *kernel.Packed {
	switch form {
	case formBF16:
		return kernel.NewPackedBF16(n, k)
	case formF16:
		return kernel.NewPackedF16(n, k)
	}
	return kernel.NewPacked(n, k)
}

// guard runs f, which reads weights, and keeps a fault in the mapped file, which somebody has cut short, as an error. f must
// touch the mapping in the goroutine of guard.
func (b *builder) guard(f func()) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface{ Addr() uintptr }); !ok || fault.Addr() == 0 {
			panic(r)
		}
		b.fail(errChanged)
	}()
	f()
}
