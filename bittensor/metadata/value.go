package metadata

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Field is a field of a struct or a variant. Fields of tuple-like variants have no name.
type Field struct {
	Name  string
	Value any
}

// Struct is a struct's fields in the order of the runtime.
type Struct []Field

// Get returns the value of a field, nil where there is none of the name.
func (s Struct) Get(name string) any {
	v, _ := s.Lookup(name)
	return v
}

// Lookup returns the value of a field and whether there is one of the name.
func (s Struct) Lookup(name string) (any, bool) {
	for i := range s {
		if s[i].Name == name {
			return s[i].Value, true
		}
	}
	return nil, false
}

// Variant is a value of an enum.
type Variant struct {
	Name string
	// Index is the byte that stands for the variant. It plays no part when a Variant is encoded.
	Index  uint8
	Fields Struct
}

// Value returns the value of the only field, nil for variants with none or several.
func (v Variant) Value() any {
	if len(v.Fields) == 1 {
		return v.Fields[0].Value
	}
	return nil
}

// Get returns the value of a field, nil where there is none of the name.
func (v Variant) Get(name string) any { return v.Fields.Get(name) }

// String returns the name, and the fields in parentheses.
func (v Variant) String() string {
	if len(v.Fields) == 0 {
		return v.Name
	}
	parts := make([]string, len(v.Fields))
	for i, f := range v.Fields {
		if parts[i] = fmt.Sprint(f.Value); f.Name != "" {
			parts[i] = f.Name + ": " + parts[i]
		}
	}
	return v.Name + "(" + strings.Join(parts, ", ") + ")"
}

// Some is the value of an option whose value may itself be nil: Option<Option<u8>> is nil, Some{nil} or Some{uint64}.
type Some struct{ Value any }

// Bits is a vector of bits: Len of them, packed as the runtime packs them.
type Bits struct {
	Len  int
	Data []byte
}

// Limits of decoding. Depth counts types within types; runtimes stop at 256 calls within calls, of which nobody signs more than a few.
const (
	maxDepth = 512
	// A value visits at most stepsBase + stepsPerByte*bytes types, counting places made for items and fields: generous for every real one,
	// and the end of vectors of nothing, of structures that are large without a byte and of counts that promise more than follows.
	stepsBase    = 4096
	stepsPerByte = 12
)

// decoder takes values of the runtime's types off a reader.
type decoder struct {
	rt    *Runtime
	r     *scale.Reader
	depth int
	steps int
	// padded says that the reader's input is longer than the whole bytes of the value.
	padded bool
	whole  int
}

func (rt *Runtime) decoder(raw []byte) *decoder {
	return &decoder{rt: rt, r: scale.NewReader(raw), steps: stepsBase + stepsPerByte*len(raw)}
}

// enter counts a step down into a type and reports whether it may be taken; leave goes up again.
func (d *decoder) enter() bool {
	d.depth++
	d.steps--
	if d.depth > maxDepth || d.steps < 0 {
		d.r.Fail(fmt.Errorf("couldn't decode value at byte %d: %w", d.r.Offset(), ErrLimit))
	}
	return d.r.Err() == nil
}

func (d *decoder) leave() { d.depth-- }

// charge counts n places that are about to be made and reports whether they may be.
func (d *decoder) charge(n int) bool {
	d.steps -= n
	if d.steps < 0 {
		d.r.Fail(fmt.Errorf("couldn't decode value at byte %d: %w", d.r.Offset(), ErrLimit))
	}
	return d.r.Err() == nil
}

func (d *decoder) fail(id TypeID, err error) {
	d.r.Fail(fmt.Errorf("couldn't decode %s at byte %d: %w", d.rt.label(id), d.r.Offset(), err))
}

// label names a type in errors.
func (rt *Runtime) label(id TypeID) string {
	t := rt.Type(id)
	if t == nil {
		return fmt.Sprintf("type %d", id)
	}
	if n := t.Name(); n != "" {
		return fmt.Sprintf("%s (type %d)", n, id)
	}
	return fmt.Sprintf("%s (type %d)", rt.describe(id, 3), id)
}

// Decode reads raw as a value of a type, in the forms that the package comment lists. Bytes that remain are an error (scale.ErrTrailing).
func (rt *Runtime) Decode(id TypeID, raw []byte) (any, error) {
	if rt.Type(id) == nil {
		return nil, fmt.Errorf("couldn't decode type %d: %w", id, ErrUnknown)
	}
	d := rt.decoder(raw)
	v := d.value(id)
	if err := d.r.End(); err != nil {
		return nil, err
	}
	return v, nil
}

// value reads a value of a type in its dynamic form; nil after an error.
func (d *decoder) value(id TypeID) any {
	if !d.enter() {
		return nil
	}
	v := d.valueOf(id, &d.rt.types[id])
	d.leave()
	return v
}

