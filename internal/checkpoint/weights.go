package checkpoint

import (
	"fmt"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/model/safetensors"
)

// weights are the tensors of a model folder, mapped. They are valid until Close.
type weights struct {
	folder  *safetensors.Folder
	tensors []patch.Tensor
	bytes   int64
}

// openWeights maps the weights of a folder. The error wraps ErrFiles where they are none.
func openWeights(dir string) (*weights, error) {
	folder, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read weights: %w: %w", ErrFiles, err)
	}
	w := &weights{folder: folder}
	for _, name := range folder.Names() {
		t, err := folder.Tensor(name)
		if err == nil {
			d, ok := patch.FromSafetensors(string(t.DType))
			if ok {
				w.tensors = append(w.tensors, patch.Tensor{Name: name, DType: d, Shape: t.Shape, Data: t.Data})
				w.bytes += int64(len(t.Data))
				continue
			}
			err = fmt.Errorf("numbers of kind %s are unknown", t.DType)
		}
		_ = folder.Close()
		return nil, fmt.Errorf("couldn't read weight %s: %w: %w", name, ErrFiles, err)
	}
	return w, nil
}

// Close ends the mapping.
func (w *weights) Close() error { return w.folder.Close() }
