package model

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/model/gguf"
)

// IsGGUF says whether path names a GGUF file rather than a Hugging Face folder.
func IsGGUF(path string) bool {
	info, err := os.Stat(path)
	return strings.EqualFold(filepath.Ext(path), ".gguf") && (err != nil || !info.IsDir())
}

// ggufArchitectures are the architectures of GGUF files that the engine runs.
var ggufArchitectures = map[string]string{"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}

// ggufNames are the places of a layer's tensors, by their canonical ones.
var ggufNames = map[string]string{
	"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
	"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm",
	"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}

// ggufRopeFactors is the tensor in which files of Llama 3.1 and later keep what config.json calls rope_scaling.
const ggufRopeFactors = "rope_freqs.weight"

// ggufName gives the name that a GGUF file has for a weight of canonical name.
func ggufName(name string) string {
	switch name {
	case "model.embed_tokens.weight":
		return "token_embd.weight"
	case "model.norm.weight":
		return "output_norm.weight"
	case "lm_head.weight":
		return "output.weight"
	}
	layer, rest, _ := strings.Cut(strings.TrimPrefix(name, "model.layers."), ".")
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return name
	}
	return "blk." + layer + "." + ggufNames[rest[:dot]] + rest[dot:]
}

// ggufKeys reads metadata and keeps the first error.
type ggufKeys struct {
	f    *gguf.File
	arch string
	used map[string]bool
	err  error
}

func (k *ggufKeys) fail(base error, key, format string, args ...any) {
	if k.err == nil {
		k.err = fmt.Errorf("metadata %s %s: %w", key, fmt.Sprintf(format, args...), base)
	}
}

func (k *ggufKeys) value(key string) (gguf.Value, bool) {
	k.used[key] = true
	return k.f.Value(key)
}

// number reads a whole number; a missing one is otherwise, or an error if that is negative.
func (k *ggufKeys) number(key string, otherwise int) int {
	v, ok := k.value(key)
	if !ok {
		if otherwise < 0 {
			k.fail(gguf.ErrNotFound, key, "is missing")
		}
		return otherwise
	}
	n, ok := v.Int()
	switch {
	case v.Kind() == gguf.Array:
		k.fail(ErrUnsupported, key, "is %s: layers that differ in shape", v)
	case !ok || n < 0 || n > math.MaxInt32:
		k.fail(gguf.ErrCorrupt, key, "is %s, want a whole number", v)
	}
	return int(n)
}

// real reads a float. Files keep f32 where config.json has a short decimal: 9.9999999e-06 is read as the 1e-05 that it was made from.
func (k *ggufKeys) real(key string, otherwise float64) float64 {
	v, ok := k.value(key)
	if !ok {
		return otherwise
	}
	x, ok := v.Float()
	if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
		k.fail(gguf.ErrCorrupt, key, "is %s, want a number", v)
		return otherwise
	}
	if v.Kind() == gguf.Float32 {
		x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 32), 64)
	}
	return x
}

func (k *ggufKeys) text(key string) string {
	v, ok := k.value(key)
	if !ok {
		return ""
	}
	s, ok := v.Text()
	if !ok {
		k.fail(gguf.ErrCorrupt, key, "is %s, want a string", v)
	}
	return s
}

