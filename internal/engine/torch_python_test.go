package engine

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/safetensors"
	"github.com/nanteos/nanteos/model/train"
)

// workersOf lists the processes whose command names a folder: those of a trainer.
func workersOf(t testing.TB, dir string) (pids []int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return nil
	}
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// gone waits until the processes of a trainer have ended.
func gone(t testing.TB, tr *TorchTrainer) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); len(workersOf(t, tr.process.dir)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("processes %v are still there", workersOf(t, tr.process.dir))
		}
	}
}

// TestTorchResumes: a state goes on to the bit in another process, and to rounding in another number of them. What can't be taken up is refused and changes
// nothing. Saved folders are whole. Processes end with the trainer, and the trainer with any of them.
func TestTorchResumes(t *testing.T) {
	cfg := smallShape("Qwen3ForCausalLM", "bfloat16")
	dir := randomFolder(t, cfg)
	first := openTorch(t, dir, TorchOptions{Threads: 1, WeightDecay: 0.1})
	groups := randomGroups(t, dir, cfg.VocabSize)[:1]
	c := courseConfig()
	c.KL = 0
	epoch := func(tr Trainer) grpo.Metrics {
		t.Helper()
		m, err := c.Epoch(t.Context(), tr, nil, groups, 1e-3, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	state, out := filepath.Join(t.TempDir(), "state.safetensors"), t.TempDir()
	save := func(tr Trainer, name string) string {
		t.Helper()
		if err := tr.Save(t.Context(), filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(out, name)
	}
	epoch(first)
	if err := first.SaveState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	want, wantMasters := epoch(first), masters(t, first)
	whole := save(first, "whole")
	if b, err := os.ReadFile(filepath.Join(whole, "tokenizer.json")); err != nil || len(b) == 0 {
		t.Errorf("the folder's other files: %v", err)
	}
	if _, _, err := model.ReadWeights(whole); err != nil {
		t.Error(err)
	}
	inBF16(t, whole, len(cfg.Tensors()))

	// A begun gradient goes with LoadState.
	batch := c.Plan(groups).Sequences[:2]
	poison := grpo.Loss{ByLogProb: [][]float64{make([]float64, batch[0].Completion), make([]float64, batch[1].Completion)}, ByEntropy: []float64{0, 0}}
	poison.ByLogProb[0][0] = math.Inf(1)
	if err := first.Backward(t.Context(), batch, poison); err != nil {
		t.Fatal(err)
	}
	if err := first.LoadState(t.Context(), state); err != nil || first.Steps() != want.Steps {
		t.Fatalf("after %d steps: %v", first.Steps(), err)
	}
	if got := epoch(first); got != want {
		t.Errorf("after an interruption: %+v, want %+v", got, want)
	}
	// A gradient that is no number changes nothing.
	if err := first.Backward(t.Context(), batch, poison); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Step(t.Context(), 1e-3, 1); !errors.Is(err, grpo.ErrNotFinite) || first.Steps() != 2*want.Steps {
		t.Errorf("an infinite gradient: %v after %d steps", err, first.Steps())
	}
	if norm, err := first.Step(t.Context(), 1e-3, 1); err != nil || norm != 0 || first.Steps() != 2*want.Steps {
		t.Errorf("a step without a gradient: %v, %v after %d steps", norm, err, first.Steps())
	}
	torchRefuses(t, first, dir)
	equalFolders(t, save(first, "again"), whole)
	first.Close()
	gone(t, first)

	second := openTorch(t, dir, TorchOptions{Threads: 1, WeightDecay: 0.1})
	if err := second.LoadState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if got := epoch(second); got != want {
		t.Errorf("in another process: %+v, want %+v", got, want)
	}
	equalFolders(t, save(second, "second"), whole)
	torchRefusesModels(t, second, dir)
	second.Close()

	two := openTorch(t, dir, TorchOptions{Processes: 2, Threads: 1, WeightDecay: 0.1, Shard: true})
	if err := two.LoadState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	for range 2 { // scores that no gradient is asked for
		if _, err := two.Score(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	epoch(two)
	for name, w := range masters(t, two) {
		if off := length(w, wantMasters[name]) / length(w, nil); !(off <= 1e-4) {
			t.Errorf("in two processes %s is off by %g", name, off)
		}
	}
	pids := workersOf(t, two.process.dir)
	if runtime.GOOS == "linux" && len(pids) != 3 { // torchrun and two
		t.Errorf("%d processes: %v", len(pids), pids)
	}
	if len(pids) > 0 {
		last, err := os.FindProcess(pids[len(pids)-1])
		if err == nil {
			err = last.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := two.Score(t.Context(), batch); !errors.Is(err, ErrTorchDied) {
			t.Errorf("with a dead worker: %v", err)
		}
	}
	two.Close()
	gone(t, two)
}

// inBF16 says whether a folder has so many weights, all of them in bf16, in one file.
func inBF16(t *testing.T, dir string, n int) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Names()) != n {
		t.Errorf("%d weights, want %d", len(f.Names()), n)
	}
	for _, name := range f.Names() {
		if x, err := f.Tensor(name); err != nil || x.DType != safetensors.BF16 {
			t.Errorf("%s is in %s: %v", name, x.DType, err)
		}
	}
}

func equalFolders(t *testing.T, got, want string) {
	t.Helper()
	x, err := Digest(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	if y, err := Digest(t.Context(), want); err != nil || x != y {
		t.Errorf("%s is not %s: %v", filepath.Base(got), filepath.Base(want), err)
	}
}

// torchRefuses gives a trainer what it can't use; it stays as it was.
func torchRefuses(t *testing.T, tr *TorchTrainer, dir string) {
	t.Helper()
	missing := filepath.Join(t.TempDir(), "none")
	if err := tr.LoadState(t.Context(), missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no state: %v", err)
	}
	for name, tensors := range map[string][]safetensors.Tensor{
		"an empty state":   nil,
		"another's state":  {safetensors.FromFloat32s("weights", []int{2}, []float32{1, 2})},
		"a state cut down": {safetensors.FromFloat32s("weights.model.norm.weight", []int{64}, make([]float32, 64))},
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := safetensors.Write(path, tensors, map[string]string{"format": "nanteos-torch-1", "steps": "2"}); err != nil {
			t.Fatal(err)
		}
		if err := tr.LoadState(t.Context(), path); !errors.Is(err, train.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(missing, []byte("no state at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tr.LoadState(t.Context(), missing); !errors.Is(err, train.ErrState) {
		t.Errorf("a state that is none: %v", err)
	}
	if err := tr.SaveState(t.Context(), filepath.Join(missing, "file")); err == nil || errors.Is(err, ErrTorchDied) {
		t.Errorf("a folder that is a file: %v", err)
	}
}

// torchRefusesModels gives processes what is no model of ours.
func torchRefusesModels(t *testing.T, tr *TorchTrainer, dir string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	other := randomFolder(t, smallShape("LlamaForCausalLM", "bfloat16"))
	stranger, err := os.ReadFile(filepath.Join(other, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][2][]byte{
		"no weights":        {config, nil},
		"weights cut short": {config, weights[:len(weights)-1]},
		"another's weights": {config, stranger},
		"a broken config":   {config[:len(config)/2], weights},
		"an unknown family": {[]byte(`{"model_type": "of our own"}`), weights},
		"logits capped":     {[]byte(strings.Replace(string(config), "{", `{"final_logit_softcapping": 30.0,`, 1)), weights},
	} {
		folder := t.TempDir()
		for i, file := range []string{"config.json", "model.safetensors"} {
			if files[i] == nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, file), files[i], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.open(t.Context(), folder, TorchOptions{}); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tr.Score(t.Context(), []grpo.Sequence{{Tokens: []int32{1, 2}, Prompt: 1, Completion: 1}}); err == nil || errors.Is(err, ErrTorchDied) {
		t.Errorf("without a model: %v", err)
	}
	if err := tr.open(t.Context(), dir, TorchOptions{}); err != nil {
		t.Errorf("a good one afterwards: %v", err)
	}
	if _, err := OpenTorch(t.Context(), dir, TorchOptions{Python: torchPython(t), Device: "abacus"}); !errors.Is(err, ErrTorchMissing) {
		t.Errorf("an unknown device: %v", err)
	}
}

// TestTorchOnGPU trains on the devices that PyTorch sees, in f32 as the native engine does, and in bf16.
func TestTorchOnGPU(t *testing.T) {
	python := torchPython(t)
	if found, _ := filepath.Glob("/dev/nvidia[0-9]*"); len(found) == 0 {
		t.Skip("no NVIDIA GPU here: on a machine with one and a PyTorch for CUDA this test runs by itself")
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)").Output()
	devices, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || devices == 0 {
		t.Skipf("no CUDA here (%v): on a machine with an NVIDIA GPU and a PyTorch for CUDA this test runs by itself", err)
	}
	for _, dtype := range []string{"float32", "bfloat16"} {
		cfg := smallShape("Qwen3ForCausalLM", dtype)
		dir := randomFolder(t, cfg)
		groups, before, held := randomGroups(t, dir, cfg.VocabSize), weightsOf(t, dir), openTrainer(t, dir, TrainOptions{})
		want := follow(t, openTrainer(t, dir, TrainOptions{WeightDecay: 0.1}), held, groups)
		for name, opt := range map[string]TorchOptions{
			"one device in float32": {Precision: "float32"}, "one device": {}, "all devices": {Processes: devices}, "all devices in float32": {Processes: devices, Precision: "float32"},
		} {
			opt.Device, opt.WeightDecay = CUDA, 0.1
			tr := openTorch(t, dir, opt)
			tolerance := 0.05
			if opt.Precision == "float32" {
				tolerance = 1e-3
			}
			compare(t, name+", "+dtype, before, follow(t, tr, held, groups), want, tolerance)
			tr.Close()
			gone(t, tr)
		}
	}
}