func (d *decoder) valueOf(id TypeID, t *Type) any {
	switch t.Kind {
	case Composite, Tuple:
		if inner, ok := t.wrapped(); ok {
			return d.value(inner)
		}
		if len(t.Members) == 0 {
			return nil
		}
		if t.Kind == Tuple || t.Members[0].Name == "" {
			if !d.charge(len(t.Members)) {
				return nil
			}
			out := make([]any, len(t.Members))
			for i := range t.Members {
				out[i] = d.value(t.Members[i].Type)
			}
			return out
		}
		return d.fields(t.Members)
	case Enum:
		if t.isOption {
			return d.option(t)
		}
		v := t.Variant(d.r.U8())
		if d.r.Err() != nil {
			return nil
		}
		if v == nil {
			d.fail(id, scale.ErrInvalid)
			return nil
		}
		return Variant{Name: v.Name, Index: v.Index, Fields: d.fields(v.Members)}
	case Sequence:
		elem := &d.rt.types[t.Elem]
		n := d.r.Count(int(elem.least))
		if elem.Kind == Primitive && elem.Prim == U8 {
			return append([]byte{}, d.r.Take(n)...)
		}
		return d.list(t.Elem, n)
	case Array:
		elem := &d.rt.types[t.Elem]
		if need := uint64(t.Len) * uint64(elem.least); need > uint64(d.r.Len()) {
			d.fail(id, scale.ErrShort)
			return nil
		}
		if elem.Kind == Primitive && elem.Prim == U8 {
			if t.Len == 32 {
				return d.r.Hash()
			}
			return append([]byte{}, d.r.Take(int(t.Len))...)
		}
		return d.list(t.Elem, int(t.Len))
	case Primitive:
		return d.primitive(t.Prim)
	case Compact:
		return d.compact(t)
	default:
		return d.bits(t)
	}
}

func (d *decoder) fields(members []Member) Struct {
	if len(members) == 0 || !d.charge(len(members)) {
		return nil
	}
	out := make(Struct, len(members))
	for i := range members {
		out[i].Name = members[i].Name
		out[i].Value = d.value(members[i].Type)
	}
	return out
}

func (d *decoder) option(t *Type) any {
	if !d.r.Option() {
		return nil
	}
	v := d.value(t.option)
	if d.rt.types[t.option].nilable {
		return Some{v}
	}
	return v
}

// list reads n items. Items that may be empty are bounded by the steps of the decoder, not by the input, and so is what is allocated
// for them in advance.
func (d *decoder) list(id TypeID, n int) any {
	room := n
	if d.rt.types[id].least == 0 {
		room = min(n, 16)
	}
	if !d.charge(room) {
		return nil
	}
	out := make([]any, 0, room)
	_, t := d.rt.core(id)
	switch {
	case t != nil && t.Kind == Compact && t.compact > 0: // the columns of a metagraph
		for range n {
			out = append(out, d.compact(t))
		}
	case t != nil && t.Kind == Primitive:
		for range n {
			out = append(out, d.primitive(t.Prim))
		}
	default:
		for i := 0; i < n && d.r.Err() == nil; i++ {
			out = append(out, d.value(id))
		}
	}
	if d.r.Err() != nil {
		return nil
	}
	return out
}

func (d *decoder) primitive(p Prim) any {
	switch p {
	case Bool:
		return d.r.Bool()
	case Char:
		c := d.r.U32()
		if !utf8.ValidRune(rune(min(c, utf8.MaxRune+1))) {
			d.r.Fail(fmt.Errorf("couldn't decode char at byte %d: %w", d.r.Offset(), scale.ErrInvalid))
		}
		return rune(c)
	case Str:
		return d.r.Text()
	case U8:
		return uint64(d.r.U8())
	case U16:
		return uint64(d.r.U16())
	case U32:
		return uint64(d.r.U32())
	case U64:
		return d.r.U64()
	case U128:
		return d.r.Uint(16)
	case U256:
		return d.r.Uint(32)
	case I8:
		return int64(d.r.I8())
	case I16:
		return int64(d.r.I16())
	case I32:
		return int64(d.r.I32())
	case I64:
		return d.r.I64()
	case I128:
		return d.r.Int(16)
	default:
		return d.r.Int(32)
	}
}

// width returns the bytes of the unsigned number that a type holds compactly, 0 for () and -1 for what can't be compact.
func (rt *Runtime) width(id TypeID) int {
	_, t := rt.core(id)
	switch {
	case t == nil:
		return -1
	case t.Kind == Primitive && t.Prim >= U8 && t.Prim <= U256:
		return primSizes[t.Prim]
	case (t.Kind == Tuple || t.Kind == Composite) && len(t.Members) == 0:
		return 0
	}
	return -1
}

// compact reads the compact form of a type.
func (d *decoder) compact(t *Type) any {
	switch w := int(t.compact); {
	case w < 0:
		d.fail(t.Elem, ErrType)
		return nil
	case w == 0:
		return nil
	case w <= 8:
		return d.r.CompactMax(1<<(8*w-1)<<1 - 1)
	default:
		return d.bigCompact(w)
	}
}

func (d *decoder) bigCompact(width int) *big.Int {
	v := d.r.CompactBig()
	if v.BitLen() > 8*width {
		d.r.Fail(fmt.Errorf("couldn't decode compact number at byte %d: %w", d.r.Offset(), scale.ErrRange))
	}
	return v
}

func (d *decoder) bits(t *Type) any {
	n := d.r.Count(0)
	size := d.rt.types[t.Elem].fixed
	if d.r.Err() != nil {
		return nil
	}
	if size < 1 || size > 8 {
		d.fail(t.Elem, ErrType)
		return nil
	}
	words := (n + 8*int(size) - 1) / (8 * int(size))
	return Bits{Len: n, Data: append([]byte{}, d.r.Take(words*int(size))...)}
}
