package node

import (
	"errors"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
)

// ErrNoCheckpoint says that no checkpoint is ready for a window. The window is skipped.
var ErrNoCheckpoint = errors.New("no checkpoint is ready")

// ErrPolicy says that a checkpoint's metadata are incomplete or ask for what this build can't do. The window is skipped, and nobody is
// blamed.
var ErrPolicy = errors.New("checkpoint has no usable policy")

// Policy is what a checkpoint's metadata fix for everybody in the windows that use it (validator specification, A5).
type Policy struct {
	// Checkpoint is the label of the checkpoint, which rows carry.
	Checkpoint int64
	// ModelName is the identity text that commits sign.
	ModelName string
	// EnvID names the environment, EnvParams are its parameters: an object or null.
	EnvID     string
	EnvParams cpython.Value
	// Params are the sampling parameters, in range and capped.
	Params grail.GenerationParams
	// Mode is the thinking mode.
	Mode task.Mode
}
