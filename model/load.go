package model

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

// Load reads a Hugging Face folder: config.json and one or several
// safetensors files with weights in bf16 (kept as such), f32 or f16 (widened
// exactly, so that f16 costs the memory of f32). Or it reads a file whose name ends in .gguf (package gguf).
// Weights that the configuration doesn't name are an error, except a
// lm_head.weight beside tied embeddings, which is ignored.
func Load(dir string, opt ...Options) (*Model, error) {
	if IsGGUF(dir) {
		return loadGGUF(dir, opt...)
	}
	cfg, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	folder, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't load the model's weights: %w", err)
	}
	defer folder.Close()
	known := map[string]bool{"lm_head.weight": true}
	for _, t := range cfg.Tensors() {
		known[t.Name] = true
	}
	for _, name := range folder.Names() {
		if !known[name] && !ignorable(name) {
			return nil, fmt.Errorf("couldn't load the model: %s is a weight that a %s of this configuration doesn't have: %w", name, cfg.Architecture, ErrUnsupported)
		}
	}
	m, err := build(cfg, func(name string) (Tensor, error) { return readTensor(folder, name) }, opt...)
	if err != nil {
		return nil, fmt.Errorf("couldn't load %s: %w", dir, err)
	}
	return m, nil
}

// ReadWeights reads all weights of a folder or a .gguf file, widened to f32, for training.
func ReadWeights(dir string) (Config, map[string]Tensor, error) {
	cfg, read, closing, err := openWeights(dir)
	if err != nil {
		return cfg, nil, err
	}
	defer closing()
	weights := map[string]Tensor{}
	for _, spec := range cfg.Tensors() {
		t, err := read(spec.Name)
		if err != nil {
			return cfg, nil, fmt.Errorf("couldn't read %s: %w", dir, err)
		}
		weights[spec.Name] = Tensor{Shape: t.Shape, F32: append([]float32(nil), widened(t)...)}
	}
	return cfg, weights, nil
}

// openWeights opens a folder or a .gguf file; read gives a weight by its canonical name until closing is called.
func openWeights(path string) (cfg Config, read func(name string) (Tensor, error), closing func() error, err error) {
	if IsGGUF(path) {
		f, cfg, err := openGGUF(path)
		if err != nil {
			return cfg, nil, nil, err
		}
		return cfg, func(name string) (Tensor, error) { return ggufTensor(f, &cfg, name) }, f.Close, nil
	}
	if cfg, err = ReadConfig(path); err != nil {
		return cfg, nil, nil, err
	}
	folder, err := safetensors.OpenDir(path)
	if err != nil {
		return cfg, nil, nil, fmt.Errorf("couldn't read the model's weights: %w", err)
	}
	return cfg, func(name string) (Tensor, error) { return readTensor(folder, name) }, folder.Close, nil
}

// ignorable are tensors of old checkpoints that hold constants.
func ignorable(name string) bool { return filepath.Ext(name) == ".inv_freq" }

func readTensor(folder *safetensors.Folder, name string) (Tensor, error) {
	t, err := folder.Tensor(name)
	if err != nil {
		return Tensor{}, err
	}
	if t.DType == safetensors.BF16 {
		x, err := t.BF16()
		return Tensor{Shape: t.Shape, BF16: x}, err
	}
	x, err := t.Float32s()
	return Tensor{Shape: t.Shape, F32: x}, err
}

// WriteFolder writes config.json and model.safetensors into dir (made if
// missing), rounding f32 weights to bf16 if the configuration's StorageDType is
// "bfloat16".
func WriteFolder(dir string, cfg Config, weights map[string]Tensor) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("couldn't write the model: %w", err)
	}
	var list []safetensors.Tensor
	for _, spec := range cfg.Tensors() {
		t, ok := weights[spec.Name]
		if !ok || len(t.F32)+len(t.BF16) != (Tensor{Shape: spec.Shape}).Len() {
			return fmt.Errorf("couldn't write the model: weight %s is missing or has the wrong size", spec.Name)
		}
		switch {
		case t.BF16 != nil:
			list = append(list, safetensors.FromBF16(spec.Name, spec.Shape, t.BF16))
		case cfg.StorageDType == "bfloat16":
			x := make([]uint16, len(t.F32))
			kernel.F32ToBF16(x, t.F32)
			list = append(list, safetensors.FromBF16(spec.Name, spec.Shape, x))
		default:
			list = append(list, safetensors.FromFloat32s(spec.Name, spec.Shape, t.F32))
		}
	}
	text, err := cfg.JSON()
	if err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), list, map[string]string{"format": "pt"}); err != nil {
		return fmt.Errorf("couldn't write the model: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
		return fmt.Errorf("couldn't write the model: %w", err)
	}
	return nil
}
