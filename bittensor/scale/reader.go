package scale

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"unicode/utf8"
)

// Reader takes SCALE values off a byte slice. The first error sticks: later calls change nothing and return zero values. The zero
// Reader is empty; make one with NewReader.
type Reader struct {
	buf []byte
	off int
	err error
	// Canonical makes compact numbers that are longer than they need to be an error (ErrCanonical). Runtimes refuse them too; set it
	// where the value's hash matters. It may be changed between calls.
	Canonical bool
}

// NewReader returns a Reader at the start of b. It keeps b and does not change it.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns the first error, nil if there was none.
func (r *Reader) Err() error { return r.err }

// Fail makes err the reader's error unless it has one: for callers that find a value wrong that the reader could not judge.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Len returns how many bytes remain, 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.buf) - r.off
}

// Offset returns how many bytes were taken.
func (r *Reader) Offset() int { return r.off }

// End returns the first error, or ErrTrailing if bytes remain: the check after a value that must be the whole input.
func (r *Reader) End() error {
	if r.err == nil && r.off != len(r.buf) {
		return wrap(ErrTrailing, r.off, "the end")
	}
	return r.err
}

func (r *Reader) fail(err error, at int, what string) {
	if r.err == nil {
		r.err = wrap(err, at, what)
	}
}

// Take returns the next n bytes. They are part of the input, not a copy.
func (r *Reader) Take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.buf)-r.off {
		r.fail(ErrShort, r.off, "bytes")
		return nil
	}
	b := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Rest returns all bytes that remain, as part of the input.
func (r *Reader) Rest() []byte { return r.Take(r.Len()) }

// U8 reads one byte.
func (r *Reader) U8() uint8 {
	if r.err != nil || r.off >= len(r.buf) {
		r.fail(ErrShort, r.off, "u8")
		return 0
	}
	b := r.buf[r.off]
	r.off++
	return b
}

// U16 reads two bytes, little-endian.
func (r *Reader) U16() uint16 {
	if r.err != nil || len(r.buf)-r.off < 2 {
		r.fail(ErrShort, r.off, "u16")
		return 0
	}
	v := binary.LittleEndian.Uint16(r.buf[r.off:])
	r.off += 2
	return v
}

// U32 reads four bytes, little-endian.
func (r *Reader) U32() uint32 {
	if r.err != nil || len(r.buf)-r.off < 4 {
		r.fail(ErrShort, r.off, "u32")
		return 0
	}
	v := binary.LittleEndian.Uint32(r.buf[r.off:])
	r.off += 4
	return v
}

// U64 reads eight bytes, little-endian.
func (r *Reader) U64() uint64 {
	if r.err != nil || len(r.buf)-r.off < 8 {
		r.fail(ErrShort, r.off, "u64")
		return 0
	}
	v := binary.LittleEndian.Uint64(r.buf[r.off:])
	r.off += 8
	return v
}

// I8 reads a signed byte.
func (r *Reader) I8() int8 { return int8(r.U8()) }

// I16 reads a signed number of two bytes.
func (r *Reader) I16() int16 { return int16(r.U16()) }

// I32 reads a signed number of four bytes.
func (r *Reader) I32() int32 { return int32(r.U32()) }

// I64 reads a signed number of eight bytes.
func (r *Reader) I64() int64 { return int64(r.U64()) }

// Uint reads an unsigned little-endian number of the given bytes, at most 32 (u256). It is never nil.
func (r *Reader) Uint(size int) *big.Int {
	v := new(big.Int)
	if size < 0 || size > 32 {
		r.fail(ErrRange, r.off, "number")
		return v
	}
	var be [32]byte
	b := r.Take(size)
	for i, x := range b {
		be[len(b)-1-i] = x
	}
	return v.SetBytes(be[:len(b)])
}

// Int reads a signed little-endian number of the given bytes in two's complement, at most 32 (i256). It is never nil.
func (r *Reader) Int(size int) *big.Int {
	v := r.Uint(size)
	if size > 0 && v.Bit(8*size-1) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return v
}

// U128 reads sixteen bytes as a number. It is never nil.
func (r *Reader) U128() *big.Int { return r.Uint(16) }

// Bool reads a byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	switch b := r.U8(); {
	case r.err != nil:
		return false
	case b > 1:
		r.fail(ErrInvalid, r.off-1, "bool")
		return false
	default:
		return b == 1
	}
}

