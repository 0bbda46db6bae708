package grpo

import (
	"fmt"
	"strings"
)

// Variant says over what a policy loss is averaged (B7, step 4).
type Variant string

// The variants.
const (
	GRPO   Variant = "grpo"    // the mean over sequences of the mean over their tokens
	BNPO   Variant = "bnpo"    // the mean over all tokens
	DrGRPO Variant = "dr_grpo" // the sum over the sequences' tokens, by the longest completion
	DAPO   Variant = "dapo"    // the sum by the tokens of all processes
)

// ParseVariant reads a variant in any case; gspo and dr-grpo are other names of dr_grpo. The error wraps ErrConfig.
func ParseVariant(s string) (Variant, error) {
	switch v := Variant(strings.ToLower(s)); v {
	case GRPO, BNPO, DrGRPO, DAPO:
		return v, nil
	case "gspo", "dr-grpo":
		return DrGRPO, nil
	}
	return "", fmt.Errorf("couldn't use variant %.40q: %w: want grpo, bnpo, dr_grpo or dapo", s, ErrConfig)
}

// Level says what an importance ratio is of.
type Level string

// The levels.
const (
	SequenceLevel Level = "sequence" // one ratio a rollout, of the mean over its tokens
	TokenLevel    Level = "token"
)

// ParseLevel reads a level in any case. The error wraps ErrConfig.
func ParseLevel(s string) (Level, error) {
	switch l := Level(strings.ToLower(s)); l {
	case SequenceLevel, TokenLevel:
		return l, nil
	}
	return "", fmt.Errorf("couldn't use importance sampling level %.40q: %w: want sequence or token", s, ErrConfig)
}

// Config is how a policy is trained. DefaultConfig is the reference's; its fields say what they are there.
type Config struct {
	// Quirks reproduces the reference's defects; see the package comment.
	Quirks bool
	// Estimator makes advantages of rewards: grpo.
	Estimator Estimator
	// Variant and Level shape the loss: dapo, sequence.
	Variant Variant
	Level   Level
	// ClipLow and ClipHigh bound the ratio to [1 − 0.2, 1 + 0.28]; RatioMax cuts it before, at 10 (0: not); LogRatioClamp its logarithm, at ±5.
	ClipLow, ClipHigh, RatioMax, LogRatioClamp float64
	// NoRatio leaves importance sampling out: the plain policy gradient.
	NoRatio bool
	// AdvantageClip bounds advantages by this percentile of their size within a micro-batch: 99; 0 and 100: not.
	AdvantageClip float64
	// KL is the weight of the distance to the reference model, 0.02, Entropy that of the entropy, 0.001.
	KL, Entropy float64
	// GradientClip bounds the norm of the gradient: 0.5.
	GradientClip float64
	// MicroBatch sequences (16) are computed together, or, where MicroTokens is above 0, as many as have so many tokens. Accumulation micro-batches (8)
	// make an optimizer step; EffectiveBatch above 0 says how many sequences a step should have instead, with MicroTokens only.
	MicroBatch, MicroTokens, Accumulation, EffectiveBatch int
	// MaxLength cuts sequences: 12288 tokens.
	MaxLength int
}

// DefaultConfig returns the reference's settings (B11), without its defects.
func DefaultConfig() Config {
	return Config{
		Estimator: EstimateGRPO, Variant: DAPO, Level: SequenceLevel,
		ClipLow: 0.2, ClipHigh: 0.28, RatioMax: 10, LogRatioClamp: 5, AdvantageClip: 99, KL: 0.02, Entropy: 0.001, GradientClip: 0.5,
		MicroBatch: 16, Accumulation: 8, MaxLength: 12288,
	}
}

// AdaptiveKL is a controller that keeps the divergence near Target by changing the weight of the KL loss by Rate, within Min and Max.
type AdaptiveKL struct{ Value, Target, Min, Max, Rate float64 }

// DefaultAdaptiveKL returns the reference's controller, which is off unless asked for.
func DefaultAdaptiveKL(value float64) AdaptiveKL {
	return AdaptiveKL{Value: value, Target: 0.04, Min: 0.001, Max: 0.2, Rate: 1.5}
}

// Observe takes the divergence of a step and returns the weight for the next.
func (k *AdaptiveKL) Observe(kl float64) float64 {
	switch {
	case kl > float64(k.Target*1.2):
		k.Value = min(k.Max, k.Value*k.Rate)
	case kl < float64(k.Target*0.8):
		k.Value = max(k.Min, k.Value/k.Rate)
	}
	return k.Value
}
