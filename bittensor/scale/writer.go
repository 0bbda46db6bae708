package scale

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
)

// Writer appends SCALE values to itself. It is the bytes written so far: the zero Writer is empty, and a Writer is given to those who
// want the bytes as it is.
type Writer []byte

// U8 appends one byte.
func (w *Writer) U8(v uint8) { *w = append(*w, v) }

// U16 appends two bytes, little-endian.
func (w *Writer) U16(v uint16) { *w = binary.LittleEndian.AppendUint16(*w, v) }

// U32 appends four bytes, little-endian.
func (w *Writer) U32(v uint32) { *w = binary.LittleEndian.AppendUint32(*w, v) }

// U64 appends eight bytes, little-endian.
func (w *Writer) U64(v uint64) { *w = binary.LittleEndian.AppendUint64(*w, v) }

// Bool appends 00 or 01.
func (w *Writer) Bool(v bool) {
	if v {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

// Option appends the byte before an optional value; when present is true the value must follow.
func (w *Writer) Option(present bool) { w.Bool(present) }

// Compact appends a compact number.
func (w *Writer) Compact(v uint64) { *w = AppendCompact(*w, v) }

// Raw appends bytes as they are.
func (w *Writer) Raw(b ...byte) { *w = append(*w, b...) }

// Bytes appends a vector of bytes: its compact length and the bytes.
func (w *Writer) Bytes(b []byte) { *w = append(AppendCompact(*w, uint64(len(b))), b...) }

// Text appends text as a vector of bytes.
func (w *Writer) Text(s string) { *w = append(AppendCompact(*w, uint64(len(s))), s...) }

// U16s appends a vector of u16.
func (w *Writer) U16s(vs []uint16) {
	w.Compact(uint64(len(vs)))
	for _, v := range vs {
		w.U16(v)
	}
}

// Int appends a number in the given bytes, little-endian, negative ones in two's complement where signed. It fails (ErrRange) when the
// number does not fit.
func (w *Writer) Int(v *big.Int, size int, signed bool) error {
	if size < 0 || size > 32 {
		return fmt.Errorf("couldn't write number in %d bytes: %w", size, ErrRange)
	}
	if signed {
		half := new(big.Int).Lsh(big.NewInt(1), uint(8*size-1))
		if v.Cmp(half) >= 0 || v.Cmp(new(big.Int).Neg(half)) < 0 {
			return fmt.Errorf("couldn't write %s in %d signed bytes: %w", v, size, ErrRange)
		}
		if v.Sign() < 0 {
			v = new(big.Int).Add(v, new(big.Int).Lsh(half, 1))
		}
	} else if v.Sign() < 0 || v.BitLen() > 8*size {
		return fmt.Errorf("couldn't write %s in %d bytes: %w", v, size, ErrRange)
	}
	be := v.FillBytes(make([]byte, size))
	for i := size - 1; i >= 0; i-- {
		*w = append(*w, be[i])
	}
	return nil
}

// CompactBig appends a compact number of any size below 2^536. It fails (ErrRange) for negative and larger ones.
func (w *Writer) CompactBig(v *big.Int) error {
	if v.IsUint64() {
		w.Compact(v.Uint64())
		return nil
	}
	if v.Sign() < 0 || v.BitLen() > 8*67 {
		return fmt.Errorf("couldn't write %s as compact number: %w", v, ErrRange)
	}
	be := v.Bytes()
	*w = append(*w, byte(len(be)-4)<<2|3)
	for i := len(be) - 1; i >= 0; i-- {
		*w = append(*w, be[i])
	}
	return nil
}

// AppendCompact appends a compact number to b, in as few bytes as it needs.
func AppendCompact(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v)<<2)
	case v < 1<<14:
		return binary.LittleEndian.AppendUint16(b, uint16(v)<<2|1)
	case v < 1<<30:
		return binary.LittleEndian.AppendUint32(b, uint32(v)<<2|2)
	}
	n := max(4, (bits.Len64(v)+7)/8)
	b = append(b, byte(n-4)<<2|3)
	for range n {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

// CompactSize returns how many bytes AppendCompact takes.
func CompactSize(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 1 + max(4, (bits.Len64(v)+7)/8)
}