// Option reads the byte before an optional value: true means that the value follows.
func (r *Reader) Option() bool {
	switch b := r.U8(); {
	case r.err != nil:
		return false
	case b > 1:
		r.fail(ErrInvalid, r.off-1, "option")
		return false
	default:
		return b == 1
	}
}

// Compact reads a compact number of at most 64 bits; a larger one is ErrRange (see CompactBig).
func (r *Reader) Compact() uint64 {
	if r.err != nil || r.off >= len(r.buf) {
		r.fail(ErrShort, r.off, "compact number")
		return 0
	}
	at := r.off
	first := r.buf[at]
	var v uint64
	var long bool
	switch first & 3 {
	case 0:
		r.off++
		return uint64(first >> 2)
	case 1:
		v = uint64(r.U16() >> 2)
		long = v < 1<<6
	case 2:
		v = uint64(r.U32() >> 2)
		long = v < 1<<14
	default:
		r.off++
		b := r.Take(int(first>>2) + 4)
		if r.err != nil {
			return 0
		}
		for i := len(b) - 1; i >= 0; i-- {
			if i >= 8 && b[i] != 0 {
				r.fail(ErrRange, at, "compact number")
				return 0
			}
			v = v<<8 | uint64(b[i])
		}
		long = v < 1<<30 || b[len(b)-1] == 0
	}
	if r.err != nil {
		return 0
	}
	if long {
		r.long(at)
	}
	return v
}

// long notes a compact number that was longer than it needs to be.
func (r *Reader) long(at int) {
	if r.Canonical {
		r.fail(ErrCanonical, at, "compact number")
	}
}

// CompactBig reads a compact number of any size (at most 67 bytes). It is never nil.
func (r *Reader) CompactBig() *big.Int {
	if r.Len() == 0 || r.buf[r.off]&3 != 3 {
		return new(big.Int).SetUint64(r.Compact())
	}
	at := r.off
	n := int(r.U8()>>2) + 4
	b := r.Take(n)
	if r.err != nil {
		return new(big.Int)
	}
	be := make([]byte, n)
	for i, x := range b {
		be[n-1-i] = x
	}
	v := new(big.Int).SetBytes(be)
	if b[n-1] == 0 || v.BitLen() <= 30 {
		r.long(at)
	}
	return v
}

// CompactMax reads a compact number that must not exceed the limit (ErrRange).
func (r *Reader) CompactMax(limit uint64) uint64 {
	at := r.off
	v := r.Compact()
	if v > limit {
		r.fail(ErrRange, at, "compact number")
		return 0
	}
	return v
}

// Count reads the number of items of a vector of which each takes at least size bytes. A count that the remaining input cannot hold is
// ErrShort, so a caller may allocate for it. For items that can be empty give 0: then the count is bounded by nothing but 2^32 and the
// caller must not allocate by it.
func (r *Reader) Count(size int) int {
	at := r.off
	n := r.Compact()
	if r.err != nil {
		return 0
	}
	if n > 1<<32-1 {
		r.fail(ErrRange, at, "count")
		return 0
	}
	if size > 0 {
		if hi, need := bits.Mul64(n, uint64(size)); hi != 0 || need > uint64(r.Len()) {
			r.fail(ErrShort, at, "vector")
			return 0
		}
	}
	return int(n)
}

// Bytes reads a vector of bytes, as part of the input, not a copy.
func (r *Reader) Bytes() []byte { return r.Take(r.Count(1)) }

// Text reads a vector of bytes that must be UTF-8.
func (r *Reader) Text() string {
	at := r.off
	b := r.Bytes()
	if !utf8.Valid(b) {
		r.fail(ErrInvalid, at, "text")
		return ""
	}
	return string(b)
}

// Hash reads 32 bytes: an account, a hash or a public key.
func (r *Reader) Hash() (h [32]byte) {
	copy(h[:], r.Take(32))
	return h
}

// U16s reads a vector of u16, such as uids and weights.
func (r *Reader) U16s() []uint16 {
	n := r.Count(2)
	b := r.Take(2 * n)
	if r.err != nil {
		return nil
	}
	out := make([]uint16, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return out
}

// Hashes reads a vector of 32-byte items, such as accounts.
func (r *Reader) Hashes() [][32]byte {
	n := r.Count(32)
	b := r.Take(32 * n)
	if r.err != nil {
		return nil
	}
	out := make([][32]byte, n)
	for i := range out {
		out[i] = [32]byte(b[32*i:])
	}
	return out
}
