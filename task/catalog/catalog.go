// Package catalog finds environments by the env_id that a checkpoint's metadata names. It is the one place that knows them all.
//
// Specification: grail-environments, section 14.
package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affinelogic"
	"github.com/nanteos/nanteos/task/affinetrace"
	"github.com/nanteos/nanteos/task/gsm8k"
	"github.com/nanteos/nanteos/task/humaneval"
	"github.com/nanteos/nanteos/task/math"
	"github.com/nanteos/nanteos/task/mbpp"
	"github.com/nanteos/nanteos/task/sat"
	"github.com/nanteos/nanteos/task/triton"
)

var factories = map[string]task.Factory{
	affinelogic.ID: affinelogic.New,
	affinetrace.ID: affinetrace.New,
	gsm8k.ID:       gsm8k.New,
	humaneval.ID:   humaneval.New,
	math.ID:        math.New,
	mbpp.ID:        mbpp.New,
	mbpp.Alias:     mbpp.NewAlias,
	sat.ID:         sat.New,
	triton.ID:      triton.New,
}

// ErrUnregistered says that the reference's validators don't know an environment.
var ErrUnregistered = errors.New("environment is not in the reference's registry")

// unregistered are the environments that the reference's trainer can make and its validators don't know.
var unregistered = []string{"affine_logic", "affine_trace"}

// Registered says whether the reference's validators know an environment; the error wraps ErrUnregistered where they don't. With such a one their
// check of the prompt fails for every rollout of every miner, so that a network under their rules can't use it (specification, section 13).
func Registered(id string) error {
	if slices.Contains(unregistered, id) {
		return fmt.Errorf("couldn't use environment %s: %w: its validators fail every miner at env_prompt_valid", id, ErrUnregistered)
	}
	return nil
}

// IDs returns the ids of all environments, sorted.
func IDs() []string { return slices.Sorted(maps.Keys(factories)) }

// Open makes the environment of an id. An id that is not known wraps task.ErrUnknownEnvironment; a window that needs it has to be skipped.
func Open(id string, o task.Options) (task.Environment, error) {
	f, ok := factories[id]
	if !ok {
		return nil, fmt.Errorf("couldn't open environment %.40q: %w: this build has %s", id, task.ErrUnknownEnvironment, strings.Join(IDs(), ", "))
	}
	e, err := f(o)
	if err != nil {
		return nil, fmt.Errorf("couldn't open environment %s: %w", id, err)
	}
	return e, nil
}
