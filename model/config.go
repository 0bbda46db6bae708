package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// ErrUnsupported is wrapped by every error that says that a model folder asks
// for arithmetic this engine does not have. The caller's decision: use another
// engine for this model, never run it here with the field ignored.
var ErrUnsupported = errors.New("unsupported by the native engine")

// Config is the shape of a dense decoder in the field names of Hugging Face's
// config.json. The three families differ in two switches: Qwen2 has biases on
// q, k and v; Qwen3 normalises each head of q and k.
type Config struct {
	Architecture      string // "LlamaForCausalLM", "Qwen2ForCausalLM" or "Qwen3ForCausalLM"
	VocabSize         int
	HiddenSize        int
	IntermediateSize  int
	Layers            int
	Heads             int // query heads
	KVHeads           int // key and value heads; Heads is a multiple of it
	HeadDim           int // even
	NormEps           float64
	RopeTheta         float64
	RopeScaling       RopeScaling
	MaxPositions      int // longest sequence the model accepts, in tokens
	TieEmbeddings     bool
	AttentionBias     bool // biases on q, k, v
	OutputBias        bool // bias on o (Llama with attention_bias)
	MLPBias           bool
	QKNorm            bool
	BOS               int   // -1: none
	EOS               []int // empty: none
	Pad               int   // -1: none
	StorageDType      string
	InitializerStdDev float64
}

// RopeScaling holds the parameters of the rotary embedding's scaling. Type ""
// means none; "linear" divides positions by Factor; "llama3" stretches the low
// frequencies only.
type RopeScaling struct {
	Type             string
	Factor           float64
	LowFreqFactor    float64
	HighFreqFactor   float64
	OriginalContexts int
}

// QDim is the width of all query heads together.
func (c *Config) QDim() int { return c.Heads * c.HeadDim }

// KVDim is the width of all key heads together.
func (c *Config) KVDim() int { return c.KVHeads * c.HeadDim }

// limits of a configuration; they bound what a hostile folder can make us allocate.
const (
	maxVocab  = 1 << 20
	maxHidden = 1 << 15
	maxFFN    = 1 << 17
	maxLayers = 512
	maxHeads  = 1024
	maxCtx    = 1 << 22
)

