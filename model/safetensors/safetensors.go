// Package safetensors reads and writes the weight files of Hugging Face models.
//
// A safetensors file is an 8-byte little-endian length, a JSON header of that length, and a buffer of raw little-endian
// numbers. The header names each tensor with its dtype, its shape and the half-open range of buffer bytes that it occupies:
//
//	{"__metadata__":{"format":"pt"},"lm_head.weight":{"dtype":"BF16","shape":[512,128],"data_offsets":[0,131072]}}
//
// Checkpoints come from the network, so a header is a claim: [Open] refuses a file unless the tensors tile the buffer exactly
// (no gap, no overlap, nothing behind), each range is as long as dtype and shape say, and no name comes twice. The file is
// mapped into memory where the system can do that; [Tensor.Data] is then a view that is valid until [File.Close].
//
// [Write] is deterministic: the same tensors and metadata give the same bytes, in the order in which the reference
// library writes them, and the file appears under its name only when it is complete and on disk.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"unsafe"
)

// Errors that a caller decides by. The wrapped text says which byte or tensor is at fault.
var (
	// ErrCorrupt marks a file that is not a well-formed safetensors file: fetch it again.
	ErrCorrupt = errors.New("file is not valid safetensors")
	// ErrNotFound marks a tensor name that the file or folder does not hold: wrong architecture, or a tied head.
	ErrNotFound = errors.New("no such tensor")
	// ErrDType marks a tensor that holds another kind of number than was asked for.
	ErrDType = errors.New("dtype can't be read this way")
)

// DType is the kind of number a tensor holds, under the name that the header uses.
type DType string

// The kinds of numbers that are read and written. The sub-byte kinds of the format are refused.
const (
	BOOL   DType = "BOOL"
	U8     DType = "U8"
	I8     DType = "I8"
	F8E5M2 DType = "F8_E5M2"
	F8E4M3 DType = "F8_E4M3"
	I16    DType = "I16"
	U16    DType = "U16"
	F16    DType = "F16"
	BF16   DType = "BF16"
	I32    DType = "I32"
	U32    DType = "U32"
	F32    DType = "F32"
	F64    DType = "F64"
	I64    DType = "I64"
	U64    DType = "U64"
)

// dtypes is in the order of the reference library, which writes the last kind first so that every tensor is aligned.
var dtypes = []struct {
	name DType
	size int
}{{BOOL, 1}, {U8, 1}, {I8, 1}, {F8E5M2, 1}, {F8E4M3, 1}, {I16, 2}, {U16, 2}, {F16, 2}, {BF16, 2}, {I32, 4}, {U32, 4}, {F32, 4}, {F64, 8}, {I64, 8}, {U64, 8}}

// Size gives the bytes of one number, or 0 for a kind that this package does not know.
func (d DType) Size() int {
	if i := d.rank(); i >= 0 {
		return dtypes[i].size
	}
	return 0
}

func (d DType) rank() int {
	for i := range dtypes {
		if dtypes[i].name == d {
			return i
		}
	}
	return -1
}

// Tensor is a named array. Data holds the numbers in row-major order, little-endian, DType.Size() bytes each.
// A tensor from a [File] shares the file's mapping: do not write to Data, and do not use it after Close.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte

	mapping []byte // in which Data lies; nil: in plain memory
}

// Len is the number of elements: the product of Shape, 1 for a scalar.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// FromFloat32s makes an F32 tensor; the numbers are copied. Write refuses it if shape and length disagree.
func FromFloat32s(name string, shape []int, x []float32) Tensor {
	data := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{Name: name, DType: F32, Shape: slices.Clone(shape), Data: data}
}

// FromBF16 makes a BF16 tensor of bfloat16 bit patterns; they are copied.
func FromBF16(name string, shape []int, x []uint16) Tensor {
	data := make([]byte, 2*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint16(data[2*i:], v)
	}
	return Tensor{Name: name, DType: BF16, Shape: slices.Clone(shape), Data: data}
}

// Float32s gives a fresh slice of the numbers as float32. F32, BF16 and F16 convert without loss; other kinds give ErrDType.
func (t Tensor) Float32s() ([]float32, error) {
	out := make([]float32, len(t.Data)/max(1, t.DType.Size()))
	return out, t.Widen(out, 0)
}

