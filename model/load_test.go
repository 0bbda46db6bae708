package model

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/safetensors"
)

// TestLoad writes folders and holds the loaded model, its weights in 16 bits or widened, to the bits of one made of the widened
// weights.
func TestLoad(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 3))
		cfg := randomConfig(rng)
		weights := randomWeights(rng, cfg)
		wide := map[string]Tensor{}
		for name, w := range weights {
			wide[name] = Tensor{Shape: w.Shape, F32: widened(w)}
		}
		if weights["model.norm.weight"].BF16 != nil {
			cfg.StorageDType = "bfloat16"
		}
		dir := t.TempDir()
		if err := WriteFolder(dir, cfg, weights); err != nil {
			t.Fatal(err)
		}
		large := seed%3 > 0
		loaded, err := Load(dir, Options{Threads: 2, large: large})
		if err != nil {
			t.Fatalf("seed %d (%s): %v", seed, cfg.Architecture, err)
		}
		made, err := New(cfg, wide)
		if err != nil {
			t.Fatal(err)
		}
		form := "F32"
		switch {
		case loaded.embed.IsBF16():
			form = "BF16"
		case loaded.embed.IsF16():
			form = "F16"
		}
		if w := weights["model.norm.weight"]; (form == "BF16") != (large && w.BF16 != nil) || (form == "F16") != (large && w.F16 != nil) {
			t.Errorf("seed %d: weights are kept in %s", seed, form)
		}
		kinds[form]++
		seqs := [][]int32{randomTokens(rng, 20, cfg.VocabSize)}
		all := func(left int) int { return left }
		if err := sameStates(stepwise(made, seqs, nil, all), stepwise(loaded, seqs, nil, all)); err != nil {
			t.Errorf("seed %d: loaded model: %v", seed, err)
		}
		loaded.Close()
	}
	if len(kinds) != 3 {
		t.Errorf("weights were kept in %v", kinds)
	}
}

// TestLoadF16 writes weights in f16 over several files.
func TestLoadF16(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 3))
	cfg := shapeOf(rng)
	weights := map[string]Tensor{}
	shards := map[string][]safetensors.Tensor{}
	index := map[string]string{}
	for i, spec := range cfg.Tensors() {
		w := Tensor{Shape: spec.Shape}
		var data []byte
		for range w.Len() {
			q := rng.IntN(4096) - 2048 // q/1024 is a half, and so are its bits below
			half := uint16(0)
			if x := math.Abs(float64(q)); x > 0 {
				exp := math.Floor(math.Log2(x))
				half = uint16(exp+5)<<10 | uint16((x/math.Exp2(exp)-1)*1024)
			}
			if q < 0 {
				half |= 0x8000
			}
			data = append(data, byte(half), byte(half>>8))
			w.F32 = append(w.F32, float32(q)/1024)
		}
		weights[spec.Name] = w
		file := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}[i%2]
		shards[file] = append(shards[file], safetensors.Tensor{Name: spec.Name, DType: safetensors.F16, Shape: spec.Shape, Data: data})
		index[spec.Name] = file
	}
	dir := t.TempDir()
	if err := WriteFolder(dir, cfg, weights); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	for file, list := range shards {
		if err := safetensors.Write(filepath.Join(dir, file), list, nil); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"weight_map": index})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, read, err := ReadWeights(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range weights {
		if !slices.Equal(read[name].F32, w.F32) {
			t.Errorf("%s was read otherwise than written", name)
		}
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	made, err := New(cfg, weights)
	if err != nil {
		t.Fatal(err)
	}
	seqs := [][]int32{randomTokens(rng, 20, cfg.VocabSize)}
	all := func(left int) int { return left }
	if err := sameStates(stepwise(made, seqs, nil, all), stepwise(loaded, seqs, nil, all)); err != nil {
		t.Errorf("loaded model: %v", err)
	}
	if d, err := Describe(dir); err != nil || len(d.Storage) != 1 || d.Storage[0].Type != "F16" || d.FileBytes != int64(2*cfg.Parameters()) {
		t.Errorf("described as %+v (%v)", d, err)
	}
}

// TestLoadRefusals breaks one thing of a good folder; the error names it.
func TestLoadRefusals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	cfg := shapeOf(rng)
	weights := randomWeights(rng, cfg)
	list := func(change func(m map[string]safetensors.Tensor)) []safetensors.Tensor {
		m := map[string]safetensors.Tensor{}
		for _, spec := range cfg.Tensors() {
			m[spec.Name] = safetensors.FromFloat32s(spec.Name, spec.Shape, widened(weights[spec.Name]))
		}
		change(m)
		var l []safetensors.Tensor
		for _, x := range m {
			l = append(l, x)
		}
		return l
	}
	const norm = "model.norm.weight"
	for _, c := range []struct {
		name        string
		change      func(m map[string]safetensors.Tensor)
		unsupported bool
	}{
		{norm, func(m map[string]safetensors.Tensor) { delete(m, norm) }, false},
		{norm, func(m map[string]safetensors.Tensor) {
			m[norm] = safetensors.FromFloat32s(norm, []int{3}, []float32{1, 2, 3})
		}, false},
		{"model.layers.0.mlp.experts.0.weight", func(m map[string]safetensors.Tensor) {
			m["x"] = safetensors.FromFloat32s("model.layers.0.mlp.experts.0.weight", []int{1}, []float32{1})
		}, true},
	} {
		dir := t.TempDir()
		if err := WriteFolder(dir, cfg, weights); err != nil {
			t.Fatal(err)
		}
		if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), list(c.change), nil); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), c.name) || errors.Is(err, ErrUnsupported) != c.unsupported {
			t.Errorf("error %v; want %s named, unsupported %v", err, c.name, c.unsupported)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder: %v, want a missing file", err)
	}
	broken := maps.Clone(weights)
	delete(broken, norm)
	if err := WriteFolder(t.TempDir(), cfg, broken); err == nil {
		t.Error("a folder without a norm was written")
	}
	if _, err := New(cfg, broken); err == nil {
		t.Error("a model without a norm was built")
	}
	cfg.Heads = 0
	if _, err := New(cfg, weights); err == nil {
		t.Error("a model without heads was built")
	}
}

