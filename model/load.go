package model

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

// Load reads a Hugging Face folder: config.json and one or several
// safetensors files with weights in bf16, f16 (both kept as such, except in small models) or f32. Or it reads a file whose name ends in .gguf (package gguf).
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
	m, err := build(cfg, func(name string) (weight, error) { return folderWeight(folder, name) }, opt...)
	if err != nil {
		return nil, fmt.Errorf("couldn't load %s: %w", dir, err)
	}
	return m, nil
}

// ReadWeights reads all weights of a folder or a .gguf file, widened to f32, for training.
func ReadWeights(dir string) (Config, map[string]Tensor, error) {
	cfg, get, closing, err := openWeights(dir)
	if err != nil {
		return cfg, nil, err
	}
	defer closing()
	b := builder{}
	weights := map[string]Tensor{}
	for _, spec := range cfg.Tensors() {
		w, err := get(spec.Name)
		if err == nil && !slices.Equal(w.shape, spec.Shape) {
			err = fmt.Errorf("weight %s has shape %v, want shape %v", spec.Name, w.shape, spec.Shape)
		}
		if err != nil {
			return cfg, nil, fmt.Errorf("couldn't read %s: %w", dir, err)
		}
		t := Tensor{Shape: w.shape}
		t.F32 = make([]float32, t.Len())
		rows, columns := w.size()
		b.guard(func() {
			for r := range rows {
				w.widen(t.F32[r*columns:(r+1)*columns], r)
			}
		})
		if b.err != nil {
			return cfg, nil, fmt.Errorf("couldn't read %s: %w", dir, b.err)
		}
		w.done(0, rows)
		weights[spec.Name] = t
	}
	return cfg, weights, nil
}

// errChanged says that a mapped file has become shorter.
var errChanged = errors.New("the weights file has changed under its mapping, load it again")

// openWeights opens a folder or a .gguf file; get gives a weight by its canonical name until closing is called.
func openWeights(path string) (cfg Config, get func(name string) (weight, error), closing func() error, err error) {
	if IsGGUF(path) {
		f, cfg, err := openGGUF(path)
		if err != nil {
			return cfg, nil, nil, err
		}
		return cfg, func(name string) (weight, error) { return ggufWeight(f, &cfg, name) }, f.Close, nil
	}
	if cfg, err = ReadConfig(path); err != nil {
		return cfg, nil, nil, err
	}
	folder, err := safetensors.OpenDir(path)
	if err != nil {
		return cfg, nil, nil, fmt.Errorf("couldn't read the model's weights: %w", err)
	}
	return cfg, func(name string) (weight, error) { return folderWeight(folder, name) }, folder.Close, nil
}

// ignorable are tensors of old checkpoints that hold constants.
func ignorable(name string) bool { return filepath.Ext(name) == ".inv_freq" }

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
		if !ok || t.values() != (Tensor{Shape: spec.Shape}).Len() {
			return fmt.Errorf("couldn't write the model: weight %s is missing or has the wrong size", spec.Name)
		}
		switch {
		case t.BF16 != nil:
			list = append(list, safetensors.FromBF16(spec.Name, spec.Shape, t.BF16))
		case t.F16 != nil:
			f16 := safetensors.FromBF16(spec.Name, spec.Shape, t.F16)
			f16.DType = safetensors.F16
			list = append(list, f16)
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
