package checkpoint

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Policy is what a checkpoint fixes for everybody in the windows that use it (validator specification, A5).
type Policy struct {
	// EnvID names the environment, EnvParams are its parameters: an object or null.
	EnvID     string
	EnvParams cpython.Value
	// ThinkingMode is "native" or "instructed".
	ThinkingMode string
	// GenerationParams is an object with the five sampling parameters, whose values grail.Rules.GenerationParamsOf reads.
	GenerationParams cpython.Value
}

// samplingKeys must be there, in the order in which missing ones are reported.
var samplingKeys = [...]string{"max_tokens", "temperature", "top_p", "top_k", "repetition_penalty"}

// Policy returns the policy. The error wraps ErrPolicy and names what is missing.
func (m Metadata) Policy() (Policy, error) {
	if missing := m.Missing(); len(missing) > 0 {
		return Policy{}, fmt.Errorf("couldn't take the policy of checkpoint %d: %w: missing are %s", m.Window, ErrPolicy, strings.Join(missing, ", "))
	}
	return Policy{EnvID: m.EnvID, EnvParams: m.EnvParams, ThinkingMode: m.ThinkingMode, GenerationParams: m.GenerationParams}, nil
}

// Missing names what the policy lacks, in the order of the reference: env_id, thinking_mode, generation_params or keys of it.
// Only the presence of the sampling parameters is looked at.
func (m Metadata) Missing() []string {
	var missing []string
	if m.EnvID == "" {
		missing = append(missing, "env_id")
	}
	switch m.ThinkingMode {
	case "native", "instructed":
	case "":
		missing = append(missing, "thinking_mode")
	default:
		missing = append(missing, fmt.Sprintf("thinking_mode (invalid value '%s')", m.ThinkingMode))
	}
	if m.GenerationParams.Len() == 0 {
		return append(missing, "generation_params")
	}
	for _, key := range samplingKeys {
		if _, ok := m.GenerationParams.Get(key); !ok {
			missing = append(missing, "generation_params."+key)
		}
	}
	return missing
}
