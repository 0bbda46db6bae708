package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

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
		if ok && !slices.Contains(changesResult[name], strings.TrimSpace(string(raw))) {
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

func short(raw []byte) string {
	if len(raw) > 60 {
		return string(raw[:60]) + "..."
	}
	return string(raw)
}

// JSON is the text of a config.json that ParseConfig and Hugging Face's
// library read as this configuration.
func (c *Config) JSON() ([]byte, error) {
	kind := map[string]string{"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}[c.Architecture]
	if kind == "" {
		return nil, fmt.Errorf("couldn't write config.json: architecture is %q: %w", c.Architecture, ErrUnsupported)
	}
	dtype := c.StorageDType
	if dtype == "" {
		dtype = "float32"
	}
	o := map[string]any{
		"architectures": []string{c.Architecture}, "model_type": kind, "hidden_act": "silu",
		"vocab_size": c.VocabSize, "hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize,
		"num_hidden_layers": c.Layers, "num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"rms_norm_eps": c.NormEps, "rope_theta": c.RopeTheta, "rope_scaling": nil,
		"max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.TieEmbeddings,
		"attention_bias": c.AttentionBias, "torch_dtype": dtype, "initializer_range": c.InitializerStdDev,
		"bos_token_id": nil, "eos_token_id": nil, "pad_token_id": nil, "attention_dropout": 0.0, "use_cache": true,
	}
	if kind == "llama" {
		o["mlp_bias"] = c.MLPBias
	}
	switch c.RopeScaling.Type {
	case "linear":
		o["rope_scaling"] = map[string]any{"rope_type": "linear", "factor": c.RopeScaling.Factor}
	case "llama3":
		r := c.RopeScaling
		o["rope_scaling"] = map[string]any{"rope_type": "llama3", "factor": r.Factor, "low_freq_factor": r.LowFreqFactor,
			"high_freq_factor": r.HighFreqFactor, "original_max_position_embeddings": r.OriginalContexts}
	}
	if c.BOS >= 0 {
		o["bos_token_id"] = c.BOS
	}
	if c.Pad >= 0 {
		o["pad_token_id"] = c.Pad
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		o["eos_token_id"] = c.EOS[0]
	default:
		o["eos_token_id"] = c.EOS
	}
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write config.json: %w", err)
	}
	return append(text, '\n'), nil
}
