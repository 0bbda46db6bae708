package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrSetting says that a trainer's setting can't be used.
var ErrSetting = errors.New("unusable setting of the trainer")

// The variables by which a trainer of the reference is told what to publish (validator specification, B10).
const (
	VarEnvID        = "GRAIL_ENV_ID"
	VarSplit        = "GRAIL_ENV_SPLIT"
	VarGPUEval      = "GRAIL_GPU_EVAL"
	VarThinkingMode = "GRAIL_THINKING_MODE"
	VarMaxTokens    = "GRAIL_GEN_MAX_TOKENS"
	VarTemperature  = "GRAIL_GEN_TEMPERATURE"
	VarTopP         = "GRAIL_GEN_TOP_P"
	VarTopK         = "GRAIL_GEN_TOP_K"
	VarRepetition   = "GRAIL_GEN_REPETITION_PENALTY"
	VarDeltaFormat  = "GRAIL_DELTA_FORMAT"
)

// TrainerPolicy makes what a checkpoint says of the network from a trainer's settings; those that are not in the map have their defaults, and
// so have values that are out of range. The error wraps ErrSetting.
func TrainerPolicy(settings map[string]string) (Policy, error) {
	p := Policy{EnvID: "triton_kernel", ThinkingMode: "instructed"}
	if id, ok := settings[VarEnvID]; ok {
		if id == "" {
			return p, fmt.Errorf("couldn't use %s: %w: it is empty", VarEnvID, ErrSetting)
		}
		p.EnvID = id
	}
	if mode, ok := settings[VarThinkingMode]; ok {
		p.ThinkingMode = strings.ToLower(cpython.Strip(mode))
		if p.ThinkingMode != "instructed" && p.ThinkingMode != "native" {
			return p, fmt.Errorf("couldn't use %s %.40q: %w: want instructed or native", VarThinkingMode, mode, ErrSetting)
		}
	}
	split := settings[VarSplit]
	if !slices.Contains([]string{"train", "test", "validation", "val"}, split) {
		split = "train"
	}
	p.EnvParams = cpython.ObjectValue([]cpython.Member{
		{Key: "split", Value: cpython.StringValue(split)},
		{Key: "gpu_eval", Value: cpython.BoolValue(slices.Contains([]string{"1", "true", "yes"}, strings.ToLower(settings[VarGPUEval])))},
	})
	integer := func(name string, otherwise, low, high int64) cpython.Value {
		if n, err := cpython.ParseInt(settings[name]); err == nil && n.IsInt64() && n.Int64() >= low && n.Int64() <= high {
			return cpython.IntValue(n.Int64())
		}
		return cpython.IntValue(otherwise)
	}
	number := func(name string, otherwise, low, high float64) cpython.Value {
		if f, err := cpython.ParseFloat(settings[name]); err == nil && !(f < low) && !(f > high) {
			return cpython.FloatValue(f) // a NaN is published, and refused by whoever reads it
		}
		return cpython.FloatValue(otherwise)
	}
	p.GenerationParams = cpython.ObjectValue([]cpython.Member{
		{Key: "max_tokens", Value: integer(VarMaxTokens, 2048, 1, 16384)},
		{Key: "temperature", Value: number(VarTemperature, 0.7, 0.01, 2)},
		{Key: "top_p", Value: number(VarTopP, 0.9, 0, 1)},
		{Key: "top_k", Value: integer(VarTopK, 50, 0, 1000)},
		{Key: "repetition_penalty", Value: number(VarRepetition, 1, 1, 2)},
	})
	return p, nil
}

// DeltaFormat reads the form of patches from a setting; names that are unknown mean the oldest one, as in the reference.
func DeltaFormat(setting string) patch.Version {
	switch strings.ToLower(cpython.Strip(setting)) {
	case "v3", patch.V3.Format():
		return patch.V3
	case "v3.1", patch.V31.Format():
		return patch.V31
	}
	return patch.V2
}
