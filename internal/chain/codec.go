package chain

import (
	"encoding/binary"
	"fmt"
)

// The chain's own encoding: fixed-width big-endian numbers, byte strings with a 4-byte length, lists with a 4-byte count. One value has
// one encoding, so hashes of encodings are hashes of values.

func appendBytes(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

func appendUint16s(dst []byte, v []uint16) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
	for _, x := range v {
		dst = binary.BigEndian.AppendUint16(dst, x)
	}
	return dst
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// reader decodes; after the first error every read gives zero.
type reader struct {
	b   []byte
	off int
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %w", r.off, fmt.Errorf(format, args...))
	}
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.b)-r.off {
		r.fail("%d bytes wanted, %d left", n, len(r.b)-r.off)
		return nil
	}
	b := r.b[r.off : r.off+n]
	r.off += n
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool {
	switch v := r.byte(); v {
	case 0:
		return false
	case 1:
		return true
	default:
		r.fail("truth value %d", v)
		return false
	}
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// count reads the length of a list of items of at least size bytes each, at most limit items.
func (r *reader) count(limit, size int) int {
	b := r.take(4)
	if b == nil {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > limit || n*size > len(r.b)-r.off {
		r.fail("list of %d items (limit %d, %d bytes left)", n, limit, len(r.b)-r.off)
		return 0
	}
	return n
}

func (r *reader) bytes(limit int) []byte {
	n := r.count(limit, 1)
	return append([]byte{}, r.take(n)...)
}

func (r *reader) text(limit int) string { return string(r.bytes(limit)) }

func (r *reader) uint16s(limit int) []uint16 {
	v := make([]uint16, r.count(limit, 2))
	for i := range v {
		v[i] = r.uint16()
	}
	return v
}

func (r *reader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail("%d bytes left over", len(r.b)-r.off)
	}
	return r.err
}
