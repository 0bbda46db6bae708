package model

import (
	"bytes"
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
	AttentionFactor  *float64 `json:"attention_factor"`
	MScale           float64  `json:"mscale"`
	MScaleAllDim     float64  `json:"mscale_all_dim"`
	BetaFast         float64  `json:"beta_fast"`
	BetaSlow         float64  `json:"beta_slow"`
	Truncate         *bool    `json:"truncate"`
	Finetuned        *bool    `json:"finetuned"` // changes nothing
	PartialRotary    *float64 `json:"partial_rotary_factor"`
}

// UnmarshalJSON refuses fields that it doesn't know: scaling has many variants, and each changes every number.
func (r *ropeJSON) UnmarshalJSON(text []byte) error {
	type plain ropeJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode((*plain)(r))
	if err != nil && strings.Contains(err.Error(), "unknown field") {
		return fmt.Errorf("config field rope_scaling: %w: %w", err, ErrUnsupported)
	}
	return err
}

// scaling is the RopeScaling that the fields describe for a model of the given context.
func (r *ropeJSON) scaling(context int) (RopeScaling, error) {
	kind := r.RopeType
	if kind == "" {
		kind = r.Type
	}
	if r.PartialRotary != nil && *r.PartialRotary != 1 {
		return RopeScaling{}, fmt.Errorf("config field partial_rotary_factor is %g: %w", *r.PartialRotary, ErrUnsupported)
	}
	if kind == "" || kind == "default" {
		return RopeScaling{}, nil
	}
	s := RopeScaling{Type: kind, Factor: r.Factor, LowFreqFactor: r.LowFreqFactor, HighFreqFactor: r.HighFreqFactor, OriginalContexts: r.OriginalContexts}
	if kind != "yarn" {
		return s, nil
	}
	s.LowFreqFactor, s.HighFreqFactor = 0, 0 // not of yarn
	s.MScale, s.MScaleAllDim, s.BetaFast, s.BetaSlow = r.MScale, r.MScaleAllDim, r.BetaFast, r.BetaSlow
	s.NoTruncate = r.Truncate != nil && !*r.Truncate
	if s.OriginalContexts == 0 {
		s.OriginalContexts = context
	}
	if r.AttentionFactor != nil {
		if s.AttentionFactor = *r.AttentionFactor; !(s.AttentionFactor > 0) {
			return s, fmt.Errorf("config field rope_scaling.attention_factor is %g, want a positive number", s.AttentionFactor)
		}
	}
	return s, nil
}

// text is the JSON object of the scaling, nil for none.
func (r RopeScaling) text() any {
	if r.Type == "" {
		return nil
	}
	o := map[string]any{"rope_type": r.Type, "factor": r.Factor}
	add := func(name string, x float64) {
		if x != 0 {
			o[name] = x
		}
	}
	add("low_freq_factor", r.LowFreqFactor)
	add("high_freq_factor", r.HighFreqFactor)
	add("attention_factor", r.AttentionFactor)
	add("mscale", r.MScale)
	add("mscale_all_dim", r.MScaleAllDim)
	add("beta_fast", r.BetaFast)
	add("beta_slow", r.BetaSlow)
	if r.OriginalContexts != 0 {
		o["original_max_position_embeddings"] = r.OriginalContexts
	}
	if r.NoTruncate {
		o["truncate"] = false
	}
	return o
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
	HiddenAct         *string         `json:"hidden_act"`
	BOS               json.RawMessage `json:"bos_token_id"`
	EOS               json.RawMessage `json:"eos_token_id"`
	Pad               json.RawMessage `json:"pad_token_id"`
	TorchDType        string          `json:"torch_dtype"`
	DType             string          `json:"dtype"`
	InitializerStdDev *float64        `json:"initializer_range"`
	SlidingWindow     json.RawMessage `json:"sliding_window"`
	UseSlidingWindow  *bool           `json:"use_sliding_window"`
	MaxWindowLayers   *int            `json:"max_window_layers"`
	LayerTypes        []string        `json:"layer_types"`
}

