package gguf

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Limits of what a header may hold; real files have some dozens of entries and some hundreds of tensors.
const (
	maxKeys      = 1 << 16
	maxTensors   = 1 << 17
	maxName      = 1 << 12 // bytes; ggml itself allows 64 for a tensor
	maxDims      = 4
	maxAlignment = 1 << 20
)

// DefaultAlignment is the alignment of a file that doesn't name one in general.alignment.
const DefaultAlignment = 32

// cursor walks the header. The first error stays.
type cursor struct {
	b   []byte
	at  int
	err error
}

func (c *cursor) fail(at int, base error, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("byte %d: %s: %w", at, fmt.Sprintf(format, args...), base)
	}
}

// take gives the next n bytes, or nil and an error.
func (c *cursor) take(n uint64, what string) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.b)-c.at) {
		c.fail(c.at, ErrCorrupt, "%s of %d bytes reaches past the end of the file of %d", what, n, len(c.b))
		return nil
	}
	b := c.b[c.at : c.at+int(n) : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) u32(what string) uint32 {
	if b := c.take(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64(what string) uint64 {
	if b := c.take(8, what); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// name reads a key or the name of a tensor.
func (c *cursor) name(what string) string {
	at := c.at
	n := c.u64(what)
	if c.err == nil && (n == 0 || n > maxName) {
		c.fail(at, ErrCorrupt, "%s of %d bytes, want 1 to %d", what, n, maxName)
	}
	b := c.take(n, what)
	if !utf8.Valid(b) {
		c.fail(at, ErrCorrupt, "%s isn't UTF-8", what)
	}
	return string(b)
}

// value reads what follows a kind.
func (c *cursor) value(key string) Value {
	v := Value{kind: Kind(c.u32("kind of " + key))}
	at := c.at
	switch {
	case c.err != nil:
	case v.kind == String:
		v.data = c.take(c.u64(key), key)
	case v.kind == Array:
		c.array(key, &v)
	case int(v.kind) >= len(kindSizes):
		c.fail(at-4, ErrCorrupt, "%s is of kind %d, which the format doesn't have", key, uint32(v.kind))
	default:
		v.data = c.take(uint64(kindSizes[v.kind]), key)
		if c.err == nil && v.kind == Bool && v.data[0] > 1 {
			c.fail(at, ErrCorrupt, "%s is the bool %d", key, v.data[0])
		}
	}
	return v
}

func (c *cursor) array(key string, v *Value) {
	at := c.at
	v.elem = Kind(c.u32("element kind of " + key))
	n := c.u64("length of " + key)
	switch {
	case c.err != nil:
		return
	case v.elem == Array:
		c.fail(at, ErrUnsupported, "%s is a list of lists", key)
		return
	case int(v.elem) >= len(kindSizes):
		c.fail(at, ErrCorrupt, "%s has elements of kind %d, which the format doesn't have", key, uint32(v.elem))
		return
	}
	least := uint64(8) // bytes of an element at the least
	if v.elem != String {
		least = uint64(kindSizes[v.elem])
	}
	if n > uint64(len(c.b)-c.at)/least {
		c.fail(at+4, ErrCorrupt, "%s has %d elements, more than the file of %d bytes has room for", key, n, len(c.b))
		return
	}
	v.n = int(n)
	if v.elem != String {
		v.data = c.take(n*least, key)
		return
	}
	start := c.at
	for range v.n {
		c.take(c.u64(key), key)
		if c.err != nil {
			return
		}
	}
	v.data = c.b[start:c.at:c.at]
}

// claim is a tensor as the header describes it.
type claim struct {
	Tensor
	at     int // of the offset, in the header
	offset uint64
}

// tensor reads one description and computes its size without overflow.
func (c *cursor) tensor() (t claim) {
	at := c.at
	t.Name = c.name("tensor name")
	n := c.u32("dimensions of " + t.Name)
	if c.err == nil && (n == 0 || n > maxDims) {
		c.fail(at, ErrCorrupt, "tensor %q has %d dimensions, want 1 to %d", t.Name, n, maxDims)
	}
	if c.err != nil {
		return t
	}
	t.Shape = make([]int, n)
	elements := uint64(1)
	for i := range t.Shape {
		d := c.u64("dimension of " + t.Name)
		if c.err != nil {
			return t
		}
		if d == 0 || d > 1<<40 || elements > 1<<40/d {
			c.fail(c.at-8, ErrCorrupt, "tensor %q has a dimension of %d, which makes it empty or too large", t.Name, d)
			return t
		}
		elements *= d
		t.Shape[len(t.Shape)-1-i] = int(d)
	}
	t.Type = Type(c.u32("type of " + t.Name))
	f, ok := formats[t.Type]
	if c.err == nil && !ok {
		c.fail(c.at-4, ErrUnsupported, "tensor %q is of type %s (have F32, F16, BF16, Q4_0, Q4_1, Q8_0)", t.Name, t.Type)
		return t
	}
	row := uint64(t.Shape[len(t.Shape)-1])
	if c.err == nil && row%uint64(f.block) != 0 {
		c.fail(at, ErrCorrupt, "tensor %q of type %s has rows of %d numbers, not a multiple of %d", t.Name, t.Type, row, f.block)
		return t
	}
	t.at, t.offset = c.at, c.u64("offset of "+t.Name)
	if c.err == nil {
		t.size = elements / uint64(f.block) * uint64(f.bytes)
	}
	return t
}

func parse(b []byte) (*File, error) {
	c := &cursor{b: b}
	if magic := c.take(4, "magic"); c.err == nil && string(magic) != Magic {
		c.fail(0, ErrCorrupt, "file begins with %q, want %q", magic, Magic)
	}
	version := c.u32("version")
	switch {
	case c.err != nil:
	case version&0xffff == 0 && version != 0:
		c.fail(4, ErrUnsupported, "the file is big-endian")
	case version != 2 && version != 3:
		c.fail(4, ErrUnsupported, "version %d (have 2 and 3)", version)
	}
	tensors, keys := c.u64("number of tensors"), c.u64("number of metadata entries")
	switch {
	case c.err != nil:
	case tensors > maxTensors:
		c.fail(8, ErrCorrupt, "%d tensors, more than %d", tensors, maxTensors)
	case keys > maxKeys:
		c.fail(16, ErrCorrupt, "%d metadata entries, more than %d", keys, maxKeys)
	}
	if c.err != nil {
		return nil, c.err
	}
	f := &File{version: int(version), meta: map[string]Value{}, tensors: map[string]Tensor{}}
	for range keys {
		at := c.at
		key := c.name("metadata key")
		v := c.value(key)
		if _, twice := f.meta[key]; c.err == nil && twice {
			c.fail(at, ErrCorrupt, "metadata has the key %q twice", key)
		}
		if c.err != nil {
			return nil, c.err
		}
		f.meta[key] = v
		f.keys = append(f.keys, key)
	}
	var list []claim
	for range tensors {
		at := c.at
		t := c.tensor()
		if _, twice := f.tensors[t.Name]; c.err == nil && twice {
			c.fail(at, ErrCorrupt, "tensor %q comes twice", t.Name)
		}
		if c.err != nil {
			return nil, c.err
		}
		f.tensors[t.Name] = t.Tensor
		list = append(list, t)
	}
	return f, f.place(c, list)
}

// place cuts the data into tensors, which must lie as ggml lays them.
func (f *File) place(c *cursor, list []claim) error {
	align := uint64(DefaultAlignment)
	if v, ok := f.meta["general.alignment"]; ok {
		n, ok := v.Int()
		if !ok || v.kind != Uint32 || n <= 0 || n > maxAlignment || n&(n-1) != 0 {
			return fmt.Errorf("metadata general.alignment is %s, want a power of two up to %d as u32: %w", v, maxAlignment, ErrCorrupt)
		}
		align = uint64(n)
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	if len(list) == 0 {
		return nil
	}
	base := pad(uint64(c.at))
	if base > uint64(len(c.b)) {
		return fmt.Errorf("byte %d: the file ends before its data at %d: %w", len(c.b), base, ErrCorrupt)
	}
	data := c.b[base:]
	next, end := uint64(0), uint64(0)
	for _, t := range list {
		if t.offset != next {
			return fmt.Errorf("byte %d: tensor %q lies at offset %d instead of %d, which leaves a gap or overlaps: %w", t.at, t.Name, t.offset, next, ErrCorrupt)
		}
		if end = t.offset + t.size; end > uint64(len(data)) {
			return fmt.Errorf("byte %d: tensor %q ends at byte %d past the end of the file of %d: %w", t.at, t.Name, base+end, len(c.b), ErrCorrupt)
		}
		t.Data = data[t.offset:end:end]
		f.tensors[t.Name] = t.Tensor
		f.names = append(f.names, t.Name)
		next = pad(end)
	}
	if uint64(len(data)) > next {
		return fmt.Errorf("byte %d: %d bytes behind the last tensor: %w", base+next, uint64(len(data))-next, ErrCorrupt)
	}
	return nil
}
