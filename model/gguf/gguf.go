// Package gguf reads model files of the GGUF format, in which llama.cpp and its relatives keep weights, configuration and tokenizer
// together, mostly quantised.
//
// A file is little-endian throughout. Four bytes "GGUF", a version (2 and 3 are read; they differ in nothing on such machines), the
// number of tensors and of metadata entries; then the entries, each a name, a type and a value; then the tensors, each a name, its
// dimensions from the fastest to the slowest, a type and an offset; then, at the next multiple of general.alignment, the data.
//
// Files come from strangers, so a count or a length is a claim: nothing is allocated before the bytes that it speaks of are known
// to be there, and [Open] refuses a file unless the tensors lie one behind the other as ggml lays them (each at the next aligned
// place, no gap, no overlap, nothing behind the last) and no name comes twice. The file is mapped where the system can do that.
//
// The quantised types keep blocks of 32 numbers with a scale in f16. Widening them to f32 is exact here, as in ggml:
//
//	Q8_0  d, 32 x int8           x = d*q
//	Q4_0  d, 32 x 4 bits         x = d*(q-8)
//	Q4_1  d, m, 32 x 4 bits      x = d*q + m
//
// d*q has at most 19 significant bits, so only the sum of Q4_1 rounds, once: a fused multiply-add gives the same bits.
// In 4-bit blocks byte j holds number j in its low half and number j+16 in its high half.
package gguf

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Errors that a caller decides by. The wrapped text says which byte, tensor or key is at fault.
var (
	// ErrCorrupt marks a file that is not a well-formed GGUF file: fetch it again.
	ErrCorrupt = errors.New("file is not valid GGUF")
	// ErrUnsupported marks a well-formed file that needs what this package doesn't have: use another file of the model.
	ErrUnsupported = errors.New("GGUF feature is not supported")
	// ErrNotFound marks a tensor or a metadata key that the file does not hold.
	ErrNotFound = errors.New("the GGUF file doesn't hold it")
)

// Magic is how a file begins.
const Magic = "GGUF"

// File is an open GGUF file. It is safe for concurrent reading.
type File struct {
	path    string
	version int
	unmap   func() error
	mapping []byte   // the whole file; nil where it isn't mapped
	keys    []string // metadata in the order of the file
	meta    map[string]Value
	names   []string
	tensors map[string]Tensor
	closed  bool
}

// Open maps the file and checks everything but the weights themselves. A malformed file gives an error that wraps ErrCorrupt and
// names the byte, or ErrUnsupported.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open model file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't open model file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("couldn't open model file %s: it is not a regular file", path)
	}
	b, mapped, unmap, err := mapFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("couldn't map model file %s: %w", path, err)
	}
	g, err := parse(b)
	if err != nil {
		_ = unmap()
		return nil, fmt.Errorf("couldn't read model file %s: %w", path, err)
	}
	g.path, g.unmap = path, unmap
	if mapped {
		g.mapping = b
	}
	return g, nil
}

// Parse reads a file that is already in memory. Tensors and values share b.
func Parse(b []byte) (*File, error) {
	g, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read model file: %w", err)
	}
	return g, nil
}

// Version is the version of the format, 2 or 3.
func (f *File) Version() int { return f.version }

// Keys lists the metadata in the order of the file.
func (f *File) Keys() []string { return slices.Clone(f.keys) }

// Value gives a metadata value; ok is false where the file has none of that name.
func (f *File) Value(key string) (v Value, ok bool) {
	v, ok = f.meta[key]
	return v, ok
}

// Names lists the tensors in the order of the data.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Has says whether the file holds the tensor.
func (f *File) Has(name string) bool { _, ok := f.tensors[name]; return ok }

// Tensor gives a view of the named tensor, or ErrNotFound. The view ends with Close.
func (f *File) Tensor(name string) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("couldn't find tensor %q in %s: %w", name, cmp.Or(f.path, "the model file"), ErrNotFound)
	}
	t.mapping = f.mapping
	return t, nil
}

// Close gives the mapping back. Every tensor and list taken from the file is invalid afterwards. Close twice is harmless.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	f.tensors, f.meta, f.names, f.keys, f.mapping = nil, nil, nil, nil, nil
	if f.unmap == nil {
		return nil
	}
	if err := f.unmap(); err != nil {
		return fmt.Errorf("couldn't unmap model file %s: %w", f.path, err)
	}
	return nil
}
