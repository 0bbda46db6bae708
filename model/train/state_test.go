package train

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model"
)

// TestResume compares a run of four steps with one interrupted after two.
func TestResume(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		testResume(t, narrow)
	}
}

func testResume(t *testing.T, narrow bool) {
	t.Helper()
	cfg := shape("Qwen3ForCausalLM", nil)
	batch := randomBatch(rand.New(rand.NewPCG(3, 4)), cfg.VocabSize, 20, 31)
	start := func(seed uint64) *Trainer {
		tr, err := New(cfg, seed, Options{WeightDecay: 0.1, BF16: narrow})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	steps := func(tr *Trainer, n int) {
		for range n {
			if _, err := tr.Step(batch, 1e-2); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole, first, second := start(1), start(1), start(2)
	steps(whole, 4)
	steps(first, 2)
	path := filepath.Join(t.TempDir(), "state.safetensors")
	if err := first.SaveState(path); err != nil {
		t.Fatal(err)
	}
	if err := second.LoadState(path); err != nil {
		t.Fatal(err)
	}
	steps(second, 2)
	if second.Steps() != 4 {
		t.Errorf("%d steps, want 4", second.Steps())
	}
	for i := range whole.theta {
		if math.Float32bits(whole.theta[i]) != math.Float32bits(second.theta[i]) {
			t.Fatalf("weight %d is %g, uninterrupted %g", i, second.theta[i], whole.theta[i])
		}
	}

	other, err := New(shape("LlamaForCausalLM", nil), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.LoadState(path); !errors.Is(err, ErrState) {
		t.Errorf("state of another model: %v, want ErrState", err)
	}
	if err := os.WriteFile(path, []byte("not a state"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := whole.LoadState(path); err == nil {
		t.Error("a broken state file was accepted")
	}
}

// TestSave writes a folder, reads it back for training and for running.
func TestSave(t *testing.T) {
	for _, dtype := range []string{"float32", "bfloat16"} {
		cfg := shape("Qwen2ForCausalLM", func(c *model.Config) { c.StorageDType, c.EOS = dtype, []int{3} })
		tr, err := New(cfg, 1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "folder")
		if err := tr.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, weights, err := model.ReadWeights(dir)
		if err != nil {
			t.Fatal(err)
		}
		again, err := FromWeights(got, weights, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range tr.theta {
			d := math.Abs(float64(v - again.theta[i]))
			if dtype == "float32" && d != 0 || d > math.Abs(float64(v))/256 {
				t.Fatalf("%s: weight %d is %g, was %g", dtype, i, again.theta[i], v)
			}
		}
		m, err := model.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c := m.Config(); c.EOS[0] != 3 || !c.AttentionBias || c.HeadDim != cfg.HeadDim {
			t.Errorf("configuration came back as %+v", c)
		}
	}
}

func TestSchedule(t *testing.T) {
	s := Schedule{Peak: 1, Warmup: 4, Total: 14, Floor: 0.1}
	for step, want := range map[int]float64{0: 0.25, 3: 1, 4: 1, 9: 0.55, 14: 0.1, 99: 0.1} {
		if got := s.Rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %g, want %g", step, got, want)
		}
	}
	if got := (Schedule{Peak: 2}).Rate(1000); got != 2 {
		t.Errorf("constant: %g, want 2", got)
	}
}

// TestFromNarrowWeights starts from weights of 16 bits with exactly the values that these have.
func TestFromNarrowWeights(t *testing.T) {
	tr, err := New(shape("Qwen3ForCausalLM", nil), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wide := tr.Weights()
	for _, form := range []string{"bf16", "f16"} {
		narrow, values := map[string]model.Tensor{}, map[string][]float32{}
		for name, w := range wide {
			n := model.Tensor{Shape: w.Shape}
			size := 1
			for _, d := range w.Shape {
				size *= d
			}
			v := make([]float32, size)
			for i := range v {
				v[i] = float32(i%7-3) / 4 // exact in both
			}
			patterns := make([]uint16, len(v))
			for i, x := range v {
				if form == "bf16" {
					patterns[i] = uint16(math.Float32bits(x) >> 16)
				} else {
					patterns[i] = halves[x]
				}
			}
			if form == "bf16" {
				n.BF16 = patterns
			} else {
				n.F16 = patterns
			}
			narrow[name], values[name] = n, v
		}
		again, err := FromWeights(tr.cfg, narrow, Options{})
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		for _, w := range again.lay.list {
			if !slices.Equal(w.at.of(again.theta), values[w.spec.Name]) {
				t.Errorf("%s: %s changed", form, w.spec.Name)
			}
		}
	}
}

// halves are the f16 patterns of quarters.
var halves = map[float32]uint16{-0.75: 0xba00, -0.5: 0xb800, -0.25: 0xb400, 0: 0, 0.25: 0x3400, 0.5: 0x3800, 0.75: 0x3a00}
