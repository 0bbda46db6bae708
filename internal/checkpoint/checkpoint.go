// Package checkpoint publishes the trainer's models and fetches them.
//
// A checkpoint is a folder of objects in the trainer's bucket. It is named by a window W, its label, and becomes usable with an
// empty marker object READY-R, written when everything else is there:
//
//	grail/checkpoints/checkpoint-W/FULL/…      model and tokenizer files, metadata.json, manifest.sig, FULL
//	grail/checkpoints/checkpoint-W/DELTA/…     a patch: delta_sparse.bin.zst, delta_metadata.json, metadata.json, manifest.sig, DELTA
//	grail/checkpoints/checkpoint-W/READY-R
//
// In a window, everybody uses the checkpoint with the largest R below the window (Latest). So miners and validators agree without
// talking, as long as the marker is older than the window.
//
// Most checkpoints are published as what changed since the one before, now and then one is there whole, and some are both. Every way
// leads to the same weights, which their hash confirms: the patches since a checkpoint that lies here already, all of the checkpoint, the
// patches since a whole one. A Cache tries them in this order, takes files from any bucket that has them (FetchFrom), keeps what it fetched when it is
// interrupted, and lets a checkpoint appear when it is complete, never before.
//
// metadata.json says what the files are (a SHA-256 for each) and what all rollouts of the window must follow (Metadata.Policy):
// environment, thinking mode, sampling. manifest.sig is the trainer's signature over it. The reference never checks the signature; here
// a checkpoint whose trainer is known and whose signature is wrong is refused, because whoever can replace the model decides who is
// honest. The same holds for each patch, and for the whole checkpoint below them.
//
// Metadata, file names and patches come from another machine: a name that leads out of its folder, a file without a hash, a size over the limits,
// a position outside a tensor and anything unreadable are errors before a byte of them is used. Files are hashed on their way to the disk, weights are mapped and
// written piece by piece, so that memory is bounded by the patches (Limits).
//
// Specification: grail-mining-and-storage 7 to 9, 10.2, 12, 13; grail-validator-and-trainer A5, B9.
package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/nanteos/nanteos/internal/engine"
)

// Errors among which a caller decides.
var (
	// ErrNone: no checkpoint is ready, or the one asked for is not there. Ask again later.
	ErrNone = errors.New("no checkpoint is ready")
	// ErrMetadata: the metadata can't be read, or say what can't be or must not be. Asking again gives the same answer.
	ErrMetadata = errors.New("checkpoint metadata are invalid")
	// ErrPolicy: the metadata lack what everybody must know to make or check rollouts. The window is skipped.
	ErrPolicy = errors.New("checkpoint has no usable policy")
	// ErrSignature: the manifest is not signed by the trainer.
	ErrSignature = errors.New("checkpoint is not signed by the trainer")
	// ErrFiles: a file is missing, too large, or not the one that the manifest names.
	ErrFiles = errors.New("checkpoint files differ from the manifest")
	// ErrSpace: the disk of the cache is full. What was fetched before is used when there is room again.
	ErrSpace = errors.New("no room for the checkpoint on this disk")
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

// Load loads the model through a library and, where the trainer published what the model says to fixed prompts, compares that. The error wraps
// engine.ErrModel where the files are no usable model, and engine.ErrCanary where it is not the trainer's.
func (c Checkpoint) Load(ctx context.Context, library *engine.Library) (*engine.Native, error) {
	name := c.Metadata.ModelName
	if name == "" {
		name = fmt.Sprintf("checkpoint-%d", c.Window) // the reference would tell everybody a path of its machine
	}
	canary, err := c.canary()
	if err != nil {
		return nil, fmt.Errorf("couldn't load checkpoint %d: %w", c.Window, err)
	}
	native, err := library.Load(ctx, c.Dir, engine.Identity{Name: name, CheckpointWindow: c.Window})
	if err != nil {
		return nil, fmt.Errorf("couldn't load checkpoint %d: %w", c.Window, err)
	}
	if canary != nil {
		if err := canary.Check(ctx, native); err != nil {
			native.Close()
			return nil, fmt.Errorf("couldn't load checkpoint %d: %w (its weights are stale, or this machine computes other bits than the trainer's: "+
				"compare `nanteos version` and `nanteos doctor` with the trainer's, remove %s to fetch it again)", c.Window, err, c.Dir)
		}
	}
	return native, nil
}

// canary is what the trainer's model said to fixed prompts, nil where the manifest has none.
func (c Checkpoint) canary() (*engine.Canary, error) {
	for _, f := range c.Metadata.Manifest {
		if f.Name != engine.CanaryName {
			continue
		}
		text, err := readSmall(filepath.Join(c.Dir, f.Name))
		if err != nil {
			return nil, err
		}
		canary, err := engine.ParseCanary(text)
		return &canary, err
	}
	return nil, nil
}
