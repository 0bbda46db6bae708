package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

func shape(arch string, change func(*model.Config)) model.Config {
	c := model.Config{Architecture: arch, VocabSize: 37, HiddenSize: 24, IntermediateSize: 40, Layers: 2, Heads: 4, KVHeads: 2,
		HeadDim: 8, NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 256, TieEmbeddings: true, BOS: -1, Pad: -1, InitializerStdDev: 0.2}
	switch arch {
	case "Qwen3ForCausalLM":
		c.QKNorm = true
	case "Qwen2ForCausalLM":
		c.AttentionBias = true
	}
	if change != nil {
		change(&c)
	}
	return c
}

var shapes = map[string]model.Config{
	"qwen3 tied":            shape("Qwen3ForCausalLM", nil),
	"qwen3 wide heads":      shape("Qwen3ForCausalLM", func(c *model.Config) { c.HeadDim = 40; c.KVHeads = 1; c.TieEmbeddings = false }),
	"qwen2 biases":          shape("Qwen2ForCausalLM", nil),
	"llama untied":          shape("LlamaForCausalLM", func(c *model.Config) { c.TieEmbeddings = false; c.KVHeads = 4 }),
	"llama with all biases": shape("LlamaForCausalLM", func(c *model.Config) { c.AttentionBias, c.OutputBias, c.MLPBias = true, true, true }),
}

func randomBatch(rng *rand.Rand, vocab int, lengths ...int) []Example {
	var batch []Example
	for i, n := range lengths {
		e := Example{Tokens: make([]int32, n)}
		for j := range e.Tokens {
			e.Tokens[j] = int32(rng.IntN(vocab))
		}
		if i%2 == 1 {
			e.Weights = make([]float32, n)
			for j := range e.Weights {
				e.Weights[j] = float32(rng.IntN(3)) - 0.5*float32(i%3)
			}
		}
		batch = append(batch, e)
	}
	return batch
}

func weights64(t *Trainer) map[string][]float64 {
	w := map[string][]float64{}
	for _, x := range t.lay.list {
		for _, v := range x.at.of(t.theta) {
			w[x.spec.Name] = append(w[x.spec.Name], float64(v))
		}
	}
	return w
}

// TestGradients compares loss and gradients with central differences of the
// float64 reference, at random places of every weight.
func TestGradients(t *testing.T) {
	places := 3
	if testing.Short() {
		places = 1
	}
	for name, cfg := range shapes {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			tr, err := New(cfg, 7, Options{MicroTokens: 60, Lanes: 2})
			if err != nil {
				t.Fatal(err)
			}
			for i := range tr.theta { // away from the special values 0 and 1
				tr.theta[i] += float32(rng.NormFloat64() * 0.1)
			}
			tr.repackAll()
			batch := randomBatch(rng, cfg.VocabSize, 5, 39, 2, 33)
			met, err := tr.Gradient(batch, nil)
			if err != nil {
				t.Fatal(err)
			}
			w := weights64(tr)
			if want := refLoss(&cfg, w, batch); math.Abs(met.Loss-want) > 1e-5*math.Abs(want) {
				t.Fatalf("loss %.9g, reference %.9g", met.Loss, want)
			}
			for _, x := range tr.lay.list {
				grad := x.at.of(tr.grad)
				rms := math.Sqrt(float64(kernel.Dot(grad, grad)) / float64(len(grad)))
				if rms == 0 {
					t.Errorf("%s: the gradient is zero", x.spec.Name)
				}
				for range places {
					i := rng.IntN(len(grad))
					const h = 1e-4
					at := &w[x.spec.Name][i]
					old := *at
					*at = old + h
					up := refLoss(&cfg, w, batch)
					*at = old - h
					down := refLoss(&cfg, w, batch)
					*at = old
					want := (up - down) / (2 * h)
					if math.Abs(float64(grad[i])-want) > 1e-3*math.Abs(want)+2e-4*rms+1e-7 {
						t.Errorf("%s[%d]: gradient %.7g, differences %.7g (rms %.3g)", x.spec.Name, i, grad[i], want, rms)
					}
				}
			}
		})
	}
}