// checkWindow refuses a sliding window that some layer applies and that is shorter than the context: in any other case a layer
// that knows no window computes the same.
func (j *configJSON) checkWindow(arch string) error {
	window, given := 0, len(j.SlidingWindow) > 0 && string(j.SlidingWindow) != "null"
	if given {
		if err := json.Unmarshal(j.SlidingWindow, &window); err != nil {
			return fmt.Errorf("couldn't read config field sliding_window: %w", err)
		}
	}
	if len(j.SlidingWindow) == 0 && arch != "LlamaForCausalLM" {
		window, given = 4096, true // the families' default
	}
	first := 28 // layer with a window, as the families' default says
	if j.MaxWindowLayers != nil {
		first = *j.MaxWindowLayers
	}
	field, sliding := "sliding_window", false
	switch {
	case j.LayerTypes != nil:
		field = "layer_types"
		for _, k := range j.LayerTypes {
			if k != "full_attention" && k != "sliding_attention" {
				return fmt.Errorf("config field layer_types has %q: %w", k, ErrUnsupported)
			}
			sliding = sliding || k == "sliding_attention"
		}
	case arch == "LlamaForCausalLM":
		sliding = given && (j.UseSlidingWindow == nil || *j.UseSlidingWindow)
	default:
		field = "use_sliding_window"
		sliding = given && j.UseSlidingWindow != nil && *j.UseSlidingWindow && first < j.Layers
	}
	if sliding && (!given || window < j.MaxPositions) {
		return fmt.Errorf("config field %s asks for attention over the last %d of up to %d tokens (sliding_window): %w", field, window, j.MaxPositions, ErrUnsupported)
	}
	return nil
}

// changesResult lists fields of other architectures and of other engines' checkpoints that would change the numbers, with the values under
// which they do nothing.
var changesResult = map[string][]string{
	// factors and limits
	"attn_logit_softcapping": {"null"}, "final_logit_softcapping": {"null"}, "attention_multiplier": {"null"}, "query_pre_attn_scalar": {"null"},
	"logit_scale": one, "logits_scaling": one, "embedding_multiplier": one, "residual_multiplier": one, "residual_scale": one, "scale_emb": one,
	"scale_depth": {"null"}, "attn_temperature_tuning": off, "clip_qkv": {"null"}, "attention_sinks": off, "attention_sink": off,
	// positions
	"partial_rotary_factor": one, "rotary_pct": one, "rope_interleaved": off, "rope_interleave": off, "no_rope_layers": {"null", "[]"},
	"no_rope_layer_interval": {"null", "0"}, "rope_local_base_freq": {"null"}, "alibi": off, "position_embedding_type": {"null", `"rope"`, `"rotary"`},
	// what attention sees
	"attention_chunk_size": {"null", "0"}, "is_causal": {"null", "true"}, "use_bidirectional_attention": off, "is_encoder_decoder": off,
	"add_cross_attention": off,
	// other layers
	"hidden_activation": {"null", `"silu"`, `"swish"`}, "parallel_attn": off, "use_parallel_residual": off, "use_qk_norm": off, "qk_norm": off,
	"use_bias": off, "rms_norm_add_unit_offset": off, "num_experts": none, "num_local_experts": none, "n_routed_experts": none, "moe_num_experts": none,
	"kv_lora_rank": none, "q_lora_rank": none, "num_kv_shared_layers": none, "attention_output_bias": off,
	// weights that are not plain numbers
	"quantization_config": {"null"}, "quantization": {"null"}, "compression_config": {"null"}, "pruned_heads": {"null", "{}"},
}

var (
	one  = []string{"null", "1", "1.0"}
	off  = []string{"null", "false"}
	none = []string{"null", "0"}
)

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
	arch, err := architecture(j)
	if err != nil {
		return Config{}, err
	}
	if err := j.checkWindow(arch); err != nil {
		return Config{}, err
	}
	if act := j.HiddenAct; act != nil && *act != "silu" && *act != "swish" { // missing, it is silu in all families
		return Config{}, fmt.Errorf("config field hidden_act is %q: %w (have silu)", *act, ErrUnsupported)
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
		scaling, err := r.scaling(c.MaxPositions)
		if err != nil {
			return Config{}, err
		}
		if scaling.Type != "" {
			c.RopeScaling = scaling
		}
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
		for kind, a := range byType {
			if a != j.Architectures[0] {
				continue
			}
			if j.ModelType != "" && j.ModelType != kind { // the type is what other libraries go by
				return "", fmt.Errorf("config field model_type is %q beside the architecture %s: %w", j.ModelType, a, ErrUnsupported)
			}
			return a, nil
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
		"rms_norm_eps": c.NormEps, "rope_theta": c.RopeTheta, "rope_scaling": c.RopeScaling.text(),
		"max_position_embeddings": c.MaxPositions, "tie_word_embeddings": c.TieEmbeddings,
		"attention_bias": c.AttentionBias, "torch_dtype": dtype, "initializer_range": c.InitializerStdDev,
		"bos_token_id": nil, "eos_token_id": nil, "pad_token_id": nil, "attention_dropout": 0.0, "use_cache": true,
	}
	if kind == "llama" {
		o["mlp_bias"] = c.MLPBias
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
