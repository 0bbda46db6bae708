// Package catalog finds environments by the env_id that a checkpoint's metadata names. It is the one place that knows them all.
//
// Specification: grail-environments, section 14.
package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/sat"
)

var factories = map[string]task.Factory{
	sat.ID: sat.New,
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
