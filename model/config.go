package model

import (
	"errors"
	"fmt"
	"math"
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
// frequencies only; "yarn" stretches the dimensions that turn less than BetaSlow
// times in the original context, leaves those that turn more than BetaFast times, blends in
// between, and scales cosines and sines by its attention factor.
type RopeScaling struct {
	Type             string
	Factor           float64
	LowFreqFactor    float64 // llama3
	HighFreqFactor   float64 // llama3
	OriginalContexts int     // llama3, yarn: the context that was trained, in tokens

	// Of yarn, 0 meaning that the configuration doesn't say.
	AttentionFactor      float64
	MScale, MScaleAllDim float64 // give the attention factor, if both are there
	BetaFast, BetaSlow   float64 // 0: 32 and 1
	NoTruncate           bool    // truncate is false: the ends of the blend are not rounded to whole dimensions
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
	if c.RopeScaling.Type == "yarn" && !(c.RopeTheta > 1) {
		return fmt.Errorf("config field rope_theta is %g, want more than 1 with yarn", c.RopeTheta)
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
	case "yarn":
		return r.validateYarn()
	default:
		return fmt.Errorf("config field rope_scaling.rope_type is %q: %w (have default, linear, llama3, yarn)", r.Type, ErrUnsupported)
	}
	return nil
}
