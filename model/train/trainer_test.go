package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/model"
)

// TestThreads holds a run to the same bits for every number of threads and
// with attention probabilities kept or recomputed.
func TestThreads(t *testing.T) {
	cfg := shape("Qwen3ForCausalLM", nil)
	batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 50, 64, 9, 31, 80, 12, 33)
	var want []float32
	for _, opt := range []Options{{Threads: 1}, {Threads: 2}, {Threads: 3}, {Threads: 2, KeepProbs: 1}} {
		opt.MicroTokens = 70
		tr, err := New(cfg, 5, opt)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := tr.Step(batch, 1e-3); err != nil {
				t.Fatal(err)
			}
		}
		if want == nil {
			want = tr.theta
			continue
		}
		for i := range want {
			if math.Float32bits(want[i]) != math.Float32bits(tr.theta[i]) {
				t.Fatalf("%+v: weight %d is %g, with 1 thread %g", opt, i, tr.theta[i], want[i])
			}
		}
	}
}

// TestLearn overfits a task: repeat the first three tokens in reverse. The
// trained model's greedy completions must be right.
func TestLearn(t *testing.T) {
	cfg := shape("Qwen3ForCausalLM", func(c *model.Config) {
		c.VocabSize, c.HiddenSize, c.IntermediateSize, c.HeadDim, c.InitializerStdDev = 12, 32, 64, 16, 0.1
	})
	tr, err := New(cfg, 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	example := func() Example {
		a, b, c := int32(rng.IntN(10)), int32(rng.IntN(10)), int32(rng.IntN(10))
		return Example{Tokens: []int32{a, b, c, 10, c, b, a, 11}, Weights: []float32{0, 0, 0, 0, 1, 1, 1, 1}}
	}
	var m Metrics
	for step := range 300 {
		batch := make([]Example, 64)
		for i := range batch {
			batch[i] = example()
		}
		if m, err = tr.Step(batch, 3e-3*min(1, float64(step+1)/20)); err != nil {
			t.Fatal(err)
		}
	}
	if m.Loss > 0.05 {
		t.Errorf("loss %.3f after 300 steps", m.Loss)
	}
	mod, err := tr.Model()
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for range 50 {
		e := example()
		out, err := mod.Generate(context.Background(), []model.Request{{Prompt: e.Tokens[:4]}},
			model.Sampling{Greedy: true, Stop: []int32{11}, MaxTokens: 6})
		if err != nil {
			t.Fatal(err)
		}
		got := out[0].Tokens
		if len(got) == 4 && got[0] == e.Tokens[4] && got[1] == e.Tokens[5] && got[2] == e.Tokens[6] {
			right++
		}
	}
	if right < 47 {
		t.Errorf("%d of 50 completions are right", right)
	}
}

func TestErrors(t *testing.T) {
	cfg := shape("LlamaForCausalLM", nil)
	tr, err := New(cfg, 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, batch := range map[string][]Example{
		"empty":          {},
		"nothing to do":  {{Tokens: []int32{1}}},
		"token too big":  {{Tokens: []int32{1, 37}}},
		"token negative": {{Tokens: []int32{1, -1}}},
		"weights":        {{Tokens: []int32{1, 2}, Weights: []float32{1}}},
		"too long":       {{Tokens: make([]int32, 258)}},
	} {
		if _, err := tr.Step(batch, 1e-3); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err = tr.StepFunc([]Example{{Tokens: []int32{1, 2}}}, 1e-3, func(int, int, float64) (float64, float64) { return math.NaN(), 0 })
	if !errors.Is(err, ErrDiverged) || tr.Steps() != 0 {
		t.Errorf("NaN loss: error %v after %d steps, want ErrDiverged and 0", err, tr.Steps())
	}
}
