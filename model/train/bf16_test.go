package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

// rounded returns the values that a bf16 checkpoint of the weights has.
func rounded(w []float32) []float32 {
	narrow, wide := make([]uint16, len(w)), make([]float32, len(w))
	kernel.F32ToBF16(narrow, w)
	kernel.BF16ToF32(wide, narrow)
	return wide
}

// TestBF16ComputesWithTheCheckpoint: loss and gradient are those of the checkpoint that would be published, bit for bit.
func TestBF16ComputesWithTheCheckpoint(t *testing.T) {
	for _, arch := range []string{"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"} {
		cfg := shape(arch, nil)
		tr, err := New(cfg, 5, Options{BF16: true})
		if err != nil {
			t.Fatal(err)
		}
		batch := randomBatch(rand.New(rand.NewPCG(1, 2)), cfg.VocabSize, 17, 40, 3)
		if _, err := tr.Step(batch, 1e-3); err != nil {
			t.Fatal(err)
		}
		weights := map[string]model.Tensor{}
		for name, w := range tr.Weights() {
			weights[name] = model.Tensor{Shape: w.Shape, F32: rounded(w.F32)}
		}
		published, err := FromWeights(cfg, weights, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Gradient(batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := published.Gradient(batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got != want || !slices.Equal(tr.grad, published.grad) {
			t.Errorf("%s: %+v with bf16 copies, the checkpoint has %+v", arch, got, want)
		}
		if slices.Equal(tr.theta, tr.used) {
			t.Errorf("%s: the masters are rounded", arch)
		}
	}
}

// TestBF16LosesNoSmallStep takes steps of which each is too small for bf16: the masters add them up until the copies move too.
func TestBF16LosesNoSmallStep(t *testing.T) {
	cfg := shape("LlamaForCausalLM", nil)
	tr, err := New(cfg, 5, Options{BF16: true})
	if err != nil {
		t.Fatal(err)
	}
	batch := randomBatch(rand.New(rand.NewPCG(1, 2)), cfg.VocabSize, 30)
	before, first := slices.Clone(tr.used), 0.0
	const steps, rate = 60, 2e-6
	moved := func() (n int) {
		for i := range before {
			if tr.used[i] != before[i] {
				n++
			}
		}
		return n
	}
	once := 0
	for i := range steps {
		m, err := tr.Step(batch, rate)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first, once = m.Loss, moved()
		}
	}
	after, err := tr.Loss(batch)
	if err != nil {
		t.Fatal(err)
	}
	if all := moved(); all < 5*max(1, once) {
		t.Errorf("%d copies moved in one step, %d in %d steps", once, all, steps)
	}
	if !(after.Loss < first) || math.IsNaN(after.Loss) {
		t.Errorf("the loss went from %g to %g", first, after.Loss)
	}
}
