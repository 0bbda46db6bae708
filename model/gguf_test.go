package model

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/gguf"
)

// permute is what the converter of llama.cpp does to the rows of queries and keys.
func permute[T any](x []T, heads, headDim int) []T {
	width, half := len(x)/(heads*headDim), headDim/2
	var out []T
	for h := range heads {
		for i := range half {
			for j := range 2 {
				out = append(out, x[(h*headDim+j*half+i)*width:][:width]...)
			}
		}
	}
	return out
}

// ggufOf writes a model as llama.cpp's converter does. change replaces metadata entries or, with nil, removes them.
func ggufOf(t testing.TB, cfg Config, weights map[string]Tensor, change map[string]any) *gguf.Builder {
	t.Helper()
	arch := map[string]string{"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}[cfg.Architecture]
	b := &gguf.Builder{}
	set := func(key string, value any) {
		if v, ok := change[key]; ok {
			value = v
		}
		if value == nil {
			return
		}
		if err := b.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	for _, e := range []struct {
		key   string
		value any
	}{
		{"general.architecture", arch}, {"$.block_count", uint32(cfg.Layers)}, {"$.context_length", uint32(cfg.MaxPositions)}, {"$.embedding_length", uint32(cfg.HiddenSize)},
		{"$.feed_forward_length", uint32(cfg.IntermediateSize)}, {"$.attention.head_count", uint32(cfg.Heads)}, {"$.attention.head_count_kv", uint32(cfg.KVHeads)},
		{"$.attention.key_length", uint32(cfg.HeadDim)}, {"$.attention.value_length", uint32(cfg.HeadDim)}, {"$.attention.layer_norm_rms_epsilon", float32(cfg.NormEps)},
		{"$.rope.freq_base", float32(cfg.RopeTheta)}, {"$.vocab_size", uint32(cfg.VocabSize)}, {"tokenizer.ggml.eos_token_id", uint32(3)},
	} {
		key := strings.Replace(e.key, "$", arch, 1)
		known[key] = true
		set(key, e.value)
	}
	for key := range change {
		if !known[key] {
			set(key, nil)
		}
	}
	for _, spec := range cfg.Tensors() {
		w := weights[spec.Name]
		heads := 0
		switch {
		case arch != "llama":
		case strings.Contains(spec.Name, "q_proj"):
			heads = cfg.Heads
		case strings.Contains(spec.Name, "k_proj"):
			heads = cfg.KVHeads
		}
		switch {
		case heads == 0:
		case w.BF16 != nil:
			w.BF16 = permute(w.BF16, heads, cfg.HeadDim)
		case w.F16 != nil:
			w.F16 = permute(w.F16, heads, cfg.HeadDim)
		default:
			w.F32 = permute(w.F32, heads, cfg.HeadDim)
		}
		x := gguf.FromFloat32s(ggufName(spec.Name), spec.Shape, w.F32)
		if w.BF16 != nil {
			x = gguf.FromBF16s(ggufName(spec.Name), spec.Shape, w.BF16)
		}
		if w.F16 != nil {
			x = gguf.FromBF16s(ggufName(spec.Name), spec.Shape, w.F16)
			x.Type = gguf.F16
		}
		if err := b.Add(x); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func writeGGUF(t testing.TB, b *gguf.Builder) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLoadGGUF holds models loaded from GGUF files to the bits of those in memory.
func TestLoadGGUF(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 5))
		cfg := randomConfig(rng)
		if cfg.Architecture == "Qwen3ForCausalLM" && cfg.OutputBias {
			continue // llama.cpp has no such file; the names would do
		}
		seen[cfg.Architecture]++
		cfg.EOS = []int{3}
		weights := randomWeights(rng, cfg)
		path := writeGGUF(t, ggufOf(t, cfg, weights, nil))
		loaded, err := Load(path, Options{large: seed%2 == 0})
		if err != nil {
			t.Errorf("seed %d (%s): %v", seed, cfg.Architecture, err)
			continue
		}
		want := cfg
		want.InitializerStdDev, want.StorageDType = 0.02, "float32"
		if weights["model.norm.weight"].BF16 != nil {
			want.StorageDType = "bfloat16"
		}
		if weights["model.norm.weight"].F16 != nil {
			want.StorageDType = "float16"
		}
		if got := loaded.Config(); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: configuration %+v, want %+v", seed, got, want)
		}
		made, err := New(cfg, weights)
		if err != nil {
			t.Fatal(err)
		}
		seqs := [][]int32{randomTokens(rng, 40, cfg.VocabSize)}
		all := func(left int) int { return left }
		if err := sameStates(stepwise(made, seqs, nil, all), stepwise(loaded, seqs, nil, all)); err != nil {
			t.Errorf("seed %d (%s): loaded model: %v", seed, cfg.Architecture, err)
		}
		_, read, err := ReadWeights(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, w := range weights {
			if !reflect.DeepEqual(read[name].F32, widened(w)) {
				t.Errorf("seed %d: %s was read otherwise than written", seed, name)
			}
		}
		made.Close()
		loaded.Close()
	}
	if len(seen) < 3 {
		t.Errorf("only %v were tried", seen)
	}
}

// plainOf is the configuration of one family without biases.
func plainOf(arch string) Config {
	return Config{Architecture: arch, VocabSize: 50, HiddenSize: 32, IntermediateSize: 32, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 16, NormEps: 1e-5, RopeTheta: 5e5,
		MaxPositions: 128, TieEmbeddings: true, BOS: -1, Pad: -1, QKNorm: arch == "Qwen3ForCausalLM"}
}

// TestGGUFScaling reads the several ways in which files tell of rotary scaling.
func TestGGUFScaling(t *testing.T) {
	const p = "llama.rope.scaling."
	cfg := plainOf("LlamaForCausalLM")
	for _, c := range []struct {
		name   string
		change map[string]any
		want   RopeScaling
	}{
		{"none", map[string]any{p + "type": "none", p + "factor": float32(4)}, RopeScaling{}},
		{"linear", map[string]any{p + "type": "linear", p + "factor": float32(2.5)}, RopeScaling{Type: "linear", Factor: 2.5}},
		{"old linear", map[string]any{"llama.rope.scale_linear": float32(4)}, RopeScaling{Type: "linear", Factor: 4}},
		{"linear by 1", map[string]any{p + "type": "linear", p + "factor": float32(1)}, RopeScaling{}},
		{"yarn", map[string]any{p + "type": "yarn", p + "factor": float32(4), p + "original_context_length": uint32(32), p + "finetuned": true},
			RopeScaling{Type: "yarn", Factor: 4, OriginalContexts: 32}},
		{"yarn in full", map[string]any{p + "type": "yarn", p + "factor": float32(4), p + "yarn_beta_fast": float32(16), p + "yarn_beta_slow": float32(2), p + "attn_factor": float32(1)},
			RopeScaling{Type: "yarn", Factor: 4, OriginalContexts: 128, BetaFast: 16, BetaSlow: 2}},
	} {
		got := readScaling(t, c.name, ggufOf(t, cfg, randomWeights(rand.New(rand.NewPCG(1, 1)), cfg), c.change))
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	// Llama 3.1 files hold factors, made by the formula that a config.json names.
	want := RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalContexts: 8192}
	var factors, ones []float32
	for i := range 8 {
		f := 1 / power(cfg.RopeTheta, float64(2*i)/16)
		factors, ones = append(factors, float32(f/want.frequency(f))), append(ones, 1)
	}
	for _, c := range []struct {
		factors []float32
		want    RopeScaling
	}{{factors, want}, {ones, RopeScaling{}}} {
		b := ggufOf(t, cfg, randomWeights(rand.New(rand.NewPCG(1, 1)), cfg), nil)
		if err := b.Add(gguf.FromFloat32s(ggufRopeFactors, []int{8}, c.factors)); err != nil {
			t.Fatal(err)
		}
		if got := readScaling(t, "factors", b); got != c.want {
			t.Errorf("factors %v: %+v, want %+v", c.factors, got, c.want)
		}
	}
	b := ggufOf(t, cfg, randomWeights(rand.New(rand.NewPCG(1, 1)), cfg), nil)
	if err := b.Add(gguf.FromFloat32s(ggufRopeFactors, []int{8}, []float32{1, 1, 2, 2, 3, 3, 4, 4})); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(writeGGUF(t, b)); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), ggufRopeFactors) {
		t.Errorf("factors of no formula: %v", err)
	}
}

