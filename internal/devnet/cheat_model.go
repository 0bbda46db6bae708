package devnet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/model/safetensors"
)

// otherModel says that it runs the checkpoint and runs another model: here the checkpoint with noise on its weights, as a cheaper, quantised
// one would have it. Tokens, sketches and log-probabilities are all of that other model and agree with each other.
type otherModel struct {
	n *Network
	h *miner.Honest

	other *miner.Honest // nil before the first group; a worker makes one group at a time
}

// Group makes an honest group with the other model.
func (o *otherModel) Group(ctx context.Context, w miner.Window, index int64) ([]grail.Row, error) {
	if o.other == nil {
		model, err := o.n.noisyModel(ctx, o.h.Model.Policy)
		if err != nil {
			return nil, err
		}
		evaluator, err := node.NewEvaluator(o.h.Rules, model)
		if err != nil {
			return nil, err
		}
		other := *o.h
		other.Model, other.Evaluator = model, evaluator
		o.other = &other
	}
	return o.other.Group(ctx, w, index)
}

// noise is the standard deviation of the factors on the weights.
const noise = 0.1

// noisyModel loads the model of the cheats, which is the same for all of them.
func (n *Network) noisyModel(ctx context.Context, policy node.Policy) (*node.Model, error) {
	n.noisy.Lock()
	defer n.noisy.Unlock()
	dir := n.folder.other("noisy")
	if _, err := os.Stat(filepath.Join(dir, safetensors.SingleName)); err != nil {
		if err := makeNoisy(n.baseDir(), dir, n.folder.made.Seed); err != nil {
			return nil, err
		}
	}
	// It gives itself out for the checkpoint.
	native, err := n.library.Load(ctx, dir, engine.Identity{Name: policy.ModelName, CheckpointWindow: policy.Checkpoint})
	if err != nil {
		return nil, err
	}
	n.borrowed = append(n.borrowed, native.Close)
	m := checkpoints.NewModel(native, policy)
	m.Environments = n.environments
	return m, nil
}

// makeNoisy copies a model folder and multiplies every weight by a random factor near 1.
func makeNoisy(from, to string, seed uint64) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("couldn't make folder of the other model: %w", err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("couldn't read the base model: %w", err)
	}
	for _, e := range entries {
		if e.Name() == safetensors.SingleName || !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("couldn't copy the base model: %w", err)
		}
	}
	folder, err := safetensors.OpenDir(from)
	if err != nil {
		return fmt.Errorf("couldn't open the base model: %w", err)
	}
	defer folder.Close()
	random := rand.New(rand.NewPCG(seed, 0x6e6f697365))
	var tensors []safetensors.Tensor
	for _, name := range folder.Names() {
		t, err := folder.Tensor(name)
		if err != nil {
			return err
		}
		x, err := t.Float32s()
		if err != nil {
			return fmt.Errorf("couldn't read tensor %s: %w", name, err)
		}
		for i := range x {
			x[i] *= 1 + noise*float32(random.NormFloat64())
		}
		tensors = append(tensors, safetensors.FromFloat32s(name, t.Shape, x))
	}
	// Written last and atomically: its presence says that the folder is complete.
	return safetensors.Write(filepath.Join(to, safetensors.SingleName), tensors, map[string]string{"format": "pt"})
}
