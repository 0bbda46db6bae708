package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model"
)

// pythonEnv names a Python that has torch and transformers.
const pythonEnv = "NANTEOS_PYTHON"

const pythonHow = `set ` + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.3`

// The tolerances, relative to the length of a weight's whole gradient and of its whole way. Adam divides by the root of the second moment, which
// magnifies the rounding of gradients that are near zero.
const (
	gradientTolerance = 1e-4
	stepTolerance     = 1e-3
)

func findPython(t *testing.T) string {
	t.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skip(pythonHow)
	}
	const find = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(p) is None for p in ("torch", "transformers")))`
	if err := exec.CommandContext(t.Context(), python, "-c", find).Run(); err != nil {
		t.Skipf("%s has no torch or transformers; %s", python, pythonHow)
	}
	return python
}

// torchRun is a question to testdata/gradients.py.
type torchRun struct {
	Folder  string         `json:"folder"`
	Names   []string       `json:"names"`
	Decayed []string       `json:"decayed"`
	Batch   []torchExample `json:"batch"`
	Rates   []float64      `json:"rates"`
	Decay   float64        `json:"decay"`
	Clip    float64        `json:"clip"`
	Betas   [2]float64     `json:"betas"`
	Epsilon float64        `json:"epsilon"`
}

type torchExample struct {
	Tokens  []int32   `json:"tokens"`
	Weights []float64 `json:"weights"`
}

type torchReply struct {
	Loss, Norm float64
	Losses     []float64
}

func askTorch(t *testing.T, runs []torchRun) []torchReply {
	t.Helper()
	python := findPython(t)
	in, err := json.Marshal(map[string]any{"runs": runs})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "gradients.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't ask the reference: %v\n%s\n%s", err, stderr.String(), pythonHow)
	}
	var reply struct {
		Versions string
		Runs     []torchReply
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		t.Fatal(err)
	}
	t.Logf("reference: %s", reply.Versions)
	return reply.Runs
}

func readVector(t *testing.T, path string, n int) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 4*n {
		t.Fatalf("%s has %d bytes, want %d values", path, len(b), n)
	}
	x := make([]float32, n)
	if _, err := binary.Decode(b, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// offBy is the length of got-want over the length of want-from, all in f64; from nil is the origin.
func offBy(got, want, from []float32) float64 {
	var off, all float64
	for i := range want {
		origin := 0.0
		if from != nil {
			origin = float64(from[i])
		}
		off += math.Pow(float64(got[i])-float64(want[i]), 2)
		all += math.Pow(float64(want[i])-origin, 2)
	}
	return math.Sqrt(off / all)
}

// torchShapes are the shapes of the gradient test and more: tied and untied heads of each family, keys that several queries share, every
// kind of rotary scaling, and layers enough that errors could add up.
func torchShapes() map[string]model.Config {
	all := maps.Clone(shapes)
	all["llama tied, shared keys"] = shape("LlamaForCausalLM", func(c *model.Config) { c.KVHeads, c.Layers = 1, 4 })
	all["qwen2 untied"] = shape("Qwen2ForCausalLM", func(c *model.Config) { c.TieEmbeddings = false })
	all["qwen3 with biases"] = shape("Qwen3ForCausalLM", func(c *model.Config) { c.AttentionBias, c.OutputBias = true, true })
	all["llama with llama3 scaling"] = shape("LlamaForCausalLM", func(c *model.Config) {
		c.RopeScaling = model.RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalContexts: 32}
	})
	all["llama with linear scaling"] = shape("LlamaForCausalLM", func(c *model.Config) { c.RopeScaling = model.RopeScaling{Type: "linear", Factor: 2.5} })
	all["qwen3 with yarn"] = shape("Qwen3ForCausalLM", func(c *model.Config) {
		c.RopeScaling, c.TieEmbeddings = model.RopeScaling{Type: "yarn", Factor: 4, OriginalContexts: 64}, false
	})
	return all
}

