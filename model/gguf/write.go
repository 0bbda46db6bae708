package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Builder makes a file in memory, version 3, in the order in which things are added: for tests, and for tools that convert.
// Nothing is checked but sizes; Parse checks what Bytes gives.
type Builder struct {
	Alignment int // 0: DefaultAlignment; anything else is also written as general.alignment
	keys      []byte
	n         int
	tensors   []Tensor
}

// Set adds a metadata entry. The value is a bool, string, int32, uint32, uint64, int64, float32 or float64, or a slice of strings, int32s or
// float32s; any other type is an error.
func (b *Builder) Set(key string, value any) error {
	k := appendText(nil, key)
	scalar := func(kind Kind, size int, bits uint64) {
		k = binary.LittleEndian.AppendUint32(k, uint32(kind))
		k = append(k, binary.LittleEndian.AppendUint64(nil, bits)[:size]...)
	}
	list := func(elem Kind, n int) {
		k = binary.LittleEndian.AppendUint32(k, uint32(Array))
		k = binary.LittleEndian.AppendUint32(k, uint32(elem))
		k = binary.LittleEndian.AppendUint64(k, uint64(n))
	}
	switch v := value.(type) {
	case bool:
		bit := uint64(0)
		if v {
			bit = 1
		}
		scalar(Bool, 1, bit)
	case string:
		k = appendText(binary.LittleEndian.AppendUint32(k, uint32(String)), v)
	case int32:
		scalar(Int32, 4, uint64(uint32(v)))
	case uint32:
		scalar(Uint32, 4, uint64(v))
	case int64:
		scalar(Int64, 8, uint64(v))
	case uint64:
		scalar(Uint64, 8, v)
	case float32:
		scalar(Float32, 4, uint64(math.Float32bits(v)))
	case float64:
		scalar(Float64, 8, math.Float64bits(v))
	case []string:
		list(String, len(v))
		for _, s := range v {
			k = appendText(k, s)
		}
	case []int32:
		list(Int32, len(v))
		for _, x := range v {
			k = binary.LittleEndian.AppendUint32(k, uint32(x))
		}
	case []float32:
		list(Float32, len(v))
		for _, x := range v {
			k = binary.LittleEndian.AppendUint32(k, math.Float32bits(x))
		}
	default:
		return fmt.Errorf("couldn't set metadata %s: no kind for a %T: %w", key, value, ErrUnsupported)
	}
	b.keys = append(b.keys, k...)
	b.n++
	return nil
}

// Add adds a tensor whose Data holds the blocks of its Type.
func (b *Builder) Add(t Tensor) error {
	f, ok := formats[t.Type]
	if !ok || len(t.Data)*f.block != t.Len()*f.bytes {
		return fmt.Errorf("couldn't add tensor %q: %d bytes for %d numbers of type %s: %w", t.Name, len(t.Data), t.Len(), t.Type, ErrUnsupported)
	}
	b.tensors = append(b.tensors, t)
	return nil
}

// FromFloat32s makes an F32 tensor.
func FromFloat32s(name string, shape []int, x []float32) Tensor {
	t := Tensor{Name: name, Type: F32, Shape: shape}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}

// FromBF16s makes a BF16 tensor of bit patterns.
func FromBF16s(name string, shape []int, x []uint16) Tensor {
	t := Tensor{Name: name, Type: BF16, Shape: shape}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint16(t.Data, v)
	}
	return t
}

// Bytes is the file.
func (b *Builder) Bytes() []byte {
	keys, n, align := b.keys, b.n, DefaultAlignment
	if b.Alignment != 0 {
		align = b.Alignment
		extra := Builder{}
		_ = extra.Set("general.alignment", uint32(align)) // this type always has a kind
		keys, n = append(extra.keys, keys...), n+1
	}
	out := []byte(Magic)
	out = binary.LittleEndian.AppendUint32(out, 3)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(b.tensors)))
	out = binary.LittleEndian.AppendUint64(out, uint64(n))
	out = append(out, keys...)
	offset := 0
	for _, t := range b.tensors {
		out = appendText(out, t.Name)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(t.Shape)))
		for i := range t.Shape {
			out = binary.LittleEndian.AppendUint64(out, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(t.Type))
		out = binary.LittleEndian.AppendUint64(out, uint64(offset))
		offset += (len(t.Data) + align - 1) / align * align
	}
	pad := func() {
		for len(out)%align != 0 {
			out = append(out, 0)
		}
	}
	pad()
	for _, t := range b.tensors {
		out = append(out, t.Data...)
		pad()
	}
	return out
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}
