package metadata

import (
	"encoding/binary"
	"reflect"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// list reads vectors and arrays into slices, arrays, and bytes also into strings. The columns that metagraphs consist of (numbers, flags,
// accounts) have ways of their own; they are where the time goes.
func (c *compiler) list(id TypeID, t *Type, to reflect.Type) (doFunc, error) {
	elemID, elem := c.rt.core(t.Elem)
	if elem == nil {
		return nil, c.mismatch(id, to)
	}
	count := func(d *decoder) int {
		if t.Kind == Sequence {
			return d.r.Count(int(elem.least))
		}
		if uint64(t.Len)*uint64(elem.least) > uint64(d.r.Len()) {
			d.fail(id, scale.ErrShort)
			return 0
		}
		return int(t.Len)
	}
	isBytes := elem.Kind == Primitive && elem.Prim == U8
	switch to.Kind() {
	case reflect.String:
		if isBytes {
			return func(d *decoder, v reflect.Value) { v.SetString(string(d.r.Take(count(d)))) }, nil
		}
		if elem.Kind == Compact && c.rt.width(elem.Elem) == 1 { // names of subnets are Vec<Compact<u8>>
			return func(d *decoder, v reflect.Value) {
				b := make([]byte, count(d))
				for i := range b {
					b[i] = byte(d.r.CompactMax(255))
				}
				v.SetString(string(b))
			}, nil
		}
	case reflect.Array:
		if t.Kind != Array || to.Len() != int(t.Len) {
			return nil, c.mismatch(id, to)
		}
		if isBytes && to.Elem().Kind() == reflect.Uint8 {
			return func(d *decoder, v reflect.Value) { copy(v.Slice(0, v.Len()).Bytes(), d.r.Take(v.Len())) }, nil
		}
		p, err := c.plan(t.Elem, to.Elem())
		if err != nil {
			return nil, err
		}
		return func(d *decoder, v reflect.Value) {
			for i := 0; i < v.Len() && d.r.Err() == nil; i++ {
				p.run(d, v.Index(i))
			}
		}, nil
	case reflect.Slice:
		if isBytes && to.Elem().Kind() == reflect.Uint8 {
			return func(d *decoder, v reflect.Value) { v.SetBytes(append([]byte{}, d.r.Take(count(d))...)) }, nil
		}
		if do := c.column(elem, to, count); do != nil {
			return do, nil
		}
		p, err := c.plan(elemID, to.Elem())
		if err != nil {
			return nil, err
		}
		return func(d *decoder, v reflect.Value) {
			n := count(d)
			if elem.least == 0 {
				s := reflect.MakeSlice(to, 0, min(n, 16))
				for i := 0; i < n && d.r.Err() == nil; i++ {
					e := reflect.New(to.Elem()).Elem()
					p.run(d, e)
					s = reflect.Append(s, e)
				}
				v.Set(s)
				return
			}
			if !d.charge(n) {
				return
			}
			s := reflect.MakeSlice(to, n, n)
			for i := 0; i < n && d.r.Err() == nil; i++ {
				p.run(d, s.Index(i))
			}
			v.Set(s)
		}, nil
	}
	return nil, c.mismatch(id, to)
}

// column returns the fast way into a slice of plain numbers, flags or 32-byte arrays, nil if there is none.
func (c *compiler) column(elem *Type, to reflect.Type, count func(d *decoder) int) doFunc {
	if to.Elem().PkgPath() != "" || to.PkgPath() != "" {
		return nil // named types go the general way
	}
	switch {
	case elem.Kind == Compact:
		w := c.rt.width(elem.Elem)
		if w < 1 || w > 8 {
			return nil
		}
		limit := uint64(1)<<(8*w-1)<<1 - 1
		switch to.Elem().Kind() {
		case reflect.Uint64:
			return compacts[uint64](count, limit, 1<<64-1)
		case reflect.Uint32:
			return compacts[uint32](count, limit, 1<<32-1)
		case reflect.Uint16:
			return compacts[uint16](count, limit, 1<<16-1)
		case reflect.Uint8:
			return compacts[uint8](count, limit, 1<<8-1)
		}
	case elem.Kind == Primitive && elem.Prim == Bool && to.Elem().Kind() == reflect.Bool:
		return func(d *decoder, v reflect.Value) {
			s := make([]bool, count(d))
			for i := range s {
				s[i] = d.r.Bool()
			}
			v.Set(reflect.ValueOf(s))
		}
	case elem.Kind == Primitive && elem.Prim == U16 && to.Elem().Kind() == reflect.Uint16:
		return fixed(count, 2, binary.LittleEndian.Uint16)
	case elem.Kind == Primitive && elem.Prim == U32 && to.Elem().Kind() == reflect.Uint32:
		return fixed(count, 4, binary.LittleEndian.Uint32)
	case elem.Kind == Primitive && elem.Prim == U64 && to.Elem().Kind() == reflect.Uint64:
		return fixed(count, 8, binary.LittleEndian.Uint64)
	case elem.Kind == Array && elem.Len == 32 && elem.fixed == 32 && to.Elem() == reflect.TypeFor[[32]byte]():
		if _, b := c.rt.core(elem.Elem); b == nil || b.Kind != Primitive || b.Prim != U8 {
			return nil
		}
		return fixed(count, 32, func(b []byte) [32]byte { return [32]byte(b) })
	}
	return nil
}

func compacts[T uint8 | uint16 | uint32 | uint64](count func(d *decoder) int, limit, most uint64) doFunc {
	limit = min(limit, most)
	return func(d *decoder, v reflect.Value) {
		s := make([]T, count(d))
		for i := range s {
			s[i] = T(d.r.CompactMax(limit))
		}
		v.Set(reflect.ValueOf(s))
	}
}

func fixed[T any](count func(d *decoder) int, size int, read func([]byte) T) doFunc {
	return func(d *decoder, v reflect.Value) {
		n := count(d)
		b := d.r.Take(n * size)
		if d.r.Err() != nil {
			return
		}
		s := make([]T, n)
		for i := range s {
			s[i] = read(b[i*size:])
		}
		v.Set(reflect.ValueOf(s))
	}
}

// skip passes over a value of a type.
func (d *decoder) skip(id TypeID) {
	t := &d.rt.types[id]
	if t.fixed >= 0 {
		d.r.Take(int(t.fixed))
		return
	}
	if !d.enter() {
		return
	}
	d.skipOver(id, t)
	d.leave()
}

func (d *decoder) skipOver(id TypeID, t *Type) {
	switch t.Kind {
	case Composite, Tuple:
		for i := range t.Members {
			d.skip(t.Members[i].Type)
		}
	case Enum:
		v := t.Variant(d.r.U8())
		if d.r.Err() != nil {
			return
		}
		if v == nil {
			d.fail(id, scale.ErrInvalid)
			return
		}
		for i := range v.Members {
			d.skip(v.Members[i].Type)
		}
	case Sequence, Array:
		elem := &d.rt.types[t.Elem]
		n := int(t.Len)
		if t.Kind == Sequence {
			n = d.r.Count(int(elem.least))
		} else if uint64(t.Len)*uint64(elem.least) > uint64(d.r.Len()) {
			d.fail(id, scale.ErrShort)
			return
		}
		if elem.fixed >= 0 {
			if elem.fixed > 0 {
				d.r.Take(n * int(elem.fixed))
			}
			return
		}
		for i := 0; i < n && d.r.Err() == nil; i++ {
			d.skip(t.Elem)
		}
	case Compact:
		d.compact(t)
	case Primitive: // only text has no fixed size
		d.r.Bytes()
	default:
		d.bits(t)
	}
}
