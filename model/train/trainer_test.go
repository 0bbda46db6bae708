package train

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

// TestThreads holds runs of every shape to the same bits for every number of threads, and with activations and attention probabilities kept,
// recomputed, or some kept and some not.
func TestThreads(t *testing.T) {
	names := slices.Sorted(maps.Keys(shapes))
	if testing.Short() {
		names = names[:2]
	}
	for _, name := range names {
		cfg := shapes[name]
		cfg.Layers = 3
		batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 50, 64, 9, 31, 80, 12, 33)
		// Room for one sequence of up to 64 tokens: a longer one is recomputed, and so is the next of a micro-batch.
		some := 4 * cfg.Heads * (64*64 + 1)
		var want, grad []float32
		for _, opt := range []Options{{Threads: 1}, {Threads: 2}, {Threads: 3}, {Threads: 2, KeepProbs: 1}, {KeepProbs: some},
			{Recompute: true}, {Threads: 1, Recompute: true, KeepProbs: 1}, {Threads: 3, Recompute: true, KeepProbs: some}} {
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
				want, grad = tr.theta, tr.grad
				continue
			}
			for i := range want {
				if math.Float32bits(want[i]) != math.Float32bits(tr.theta[i]) || math.Float32bits(grad[i]) != math.Float32bits(tr.grad[i]) {
					t.Fatalf("%s, %+v: weight %d is %g, with 1 thread %g; gradient %g, %g", name, opt, i, tr.theta[i], want[i], tr.grad[i], grad[i])
				}
			}
		}
	}
}

// TestRecomputeMemory holds a trainer that recomputes to the memory of one layer and the inputs of the others.
func TestRecomputeMemory(t *testing.T) {
	cfg := shape("LlamaForCausalLM", func(c *model.Config) { c.Layers = 8 })
	batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 120, 120)
	saved := func(recompute bool) int {
		tr, err := New(cfg, 5, Options{Threads: 1, Recompute: recompute})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Gradient(batch, nil); err != nil {
			t.Fatal(err)
		}
		distinct, total := map[*float32]bool{}, 0
		for _, s := range tr.spaces[0].layers {
			for _, x := range [][]float32{s.x, s.h1, s.qkv, s.qk, s.att, s.x2, s.h2, s.gu, s.act, s.inv1, s.inv2, s.invHeads, s.p} {
				if !distinct[&x[0]] {
					distinct[&x[0]] = true
					total += len(x)
				}
			}
		}
		return 4 * total
	}
	all, few := saved(false), saved(true)
	t.Logf("8 layers keep %d kB, %d kB where they are recomputed", all>>10, few>>10)
	if few > all/5 {
		t.Errorf("layers keep %d bytes, recomputed %d", all, few)
	}
}

// TestAccumulation computes a batch at once and in micro-batches down to single sequences. On one lane the gradients of matrices are one chain
// of sums over all rows however they are cut, so the bits are equal where the head has a matrix of its own. A tied head and embedding add to one
// matrix by turns, and lanes are summed apart: there only the order of sums is another.
func TestAccumulation(t *testing.T) {
	const tolerance = 2e-6 // relative to the length of a weight's gradient
	for name, cfg := range shapes {
		batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 50, 64, 9, 31, 80, 12, 33, 100, 2, 77)
		var whole *Trainer
		var loss float64
		worst := 0.0
		for _, opt := range []Options{{Lanes: 1, MicroTokens: 1 << 20}, {Lanes: 1, MicroTokens: 1}, {Lanes: 1, MicroTokens: 100},
			{Lanes: 2, MicroTokens: 100}, {Lanes: 4, MicroTokens: 1}, {Lanes: 3, MicroTokens: 200, Recompute: true}} {
			tr, err := New(cfg, 5, opt)
			if err != nil {
				t.Fatal(err)
			}
			met, err := tr.Gradient(batch, nil)
			if err != nil {
				t.Fatal(err)
			}
			if whole == nil {
				whole, loss = tr, met.Loss
				if len(tr.batches) != 1 {
					t.Fatalf("%s: the whole batch is %d micro-batches", name, len(tr.batches))
				}
				continue
			}
			if len(tr.batches) < 2 {
				t.Fatalf("%s, %+v: %d micro-batches", name, opt, len(tr.batches))
			}
			if math.Abs(met.Loss-loss) > 1e-12*math.Abs(loss) {
				t.Errorf("%s, %+v: loss %.17g, at once %.17g", name, opt, met.Loss, loss)
			}
			for _, x := range tr.lay.list {
				got, want := x.at.of(tr.grad), x.at.of(whole.grad)
				if opt.Lanes == 1 && !cfg.TieEmbeddings {
					for i := range want {
						if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
							t.Fatalf("%s, %+v: the gradient of %s[%d] is %g, at once %g", name, opt, x.spec.Name, i, got[i], want[i])
						}
					}
				}
				off := offBy(got, want, nil)
				worst = max(worst, off)
				if !(off <= tolerance) {
					t.Errorf("%s, %+v: the gradient of %s differs by %g, want at most %g", name, opt, x.spec.Name, off, tolerance)
				}
			}
		}
		t.Logf("%s: gradients in micro-batches differ by %.1e at most", name, worst)
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

