package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The file names under which a Hugging Face model folder keeps its weights.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// maxIndex bounds the index file: a hundred bytes a tensor, a hundred thousand tensors.
const maxIndex = 64 << 20

// maxShards bounds the files that one folder opens.
const maxShards = 4096

// Folder is the weights of a model folder: one file or several shards that together hold each tensor once.
type Folder struct {
	dir     string
	files   []*File
	names   []string
	tensors map[string]*File
}

// OpenDir opens the weights of the model folder dir: model.safetensors if it is there, else the shards
// that model.safetensors.index.json names. The index must agree with the shards in both directions.
func OpenDir(dir string) (*Folder, error) {
	d := &Folder{dir: dir, tensors: map[string]*File{}}
	single := filepath.Join(dir, SingleName)
	_, err := os.Stat(single)
	switch {
	case err == nil:
		err = d.add(single, nil)
	case errors.Is(err, fs.ErrNotExist):
		err = d.addShards()
	}
	if err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("couldn't open weights in %s: %w", dir, err)
	}
	return d, nil
}

// add opens one file and, where there is an index, lets want check each name against it.
func (d *Folder) add(path string, want func(name string) error) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	d.files = append(d.files, f)
	for _, name := range f.names {
		if want != nil {
			if err := want(name); err != nil {
				return err
			}
		}
		d.tensors[name] = f
		d.names = append(d.names, name)
	}
	return nil
}

func (d *Folder) addShards() error {
	path := filepath.Join(d.dir, IndexName)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("neither %s nor %s is there: %w", SingleName, IndexName, err)
	}
	if info.Size() > maxIndex {
		return fmt.Errorf("%s has %d bytes, more than %d: %w", IndexName, info.Size(), maxIndex, ErrCorrupt)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	index, err := parseIndex(b)
	if err != nil {
		return err
	}
	shards := map[string]bool{}
	for _, file := range index {
		shards[file] = true
	}
	files := make([]string, 0, len(shards))
	for file := range shards {
		files = append(files, file)
	}
	slices.Sort(files)
	for _, file := range files {
		err := d.add(filepath.Join(d.dir, file), func(name string) error {
			if index[name] != file {
				return fmt.Errorf("%s holds tensor %q, which %s places in %q: %w", file, name, IndexName, index[name], ErrCorrupt)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for name, file := range index {
		if d.tensors[name] == nil {
			return fmt.Errorf("%s places tensor %q in %s, which doesn't hold it: %w", IndexName, name, file, ErrCorrupt)
		}
	}
	return nil
}

// parseIndex reads the map from tensor to shard. A shard must be a plain file name: the index is foreign and may not reach out of its folder.
func parseIndex(b []byte) (map[string]string, error) {
	var index struct {
		Metadata  json.RawMessage   `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&index); err != nil {
		return nil, fmt.Errorf("%s isn't JSON: %v: %w", IndexName, err, ErrCorrupt)
	}
	if len(index.WeightMap) == 0 {
		return nil, fmt.Errorf("%s has no weight_map: %w", IndexName, ErrCorrupt)
	}
	shards := map[string]bool{}
	for name, file := range index.WeightMap {
		if file == "" || strings.HasPrefix(file, ".") || strings.ContainsAny(file, "/\\:\x00") {
			return nil, fmt.Errorf("%s places tensor %q in %q, which isn't a plain file name: %w", IndexName, name, file, ErrCorrupt)
		}
		if shards[file] = true; len(shards) > maxShards {
			return nil, fmt.Errorf("%s names more than %d files: %w", IndexName, maxShards, ErrCorrupt)
		}
	}
	return index.WeightMap, nil
}

// Names lists the tensors, shard by shard in the order of the file names.
func (d *Folder) Names() []string { return slices.Clone(d.names) }

// Has says whether the folder holds the tensor.
func (d *Folder) Has(name string) bool { return d.tensors[name] != nil }

// Metadata gives the metadata of the first file.
func (d *Folder) Metadata() map[string]string {
	if len(d.files) == 0 {
		return nil
	}
	return d.files[0].Metadata()
}

// Tensor gives a view of the named tensor, or ErrNotFound.
func (d *Folder) Tensor(name string) (Tensor, error) {
	f := d.tensors[name]
	if f == nil {
		return Tensor{}, fmt.Errorf("couldn't find tensor %q in %s: %w", name, d.dir, ErrNotFound)
	}
	return f.Tensor(name)
}

// Close gives every mapping back. Every Data slice is invalid afterwards.
func (d *Folder) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	d.files, d.names, d.tensors = nil, nil, nil
	return errors.Join(errs...)
}