// GGUFConfig reads the configuration of an open GGUF file. A metadata key of the architecture that would change results and isn't
// implemented is an error that names it (ErrUnsupported).
func GGUFConfig(f *gguf.File) (Config, error) {
	k := &ggufKeys{f: f, used: map[string]bool{}}
	k.arch = k.text("general.architecture")
	arch, ok := ggufArchitectures[k.arch]
	if k.err == nil && !ok {
		k.fail(ErrUnsupported, "general.architecture", "is %q (have llama, qwen2, qwen3)", k.arch)
	}
	if n := k.number("split.count", 1); n > 1 {
		k.fail(ErrUnsupported, "split.count", "is %d: the model is spread over several files", n)
	}
	p := k.arch + "."
	c := Config{
		Architecture: arch, Layers: k.number(p+"block_count", -1), HiddenSize: k.number(p+"embedding_length", -1),
		IntermediateSize: k.number(p+"feed_forward_length", -1), Heads: k.number(p+"attention.head_count", -1),
		MaxPositions: k.number(p+"context_length", -1), NormEps: k.real(p+"attention.layer_norm_rms_epsilon", 0),
		RopeTheta: k.real(p+"rope.freq_base", 10000), QKNorm: k.arch == "qwen3", TieEmbeddings: !f.Has("output.weight"),
		AttentionBias: f.Has("blk.0.attn_q.bias"), OutputBias: f.Has("blk.0.attn_output.bias"), MLPBias: f.Has("blk.0.ffn_gate.bias"),
		BOS: -1, Pad: -1, InitializerStdDev: 0.02, StorageDType: "float32",
	}
	c.KVHeads = k.number(p+"attention.head_count_kv", c.Heads)
	width := 0
	if c.Heads > 0 && c.HiddenSize%c.Heads == 0 {
		width = c.HiddenSize / c.Heads
	}
	c.HeadDim = k.number(p+"attention.key_length", width)
	for _, key := range []string{"attention.value_length", "rope.dimension_count"} {
		if n := k.number(p+key, c.HeadDim); n != c.HeadDim {
			k.fail(ErrUnsupported, p+key, "is %d beside heads of %d", n, c.HeadDim)
		}
	}
	if t, err := f.Tensor("token_embd.weight"); err != nil {
		k.err = errors.Join(k.err, err)
	} else {
		c.VocabSize = t.Shape[0]
		switch t.Type {
		case gguf.BF16:
			c.StorageDType = "bfloat16"
		case gguf.F16:
			c.StorageDType = "float16"
		}
	}
	if n := k.number(p+"vocab_size", c.VocabSize); n != c.VocabSize {
		k.fail(gguf.ErrCorrupt, p+"vocab_size", "is %d beside an embedding of %d rows", n, c.VocabSize)
	}
	if n := k.number(p+"attention.sliding_window", 0); n > 0 && n < c.MaxPositions {
		k.fail(ErrUnsupported, p+"attention.sliding_window", "is %d in a context of %d", n, c.MaxPositions)
	}
	for _, key := range []string{"expert_count", "expert_used_count"} {
		if n := k.number(p+key, 0); n > 0 {
			k.fail(ErrUnsupported, p+key, "is %d", n)
		}
	}
	k.scaling(&c)
	k.tokens(&c)
	k.rest()
	if k.err == nil {
		k.err = c.Validate()
	}
	if k.err != nil {
		return Config{}, fmt.Errorf("couldn't read the model's configuration: %w", k.err)
	}
	return c, nil
}

// tokens reads the special tokens that matter to generating: llama.cpp ends a completion at any of three.
func (k *ggufKeys) tokens(c *Config) {
	id := func(name string) int {
		key := "tokenizer.ggml." + name + "_token_id"
		if _, ok := k.f.Value(key); !ok {
			return -1
		}
		return k.number(key, 0)
	}
	c.BOS, c.Pad = id("bos"), id("padding")
	for _, name := range []string{"eos", "eot", "eom"} {
		if n := id(name); n >= 0 && !slices.Contains(c.EOS, n) {
			c.EOS = append(c.EOS, n)
		}
	}
}

// rest refuses keys of the architecture that nobody read.
func (k *ggufKeys) rest() {
	for _, key := range k.f.Keys() {
		if k.err == nil && strings.HasPrefix(key, k.arch+".") && !k.used[key] {
			v, _ := k.f.Value(key)
			k.fail(ErrUnsupported, key, "is %s", v)
		}
	}
}

