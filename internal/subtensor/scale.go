package subtensor

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// account is a public key as the chain knows it.
type account = [32]byte

// writer builds SCALE: little-endian integers, compacts and length-prefixed bytes. The codec of this package is its own on purpose: a
// client tested against this node shares no line with it, so a mistake on one side cannot cancel out.
type writer struct{ b []byte }

func (w *writer) raw(b []byte)      { w.b = append(w.b, b...) }
func (w *writer) u8(v uint8)        { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)      { w.b = binary.LittleEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)      { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)      { w.b = binary.LittleEndian.AppendUint64(w.b, v) }
func (w *writer) u128(lo, h uint64) { w.u64(lo); w.u64(h) }
func (w *writer) account(a account) { w.b = append(w.b, a[:]...) }

func (w *writer) bool(v bool) {
	if v {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

// compact writes v in the shortest of the four modes.
func (w *writer) compact(v uint64) {
	switch {
	case v < 1<<6:
		w.u8(uint8(v) << 2)
	case v < 1<<14:
		w.u16(uint16(v)<<2 | 1)
	case v < 1<<30:
		w.u32(uint32(v)<<2 | 2)
	default:
		n := (bits.Len64(v) + 7) / 8
		w.u8(uint8(n-4)<<2 | 3)
		for range n {
			w.u8(uint8(v))
			v >>= 8
		}
	}
}

// bytes writes the length as a compact, then b.
func (w *writer) bytes(b []byte) {
	w.compact(uint64(len(b)))
	w.raw(b)
}

// compactText writes text as Vec<Compact<u8>>, the form of names in the metagraph.
func (w *writer) compactText(s string) {
	w.compact(uint64(len(s)))
	for i := range len(s) {
		w.compact(uint64(s[i]))
	}
}

// le encodes one little-endian integer.
func le16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

var errShort = errors.New("input ends early")
var errScale = errors.New("input is not valid SCALE")

// reader takes SCALE apart. After the first error every read gives zeros, and err stays. It allocates no more than the input holds.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) left() int { return len(r.b) - r.at }

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

var zeros [64]byte

// take returns the next n bytes, without copying.
func (r *reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > r.left()) {
		r.fail(errShort)
	}
	if r.err != nil {
		if n >= 0 && n <= len(zeros) {
			return zeros[:n]
		}
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) bool() bool {
	v := r.u8()
	if v > 1 {
		r.fail(errScale)
	}
	return v == 1
}

func (r *reader) account() (a account) {
	copy(a[:], r.take(32))
	return a
}

// compact reads up to 64 bits and refuses longer forms than needed.
func (r *reader) compact() uint64 {
	first := r.u8()
	switch first & 3 {
	case 0:
		return uint64(first >> 2)
	case 1:
		v := uint64(first)>>2 | uint64(r.u8())<<6
		r.atLeast(v, 1<<6)
		return v
	case 2:
		rest := r.take(3)
		v := uint64(first)>>2 | uint64(rest[0])<<6 | uint64(rest[1])<<14 | uint64(rest[2])<<22
		r.atLeast(v, 1<<14)
		return v
	}
	n := int(first>>2) + 4
	if n > 8 {
		r.fail(errScale)
		return 0
	}
	var v uint64
	for i, c := range r.take(n) {
		v |= uint64(c) << (8 * i)
	}
	r.atLeast(v, max(1<<30, uint64(1)<<(8*(n-1))))
	return v
}

func (r *reader) atLeast(v, least uint64) {
	if v < least {
		r.fail(errScale)
	}
}

// count reads the length of a sequence whose items take at least size bytes each, and refuses one that cannot be there.
func (r *reader) count(size int) int {
	n := r.compact()
	if r.err == nil && n > uint64(r.left()/max(1, size)) {
		r.fail(errShort)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte { return r.take(r.count(1)) }
func (r *reader) text() string  { return string(r.bytes()) }

func (r *reader) u16s() []uint16 {
	out := make([]uint16, r.count(2))
	for i := range out {
		out[i] = r.u16()
	}
	return out
}

// end reports the first error, or that something is left over.
func (r *reader) end() error {
	if r.err == nil && r.left() != 0 {
		r.err = errScale
	}
	return r.err
}
