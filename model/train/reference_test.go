package train

import (
	"fmt"
	"math"

	"github.com/nanteos/nanteos/model"
)

// refLoss is the weighted mean cross-entropy of a batch in float64, written as
// the formulas stand, one token at a time: the yardstick for the gradients.
func refLoss(c *model.Config, theta map[string][]float64, batch []Example) float64 {
	var loss, norm float64
	for _, e := range batch {
		logits := refForward(c, theta, e.Tokens)
		for p := 1; p < len(e.Tokens); p++ {
			w := 1.0
			if e.Weights != nil {
				w = float64(e.Weights[p])
			}
			norm += math.Abs(w)
			loss -= w * refLogSoftmax(logits[p-1])[e.Tokens[p]]
		}
	}
	return loss / norm
}

func refLogSoftmax(x []float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, v)
	}
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v - top - math.Log(sum)
	}
	return y
}

func refLinear(w, bias []float64, x []float64, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		if bias != nil {
			y[i] = bias[i]
		}
		for j, v := range x {
			y[i] += w[i*len(x)+j] * v
		}
	}
	return y
}

func refNorm(w, x []float64, eps float64) []float64 {
	var s float64
	for _, v := range x {
		s += v * v
	}
	r := 1 / math.Sqrt(s/float64(len(x))+eps)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * r * w[i]
	}
	return y
}

func refRope(c *model.Config, x []float64, p int) {
	h := c.HeadDim / 2
	for i := 0; i < h; i++ {
		inv := float32(1 / math.Pow(c.RopeTheta, float64(2*i)/float64(c.HeadDim)))
		angle := float64(float32(p) * inv)
		cs, sn := math.Cos(angle), math.Sin(angle)
		a, b := x[i], x[i+h]
		x[i], x[i+h] = a*cs-b*sn, b*cs+a*sn
	}
}

// refForward returns the logits of every position.
func refForward(c *model.Config, w map[string][]float64, tokens []int32) [][]float64 {
	d, hd := c.HiddenSize, c.HeadDim
	x := make([][]float64, len(tokens))
	for p, t := range tokens {
		x[p] = append([]float64{}, w["model.embed_tokens.weight"][int(t)*d:(int(t)+1)*d]...)
	}
	for l := 0; l < c.Layers; l++ {
		at := func(s string) []float64 { return w[fmt.Sprintf("model.layers.%d.%s", l, s)] }
		var ks, vs [][]float64
		for p := range x {
			h := refNorm(at("input_layernorm.weight"), x[p], c.NormEps)
			q := refLinear(at("self_attn.q_proj.weight"), at("self_attn.q_proj.bias"), h, c.QDim())
			k := refLinear(at("self_attn.k_proj.weight"), at("self_attn.k_proj.bias"), h, c.KVDim())
			v := refLinear(at("self_attn.v_proj.weight"), at("self_attn.v_proj.bias"), h, c.KVDim())
			turn := func(x []float64, norm []float64) {
				for o := 0; o < len(x); o += hd {
					if c.QKNorm {
						copy(x[o:o+hd], refNorm(norm, x[o:o+hd], c.NormEps))
					}
					refRope(c, x[o:o+hd], p)
				}
			}
			turn(q, at("self_attn.q_norm.weight"))
			turn(k, at("self_attn.k_norm.weight"))
			ks, vs = append(ks, k), append(vs, v)
			out := make([]float64, c.QDim())
			for hq := 0; hq < c.Heads; hq++ {
				hk := hq / (c.Heads / c.KVHeads)
				scores := make([]float64, p+1)
				for j := range scores {
					for i := 0; i < hd; i++ {
						scores[j] += q[hq*hd+i] * ks[j][hk*hd+i]
					}
					scores[j] /= math.Sqrt(float64(hd))
				}
				for j, lp := range refLogSoftmax(scores) {
					for i := 0; i < hd; i++ {
						out[hq*hd+i] += math.Exp(lp) * vs[j][hk*hd+i]
					}
				}
			}
			for i, v := range refLinear(at("self_attn.o_proj.weight"), at("self_attn.o_proj.bias"), out, d) {
				x[p][i] += v
			}
			h = refNorm(at("post_attention_layernorm.weight"), x[p], c.NormEps)
			g := refLinear(at("mlp.gate_proj.weight"), at("mlp.gate_proj.bias"), h, c.IntermediateSize)
			u := refLinear(at("mlp.up_proj.weight"), at("mlp.up_proj.bias"), h, c.IntermediateSize)
			for i, v := range g {
				u[i] *= v / (1 + math.Exp(-v))
			}
			for i, v := range refLinear(at("mlp.down_proj.weight"), at("mlp.down_proj.bias"), u, d) {
				x[p][i] += v
			}
		}
	}
	head := w["lm_head.weight"]
	if c.TieEmbeddings {
		head = w["model.embed_tokens.weight"]
	}
	logits := make([][]float64, len(x))
	for p := range x {
		logits[p] = refLinear(head, nil, refNorm(w["model.norm.weight"], x[p], c.NormEps), c.VocabSize)
	}
	return logits
}
