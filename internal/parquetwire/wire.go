package parquetwire

import "math"

// Wire types of Thrift's compact protocol.
const (
	TStop   = 0
	TTrue   = 1
	TFalse  = 2
	TI8     = 3
	TI16    = 4
	TI32    = 5
	TI64    = 6
	TDouble = 7
	TBinary = 8
	TList   = 9
	TSet    = 10
	TMap    = 11
	TStruct = 12
	TUUID   = 13
)

// MaxDepth is how deep structs and lists may nest; the deepest place that Parquet defines is 6.
const MaxDepth = 16

// Wire reads the compact protocol from bytes that nobody vouches for. It allocates nothing by itself, never reads past its
// end, and keeps the first fault; after a fault every read gives zero.
type Wire struct {
	b     []byte
	Pos   int // offset of what is read next
	depth int
	Fault string // the first thing that was wrong, empty while nothing is
}

// NewWire reads from the beginning of b.
func NewWire(b []byte) *Wire { return &Wire{b: b} }

// Fail keeps a fault, if it is the first, and ends the reading.
func (t *Wire) Fail(what string) {
	if t.Fault == "" {
		t.Fault = what
		t.Pos = len(t.b)
	}
}

// OK says that nothing was wrong so far.
func (t *Wire) OK() bool { return t.Fault == "" }

// Byte reads one byte.
func (t *Wire) Byte() byte {
	if t.Pos >= len(t.b) {
		t.Fail("ends early")
		return 0
	}
	c := t.b[t.Pos]
	t.Pos++
	return c
}

// Uvarint reads an unsigned integer of variable length.
func (t *Wire) Uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := t.Byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	t.Fail("variable-length integer is too long")
	return 0
}

// Varint reads a signed integer in zigzag form.
func (t *Wire) Varint() int64 {
	u := t.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// I32 reads a signed integer of at most 32 bits.
func (t *Wire) I32() int32 {
	v := t.Varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		t.Fail("32-bit integer out of range")
		return 0
	}
	return int32(v)
}

// Bytes returns n bytes of the input without copying.
func (t *Wire) Bytes(n uint64) []byte {
	if n > uint64(len(t.b)-t.Pos) {
		t.Fail("text ends early")
		return nil
	}
	s := t.b[t.Pos : t.Pos+int(n)]
	t.Pos += int(n)
	return s
}

// Binary reads a text without copying it.
func (t *Wire) Binary() []byte { return t.Bytes(t.Uvarint()) }

// List reads a list's header. Each element takes at least one byte, so a size beyond the bytes left is a fault.
func (t *Wire) List() (size int, typ byte) {
	h := t.Byte()
	n := uint64(h >> 4)
	if n == 15 {
		n = t.Uvarint()
	}
	if n > uint64(len(t.b)-t.Pos) {
		t.Fail("list is longer than the data")
		return 0, 0
	}
	return int(n), h & 15
}

// Each calls f for every element of a list.
func (t *Wire) Each(want byte, f func()) {
	n, typ := t.List()
	if n > 0 && typ != want {
		t.Fail("list has elements of another type")
		return
	}
	if t.depth++; t.depth > MaxDepth {
		t.Fail("nested too deep")
	}
	for i := 0; i < n && t.OK(); i++ {
		f()
	}
	t.depth--
}

// Fields calls f for every field of a struct. f reads the value, or calls skip.
func (t *Wire) Fields(f func(id int, typ byte)) {
	if t.depth++; t.depth > MaxDepth {
		t.Fail("nested too deep")
	}
	id := 0
	for t.OK() {
		h := t.Byte()
		if h == TStop || !t.OK() {
			break
		}
		if d := int(h >> 4); d != 0 {
			id += d
		} else {
			id = int(int16(t.Varint()))
		}
		typ := h & 15
		f(id, typ)
	}
	t.depth--
}

// Want checks the type of a field; a field of another type is skipped.
func (t *Wire) Want(got, typ byte) bool {
	if got == typ || typ == TTrue && got == TFalse {
		return true
	}
	t.Skip(got)
	return false
}

func (t *Wire) Skip(typ byte) {
	switch typ {
	case TTrue, TFalse:
	case TI8:
		t.Byte()
	case TI16, TI32, TI64:
		t.Uvarint()
	case TDouble:
		t.Bytes(8)
	case TUUID:
		t.Bytes(16)
	case TBinary:
		t.Binary()
	case TList, TSet:
		n, et := t.List()
		t.skipItems(n, et)
	case TMap:
		n := t.Uvarint()
		if n == 0 {
			return
		}
		kv := t.Byte()
		if n > uint64(len(t.b)-t.Pos) {
			t.Fail("map is longer than the data")
			return
		}
		for i := uint64(0); i < n && t.OK(); i++ {
			t.skipItems(1, kv>>4)
			t.skipItems(1, kv&15)
		}
	case TStruct:
		t.Fields(func(_ int, typ byte) { t.Skip(typ) })
	default:
		t.Fail("unknown Wire type")
	}
}

// skipItems skips elements of a container, where a bool takes a byte of its own.
func (t *Wire) skipItems(n int, typ byte) {
	if t.depth++; t.depth > MaxDepth {
		t.Fail("nested too deep")
	}
	for i := 0; i < n && t.OK(); i++ {
		if typ == TTrue || typ == TFalse {
			t.Byte()
			continue
		}
		t.Skip(typ)
	}
	t.depth--
}
