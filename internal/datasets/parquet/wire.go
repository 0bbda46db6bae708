package parquet

import "math"

// Wire types of Thrift's compact protocol.
const (
	tStop   = 0
	tTrue   = 1
	tFalse  = 2
	tI8     = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
	tUUID   = 13
)

// maxDepth is how deep structs and lists may nest; the deepest place that Parquet defines is 6.
const maxDepth = 16

// wire reads the compact protocol from bytes that nobody vouches for. It allocates nothing by itself, never reads past its
// end, and keeps the first fault; after a fault every read gives zero.
type wire struct {
	b     []byte
	pos   int
	depth int
	fault string
}

func (t *wire) fail(what string) {
	if t.fault == "" {
		t.fault = what
		t.pos = len(t.b)
	}
}

func (t *wire) ok() bool { return t.fault == "" }

func (t *wire) byte() byte {
	if t.pos >= len(t.b) {
		t.fail("ends early")
		return 0
	}
	c := t.b[t.pos]
	t.pos++
	return c
}

func (t *wire) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := t.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	t.fail("variable-length integer is too long")
	return 0
}

func (t *wire) varint() int64 {
	u := t.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (t *wire) i32() int32 {
	v := t.varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		t.fail("32-bit integer out of range")
		return 0
	}
	return int32(v)
}

// bytes returns n bytes of the input without copying.
func (t *wire) bytes(n uint64) []byte {
	if n > uint64(len(t.b)-t.pos) {
		t.fail("text ends early")
		return nil
	}
	s := t.b[t.pos : t.pos+int(n)]
	t.pos += int(n)
	return s
}

func (t *wire) binary() []byte { return t.bytes(t.uvarint()) }

// list reads a list's header. Each element takes at least one byte, so a size beyond the bytes left is a fault.
func (t *wire) list() (size int, typ byte) {
	h := t.byte()
	n := uint64(h >> 4)
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)-t.pos) {
		t.fail("list is longer than the data")
		return 0, 0
	}
	return int(n), h & 15
}

// each calls f for every element of a list.
func (t *wire) each(want byte, f func()) {
	n, typ := t.list()
	if n > 0 && typ != want {
		t.fail("list has elements of another type")
		return
	}
	if t.depth++; t.depth > maxDepth {
		t.fail("nested too deep")
	}
	for i := 0; i < n && t.ok(); i++ {
		f()
	}
	t.depth--
}

// fields calls f for every field of a struct. f reads the value, or calls skip.
func (t *wire) fields(f func(id int, typ byte)) {
	if t.depth++; t.depth > maxDepth {
		t.fail("nested too deep")
	}
	id := 0
	for t.ok() {
		h := t.byte()
		if h == tStop || !t.ok() {
			break
		}
		if d := int(h >> 4); d != 0 {
			id += d
		} else {
			id = int(int16(t.varint()))
		}
		typ := h & 15
		f(id, typ)
	}
	t.depth--
}

// want checks the type of a field; a field of another type is skipped.
func (t *wire) want(got, typ byte) bool {
	if got == typ || typ == tTrue && got == tFalse {
		return true
	}
	t.skip(got)
	return false
}

func (t *wire) skip(typ byte) {
	switch typ {
	case tTrue, tFalse:
	case tI8:
		t.byte()
	case tI16, tI32, tI64:
		t.uvarint()
	case tDouble:
		t.bytes(8)
	case tUUID:
		t.bytes(16)
	case tBinary:
		t.binary()
	case tList, tSet:
		n, et := t.list()
		t.skipItems(n, et)
	case tMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		kv := t.byte()
		if n > uint64(len(t.b)-t.pos) {
			t.fail("map is longer than the data")
			return
		}
		for i := uint64(0); i < n && t.ok(); i++ {
			t.skipItems(1, kv>>4)
			t.skipItems(1, kv&15)
		}
	case tStruct:
		t.fields(func(_ int, typ byte) { t.skip(typ) })
	default:
		t.fail("unknown wire type")
	}
}

// skipItems skips elements of a container, where a bool takes a byte of its own.
func (t *wire) skipItems(n int, typ byte) {
	if t.depth++; t.depth > maxDepth {
		t.fail("nested too deep")
	}
	for i := 0; i < n && t.ok(); i++ {
		if typ == tTrue || typ == tFalse {
			t.byte()
			continue
		}
		t.skip(typ)
	}
	t.depth--
}
