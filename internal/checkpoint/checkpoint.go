// Package checkpoint publishes the trainer's models and fetches them.
//
// A checkpoint is a folder of objects in the trainer's bucket. It is named by a window W, its label, and becomes usable with an
// empty marker object READY-R, written when everything else is there:
//
//	grail/checkpoints/checkpoint-W/FULL/…      model and tokenizer files, metadata.json, manifest.sig, FULL
//	grail/checkpoints/checkpoint-W/READY-R
//
// In a window, everybody uses the checkpoint with the largest R below the window (Latest). So miners and validators agree without
// talking, as long as the marker is older than the window.
//
// metadata.json says what the files are (a SHA-256 for each) and what all rollouts of the window must follow (Metadata.Policy):
// environment, thinking mode, sampling. manifest.sig is the trainer's signature over it. The reference never checks the signature; here
// a checkpoint whose trainer is known and whose signature is wrong is refused, because whoever can replace the model decides who is
// honest.
//
// Metadata and file names come from another machine: a name that leads out of its folder, a file without a hash, a size over the limits
// and anything unreadable are errors before a byte of them is written.
//
// Specification: grail-mining-and-storage 7.1, 7.3, 10.2, 12, 13; grail-validator-and-trainer A5, B9. Sparse patches (DELTA)
// are told apart and refused with ErrDelta.
package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/internal/engine"
)

// Errors among which a caller decides.
var (
	// ErrNone: no checkpoint is ready, or the one asked for is not there. Ask again later.
	ErrNone = errors.New("no checkpoint is ready")
	// ErrDelta: the checkpoint is only there as a patch of another one.
	ErrDelta = errors.New("checkpoint is published as a patch only")
	// ErrMetadata: the metadata can't be read, or say what can't be or must not be. Asking again gives the same answer.
	ErrMetadata = errors.New("checkpoint metadata are invalid")
	// ErrPolicy: the metadata lack what everybody must know to make or check rollouts. The window is skipped.
	ErrPolicy = errors.New("checkpoint has no usable policy")
	// ErrSignature: the manifest is not signed by the trainer.
	ErrSignature = errors.New("checkpoint is not signed by the trainer")
	// ErrFiles: a file is missing, too large, or not the one that the manifest names.
	ErrFiles = errors.New("checkpoint files differ from the manifest")
)

// Checkpoint is a checkpoint on this machine, whole and checked.
type Checkpoint struct {
	// Window is its label.
	Window int64
	// Dir is the model folder.
	Dir string
	// Metadata are the trainer's.
	Metadata Metadata
}

// Load loads the model through a library. The error wraps engine.ErrModel where the files are no usable model.
func (c Checkpoint) Load(ctx context.Context, library *engine.Library) (*engine.Native, error) {
	name := c.Metadata.ModelName
	if name == "" {
		name = fmt.Sprintf("checkpoint-%d", c.Window) // the reference would tell everybody a path of its machine
	}
	native, err := library.Load(ctx, c.Dir, engine.Identity{Name: name, CheckpointWindow: c.Window})
	if err != nil {
		return nil, fmt.Errorf("couldn't load checkpoint %d: %w", c.Window, err)
	}
	return native, nil
}