// scaling reads the rotary scaling from metadata or from the factors that Llama 3.1 files hold.
func (k *ggufKeys) scaling(c *Config) {
	p := k.arch + ".rope.scaling."
	kind, factor, original := k.text(p+"type"), k.real(p+"factor", 0), k.number(p+"original_context_length", 0)
	stretch, fast, slow := k.real(p+"attn_factor", 1), k.real(p+"yarn_beta_fast", 0), k.real(p+"yarn_beta_slow", 0)
	for _, key := range []string{"yarn_ext_factor", "yarn_attn_factor"} {
		if x := k.real(p+key, 1); x != 1 {
			k.fail(ErrUnsupported, p+key, "is %g", x)
		}
	}
	k.used[p+"finetuned"] = true // says where the weights come from
	if old := k.real(k.arch+".rope.scale_linear", 0); old != 0 && kind == "" {
		kind, factor = "linear", old
	}
	switch {
	case kind == "" || kind == "none":
	case kind == "linear" && (factor == 0 || factor == 1):
	case kind == "linear":
		c.RopeScaling = RopeScaling{Type: "linear", Factor: factor}
	case kind == "yarn":
		if original == 0 {
			original = c.MaxPositions
		}
		c.RopeScaling = RopeScaling{Type: "yarn", Factor: max(factor, 1), OriginalContexts: original, BetaFast: fast, BetaSlow: slow}
		if stretch != 1 {
			c.RopeScaling.AttentionFactor = stretch * c.RopeScaling.attention()
		}
	default:
		k.fail(ErrUnsupported, p+"type", "is %q (have none, linear, yarn)", kind)
	}
	if c.RopeScaling.Type != "yarn" && stretch != 1 {
		k.fail(ErrUnsupported, p+"attn_factor", "is %g", stretch)
	}
	if k.err == nil && k.f.Has(ggufRopeFactors) {
		k.err = k.llama3(c)
	}
}

// llama3 finds the rope_scaling that the factors of rope_freqs.weight were made from: every Llama since 3.1 has the same low and high
// factor and original context, so that only the stretch is open, and that is the last factor.
func (k *ggufKeys) llama3(c *Config) error {
	t, err := k.f.Tensor(ggufRopeFactors)
	if err != nil {
		return err
	}
	unknown := fmt.Errorf("tensor %s holds rotary factors that aren't Llama 3's: %w", ggufRopeFactors, ErrUnsupported)
	if c.RopeScaling.Type != "" || c.HeadDim < 2 || t.Len() != c.HeadDim/2 || !(c.RopeTheta > 1) {
		return unknown
	}
	have := t.Float32s()
	s := RopeScaling{Type: "llama3", Factor: float64(have[len(have)-1]), LowFreqFactor: 1, HighFreqFactor: 4, OriginalContexts: 8192}
	if s.validate() != nil {
		return unknown
	}
	changed := false
	for i, x := range have {
		f := 1 / power(c.RopeTheta, float64(2*i)/float64(c.HeadDim))
		if want := f / s.frequency(f); !(math.Abs(float64(x)-want) <= 1e-4*want) {
			return unknown
		}
		changed = changed || x != 1
	}
	if changed {
		c.RopeScaling = s
	}
	return nil
}

// loadGGUF builds a model from a GGUF file: quantised weights are widened to f32, exactly as ggml widens them; bf16 and f16 stay.
func loadGGUF(path string, opt ...Options) (*Model, error) {
	f, cfg, err := openGGUF(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := build(cfg, func(name string) (weight, error) { return ggufWeight(f, &cfg, name) }, opt...)
	if err != nil {
		return nil, fmt.Errorf("couldn't load %s: %w", path, err)
	}
	return m, nil
}

// openGGUF opens a file whose configuration and tensors are a model that the engine runs.
func openGGUF(path string) (*gguf.File, Config, error) {
	f, err := gguf.Open(path)
	if err != nil {
		if errors.Is(err, gguf.ErrUnsupported) {
			err = fmt.Errorf("%w: %w", err, ErrUnsupported)
		}
		return nil, Config{}, fmt.Errorf("couldn't load the model: %w", err)
	}
	cfg, err := GGUFConfig(f)
	if err == nil {
		known := map[string]bool{ggufRopeFactors: true}
		for _, t := range cfg.Tensors() {
			known[ggufName(t.Name)] = true
		}
		for _, name := range f.Names() {
			if !known[name] {
				err = fmt.Errorf("%s is a weight that a %s of this configuration doesn't have: %w", name, cfg.Architecture, ErrUnsupported)
				break
			}
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, Config{}, fmt.Errorf("couldn't load %s: %w", path, err)
	}
	return f, cfg, nil
}
