// Package base is the language model that nanteos carries inside: the one that
// a local network starts from, small enough to embed and to train on two cores.
//
// It is a Qwen3-shaped decoder of about 0.7 million parameters with a
// tokenizer of its own, and it knows two things: how to work out the small 3-SAT
// problems of the SAT environment and how to add and subtract numbers below a hundred.
// It reasons in small steps, writes its answer in the tags that the
// environments read and stops. And it is careless on purpose: about half of
// its decisions are left to chance when sampled, so that reinforcement learning
// has something to teach it.
//
// The package holds the whole way to it: the vocabulary, the generator of worked
// problems (problem.go, teacher.go, example.go), the initial weights (shape.go), the
// training plan and its driver (train.go), the measurements (evaluate.go) and
// the result (data/). `nanteos model train-base` runs the plan again; the same
// seed gives the same bytes. docs/base-model.md has the figures.
package base

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/tokenizer"
)

//go:embed data
var data embed.FS

// FS gives the files of the embedded model, a Hugging Face folder:
// config.json, generation_config.json, model.safetensors (bf16), tokenizer.json,
// tokenizer_config.json.
func FS() fs.FS {
	sub, err := fs.Sub(data, "data")
	if err != nil { // the name is valid, so this cannot be
		return data
	}
	return sub
}

// WriteTo writes the embedded model into dir, which is made if missing.
// Files that are there already are replaced.
func WriteTo(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("couldn't write the base model: %w", err)
	}
	files := FS()
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.FromSlash(path)), text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("couldn't write the base model: %w", err)
		}
		return nil
	})
}

// Load gives the embedded model and its tokenizer, ready to run. The caller
// closes the model.
func Load(opt ...model.Options) (*model.Model, *tokenizer.Tokenizer, error) {
	dir, err := os.MkdirTemp("", "nanteos-base-")
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := WriteTo(dir); err != nil {
		return nil, nil, err
	}
	m, err := model.Load(dir, opt...)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't load the base model: %w", err)
	}
	t, err := tokenizer.Load(dir)
	if err != nil {
		m.Close()
		return nil, nil, fmt.Errorf("couldn't load the base model: %w", err)
	}
	return m, t, nil
}
