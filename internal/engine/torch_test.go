package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/safetensors"
)

// torchPython is an interpreter with torch and transformers, or the test is skipped.
func torchPython(t testing.TB) string {
	t.Helper()
	python := os.Getenv("NANTEOS_PYTHON")
	if python == "" {
		t.Skip("NANTEOS_PYTHON names no interpreter. " + TorchHow)
	}
	const find = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(p) is None for p in ("torch", "transformers")))`
	if err := exec.CommandContext(t.Context(), python, "-c", find).Run(); err != nil {
		t.Skipf("%s has no torch or transformers. %s", python, TorchHow)
	}
	return python
}

// smallShape is a model that has everything the big ones have.
func smallShape(arch, dtype string) model.Config {
	return model.Config{
		Architecture: arch, VocabSize: 300, HiddenSize: 64, IntermediateSize: 112, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 16,
		QKNorm: arch == "Qwen3ForCausalLM", NormEps: 1e-6, RopeTheta: 10000, MaxPositions: 256,
		TieEmbeddings: arch != "LlamaForCausalLM", BOS: -1, EOS: []int{257}, Pad: -1, StorageDType: dtype, InitializerStdDev: 0.02,
	}
}

// randomFolder writes a random model.
func randomFolder(t testing.TB, cfg model.Config) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "random")
	r := rand.New(rand.NewPCG(5, uint64(len(cfg.Architecture))))
	weights := map[string]model.Tensor{}
	for _, spec := range cfg.Tensors() {
		w := model.Tensor{Shape: spec.Shape}
		w.F32 = make([]float32, w.Len())
		scale, offset := 1/math.Sqrt(float64(spec.Shape[len(spec.Shape)-1])), 0.0
		if len(spec.Shape) == 1 {
			scale, offset = 0.1, 1
		}
		for i := range w.F32 {
			w.F32[i] = float32(offset + scale*r.NormFloat64())
		}
		weights[spec.Name] = w
	}
	if err := model.WriteFolder(dir, cfg, weights); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(`{"by": "the test"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// randomGroups are groups whose rollouts were sampled from a policy near that of a trainer: ratios go both ways, some beyond the clip.
func randomGroups(t testing.TB, dir string, vocabulary int) []grpo.Group {
	t.Helper()
	tr := openTrainer(t, dir, TrainOptions{})
	r := rand.New(rand.NewPCG(7, 8))
	var groups []grpo.Group
	for k := range 3 {
		g := grpo.Group{Key: fmt.Sprintf("m/%d", k)}
		prompt := 3 + r.IntN(9)
		for n := range 8 {
			q := grpo.Sequence{Prompt: prompt, Completion: 1 + r.IntN(60)}
			for range q.Prompt + q.Completion {
				q.Tokens = append(q.Tokens, r.Int32N(int32(vocabulary)))
			}
			s, err := tr.Score(t.Context(), []grpo.Sequence{q})
			if err != nil {
				t.Fatal(err)
			}
			logs := make([]float64, q.Prompt)
			for _, x := range s.LogProbs[0] {
				logs = append(logs, x+0.3*r.NormFloat64())
			}
			g.Rollouts = append(g.Rollouts, grpo.Rollout{Nonce: int64(n), Tokens: q.Tokens, Prompt: q.Prompt, Completion: q.Completion, Reward: r.Float64(),
				Advantage: r.NormFloat64(), LogProbs: logs})
		}
		groups = append(groups, g)
	}
	return groups
}

func openTorch(t testing.TB, dir string, opt TorchOptions) *TorchTrainer {
	t.Helper()
	opt.Python = torchPython(t)
	if opt.Device == "" {
		opt.Device = CPU
	}
	opt.StartTimeout, opt.Timeout = 8*time.Minute, 5*time.Minute // of a machine with other work
	began := time.Now()
	tr, err := OpenTorch(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	t.Logf("%d processes on %s with torch %s after %s", max(1, opt.Processes), tr.Info().Device, tr.Info().Torch, time.Since(began).Round(10*time.Millisecond))
	return tr
}

// CPU and CUDA name devices of TorchOptions.
const (
	CPU  = "cpu"
	CUDA = "cuda"
)

// courseConfig has all parts of the loss.
func courseConfig() grpo.Config {
	c := grpo.DefaultConfig()
	c.MicroBatch, c.Accumulation, c.Entropy, c.KL = 4, 2, 0.01, 0.02
	return c
}

// course is what two epochs on the same groups did to a trainer.
type course struct {
	metrics       [2]grpo.Metrics
	losses, norms []float64
	weights       map[string][]float32 // the f32 masters
	saved         map[string][]float32
}

const courseRate = 2e-4

func follow(t testing.TB, tr Trainer, reference grpo.Reference, groups []grpo.Group) (out course) {
	t.Helper()
	for i := range out.metrics {
		m, err := courseConfig().Epoch(t.Context(), tr, reference, groups, courseRate, func(_ int, loss, norm float64) {
			out.losses, out.norms = append(out.losses, loss), append(out.norms, norm)
		})
		if err != nil {
			t.Fatal(err)
		}
		out.metrics[i] = m
	}
	dir := filepath.Join(t.TempDir(), "after")
	if err := tr.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	out.saved = weightsOf(t, dir)
	out.weights = masters(t, tr)
	return out
}

// masters are the f32 weights of a trainer.
func masters(t testing.TB, tr Trainer) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	if n, ok := tr.(*NativeTrainer); ok {
		for name, w := range n.trainer.Weights() {
			out[name] = w.F32
		}
		return out
	}
	path := filepath.Join(t.TempDir(), "state.safetensors")
	if err := tr.SaveState(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range f.Names() {
		if of, ok := strings.CutPrefix(name, "weights."); ok {
			x, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			if out[of], err = x.Float32s(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func weightsOf(t testing.TB, dir string) map[string][]float32 {
	t.Helper()
	f, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]float32{}
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if out[name], err = x.Float32s(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// length is that of a vector, or of the way between two.
func length(a, b []float32) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i])
		if b != nil {
			d -= float64(b[i])
		}
		sum += d * d
	}
	return math.Sqrt(sum)
}

// far holds a number against another, relative to the larger of it and 1e-2.
func far(got, want float64) float64 { return math.Abs(got-want) / max(math.Abs(want), 1e-2) }

// compare holds a course to another one. Weights are compared by tensor, relative to their length; they must have gone somewhere.
func compare(t *testing.T, name string, before map[string][]float32, got, want course, tolerance float64) {
	t.Helper()
	var numbers, weights, way, element float64
	rounded, total := 0, 0
	note := func(what string, x, y float64) {
		if d := far(x, y); !(d <= tolerance) {
			t.Errorf("%s: %s is %.8g, want %.8g", name, what, x, y)
		} else {
			numbers = max(numbers, d)
		}
	}
	if len(got.losses) != len(want.losses) || len(got.losses) != 6 {
		t.Fatalf("%s: %d and %d steps, want 6", name, len(got.losses), len(want.losses))
	}
	for i := range want.losses {
		note(fmt.Sprintf("loss %d", i), got.losses[i], want.losses[i])
		note(fmt.Sprintf("norm %d", i), got.norms[i], want.norms[i])
	}
	for i, w := range want.metrics {
		g := got.metrics[i]
		note("the loss", g.Loss, w.Loss)
		note("the policy's loss", g.Policy, w.Policy)
		note("the KL's loss", g.KL, w.KL)
		note("the divergence", g.Divergence, w.Divergence)
		note("the entropy", g.EntropyMean, w.EntropyMean)
		note("the ratio", g.RatioMean, w.RatioMean)
		note("the ratio's deviation", g.RatioSD, w.RatioSD)
		if tolerance < 1e-3 { // a count
			note("the clipped part", g.ClipFraction, w.ClipFraction)
		}
		if g.Steps != w.Steps || g.Tokens != w.Tokens || g.SkippedSteps != 0 {
			t.Errorf("%s: %+v, want %+v", name, g, w)
		}
	}
	if len(got.weights) != len(want.weights) {
		t.Errorf("%s: %d weights, want %d", name, len(got.weights), len(want.weights))
	}
	for of, w := range want.weights {
		g := got.weights[of]
		if len(g) != len(w) {
			t.Fatalf("%s: %s has %d values, want %d", name, of, len(g), len(w))
		}
		off, went := length(g, w), length(w, before[of])
		if went == 0 {
			t.Errorf("%s: %s did not move", name, of)
		}
		for i := range w {
			element = max(element, math.Abs(float64(g[i])-float64(w[i])))
			total++
			// What is stored in 16 bits may be rounded the other way where it lies on the edge.
			if x, y := got.saved[of][i], want.saved[of][i]; x != y {
				rounded++
				if d := math.Abs(float64(x) - float64(y)); tolerance < 1e-3 && !(d <= max(1.0/128*math.Abs(float64(y)), 1e-5)) {
					t.Fatalf("%s: %s has %g in the folder, want %g", name, of, x, y)
				}
			}
		}
		weights, way = max(weights, off/length(w, nil)), max(way, off/went)
		if !(off <= tolerance*length(w, nil)) {
			t.Errorf("%s: %s is off by %g of its length, want at most %g", name, of, off/length(w, nil), tolerance)
		}
	}
	t.Logf("%s: losses, norms and metrics differ by %.1e, weights by %.1e (at most %.1e), of the way of 6 steps %.1e; %.2f%% of the stored values are others",
		name, numbers, weights, element, way, 100*float64(rounded)/float64(total))
}

// TestTorchInterop lets both engines train on the same rollouts, with one process, with two that hold everything, and with two that hold a half each.
func TestTorchInterop(t *testing.T) {
	torchPython(t)
	type problem struct {
		name, dir string
		groups    []grpo.Group
		before    map[string][]float32
		held      *NativeTrainer // makes no step: a reference
		want      course
	}
	var problems []problem
	for _, shape := range []struct{ arch, dtype string }{{"LlamaForCausalLM", "float32"}, {"Qwen3ForCausalLM", "bfloat16"}} {
		cfg := smallShape(shape.arch, shape.dtype)
		p := problem{name: shape.arch + " " + shape.dtype, dir: randomFolder(t, cfg)}
		p.groups = randomGroups(t, p.dir, cfg.VocabSize)
		p.before = weightsOf(t, p.dir)
		p.held = openTrainer(t, p.dir, TrainOptions{})
		p.want = follow(t, openTrainer(t, p.dir, TrainOptions{WeightDecay: 0.1}), p.held, p.groups)
		problems = append(problems, p)
	}
	one, two := openTorch(t, problems[0].dir, TorchOptions{Processes: 1, Threads: 1}), openTorch(t, problems[0].dir, TorchOptions{Processes: 2, Threads: 1})
	for _, c := range []struct {
		name      string
		tr        *TorchTrainer
		opt       TorchOptions
		tolerance float64
	}{
		{"one process", one, TorchOptions{}, 1e-4},
		{"one process, many passes", one, TorchOptions{PassTokens: 100, KeepActivations: true}, 1e-4},
		{"one process, sharded", one, TorchOptions{Shard: true}, 1e-4},
		{"two processes", two, TorchOptions{PassTokens: 100}, 1e-4},
		{"two processes, sharded", two, TorchOptions{Shard: true}, 1e-4},
		{"two processes, sharded, bfloat16", two, TorchOptions{Shard: true, Precision: "bfloat16", PassTokens: 100}, 0.05}, // the way of GPUs
	} {
		for _, p := range problems {
			c.opt.WeightDecay = 0.1
			if err := c.tr.open(t.Context(), p.dir, c.opt); err != nil {
				t.Fatal(err)
			}
			if c.tr.Sharded() != c.opt.Shard {
				t.Errorf("%s: sharded %t", c.name, c.tr.Sharded())
			}
			began := time.Now()
			got := follow(t, c.tr, p.held, p.groups)
			compare(t, fmt.Sprintf("%s, %s (%s)", c.name, p.name, time.Since(began).Round(time.Millisecond)), p.before, got, p.want, c.tolerance)
			if c.tr.Steps() != 6 {
				t.Errorf("%s: %d steps, want 6", c.name, c.tr.Steps())
			}
		}
	}
}
