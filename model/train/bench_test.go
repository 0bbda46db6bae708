package train

import (
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/model"
)

func baseShape() model.Config {
	return model.Config{Architecture: "Qwen3ForCausalLM", VocabSize: 640, HiddenSize: 128, IntermediateSize: 384, Layers: 5,
		Heads: 4, KVHeads: 2, HeadDim: 32, NormEps: 1e-6, RopeTheta: 1e4, MaxPositions: 1024, TieEmbeddings: true, QKNorm: true, BOS: -1, Pad: -1}
}

// BenchmarkStep measures a training step on the base model's shape.
func BenchmarkStep(b *testing.B) {
	cfg := baseShape()
	tr, err := New(cfg, 1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var lengths []int
	for range 32 {
		lengths = append(lengths, 200+rng.IntN(100))
	}
	batch := randomBatch(rng, cfg.VocabSize, lengths...)
	for i := range batch {
		batch[i].Weights = nil
	}
	tokens := 0
	for b.Loop() {
		m, err := tr.Step(batch, 1e-4)
		if err != nil {
			b.Fatal(err)
		}
		tokens += m.Tokens
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(cfg.Parameters()), "parameters")
}
