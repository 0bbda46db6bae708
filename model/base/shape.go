package base

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"

	"github.com/nanteos/nanteos/model"
)

// Shape is the configuration of the base model: a Qwen3 decoder of four
// layers. Three would be enough to look a literal up, see whether it holds and
// decide; the fourth is for the choice among free literals.
func Shape(v *Vocabulary) model.Config {
	return model.Config{
		Architecture: "Qwen3ForCausalLM", VocabSize: v.Size(),
		HiddenSize: 128, IntermediateSize: 256, Layers: 4,
		Heads: 4, KVHeads: 4, HeadDim: 32, QKNorm: true,
		NormEps: 1e-6, RopeTheta: 10000, MaxPositions: 1024, TieEmbeddings: true,
		BOS: -1, EOS: []int{int(v.EOS())}, Pad: int(v.Pad()),
		StorageDType: "bfloat16", InitializerStdDev: 0.02,
	}
}

// freshWeights draws the weights that training starts from. Matrices are
// normal with deviation 1/sqrt(inputs), narrowed by depth where they write
// into the residual stream. Embeddings are composed of the tokens' features.
func freshWeights(c model.Config, v *Vocabulary, seed uint64) map[string]model.Tensor {
	weights := map[string]model.Tensor{}
	r := rand.New(rand.NewPCG(seed, 0x77656967687473))
	depth := 1 / math.Sqrt(float64(2*c.Layers))
	for _, spec := range c.Tensors() {
		t := model.Tensor{Shape: spec.Shape}
		t.F32 = make([]float32, t.Len())
		switch {
		case len(spec.Shape) == 1:
			for i := range t.F32 {
				t.F32[i] = 1
			}
		case spec.Name == "model.embed_tokens.weight":
			composeEmbeddings(t.F32, c.HiddenSize, v, r)
		default:
			deviation := 1 / math.Sqrt(float64(spec.Shape[1]))
			if strings.HasSuffix(spec.Name, "o_proj.weight") || strings.HasSuffix(spec.Name, "down_proj.weight") {
				deviation *= depth
			}
			for i := range t.F32 {
				t.F32[i] = float32(r.NormFloat64() * deviation)
			}
		}
		weights[spec.Name] = t
	}
	return weights
}

// composeEmbeddings fills rows [token][width] with the sum of one random
// vector per feature and half a random vector of the token's own, scaled to
// length 1.
func composeEmbeddings(rows []float32, width int, v *Vocabulary, r *rand.Rand) {
	vectors := map[string][]float64{}
	var names []string
	for _, t := range v.tokens {
		for _, f := range t.features {
			if _, ok := vectors[f]; !ok {
				vectors[f] = make([]float64, width)
				names = append(names, f)
			}
		}
	}
	sort.Strings(names)
	for _, f := range names {
		for i := range vectors[f] {
			vectors[f][i] = r.NormFloat64()
		}
	}
	for i, t := range v.tokens {
		own, scale := 0.5, 1/math.Sqrt(float64(len(t.features))+0.25)
		if len(t.features) == 0 {
			own, scale = 1, 1
		}
		scale /= math.Sqrt(float64(width))
		for j := range width {
			x := float64(own * r.NormFloat64())
			for _, f := range t.features {
				x += vectors[f][j]
			}
			rows[i*width+j] = float32(x * scale)
		}
	}
}
