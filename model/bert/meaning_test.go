package bert

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/model/safetensors"
)

// reference computes a vector in binary64, as the papers write it: no packing, no batches, math.Erf.
type reference struct {
	m *tiny
	t *testing.T
}

func (r reference) weight(name string) []float64 {
	x, err := r.m.tensors[name].Float32s()
	if err != nil {
		r.t.Fatal(err)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func (r reference) linear(x []float64, name string) []float64 {
	w, b := r.weight(name+".weight"), r.weight(name+".bias")
	y := make([]float64, len(b))
	for i := range y {
		y[i] = b[i]
		for j := range x {
			y[i] += w[i*len(x)+j] * x[j]
		}
	}
	return y
}

func (r reference) norm(x []float64, name string) []float64 {
	w, b := r.weight(name+".weight"), r.weight(name+".bias")
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v-mean)/math.Sqrt(variance+r.m.cfg.NormEps)*w[i] + b[i]
	}
	return y
}

func add(x, y []float64) []float64 {
	z := make([]float64, len(x))
	for i := range x {
		z[i] = x[i] + y[i]
	}
	return z
}

func (r reference) embed(ids []int32) []float64 {
	c := r.m.cfg
	d := c.Hidden
	words, positions, segments := r.weight("embeddings.word_embeddings.weight"), r.weight("embeddings.position_embeddings.weight"), r.weight("embeddings.token_type_embeddings.weight")
	h := make([][]float64, len(ids))
	for i, id := range ids {
		h[i] = r.norm(add(add(words[int(id)*d:][:d], positions[i*d:][:d]), segments[:d]), "embeddings.LayerNorm")
	}
	for l := range c.Layers {
		p := "encoder.layer." + string(rune('0'+l)) + "."
		q, k, v := make([][]float64, len(h)), make([][]float64, len(h)), make([][]float64, len(h))
		for i := range h {
			q[i], k[i], v[i] = r.linear(h[i], p+"attention.self.query"), r.linear(h[i], p+"attention.self.key"), r.linear(h[i], p+"attention.self.value")
		}
		next := make([][]float64, len(h))
		for i := range h {
			next[i] = make([]float64, d)
			width := d / c.Heads
			for a := 0; a < d; a += width {
				weights, sum := make([]float64, len(h)), 0.0
				for j := range h {
					for x := a; x < a+width; x++ {
						weights[j] += q[i][x] * k[j][x] / math.Sqrt(float64(width))
					}
				}
				for j := range weights {
					weights[j] = math.Exp(weights[j])
					sum += weights[j]
				}
				for j := range weights {
					for x := a; x < a+width; x++ {
						next[i][x] += weights[j] / sum * v[j][x]
					}
				}
			}
		}
		for i := range h {
			h[i] = r.norm(add(h[i], r.linear(next[i], p+"attention.output.dense")), p+"attention.output.LayerNorm")
			up := r.linear(h[i], p+"intermediate.dense")
			for j, x := range up {
				up[j] = x / 2 * (1 + math.Erf(x/math.Sqrt2))
			}
			h[i] = r.norm(add(h[i], r.linear(up, p+"output.dense")), p+"output.LayerNorm")
		}
	}
	out := h[0]
	if c.Pooling == Mean {
		out = make([]float64, d)
		for i := range h {
			for j := range out {
				out[j] += h[i][j] / float64(len(h))
			}
		}
	}
	if c.Normalize {
		length := 0.0
		for _, v := range out {
			length += v * v
		}
		for j := range out {
			out[j] /= math.Sqrt(length)
		}
	}
	return out
}

// TestMeaning compares with binary64 for shapes that do and don't fill panels, and texts below, at and above the blocks of keys and queries.
func TestMeaning(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cls, raw := shape(64, 1, 2, 128, 80), shape(24, 2, 3, 33, 40)
	cls.Pooling, raw.Normalize = CLS, false
	for _, c := range []struct {
		name   string
		cfg    Config
		dtype  safetensors.DType
		prefix string
	}{
		{"width 32", shape(64, 2, 2, 96, 140), safetensors.F32, ""},
		{"width 8", shape(16, 3, 2, 20, 70), safetensors.F32, "bert."},
		{"width 40", shape(80, 1, 2, 50, 35), safetensors.BF16, ""},
		{"first token", cls, safetensors.F32, ""},
		{"not normalised", raw, safetensors.F16, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newTiny(rng, c.cfg, c.dtype)
			m.prefix = c.prefix
			e := load(t, m.write(t, nil))
			texts := append(randomTexts(rng, 12, m.cfg.Positions), "", "hello world")
			got, err := e.Embed(t.Context(), texts)
			if err != nil {
				t.Fatal(err)
			}
			worst, ids := 0.0, 0
			for i, text := range texts {
				tokens := e.Tokens(text)
				ids += len(tokens)
				want := reference{m, t}.embed(tokens)
				size := 1.0
				if !c.cfg.Normalize {
					size = 3
				}
				for j := range want {
					worst = max(worst, math.Abs(float64(got[i][j])-want[j])/size)
				}
			}
			t.Logf("%d texts, %d tokens: largest difference %.2g", len(texts), ids, worst)
			if !(worst < 4e-6) {
				t.Errorf("differs by %g from binary64", worst)
			}
		})
	}
}

func TestGELU(t *testing.T) {
	exact := func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }
	x := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 7.99, 8, 100, -7.99, -8, -100, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-30, -1e-38}
	const special = 15
	for v := -9.0; v <= 9; v += 1.0 / 4099 {
		x = append(x, float32(v))
	}
	y := append([]float32(nil), x...)
	gelu(y)
	worst, far, digest := 0.0, 0.0, uint64(14695981039346656037)
	for i, v := range x {
		want := exact(float64(v))
		switch {
		case v != v:
			if y[i] == y[i] {
				t.Errorf("gelu(NaN) = %g", y[i])
			}
			continue
		case math.IsInf(float64(v), 0):
			if y[i] != max(v, 0) {
				t.Errorf("gelu(%g) = %g", v, y[i])
			}
			continue
		}
		off := math.Abs(float64(y[i]) - want)
		if unit := float64(math.Nextafter32(float32(math.Abs(want)), 3e38)) - float64(float32(math.Abs(want))); v >= -3 {
			worst = max(worst, off/unit)
		} else {
			far = max(far, off)
		}
		digest = (digest ^ uint64(math.Float32bits(y[i]))) * 1099511628211
	}
	t.Logf("%d numbers: %.3f units of the last place from -3 on, %.2g below; digest %#x", len(x)-special, worst, far, digest)
	if worst > 1 || far > 3e-10 {
		t.Errorf("%g units from -3 on, %g below", worst, far)
	}
	if want := uint64(0x44026d09db60fcdc); digest != want {
		t.Errorf("digest %#x, want %#x: the bits of the function have changed", digest, want)
	}
}