func readScaling(t *testing.T, name string, b *gguf.Builder) RopeScaling {
	t.Helper()
	m, err := Load(writeGGUF(t, b))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return RopeScaling{}
	}
	return m.Config().RopeScaling
}

// TestGGUFRefusals changes one entry of a good file; the error names it.
func TestGGUFRefusals(t *testing.T) {
	cfg := plainOf("Qwen2ForCausalLM")
	cfg.AttentionBias = true
	weights := randomWeights(rand.New(rand.NewPCG(2, 2)), cfg)
	for _, c := range []struct {
		key   string
		value any
		is    error
	}{
		{"general.architecture", "gemma3", ErrUnsupported},
		{"general.architecture", "llama", gguf.ErrNotFound},
		{"general.architecture", uint32(1), gguf.ErrCorrupt},
		{"split.count", uint32(2), ErrUnsupported},
		{"qwen2.block_count", nil, gguf.ErrNotFound},
		{"qwen2.block_count", uint32(2), gguf.ErrNotFound},
		{"qwen2.context_length", nil, gguf.ErrNotFound},
		{"qwen2.embedding_length", "x", gguf.ErrCorrupt},
		{"qwen2.embedding_length", int32(-32), gguf.ErrCorrupt},
		{"qwen2.attention.head_count", []int32{2, 2}, ErrUnsupported},
		{"qwen2.attention.value_length", uint32(8), ErrUnsupported},
		{"qwen2.rope.dimension_count", uint32(8), ErrUnsupported},
		{"qwen2.vocab_size", uint32(51), gguf.ErrCorrupt},
		{"qwen2.attention.sliding_window", uint32(64), ErrUnsupported},
		{"qwen2.expert_count", uint32(4), ErrUnsupported},
		{"qwen2.attn_logit_softcapping", float32(30), ErrUnsupported},
		{"qwen2.rope.scaling.type", "longrope", ErrUnsupported},
		{"qwen2.rope.scaling.attn_factor", float32(2), ErrUnsupported},
		{"qwen2.rope.scaling.yarn_ext_factor", float32(0), ErrUnsupported},
		{"qwen2.rope.scaling.factor", "x", gguf.ErrCorrupt},
		{"qwen2.attention.layer_norm_rms_epsilon", nil, nil},
		{"tokenizer.ggml.eos_token_id", "x", gguf.ErrCorrupt},
		{"tokenizer.ggml.eos_token_id", uint32(50), nil},
	} {
		_, err := Load(writeGGUF(t, ggufOf(t, cfg, weights, map[string]any{c.key: c.value})))
		name := c.key[strings.LastIndexByte(c.key, '.')+1:]
		words := map[string]string{"general.architecture": "", "qwen2.block_count": "", "qwen2.attention.layer_norm_rms_epsilon": "rms_norm_eps"}
		if w, ok := words[c.key]; ok {
			name = w
		}
		if err == nil || !strings.Contains(err.Error(), name) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s = %v: got %v, want it named and %v", c.key, c.value, err, c.is)
		}
	}
	accepted := map[string]any{"qwen2.attention.sliding_window": uint32(128), "qwen2.rope.dimension_count": uint32(16), "qwen2.expert_count": uint32(0), "general.name": "x",
		"tokenizer.ggml.eot_token_id": uint32(7), "tokenizer.ggml.eom_token_id": uint32(3), "tokenizer.ggml.bos_token_id": uint32(1), "tokenizer.ggml.padding_token_id": uint32(2)}
	m, err := Load(writeGGUF(t, ggufOf(t, cfg, weights, accepted)))
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Config(); !reflect.DeepEqual(c.EOS, []int{3, 7}) || c.BOS != 1 || c.Pad != 2 {
		t.Errorf("EOS %d, BOS %d, pad %d", c.EOS, c.BOS, c.Pad)
	}
	extra := ggufOf(t, cfg, weights, nil)
	if err := extra.Add(gguf.FromFloat32s("blk.0.ffn_gate_exps.weight", []int{1}, []float32{1})); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(writeGGUF(t, extra)); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "ffn_gate_exps") {
		t.Errorf("an unknown tensor: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "gone.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(empty); !errors.Is(err, gguf.ErrCorrupt) {
		t.Errorf("an empty file: %v", err)
	}
}

// FuzzGGUFConfig checks that a file that parses gives a valid configuration or an error.
func FuzzGGUFConfig(f *testing.F) {
	cfg := plainOf("LlamaForCausalLM") // small, so that a mutation likely hits the header
	cfg.VocabSize, cfg.HiddenSize, cfg.IntermediateSize, cfg.Heads, cfg.HeadDim = 5, 2, 2, 1, 2
	f.Add(ggufOf(f, cfg, randomWeights(rand.New(rand.NewPCG(1, 1)), cfg), nil).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := gguf.Parse(b)
		if err != nil {
			return
		}
		c, err := GGUFConfig(file)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("read but invalid: %v", err)
		}
		NewRope(&c, 4)
		for _, spec := range c.Tensors() {
			w, err := ggufWeight(file, &c, spec.Name)
			if err != nil || !slices.Equal(w.shape, spec.Shape) {
				continue
			}
			rows, columns := w.size()
			x := make([]float32, columns)
			for r := range rows { // a row outside the file panics
				w.widen(x, r)
			}
		}
	})
}
