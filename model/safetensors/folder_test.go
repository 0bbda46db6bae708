package safetensors

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeFolder(t *testing.T, index string, shards map[string][]Tensor) string {
	t.Helper()
	dir := t.TempDir()
	for name, tensors := range shards {
		if err := Write(filepath.Join(dir, name), tensors, map[string]string{"shard": name}); err != nil {
			t.Fatal(err)
		}
	}
	if index != "" {
		if err := os.WriteFile(filepath.Join(dir, IndexName), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolder(t *testing.T) {
	a, b := FromFloat32s("a", []int{1}, []float32{1}), FromFloat32s("b", []int{1}, []float32{2})
	for name, c := range map[string]struct {
		index  string
		shards map[string][]Tensor
	}{
		"single": {"", map[string][]Tensor{SingleName: {a, b}}},
		"sharded": {`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`,
			map[string][]Tensor{"model-00001-of-00002.safetensors": {a}, "model-00002-of-00002.safetensors": {b}}},
		"single wins": {`{"weight_map":{"a":"gone"}}`, map[string][]Tensor{SingleName: {a, b}}},
	} {
		d, err := OpenDir(writeFolder(t, c.index, c.shards))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(d.Names(), []string{"a", "b"}) || !d.Has("a") || d.Has("c") || len(d.Metadata()) != 1 {
			t.Errorf("%s: names %q metadata %v", name, d.Names(), d.Metadata())
		}
		x, err := d.Tensor("b")
		if err != nil || x.Data[3] != 0x40 {
			t.Errorf("%s: %v (%v)", name, x, err)
		}
		if _, err := d.Tensor("c"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: missing tensor: %v", name, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Tensor("b"); err == nil {
			t.Errorf("%s: a closed folder still gives tensors", name)
		}
	}
}

func TestFolderRefused(t *testing.T) {
	a := FromFloat32s("a", []int{1}, []float32{1})
	for name, c := range map[string]struct {
		index  string
		shards map[string][]Tensor
		says   string
		is     error
	}{
		"nothing":      {"", nil, "neither", fs.ErrNotExist},
		"no json":      {"{", nil, "isn't JSON", ErrCorrupt},
		"no map":       {"{}", nil, "no weight_map", ErrCorrupt},
		"shard gone":   {`{"weight_map":{"a":"s1"}}`, nil, "s1", fs.ErrNotExist},
		"traversal":    {`{"weight_map":{"a":"../s1"}}`, nil, "plain file name", ErrCorrupt},
		"absolute":     {`{"weight_map":{"a":"/etc/passwd"}}`, nil, "plain file name", ErrCorrupt},
		"hidden":       {`{"weight_map":{"a":".."}}`, nil, "plain file name", ErrCorrupt},
		"not in shard": {`{"weight_map":{"a":"s1","b":"s1"}}`, map[string][]Tensor{"s1": {a}}, `tensor "b"`, ErrCorrupt},
		"not in index": {`{"weight_map":{"b":"s1"}}`, map[string][]Tensor{"s1": {a}}, `tensor "a"`, ErrCorrupt},
		"in two":       {`{"weight_map":{"a":"s1","b":"s2"}}`, map[string][]Tensor{"s1": {a}, "s2": {a}}, `s2 holds tensor "a"`, ErrCorrupt},
	} {
		_, err := OpenDir(writeFolder(t, c.index, c.shards))
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map":{"a":"s1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseIndex(b)
		for _, file := range m {
			if err == nil && filepath.Base(file) != file {
				t.Fatalf("shard %q accepted", file)
			}
		}
	})
}