// Validate says whether the configuration describes a model that this engine
// computes.
func (c *Config) Validate() error {
	check := func(name string, v, lo, hi int) error {
		if v < lo || v > hi {
			return fmt.Errorf("config field %s is %d, want %d to %d", name, v, lo, hi)
		}
		return nil
	}
	if err := errors.Join(
		check("vocab_size", c.VocabSize, 1, maxVocab),
		check("hidden_size", c.HiddenSize, 1, maxHidden),
		check("intermediate_size", c.IntermediateSize, 1, maxFFN),
		check("num_hidden_layers", c.Layers, 1, maxLayers),
		check("num_attention_heads", c.Heads, 1, maxHeads),
		check("num_key_value_heads", c.KVHeads, 1, maxHeads),
		check("head_dim", c.HeadDim, 2, 1024),
		check("max_position_embeddings", c.MaxPositions, 1, maxCtx),
	); err != nil {
		return err
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("config field num_attention_heads is %d, not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("config field head_dim is %d, want an even number", c.HeadDim)
	}
	if !(c.NormEps > 0 && c.NormEps < 1) {
		return fmt.Errorf("config field rms_norm_eps is %g, want a number between 0 and 1", c.NormEps)
	}
	if !(c.RopeTheta > 0) || math.IsInf(c.RopeTheta, 0) {
		return fmt.Errorf("config field rope_theta is %g, want a positive number", c.RopeTheta)
	}
	for _, e := range c.EOS {
		if e < 0 || e >= c.VocabSize {
			return fmt.Errorf("config field eos_token_id has %d, outside the vocabulary of %d", e, c.VocabSize)
		}
	}
	return c.RopeScaling.validate()
}

func (r RopeScaling) validate() error {
	switch r.Type {
	case "":
		return nil
	case "linear":
		if !(r.Factor >= 1) {
			return fmt.Errorf("config field rope_scaling.factor is %g, want at least 1", r.Factor)
		}
	case "llama3":
		if !(r.Factor >= 1) || !(r.LowFreqFactor > 0) || !(r.HighFreqFactor > r.LowFreqFactor) || r.OriginalContexts < 1 {
			return fmt.Errorf("config field rope_scaling (llama3) is incomplete: factor %g, low_freq_factor %g, high_freq_factor %g, original_max_position_embeddings %d",
				r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalContexts)
		}
	default:
		return fmt.Errorf("config field rope_scaling.rope_type is %q: %w (have default, linear, llama3)", r.Type, ErrUnsupported)
	}
	return nil
}

type ropeJSON struct {
	RopeType         string   `json:"rope_type"`
	Type             string   `json:"type"`
	Factor           float64  `json:"factor"`
	LowFreqFactor    float64  `json:"low_freq_factor"`
	HighFreqFactor   float64  `json:"high_freq_factor"`
	OriginalContexts int      `json:"original_max_position_embeddings"`
	RopeTheta        *float64 `json:"rope_theta"`
}

type configJSON struct {
	Architectures     []string        `json:"architectures"`
	ModelType         string          `json:"model_type"`
	VocabSize         int             `json:"vocab_size"`
	HiddenSize        int             `json:"hidden_size"`
	IntermediateSize  int             `json:"intermediate_size"`
	Layers            int             `json:"num_hidden_layers"`
	Heads             int             `json:"num_attention_heads"`
	KVHeads           *int            `json:"num_key_value_heads"`
	HeadDim           *int            `json:"head_dim"`
	NormEps           *float64        `json:"rms_norm_eps"`
	RopeTheta         *float64        `json:"rope_theta"`
	RopeScaling       *ropeJSON       `json:"rope_scaling"`
	RopeParameters    *ropeJSON       `json:"rope_parameters"`
	MaxPositions      int             `json:"max_position_embeddings"`
	TieEmbeddings     *bool           `json:"tie_word_embeddings"`
	AttentionBias     *bool           `json:"attention_bias"`
	MLPBias           bool            `json:"mlp_bias"`
	HiddenAct         string          `json:"hidden_act"`
	BOS               json.RawMessage `json:"bos_token_id"`
	EOS               json.RawMessage `json:"eos_token_id"`
	Pad               json.RawMessage `json:"pad_token_id"`
	TorchDType        string          `json:"torch_dtype"`
	DType             string          `json:"dtype"`
	InitializerStdDev *float64        `json:"initializer_range"`
}

// changesResult lists fields of other architectures that would change the
// numbers, with the values under which they do nothing.
var changesResult = map[string][]string{
	"use_sliding_window":      {"false", "null"},
	"attn_logit_softcapping":  {"null"},
	"final_logit_softcapping": {"null"},
	"logit_scale":             {"null", "1", "1.0"},
	"logits_scaling":          {"null", "1", "1.0"},
	"embedding_multiplier":    {"null", "1", "1.0"},
	"residual_multiplier":     {"null", "1", "1.0"},
	"attention_multiplier":    {"null"},
	"query_pre_attn_scalar":   {"null"},
	"partial_rotary_factor":   {"null", "1", "1.0"},
	"quantization_config":     {"null"},
	"num_experts":             {"null", "0"},
	"num_local_experts":       {"null", "0"},
	"no_rope_layers":          {"null", "[]"},
}

// ParseConfig reads the text of a config.json. Fields that would change the
// model's numbers and that this engine does not know are errors that name the
// field (ErrUnsupported).
func ParseConfig(text []byte) (Config, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return Config{}, fmt.Errorf("couldn't read config.json: %w", err)
	}
	var j configJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return Config{}, fmt.Errorf("couldn't read config.json: %w", err)
	}
	names := make([]string, 0, len(changesResult))
	for name := range changesResult {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		raw, ok := all[name]
		if ok && !contains(changesResult[name], strings.TrimSpace(string(raw))) {
			return Config{}, fmt.Errorf("config field %s is %s: %w", name, short(raw), ErrUnsupported)
		}
	}
	if raw, ok := all["layer_types"]; ok {
		var kinds []string
		if err := json.Unmarshal(raw, &kinds); err != nil {
			return Config{}, fmt.Errorf("couldn't read config field layer_types: %w", err)
		}
		for _, k := range kinds {
			if k != "full_attention" {
				return Config{}, fmt.Errorf("config field layer_types has %q: %w", k, ErrUnsupported)
			}
		}
	}
	arch, err := architecture(j)
	if err != nil {
		return Config{}, err
	}
	if raw, ok := all["sliding_window"]; ok && arch == "LlamaForCausalLM" && strings.TrimSpace(string(raw)) != "null" {
		return Config{}, fmt.Errorf("config field sliding_window is %s: %w", short(raw), ErrUnsupported)
	}
	if j.HiddenAct != "silu" && j.HiddenAct != "swish" {
		return Config{}, fmt.Errorf("config field hidden_act is %q: %w (have silu)", j.HiddenAct, ErrUnsupported)
	}
	c := Config{
		Architecture: arch, VocabSize: j.VocabSize, HiddenSize: j.HiddenSize,
		IntermediateSize: j.IntermediateSize, Layers: j.Layers, Heads: j.Heads, KVHeads: j.Heads,
		NormEps: 1e-6, RopeTheta: 10000, MaxPositions: j.MaxPositions, BOS: -1, Pad: -1,
		QKNorm: arch == "Qwen3ForCausalLM", AttentionBias: arch == "Qwen2ForCausalLM",
		MLPBias: j.MLPBias, InitializerStdDev: 0.02,
	}
	if j.KVHeads != nil {
		c.KVHeads = *j.KVHeads
	}
	switch {
	case j.HeadDim != nil:
		c.HeadDim = *j.HeadDim
	case arch == "Qwen3ForCausalLM":
		c.HeadDim = 128
	case j.Heads > 0:
		if j.HiddenSize%j.Heads != 0 {
			return Config{}, fmt.Errorf("config field hidden_size is %d, not a multiple of num_attention_heads %d", j.HiddenSize, j.Heads)
		}
		c.HeadDim = j.HiddenSize / j.Heads
	}
	if j.NormEps != nil {
		c.NormEps = *j.NormEps
	}
	if j.AttentionBias != nil && arch != "Qwen2ForCausalLM" {
		c.AttentionBias = *j.AttentionBias
		c.OutputBias = *j.AttentionBias
	}
	if c.MLPBias && arch != "LlamaForCausalLM" {
		return Config{}, fmt.Errorf("config field mlp_bias is true for %s: %w", arch, ErrUnsupported)
	}
	if j.TieEmbeddings != nil {
		c.TieEmbeddings = *j.TieEmbeddings
	}
	if j.RopeTheta != nil {
		c.RopeTheta = *j.RopeTheta
	}
	for _, r := range []*ropeJSON{j.RopeScaling, j.RopeParameters} {
		if r == nil {
			continue
		}
		if r.RopeTheta != nil {
			c.RopeTheta = *r.RopeTheta
		}
		kind := r.RopeType
		if kind == "" {
			kind = r.Type
		}
		if kind == "" || kind == "default" {
			continue
		}
		c.RopeScaling = RopeScaling{Type: kind, Factor: r.Factor, LowFreqFactor: r.LowFreqFactor,
			HighFreqFactor: r.HighFreqFactor, OriginalContexts: r.OriginalContexts}
	}
	bos, err := tokenIDs("bos_token_id", j.BOS)
	if err != nil {
		return Config{}, err
	}
	if len(bos) > 0 {
		c.BOS = bos[0]
	}
	if c.EOS, err = tokenIDs("eos_token_id", j.EOS); err != nil {
		return Config{}, err
	}
	pad, err := tokenIDs("pad_token_id", j.Pad)
	if err != nil {
		return Config{}, err
	}
	if len(pad) > 0 {
		c.Pad = pad[0]
	}
	c.StorageDType = j.TorchDType
	if j.DType != "" {
		c.StorageDType = j.DType
	}
	if j.InitializerStdDev != nil {
		c.InitializerStdDev = *j.InitializerStdDev
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// ReadConfig reads dir/config.json.
func ReadConfig(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return Config{}, fmt.Errorf("couldn't read the model's configuration: %w", err)
	}
	return ParseConfig(text)
}

func architecture(j configJSON) (string, error) {
	byType := map[string]string{"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
	if len(j.Architectures) == 1 {
		for _, a := range byType {
			if a == j.Architectures[0] {
				return a, nil
			}
		}
	}
	if len(j.Architectures) == 0 {
		if a, ok := byType[j.ModelType]; ok {
			return a, nil
		}
	}
	return "", fmt.Errorf("config field architectures is %q (model_type %q): %w (have Llama, Qwen2 and Qwen3 ForCausalLM)",
		j.Architectures, j.ModelType, ErrUnsupported)
}

// tokenIDs reads an id, a list of ids or null.
func tokenIDs(field string, raw json.RawMessage) ([]int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one int
	if err := json.Unmarshal(raw, &one); err == nil {
		return []int{one}, nil
	}
	var many []int
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, fmt.Errorf("config field %s is %s, want an id or a list of ids", field, short(raw))
	}
	return many, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func short(raw []byte) string {
	if len(raw) > 60 {
		return string(raw[:60]) + "..."
	}
	return string(raw)
}
