package train

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nanteos/nanteos/model/safetensors"
)

// ErrState is wrapped by errors about a state file that belongs to another
// model or isn't one; start afresh or give the right file.
var ErrState = errors.New("not a training state of this model")

// The tensors of a state file, each a flat vector in the layout's order.
const (
	stateWeights = "weights"
	stateFirst   = "first_moments"
	stateSecond  = "second_moments"
	stateSteps   = "steps"
	stateLayout  = "layout"
)

// SaveState writes everything that the next step depends on (weights, moments,
// number of steps) to a safetensors file, replacing it in one move. Batches are
// the caller's: with the same batches a resumed run makes the same bits.
func (t *Trainer) SaveState(path string) error {
	n := []int{t.lay.total}
	err := safetensors.Write(path, []safetensors.Tensor{
		safetensors.FromFloat32s(stateWeights, n, t.theta),
		safetensors.FromFloat32s(stateFirst, n, t.m),
		safetensors.FromFloat32s(stateSecond, n, t.v),
	}, map[string]string{stateSteps: strconv.Itoa(t.steps), stateLayout: t.lay.digest()})
	if err != nil {
		return fmt.Errorf("couldn't save the training state: %w", err)
	}
	return nil
}

// LoadState takes up a run that SaveState left, on a trainer of the same
// configuration. A gradient that Accumulate began is dropped.
func (t *Trainer) LoadState(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't load the training state: %w", err)
	}
	defer f.Close()
	meta := f.Metadata()
	steps, err := strconv.Atoi(meta[stateSteps])
	if err != nil || steps < 0 || meta[stateLayout] != t.lay.digest() {
		return fmt.Errorf("couldn't load the training state %s: its layout or step count (%q) doesn't fit: %w", path, meta[stateSteps], ErrState)
	}
	var read [3][]float32
	for i, name := range []string{stateWeights, stateFirst, stateSecond} {
		x, err := f.Tensor(name)
		if err != nil {
			return fmt.Errorf("couldn't load the training state: %w", err)
		}
		if read[i], err = x.Float32s(); err != nil {
			return fmt.Errorf("couldn't load the training state: %w", err)
		}
		if len(read[i]) != t.lay.total {
			return fmt.Errorf("couldn't load the training state %s: %s has %d values, want %d: %w", path, name, len(read[i]), t.lay.total, ErrState)
		}
	}
	copy(t.theta, read[0])
	copy(t.m, read[1])
	copy(t.v, read[2])
	t.steps, t.open = steps, false
	t.repackAll()
	return nil
}
