package train

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/nanteos/nanteos/model"
)

// span is the place of one weight in the flat parameter vector. Gradients and
// optimiser moments use the same places. A span of length 0 is an absent weight.
type span struct{ off, n int }

func (s span) of(flat []float32) []float32 { return flat[s.off : s.off+s.n : s.off+s.n] }

// layerSpans are the places of one layer's weights. The three projections of
// attention lie behind one another, and so do gate and up: one product each.
type layerSpans struct {
	norm1, qkv, qkvBias, qNorm, kNorm, o, oBias span
	norm2, gateUp, gateUpBias, down, downBias   span
}

type named struct {
	spec  model.TensorSpec
	at    span
	decay bool // weight decay applies to matrices only
}

// layout is the order of all weights of a configuration in one flat vector.
type layout struct {
	list         []named
	embed, head  span // the same span when tied
	norm         span
	layers       []layerSpans
	total        int
	decayedUntil int
}

func newLayout(c *model.Config) *layout {
	l := &layout{layers: make([]layerSpans, c.Layers)}
	shapes := map[string]model.TensorSpec{}
	for _, t := range c.Tensors() {
		shapes[t.Name] = t
	}
	place := func(names ...string) span {
		s := span{off: l.total}
		for _, name := range names {
			spec, ok := shapes[name]
			if !ok {
				continue
			}
			n := model.Tensor{Shape: spec.Shape}.Len()
			l.list = append(l.list, named{spec, span{l.total, n}, len(spec.Shape) > 1})
			l.total += n
			s.n += n
		}
		return s
	}
	// Matrices first, so that weight decay is a prefix of the vector.
	l.embed = place("model.embed_tokens.weight")
	at := func(i int, part string) string { return fmt.Sprintf("model.layers.%d.%s", i, part) }
	for i := range l.layers {
		s := &l.layers[i]
		s.qkv = place(at(i, "self_attn.q_proj.weight"), at(i, "self_attn.k_proj.weight"), at(i, "self_attn.v_proj.weight"))
		s.o = place(at(i, "self_attn.o_proj.weight"))
		s.gateUp = place(at(i, "mlp.gate_proj.weight"), at(i, "mlp.up_proj.weight"))
		s.down = place(at(i, "mlp.down_proj.weight"))
	}
	l.head = place("lm_head.weight")
	if c.TieEmbeddings {
		l.head = l.embed
	}
	l.decayedUntil = l.total
	for i := range l.layers {
		s := &l.layers[i]
		s.norm1 = place(at(i, "input_layernorm.weight"))
		s.qkvBias = place(at(i, "self_attn.q_proj.bias"), at(i, "self_attn.k_proj.bias"), at(i, "self_attn.v_proj.bias"))
		s.qNorm = place(at(i, "self_attn.q_norm.weight"))
		s.kNorm = place(at(i, "self_attn.k_norm.weight"))
		s.oBias = place(at(i, "self_attn.o_proj.bias"))
		s.norm2 = place(at(i, "post_attention_layernorm.weight"))
		s.gateUpBias = place(at(i, "mlp.gate_proj.bias"), at(i, "mlp.up_proj.bias"))
		s.downBias = place(at(i, "mlp.down_proj.bias"))
	}
	l.norm = place("model.norm.weight")
	return l
}

// initialise fills the vector as a fresh model: norms 1, biases 0, matrices
// normal with the configuration's deviation; the two projections that write
// into the residual stream are narrowed by the depth. One seed, one model.
func (l *layout) initialise(c *model.Config, theta []float32, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x6e616e74656f73))
	deviation := c.InitializerStdDev
	if deviation == 0 {
		deviation = 0.02
	}
	for _, w := range l.list {
		x := w.at.of(theta)
		switch {
		case len(w.spec.Shape) == 1 && strings.HasSuffix(w.spec.Name, ".bias"):
			clear(x)
		case len(w.spec.Shape) == 1:
			for i := range x {
				x[i] = 1
			}
		default:
			s := deviation
			if strings.Contains(w.spec.Name, "o_proj") || strings.Contains(w.spec.Name, "down_proj") {
				s /= math.Sqrt(2 * float64(c.Layers))
			}
			for i := range x {
				x[i] = float32(rng.NormFloat64() * s)
			}
		}
	}
}

// digest names the layout: two trainers with the same digest have the same
// weights at the same places.
func (l *layout) digest() string {
	h := fnv.New64a()
	for _, w := range l.list {
		fmt.Fprintf(h, "%s%v;", w.spec.Name, w.spec.Shape)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
