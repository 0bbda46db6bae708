package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Type is how a tensor's numbers are stored, by ggml's number.
type Type uint32

// The types that are read.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q8_0 Type = 8
	BF16 Type = 30
)

// format says how many numbers a block of a type holds, in how many bytes, and how it is widened.
type format struct {
	block, bytes int
	widen        func(dst []float32, src []byte)
}

var formats = map[Type]format{
	F32: {1, 4, widenF32}, F16: {1, 2, widenF16}, BF16: {1, 2, widenBF16},
	Q4_0: {32, 18, widenQ40}, Q4_1: {32, 20, widenQ41}, Q8_0: {32, 34, widenQ80},
}

// typeNames are ggml's names, also of types that aren't read, for messages.
var typeNames = map[Type]string{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K",
	14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16",
	26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4"}

func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("%d", uint32(t))
}

// Tensor is a named array that shares the file's mapping: do not write to Data, and do not use it after Close.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int // from the slowest dimension to the fastest: a matrix is [rows][columns], as in other formats
	Data  []byte
	size  uint64 // bytes

	mapping []byte // in which Data lies; nil: in plain memory
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Float32s gives a fresh slice of the numbers in row-major order, with the bits that ggml's dequantisation gives.
func (t Tensor) Float32s() []float32 {
	out := make([]float32, t.Len())
	if f, ok := formats[t.Type]; ok && len(t.Data) == len(out)/f.block*f.bytes {
		f.widen(out, t.Data)
	}
	return out
}

// Widen writes one row, the numbers of one place in all dimensions but the last: Float32s without the memory of the
// whole. The rows of a vector are one. A row that the tensor doesn't have panics, as the index of a slice does.
func (t Tensor) Widen(dst []float32, row int) {
	f := formats[t.Type]
	size := len(dst) / f.block * f.bytes
	f.widen(dst, t.Data[row*size:][:size])
}

// BF16s gives a fresh slice of the bit patterns of a BF16 tensor; ok is false for other types.
func (t Tensor) BF16s() (x []uint16, ok bool) {
	if t.Type != BF16 {
		return nil, false
	}
	x = make([]uint16, len(t.Data)/2)
	t.Patterns(x, 0)
	return x, true
}

// Patterns writes the bit patterns of len(dst) numbers of a BF16 or F16 tensor from number at on. It panics for other types and for a
// range outside the tensor.
func (t Tensor) Patterns(dst []uint16, at int) {
	if t.Type != BF16 && t.Type != F16 {
		panic("gguf: patterns of a tensor that is " + t.Type.String())
	}
	data := t.Data[2*at:][:2*len(dst)]
	if len(dst) > 0 && littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 2*len(dst)), data)
		return
	}
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Forget tells the system that n rows from row at on needn't stay in memory, rows being as in Widen. They can still be read: that gets
// them from the file again. Without a mapping it does nothing.
func (t Tensor) Forget(at, n int) {
	if t.mapping == nil || len(t.Shape) == 0 {
		return
	}
	f, width := formats[t.Type], t.Shape[len(t.Shape)-1]
	size := width / f.block * f.bytes
	forget(t.mapping, t.Data[at*size:][:n*size])
}

func widenF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func widenBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

func widenF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = half(src[2*i:])
	}
}

func widenQ80(dst []float32, src []byte) {
	for len(dst) > 0 {
		d := half(src)
		for j, q := range src[2:34] {
			dst[j] = d * float32(int8(q))
		}
		dst, src = dst[32:], src[34:]
	}
}

func widenQ40(dst []float32, src []byte) {
	for len(dst) > 0 {
		d := half(src)
		for j, q := range src[2:18] {
			dst[j] = d * float32(int(q&15)-8)
			dst[j+16] = d * float32(int(q>>4)-8)
		}
		dst, src = dst[32:], src[18:]
	}
}

func widenQ41(dst []float32, src []byte) {
	for len(dst) > 0 {
		d, m := half(src), half(src[2:])
		for j, q := range src[4:20] {
			dst[j] = float32(d*float32(q&15)) + m
			dst[j+16] = float32(d*float32(q>>4)) + m
		}
		dst, src = dst[32:], src[20:]
	}
}

// half widens an IEEE binary16; subnormals, infinities and NaN payloads survive.
func half(b []byte) float32 {
	h := binary.LittleEndian.Uint16(b)
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
