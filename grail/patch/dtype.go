package patch

import (
	"encoding/binary"
	"math"
)

// DType is the kind of number of a tensor, under PyTorch's name without "torch.".
type DType string

// The kinds of numbers. Only the first three travel in patches as they are.
const (
	BFloat16 DType = "bfloat16"
	Float16  DType = "float16"
	Float32  DType = "float32"
	Float64  DType = "float64"
	Int64    DType = "int64"
	Int32    DType = "int32"
	Int16    DType = "int16"
	Int8     DType = "int8"
	UInt64   DType = "uint64"
	UInt32   DType = "uint32"
	UInt16   DType = "uint16"
	UInt8    DType = "uint8"
	Bool     DType = "bool"
	Float8E4 DType = "float8_e4m3fn"
	Float8E5 DType = "float8_e5m2"
)

var kinds = []struct {
	name        DType
	safetensors string
	size        int
}{
	{BFloat16, "BF16", 2}, {Float16, "F16", 2}, {Float32, "F32", 4}, {Float64, "F64", 8}, {Int64, "I64", 8}, {Int32, "I32", 4}, {Int16, "I16", 2}, {Int8, "I8", 1},
	{UInt64, "U64", 8}, {UInt32, "U32", 4}, {UInt16, "U16", 2}, {UInt8, "U8", 1}, {Bool, "BOOL", 1}, {Float8E4, "F8_E4M3", 1}, {Float8E5, "F8_E5M2", 1},
}

// FromSafetensors gives the kind that a safetensors header calls by the name, such as "BF16".
func FromSafetensors(name string) (d DType, ok bool) {
	for _, k := range kinds {
		if k.safetensors == name {
			return k.name, true
		}
	}
	return "", false
}

// Safetensors gives the name of the kind in a safetensors header, or "" for an unknown kind.
func (d DType) Safetensors() string {
	for _, k := range kinds {
		if k.name == d {
			return k.safetensors
		}
	}
	return ""
}

// Size gives the bytes of one number, or 0 for an unknown kind.
func (d DType) Size() int {
	switch d { // the three that matter, without a search
	case BFloat16, Float16:
		return 2
	case Float32:
		return 4
	}
	for _, k := range kinds {
		if k.name == d {
			return k.size
		}
	}
	return 0
}

// travels says whether patches carry numbers of this kind as they are; the others become float32.
func (d DType) travels() bool { return d == BFloat16 || d == Float16 || d == Float32 }

// carrier is the kind as which patches carry numbers of kind d.
func (d DType) carrier() DType {
	if d.travels() {
		return d
	}
	return Float32
}

// number reads the number at the start of b as float32, rounding as PyTorch does. Float8 kinds give ok = false.
func (d DType) number(b []byte) (x float32, ok bool) {
	switch d {
	case BFloat16:
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16), true
	case Float16:
		return halfToFloat(binary.LittleEndian.Uint16(b)), true
	case Float32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b)), true
	case Float64:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))), true
	case Int64:
		return float32(int64(binary.LittleEndian.Uint64(b))), true
	case Int32:
		return float32(int32(binary.LittleEndian.Uint32(b))), true
	case Int16:
		return float32(int16(binary.LittleEndian.Uint16(b))), true
	case Int8:
		return float32(int8(b[0])), true
	case UInt64:
		return float32(binary.LittleEndian.Uint64(b)), true
	case UInt32:
		return float32(binary.LittleEndian.Uint32(b)), true
	case UInt16:
		return float32(binary.LittleEndian.Uint16(b)), true
	case UInt8:
		return float32(b[0]), true
	case Bool:
		if b[0] != 0 {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// put writes x as a number of kind d to the start of b and says whether reading it back gives x (its bits).
// Fractions are cut for integers; a number that an integer kind can't hold writes zero and isn't exact.
func (d DType) put(b []byte, x float32) (exact bool) {
	switch d {
	case BFloat16:
		binary.LittleEndian.PutUint16(b, floatToBrain(x))
	case Float16:
		binary.LittleEndian.PutUint16(b, floatToHalf(x))
	case Float32:
		binary.LittleEndian.PutUint32(b, math.Float32bits(x))
		return true
	case Float64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(float64(x)))
	case Bool:
		b[0] = 0
		if x != 0 {
			b[0] = 1
		}
	default:
		lo, hi := d.bounds()
		n := float64(x)
		if !(n >= lo && n < hi) { // also NaN
			n = 0
		}
		switch d {
		case UInt64:
			binary.LittleEndian.PutUint64(b, uint64(n))
		default:
			putInteger(b[:d.Size()], int64(n))
		}
	}
	back, ok := d.number(b)
	return ok && math.Float32bits(back) == math.Float32bits(x)
}

// bounds gives the half-open range of an integer kind.
func (d DType) bounds() (lo, hi float64) {
	switch d {
	case Int64:
		return -1 << 63, 1 << 63
	case Int32:
		return -1 << 31, 1 << 31
	case Int16:
		return -1 << 15, 1 << 15
	case Int8:
		return -1 << 7, 1 << 7
	case UInt64:
		return 0, 1 << 64
	case UInt32:
		return 0, 1 << 32
	case UInt16:
		return 0, 1 << 16
	case UInt8:
		return 0, 1 << 8
	}
	return 0, 0
}

func putInteger(b []byte, n int64) {
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// floatToBrain rounds to the nearest bfloat16, ties to even; every NaN becomes 0x7fc0, as in PyTorch.
func floatToBrain(x float32) uint16 {
	if x != x {
		return 0x7fc0
	}
	b := math.Float32bits(x)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

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

// floatToHalf rounds to the nearest binary16, ties to even.
func floatToHalf(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // from 65520 on: infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
	}
	b += 0xfff + b>>13&1
	return sign | uint16((b-112<<23)>>13)
}
