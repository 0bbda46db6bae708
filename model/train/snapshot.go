package train

import (
	"fmt"

	"github.com/nanteos/nanteos/model"
)

// Weights copies the current weights under their canonical names.
func (t *Trainer) Weights() map[string]model.Tensor {
	w := make(map[string]model.Tensor, len(t.lay.list))
	for _, x := range t.lay.list {
		w[x.spec.Name] = model.Tensor{Shape: x.spec.Shape, F32: append([]float32(nil), x.at.of(t.theta)...)}
	}
	return w
}

// Model returns a copy of the model as it is now, for sampling and replay.
// Its weights are f32: not yet the rounded ones that Save writes where the
// configuration's StorageDType is bfloat16.
func (t *Trainer) Model() (*model.Model, error) {
	m, err := model.New(t.cfg, t.Weights())
	if err != nil {
		return nil, fmt.Errorf("couldn't take the model out of training: %w", err)
	}
	return m, nil
}

// Save writes the model as a Hugging Face folder: config.json and
// model.safetensors, in bf16 where the configuration's StorageDType is "bfloat16",
// else in f32.
func (t *Trainer) Save(dir string) error { return model.WriteFolder(dir, t.cfg, t.Weights()) }