// Widen writes len(dst) numbers from number at on as float32: Float32s without the memory of the whole. A range outside the
// tensor panics, as that of a slice does.
func (t Tensor) Widen(dst []float32, at int) error {
	size := t.DType.Size()
	switch t.DType {
	case F32, BF16, F16:
	default:
		return fmt.Errorf("couldn't read tensor %q of dtype %s as float32: %w", t.Name, t.DType, ErrDType)
	}
	data := t.Data[at*size:][:len(dst)*size]
	switch t.DType {
	case F32:
		if len(dst) > 0 && littleEndian {
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*len(dst)), data)
			return nil
		}
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(data[2*i:]))
		}
	}
	return nil
}

// BF16 gives a fresh slice of the bit patterns of a BF16 tensor; any other kind gives ErrDType.
func (t Tensor) BF16() ([]uint16, error) {
	if t.DType != BF16 {
		return nil, fmt.Errorf("couldn't read tensor %q of dtype %s as bfloat16: %w", t.Name, t.DType, ErrDType)
	}
	out := make([]uint16, len(t.Data)/2)
	return out, t.Patterns(out, 0)
}

// Patterns writes the bit patterns of len(dst) numbers of a BF16 or F16 tensor from number at on; other kinds give ErrDType.
// A range outside the tensor panics.
func (t Tensor) Patterns(dst []uint16, at int) error {
	if t.DType != BF16 && t.DType != F16 {
		return fmt.Errorf("couldn't read tensor %q of dtype %s as 16 bits each: %w", t.Name, t.DType, ErrDType)
	}
	data := t.Data[2*at:][:2*len(dst)]
	if len(dst) > 0 && littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 2*len(dst)), data)
		return nil
	}
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return nil
}

// Forget tells the system that n numbers from number at on needn't stay in memory. They can still be read: that
// gets them from the file again. Without a mapping it does nothing.
func (t Tensor) Forget(at, n int) {
	if size := t.DType.Size(); t.mapping != nil {
		forget(t.mapping, t.Data[at*size:][:n*size])
	}
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// halfToFloat widens an IEEE binary16; subnormals, infinities and NaN payloads survive.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
	v := float32(frac) * (1.0 / (1 << 24)) // a subnormal half is an exact multiple of 2^-24
	return math.Float32frombits(sign | math.Float32bits(v))
}

// File is an open safetensors file. It is safe for concurrent reading.
type File struct {
	path    string
	buffer  []byte // the whole file
	unmap   func() error
	mapped  bool // buffer is a mapping
	names   []string
	tensors map[string]Tensor
	meta    map[string]string
}

// Open maps the file and checks its whole header. It reads no weights.
// A malformed file gives an error that wraps ErrCorrupt and says at which byte or tensor.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open weights: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't open weights: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("couldn't open weights %s: it is not a regular file", path)
	}
	b, mapped, unmap, err := mapFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("couldn't map weights %s: %w", path, err)
	}
	s, err := parse(b)
	if err != nil {
		_ = unmap()
		return nil, fmt.Errorf("couldn't read weights %s: %w", path, err)
	}
	s.path, s.unmap, s.mapped = path, unmap, mapped
	return s, nil
}

// Parse reads a safetensors file that is already in memory. The tensors share b.
func Parse(b []byte) (*File, error) {
	s, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read weights: %w", err)
	}
	return s, nil
}

// Names lists the tensors in the order of the buffer.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Metadata gives a copy of the header's __metadata__, such as format=pt.
func (f *File) Metadata() map[string]string {
	m := make(map[string]string, len(f.meta))
	for k, v := range f.meta {
		m[k] = v
	}
	return m
}

// Has says whether the file holds the tensor.
func (f *File) Has(name string) bool { _, ok := f.tensors[name]; return ok }

// Tensor gives a view of the named tensor, or ErrNotFound.
func (f *File) Tensor(name string) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("couldn't find tensor %q in %s: %w", name, cmp.Or(f.path, "weights"), ErrNotFound)
	}
	if f.mapped {
		t.mapping = f.buffer
	}
	return t, nil
}

// Close gives the mapping back. Every Data slice taken from the file is invalid afterwards. Close twice is harmless.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	u := f.unmap
	f.unmap, f.tensors, f.names, f.buffer = nil, nil, nil, nil
	if err := u(); err != nil {
		return fmt.Errorf("couldn't unmap weights %s: %w", f.path, err)
	}
	return nil
}
