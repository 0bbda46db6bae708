package bench

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/gguf"
)

// smol is the shape of SmolLM2-135M.
var smol = model.Config{Architecture: "LlamaForCausalLM", VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536, Layers: 30, Heads: 9, KVHeads: 3,
	HeadDim: 64, NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 2048, TieEmbeddings: true, BOS: -1, Pad: -1, StorageDType: "bfloat16", InitializerStdDev: 0.02}

// five is a model of five million parameters.
var five = model.Config{Architecture: "LlamaForCausalLM", VocabSize: 2048, HiddenSize: 256, IntermediateSize: 768, Layers: 6, Heads: 4, KVHeads: 2,
	HeadDim: 64, NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 1024, TieEmbeddings: true, BOS: -1, Pad: -1, StorageDType: "float32", InitializerStdDev: 0.02}

// token is the token at place i of every measured sequence; the drivers have the same.
func token(i, vocabulary int) int32 { return int32((i*7919 + 13) % vocabulary) }

func tokens(n, vocabulary int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = token(i, vocabulary)
	}
	return x
}

// randomWeights gives matrices of bf16 numbers of magnitude 2^-6 to 2^-5, which f16 holds exactly, and norms of ones.
func randomWeights(cfg model.Config) map[string]model.Tensor {
	rng := rand.New(rand.NewPCG(1, 1))
	weights := map[string]model.Tensor{}
	for _, spec := range cfg.Tensors() {
		w := model.Tensor{Shape: spec.Shape}
		n := w.Len()
		if len(spec.Shape) == 1 {
			w.F32 = make([]float32, n)
			for i := range w.F32 {
				w.F32[i] = 1
			}
		} else {
			w.BF16 = make([]uint16, n)
			for i := range w.BF16 {
				r := rng.Uint32()
				w.BF16[i] = uint16(0x3c80 | r&0x7f | r>>8&1<<15)
			}
		}
		weights[spec.Name] = w
	}
	return weights
}

// half converts a bf16 number of randomWeights to f16.
func half(x uint16) uint16 {
	f := math.Float32frombits(uint32(x) << 16)
	bits := math.Float32bits(f)
	return uint16(bits>>16&0x8000 | (bits>>23&0xff-112)<<10 | bits>>13&0x3ff)
}

// names of GGUF for a layer's weights.
var names = strings.NewReplacer("model.embed_tokens", "token_embd", "model.norm", "output_norm", "model.layers.", "blk.",
	"input_layernorm", "attn_norm", "post_attention_layernorm", "ffn_norm", "self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k",
	"self_attn.v_proj", "attn_v", "self_attn.o_proj", "attn_output", "mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down")

// writeGGUF writes a Llama model as llama.cpp's converter does: norms in f32, the rows of queries and keys in pairs.
func writeGGUF(tb testing.TB, path string, cfg model.Config, weights map[string]model.Tensor, kind gguf.Type) {
	tb.Helper()
	b := &gguf.Builder{}
	for _, e := range []struct {
		key   string
		value any
	}{
		{"general.architecture", "llama"}, {"llama.block_count", uint32(cfg.Layers)}, {"llama.context_length", uint32(cfg.MaxPositions)},
		{"llama.embedding_length", uint32(cfg.HiddenSize)}, {"llama.feed_forward_length", uint32(cfg.IntermediateSize)},
		{"llama.attention.head_count", uint32(cfg.Heads)}, {"llama.attention.head_count_kv", uint32(cfg.KVHeads)},
		{"llama.attention.layer_norm_rms_epsilon", float32(cfg.NormEps)}, {"llama.rope.freq_base", float32(cfg.RopeTheta)},
		{"llama.rope.dimension_count", uint32(cfg.HeadDim)}, {"llama.vocab_size", uint32(cfg.VocabSize)}, {"tokenizer.ggml.model", "no_vocab"},
	} {
		if err := b.Set(e.key, e.value); err != nil {
			tb.Fatal(err)
		}
	}
	for _, spec := range cfg.Tensors() {
		w, name := weights[spec.Name], names.Replace(spec.Name)
		var x gguf.Tensor
		if w.BF16 == nil {
			x = gguf.FromFloat32s(name, spec.Shape, w.F32)
		} else {
			data := w.BF16
			switch {
			case strings.Contains(name, "attn_q"):
				data = pairs(data, cfg.Heads, cfg.HeadDim)
			case strings.Contains(name, "attn_k"):
				data = pairs(data, cfg.KVHeads, cfg.HeadDim)
			}
			if kind == gguf.F16 {
				converted := make([]uint16, len(data))
				for i, v := range data {
					converted[i] = half(v)
				}
				data = converted
			}
			x = gguf.FromBF16s(name, spec.Shape, data) // both have two bytes
			x.Type = kind
		}
		if err := b.Add(x); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// pairs puts the two rows that the rotary embedding turns together beside each other.
func pairs(x []uint16, heads, headDim int) []uint16 {
	width, half := len(x)/(heads*headDim), headDim/2
	out := make([]uint16, 0, len(x))
	for h := range heads {
		for i := range half {
			for j := range 2 {
				out = append(out, x[(h*headDim+j*half+i)*width:][:width]...)
			}
		}
	}
	return out
}

// files are one model in every form that an engine wants.
type files struct {
	folder string            // safetensors
	gguf   map[string]string // by the name of the type
}

func writeModel(tb testing.TB, cfg model.Config) files {
	tb.Helper()
	dir := tb.TempDir()
	weights := randomWeights(cfg)
	f := files{folder: filepath.Join(dir, "folder"), gguf: map[string]string{"bf16": filepath.Join(dir, "bf16.gguf"), "f16": filepath.Join(dir, "f16.gguf")}}
	wide := map[string]model.Tensor{} // WriteFolder rounds to what the configuration says
	for name, w := range weights {
		if w.BF16 != nil {
			x := make([]float32, len(w.BF16))
			for i, v := range w.BF16 {
				x[i] = math.Float32frombits(uint32(v) << 16)
			}
			w = model.Tensor{Shape: w.Shape, F32: x}
		}
		wide[name] = w
	}
	if err := model.WriteFolder(f.folder, cfg, wide); err != nil {
		tb.Fatal(err)
	}
	writeGGUF(tb, f.gguf["bf16"], cfg, weights, gguf.BF16)
	writeGGUF(tb, f.gguf["f16"], cfg, weights, gguf.F16)
	return f
}

// TestForms holds that all forms of the measured model are the same model.
func TestForms(t *testing.T) {
	cfg := smol
	cfg.VocabSize, cfg.Layers, cfg.MaxPositions = 96, 2, 64
	f := writeModel(t, cfg)
	var want [32]byte
	for i, path := range []string{f.folder, f.gguf["bf16"], f.gguf["f16"]} {
		m, err := model.Load(path, model.Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Digest(t.Context(), tokens(40, cfg.VocabSize))
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		} else if got != want {
			t.Errorf("%s computes other hidden states than %s", filepath.Base(path), filepath.Base(f.folder))
		}
	}
}

// TestTrained holds the second shape to its name.
func TestTrained(t *testing.T) {
	if n := five.Parameters(); n < 4.5e6 || n > 5.5e6 {
		t.Errorf("the model of five million parameters has %d", n)
	}
}