// TestLoadShortened cuts a file short while its weights are being read: an error, not the end of the process.
func TestLoadShortened(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	cfg := shapeOf(rng)
	cfg.VocabSize = 1000 // past the page that is left
	dir := t.TempDir()
	if err := WriteFolder(dir, cfg, randomWeights(rng, cfg)); err != nil {
		t.Fatal(err)
	}
	folder, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := os.Truncate(filepath.Join(dir, "model.safetensors"), 100); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("other systems may have read the file")
	}
	for _, threads := range []int{1, 2} {
		_, err := build(cfg, func(name string) (weight, error) { return folderWeight(folder, name) }, Options{Threads: threads})
		if !errors.Is(err, errChanged) {
			t.Errorf("%d threads: %v", threads, err)
		}
	}
}

func shapeOf(rng *rand.Rand) Config {
	for {
		if c := randomConfig(rng); c.Architecture == "Qwen3ForCausalLM" {
			return c
		}
	}
}

// TestConcurrentUse runs one model from several goroutines; each gets its own result.
func TestConcurrentUse(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	m := randomModel(t, rng, 2)
	prompt := randomTokens(rng, 30, m.cfg.VocabSize)
	p := Sampling{Temperature: 1, MaxTokens: 40}
	generate := func(seed uint64) string {
		out, err := m.Generate(context.Background(), []Request{{Prompt: prompt, Seed: seed}, {Prompt: prompt, Seed: seed + 1}}, p)
		if err != nil {
			return err.Error()
		}
		return stringOf(out[0].Tokens) + stringOf(out[1].Tokens)
	}
	want := make([]string, 6)
	for i := range want {
		want[i] = generate(uint64(i))
	}
	got := make(chan [2]string, len(want))
	for i := range want {
		go func() { got <- [2]string{want[i], generate(uint64(i))} }()
	}
	for range want {
		if x := <-got; x[0] != x[1] {
			t.Error("a completion depends on other calls")
		}
	}
}

func stringOf(tokens []int32) string {
	b := make([]byte, 0, len(tokens)*2)
	for _, x := range tokens {
		b = append(b, byte(x), byte(x>>8))
	}
	return string(b)
}
