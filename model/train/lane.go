package train

import (
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

// A lane is a unit of work whose place in the sums is fixed: it takes the
// micro-batches that fall to it, one after the other, and adds their gradients
// to its own vector. Threads take lanes in any order; the lanes are then summed
// in their order. So the result does not depend on the number of threads.
type lane struct {
	cfg     *model.Config
	lay     *layout
	rope    *model.Rope
	grad    []float32
	loss    float64
	targets int
}

// piece is one sequence of a micro-batch: rows at..at+n-1 hold its tokens 0..n-1,
// each predicting the token after it.
type piece struct {
	example int
	at, n   int
	pAt     int // place of its probabilities in a layer's store
}

// saved is what the forward pass of one layer keeps for the backward pass.
type saved struct {
	x, h1, qkv, qk, att, x2, h2, gu, act []float32
	inv1, inv2, invHeads                 []float32 // of the norms, a row or a head each
	p                                    []float32
}

// workspace is the memory of one running thread.
type workspace struct {
	cfg               *model.Config
	recompute         bool // layers share all that they save but their inputs
	rows              int  // capacity in tokens
	longest           int
	layers            []saved
	x, h              []float32 // final residual stream and its norm
	dx, dh, dwide, dd []float32
	inv               []float32
	xPanels           kernel.Packed
	attn              *attention
	logits, hsel, dhs []float32
	shifted           []float32 // one row of logits
	wide              int
}

// headChunk is how many rows of logits exist at a time.
const headChunk = 128

// lanes is the number of output columns of the kernel's tile; blocks of keys have the same size.
const lanes = kernel.PanelWidth

func roundUp(n int) int { return (n + lanes - 1) &^ (lanes - 1) }

func newWorkspace(c *model.Config, recompute bool) *workspace {
	return &workspace{cfg: c, recompute: recompute, layers: make([]saved, c.Layers)}
}

// fit makes room for a micro-batch of rows tokens, the longest sequence and the
// places of probabilities that are kept.
func (w *workspace) fit(rows, longest, probs int) {
	c := w.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	if longest > w.longest || w.attn == nil {
		w.longest = longest
		w.attn = newAttention(c.HeadDim, longest)
	}
	for i := range w.layers {
		switch s := &w.layers[i]; {
		case w.recompute && i > 0:
			s.p = w.layers[0].p
		case len(s.p) < probs:
			s.p = make([]float32, probs)
		}
	}
	if rows <= w.rows {
		return
	}
	rows = (rows + 127) &^ 127
	w.rows = rows
	wide := max(q+2*kv, 2*f, d)
	w.wide = wide
	m := func(n int) []float32 { return make([]float32, rows*n) }
	for i := range w.layers {
		s := &w.layers[i]
		if w.recompute && i > 0 {
			*s = w.layers[0]
			s.x = m(d)
			continue
		}
		s.x, s.h1, s.qkv, s.qk, s.att = m(d), m(d), m(q+2*kv), m(q+kv), m(q)
		s.x2, s.h2, s.gu, s.act = m(d), m(d), m(2*f), m(f)
		s.inv1, s.inv2, s.invHeads = m(1), m(1), m(c.Heads+c.KVHeads)
	}
	w.x, w.h, w.dx, w.dh, w.inv = m(d), m(d), m(d), m(d), m(1)
	w.dwide, w.dd = m(wide), m(max(q+kv, f, d))
	w.logits = make([]float32, headChunk*c.VocabSize)
	w.shifted = make([]float32, c.VocabSize)
	w.hsel, w.dhs = m(d), m(d)
}

// forward fills the workspace for a micro-batch and leaves the normalised
// final hidden states in w.h.
func (w *workspace) forward(l *lane, theta []float32, packs *packedWeights, pieces []piece, examples []Example, rows int) {
	c := l.cfg
	d, eps := c.HiddenSize, float32(c.NormEps)
	embed := l.lay.embed.of(theta)
	x := w.x
	if c.Layers > 0 {
		x = w.layers[0].x
	}
	for _, pc := range pieces {
		for i := 0; i < pc.n; i++ {
			tok := int(examples[pc.example].Tokens[i])
			copy(x[(pc.at+i)*d:(pc.at+i+1)*d], embed[tok*d:(tok+1)*d])
		}
	}
	for i := range w.layers {
		w.layer(i, l, theta, packs, pieces, rows)
	}
	for r := 0; r < rows; r++ {
		w.inv[r] = kernel.RMSNorm(w.h[r*d:(r+1)*d], w.x[r*d:(r+1)*d], l.lay.norm.of(theta), eps)
	}
}

// layer computes layer i from its input and writes the input of the next one, or w.x after the last.
func (w *workspace) layer(i int, l *lane, theta []float32, packs *packedWeights, pieces []piece, rows int) {
	c := l.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	eps := float32(c.NormEps)
	s, at, pk := &w.layers[i], &l.lay.layers[i], &packs.layers[i]
	for r := 0; r < rows; r++ {
		s.inv1[r] = kernel.RMSNorm(s.h1[r*d:(r+1)*d], s.x[r*d:(r+1)*d], at.norm1.of(theta), eps)
	}
	kernel.MatMul(s.qkv, q+2*kv, s.h1, d, rows, pk.qkv, false)
	addBias(s.qkv, at.qkvBias.of(theta), rows, q+2*kv)
	w.turn(l, s, at, theta, pieces)
	w.attend(s, pieces)
	next := w.x
	if i+1 < len(w.layers) {
		next = w.layers[i+1].x
	}
	kernel.MatMul(s.x2, d, s.att, q, rows, pk.o, false)
	addBias(s.x2, at.oBias.of(theta), rows, d)
	addTo(s.x2[:rows*d], s.x)
	for r := 0; r < rows; r++ {
		s.inv2[r] = kernel.RMSNorm(s.h2[r*d:(r+1)*d], s.x2[r*d:(r+1)*d], at.norm2.of(theta), eps)
	}
	kernel.MatMul(s.gu, 2*f, s.h2, d, rows, pk.gateUp, false)
	addBias(s.gu, at.gateUpBias.of(theta), rows, 2*f)
	for r := 0; r < rows; r++ {
		gu := s.gu[r*2*f : (r+1)*2*f]
		kernel.SiLUMul(s.act[r*f:(r+1)*f], gu[:f], gu[f:])
	}
	kernel.MatMul(next, d, s.act, f, rows, pk.down, false)
	addBias(next, at.downBias.of(theta), rows, d)
	addTo(next[:rows*d], s.x2)
}

// turn fills s.qk with the normalised and rotated queries and keys.
func (w *workspace) turn(l *lane, s *saved, at *layerSpans, theta []float32, pieces []piece) {
	c := l.cfg
	q, kv, hd, heads := c.QDim(), c.KVDim(), c.HeadDim, c.Heads+c.KVHeads
	eps := float32(c.NormEps)
	qn, kn := at.qNorm.of(theta), at.kNorm.of(theta)
	for _, pc := range pieces {
		for i := 0; i < pc.n; i++ {
			r := pc.at + i
			src, dst := s.qkv[r*(q+2*kv):], s.qk[r*(q+kv):(r+1)*(q+kv)]
			if !c.QKNorm {
				copy(dst, src[:q+kv])
			}
			for h := 0; h < heads && c.QKNorm; h++ {
				weight := qn
				if h >= c.Heads {
					weight = kn
				}
				s.invHeads[r*heads+h] = kernel.RMSNorm(dst[h*hd:(h+1)*hd], src[h*hd:], weight, eps)
			}
			l.rope.Apply(dst, heads, i)
		}
	}
}

// attend computes the attention of all heads into s.att and keeps the probabilities.
func (w *workspace) attend(s *saved, pieces []piece) {
	c := w.cfg
	q, kv, hd := c.QDim(), c.KVDim(), c.HeadDim
	group := c.Heads / c.KVHeads
	a := w.attn
	for _, pc := range pieces {
		lp := roundUp(pc.n)
		for g := 0; g < c.KVHeads; g++ {
			a.columns(a.kt, s.qk[pc.at*(q+kv)+q+g*hd:], q+kv, pc.n)
			a.rows(a.vr, s.qkv[pc.at*(q+2*kv)+q+kv+g*hd:], q+2*kv, pc.n)
			for h := g * group; h < (g+1)*group; h++ {
				p := a.p
				if pc.pAt >= 0 {
					p = s.p[pc.pAt+h*lp*lp:]
				}
				a.forward(s.att[pc.at*q+h*hd:], q, p, s.qk[pc.at*(q+kv)+h*hd:], q+kv, pc.n)
			}
		}
	}
}

func addBias(y, bias []float32, rows, n int) {
	if len(bias) == 0 {
		return
	}
	for r := 0; r < rows; r++ {
		addTo(y[r*n:(r+1)*n], bias)
	}
}

func addTo(dst, src []float32) { kernel.Add(dst, dst, src) }
