package grail

import (
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrGenerationParams is the sentinel of a checkpoint's generation parameters that break the protocol: the window is skipped.
var ErrGenerationParams = errors.New("invalid generation parameters")

// GenerationParams is the sampling policy of a checkpoint. Miners generate with it, and validators check termination and the
// distribution of the chosen tokens against it.
type GenerationParams struct {
	// MaxTokens is the largest number of completion tokens, already capped by the rules.
	MaxTokens int `json:"max_tokens"`
	// Temperature divides the logits, 0.01..2.
	Temperature float64 `json:"temperature"`
	// TopP is the nucleus, 0..1.
	TopP float64 `json:"top_p"`
	// TopK keeps the k most probable tokens, 0..1000; 0 keeps all.
	TopK int `json:"top_k"`
	// RepetitionPenalty weakens tokens that occurred before, 1..2; 1 is off.
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

// TrainerGenerationParams returns the policy that the reference's trainer publishes when it is not told otherwise.
func TrainerGenerationParams() GenerationParams {
	return GenerationParams{MaxTokens: 2048, Temperature: 0.7, TopP: 0.9, TopK: 50, RepetitionPenalty: 1}
}

// ParseGenerationParams reads the JSON text of a checkpoint's generation_params. See GenerationParamsOf.
func (r Rules) ParseGenerationParams(text []byte) (GenerationParams, error) {
	v, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: 1 << 20, MaxDepth: 32, MaxValues: 1 << 12})
	if err != nil {
		return GenerationParams{}, fmt.Errorf("couldn't read generation parameters: %w: %w", ErrGenerationParams, err)
	}
	return r.GenerationParamsOf(v)
}

// GenerationParamsOf reads generation parameters from the map in a checkpoint's metadata (environments specification, 16.1). All five are
// required; each is converted as Python's int() or float() would and must be in its range. max_tokens is capped by MaxCompletionTokens.
// Unknown keys are ignored. The error wraps ErrGenerationParams and names the field.
func (r Rules) GenerationParamsOf(v cpython.Value) (GenerationParams, error) {
	if v.Kind() != cpython.Object {
		return GenerationParams{}, fmt.Errorf("%w: they are %s, not an object", ErrGenerationParams, v.Kind())
	}
	var p GenerationParams
	var errs []error
	integer := func(key string, low, high int64) int {
		field, ok := v.Get(key)
		if !ok {
			errs = append(errs, fmt.Errorf("%w: %s is missing", ErrGenerationParams, key))
			return 0
		}
		n, err := field.ToInt()
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: couldn't read %s: %w", ErrGenerationParams, key, err))
			return 0
		}
		if n.Sign() > 0 && !n.IsInt64() && high == noLimit {
			return r.MaxCompletionTokens
		}
		if !n.IsInt64() || n.Int64() < low || n.Int64() > high {
			errs = append(errs, fmt.Errorf("%w: %s is out of range", ErrGenerationParams, key))
			return 0
		}
		if high == noLimit {
			return int(min(n.Int64(), int64(r.MaxCompletionTokens)))
		}
		return int(n.Int64())
	}
	real := func(key string, low, high float64) float64 {
		field, ok := v.Get(key)
		if !ok {
			errs = append(errs, fmt.Errorf("%w: %s is missing", ErrGenerationParams, key))
			return 0
		}
		f, err := field.ToFloat()
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: couldn't read %s: %w", ErrGenerationParams, key, err))
			return 0
		}
		if !(f >= low && f <= high) {
			errs = append(errs, fmt.Errorf("%w: %s is %v, must be %v to %v", ErrGenerationParams, key, f, low, high))
		}
		return f
	}
	p.MaxTokens = integer("max_tokens", 1, noLimit)
	p.Temperature = real("temperature", 0.01, 2)
	p.TopP = real("top_p", 0, 1)
	p.TopK = integer("top_k", 0, 1000)
	p.RepetitionPenalty = real("repetition_penalty", 1, 2)
	if err := errors.Join(errs...); err != nil {
		return GenerationParams{}, err
	}
	return p, nil
}

// noLimit marks max_tokens, which is capped instead of refused.
const noLimit = 1<<63 - 1