// TestTorchInterop holds loss, gradients and AdamW steps to PyTorch's autograd and torch.optim.AdamW on the models of transformers, in f32.
func TestTorchInterop(t *testing.T) {
	findPython(t)
	configs := torchShapes()
	names := slices.Sorted(maps.Keys(configs))
	rates := []float64{1e-3, 2e-3, 2e-3, 1e-3, 5e-4}
	var trainers []*Trainer
	var batches [][]Example
	var runs []torchRun
	for i, name := range names {
		cfg := configs[name]
		rng := rand.New(rand.NewPCG(uint64(i), 11))
		// Clipping acts in every other run, so that both ways are compared.
		opt := Options{MicroTokens: 120, Lanes: 3, WeightDecay: 0.1, ClipNorm: []float64{1e9, 0.5}[i%2], Epsilon: 1e-8}
		tr, err := New(cfg, uint64(i), opt)
		if err != nil {
			t.Fatal(err)
		}
		for j := range tr.theta { // away from the special values 0 and 1
			tr.theta[j] += float32(rng.NormFloat64() * 0.1)
		}
		tr.repackAll()
		run := torchRun{Folder: t.TempDir(), Rates: rates, Decay: 0.1, Clip: opt.ClipNorm, Betas: [2]float64{0.9, 0.95}, Epsilon: opt.Epsilon}
		if err := tr.Save(run.Folder); err != nil {
			t.Fatal(err)
		}
		for _, x := range tr.lay.list {
			run.Names = append(run.Names, x.spec.Name)
			if x.decay {
				run.Decayed = append(run.Decayed, x.spec.Name)
			}
		}
		batch := randomBatch(rng, cfg.VocabSize, 5, 39, 2, 33, 150, 64)
		for k := range batch {
			e := torchExample{Tokens: batch[k].Tokens}
			for p := range batch[k].Tokens {
				e.Weights = append(e.Weights, weight(&batch[k], p))
			}
			run.Batch = append(run.Batch, e)
		}
		trainers, batches, runs = append(trainers, tr), append(batches, batch), append(runs, run)
	}
	for i, want := range askTorch(t, runs) {
		tr, name := trainers[i], names[i]
		n := tr.lay.total
		grads := readVector(t, filepath.Join(runs[i].Folder, "gradients.f32"), n)
		after := readVector(t, filepath.Join(runs[i].Folder, "weights.f32"), n)
		before := slices.Clone(tr.theta)
		worst, of := 0.0, ""
		for step, rate := range rates {
			met, err := tr.Step(batches[i], rate)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(met.Loss-want.Losses[step]) > gradientTolerance*math.Abs(want.Losses[step]) {
				t.Errorf("%s: loss %.9g before step %d, want %.9g", name, met.Loss, step, want.Losses[step])
			}
			if step > 0 {
				continue
			}
			if math.Abs(met.GradNorm-want.Norm) > gradientTolerance*want.Norm {
				t.Errorf("%s: norm of the gradient %.9g, want %.9g", name, met.GradNorm, want.Norm)
			}
			for _, x := range tr.lay.list {
				off := offBy(x.at.of(tr.grad), x.at.of(grads), nil)
				if !(off <= worst) {
					worst, of = off, x.spec.Name
				}
				if !(off <= gradientTolerance) {
					t.Errorf("%s: the gradient of %s differs by %g, want at most %g", name, x.spec.Name, off, gradientTolerance)
				}
			}
		}
		far, farOf := 0.0, ""
		for _, x := range tr.lay.list {
			off := offBy(x.at.of(tr.theta), x.at.of(after), x.at.of(before))
			if !(off <= far) {
				far, farOf = off, x.spec.Name
			}
			if !(off <= stepTolerance) {
				t.Errorf("%s: %s went another way in %d steps, by %g, want at most %g", name, x.spec.Name, len(rates), off, stepTolerance)
			}
		}
		t.Logf("%-26s %5d weights: gradients differ by %.1e (worst: %s); the way of %d steps by %.1e (worst: %s)",
			name, n, worst, of, len(rates), far, farOf)
	}
}