// TestSameAsEngine holds the trainer's log-probabilities to those that the
// engine replays, bit for bit: the ratio of a policy to itself is exactly 1.
func TestSameAsEngine(t *testing.T) {
	for name, cfg := range shapes {
		tr, err := New(cfg, 3, Options{})
		if err != nil {
			t.Fatal(err)
		}
		batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 50, 64, 9, 31, 80, 12, 33)
		var seqs []model.Sequence
		got := make([][]float64, len(batch))
		for i := range batch {
			batch[i].Weights = nil
			got[i] = make([]float64, len(batch[i].Tokens))
			seqs = append(seqs, model.Sequence{Tokens: batch[i].Tokens, PromptLength: 1})
		}
		_, err = tr.Gradient(batch, func(example, pos int, logp float64) (float64, float64) {
			got[example][pos] = logp
			return -logp, -1
		})
		if err != nil {
			t.Fatal(err)
		}
		m, err := tr.Model()
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Replay(context.Background(), seqs, model.ReplayOptions{EOS: -1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range seqs {
			for p := range got[i] {
				if float32(got[i][p]) != float32(want[i].LogProbs[p]) {
					t.Fatalf("%s: log-prob %d of sequence %d is %g in training, %g in the engine", name, p, i, got[i][p], want[i].LogProbs[p])
				}
			}
		}
	}
}

// TestStepFunc compares a LossFunc that states the mean cross-entropy with Step.
func TestStepFunc(t *testing.T) {
	cfg := shape("Qwen2ForCausalLM", nil)
	batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 50, 4, 9)
	var runs [2]*Trainer
	for i := range runs {
		tr, err := New(cfg, 3, Options{ClipNorm: -1})
		if err != nil {
			t.Fatal(err)
		}
		runs[i] = tr
	}
	var norm float64
	for i := range batch {
		for p := 1; p < len(batch[i].Tokens); p++ {
			norm += math.Abs(weight(&batch[i], p))
		}
	}
	a, err := runs[0].Step(batch, 1e-2)
	if err != nil {
		t.Fatal(err)
	}
	b, err := runs[1].StepFunc(batch, 1e-2, func(example, pos int, logp float64) (float64, float64) {
		w := weight(&batch[example], pos) / norm
		return -w * logp, -w
	})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a.Loss-b.Loss) > 1e-12 || math.Abs(a.GradNorm-b.GradNorm) > 1e-6 || a.Targets != b.Targets {
		t.Errorf("Step gives %+v, StepFunc %+v", a, b)
	}
	for i := range runs[0].theta {
		if d := math.Abs(float64(runs[0].theta[i] - runs[1].theta[i])); d > 1e-4 {
			t.Fatalf("weight %d differs by %g", i, d)
		}
	}
}

// TestInstructionSets holds a step to the same bits on every instruction set.
func TestInstructionSets(t *testing.T) {
	defer kernel.SetISA("")
	cfg := shape("Qwen3ForCausalLM", nil)
	batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 20, 33)
	var want []float32
	for _, isa := range kernel.ISAs() {
		if err := kernel.SetISA(isa); err != nil {
			t.Fatal(err)
		}
		tr, err := New(cfg, 5, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := tr.Step(batch, 1e-3); err != nil {
				t.Fatal(err)
			}
		}
		if want == nil {
			want = tr.theta
		}
		for i := range want {
			if math.Float32bits(want[i]) != math.Float32bits(tr.theta[i]) {
				t.Fatalf("%s: weight %d is %g, want %g", isa, i, tr.theta[i], want[i])
			}
		}
	}
}
