package metadata

import (
	"fmt"
	"math/big"
	"reflect"
	"unicode/utf8"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Encode writes a Go value as a value of a type. It takes the forms that Decode gives and those that Unmarshal takes: numbers of every Go
// type (checked for range), big.Int; []byte, [N]byte and strings for bytes; slices and arrays; Struct, maps with string keys and Go structs
// for structs (by name, every field of the runtime's must be there), []any and Go structs for tuples; nil and nil pointers for None.
// Enums take Variant, or a string where the variant has no fields; a MultiAddress takes a bare [32]byte as its variant Id. Raw is taken as it is. Errors: ErrType.
func (rt *Runtime) Encode(id TypeID, v any) ([]byte, error) { return rt.AppendEncode(nil, id, v) }

// AppendEncode is Encode that appends to b.
func (rt *Runtime) AppendEncode(b []byte, id TypeID, v any) ([]byte, error) {
	if rt.Type(id) == nil {
		return nil, fmt.Errorf("couldn't encode type %d: %w", id, ErrUnknown)
	}
	e := encoder{rt: rt, w: b}
	if err := e.value(id, reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return e.w, nil
}

type encoder struct {
	rt    *Runtime
	w     scale.Writer
	depth int
}

func (e *encoder) mismatch(id TypeID, v reflect.Value) error {
	what := "nil"
	if v.IsValid() {
		what = v.Type().String()
	}
	return fmt.Errorf("couldn't encode %s as %s: %w", what, e.rt.label(id), ErrType)
}

// open takes interfaces and pointers off. Invalid stands for nil.
func open(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && v.Type() != bigPointer) {
		v = v.Elem()
	}
	return v
}

func (e *encoder) value(id TypeID, v reflect.Value) error {
	if e.depth++; e.depth > maxDepth {
		return fmt.Errorf("couldn't encode %s: %w", e.rt.label(id), ErrLimit)
	}
	defer func() { e.depth-- }()
	t := &e.rt.types[id]
	opened := open(v)
	if opened.IsValid() && opened.Type() == rawType {
		return e.raw(id, opened.Interface().(Raw))
	}
	if t.isOption {
		return e.option(t, v)
	}
	v = opened
	switch t.Kind {
	case Composite, Tuple:
		return e.composite(id, t, v)
	case Enum:
		return e.enum(id, t, v)
	case Sequence, Array:
		return e.list(id, t, v)
	case Primitive:
		return e.primitive(id, t.Prim, v)
	case Compact:
		return e.compact(id, t.Elem, v)
	default:
		return e.bits(id, t, v)
	}
}

func (e *encoder) option(t *Type, v reflect.Value) error {
	for v.IsValid() && v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		e.w.U8(0)
		return nil
	}
	e.w.U8(1)
	if s, ok := v.Interface().(Some); ok {
		return e.value(t.option, reflect.ValueOf(s.Value))
	}
	return e.value(t.option, v)
}

func (e *encoder) composite(id TypeID, t *Type, v reflect.Value) error {
	if inner, ok := t.wrapped(); ok {
		return e.value(inner, v)
	}
	if len(t.Members) == 0 {
		switch {
		case !v.IsValid(), v.Kind() == reflect.Struct && v.NumField() == 0, v.Kind() == reflect.Slice && v.Len() == 0:
			return nil
		}
		return e.mismatch(id, v)
	}
	if !v.IsValid() {
		return e.mismatch(id, v)
	}
	return e.members(id, t.Members, v)
}

// members writes fields, found by name where they have names and by place otherwise.
func (e *encoder) members(id TypeID, members []Member, v reflect.Value) error {
	named := len(members) > 0 && members[0].Name != ""
	var fields []goField
	switch {
	case v.Type() == structType:
		if v.Len() != len(members) {
			return fmt.Errorf("couldn't encode %d fields as %s, which has %d: %w", v.Len(), e.rt.label(id), len(members), ErrType)
		}
	case v.Kind() == reflect.Map && named && v.Type().Key().Kind() == reflect.String:
		if v.Len() != len(members) {
			return fmt.Errorf("couldn't encode %d fields as %s, which has %d: %w", v.Len(), e.rt.label(id), len(members), ErrType)
		}
	case v.Kind() == reflect.Struct && v.Type() != variantType && v.Type() != bigType:
		var err error
		if fields, err = goFields(v.Type()); err != nil {
			return err
		}
		if !named && len(fields) != len(members) {
			return e.mismatch(id, v)
		}
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && !named && v.Len() == len(members):
	default:
		return e.mismatch(id, v)
	}
	for i, m := range members {
		var f reflect.Value
		found := true
		switch {
		case v.Type() == structType && named:
			var x any
			x, found = v.Interface().(Struct).Lookup(m.Name)
			f = reflect.ValueOf(x)
		case v.Type() == structType:
			f = reflect.ValueOf(v.Interface().(Struct)[i].Value)
		case v.Kind() == reflect.Map:
			f = v.MapIndex(reflect.ValueOf(m.Name).Convert(v.Type().Key()))
			found = f.IsValid()
		case fields != nil && named:
			g := match(fields, m.Name)
			if found = g != nil; found {
				f = v.Field(g.index)
			}
		case v.Kind() == reflect.Struct:
			f = v.Field(fields[i].index)
		default:
			f = v.Index(i)
		}
		if !found {
			return fmt.Errorf("couldn't encode %s: field %s is missing: %w", e.rt.label(id), m.Name, ErrType)
		}
		if err := e.value(m.Type, f); err != nil {
			if m.Name != "" {
				return fmt.Errorf("couldn't encode field %s: %w", m.Name, err)
			}
			return fmt.Errorf("couldn't encode field %d: %w", i, err)
		}
	}
	return nil
}

func (e *encoder) enum(id TypeID, t *Type, v reflect.Value) error {
	if !v.IsValid() {
		return e.mismatch(id, v)
	}
	var x Variant
	switch {
	case v.Type() == variantType:
		x = v.Interface().(Variant)
	case v.Kind() == reflect.String:
		x.Name = v.String()
	case t.Name() == "MultiAddress" && v.Type() == reflect.TypeFor[[32]byte]():
		x = Variant{Name: "Id", Fields: Struct{{Value: v.Interface()}}}
	default:
		return e.mismatch(id, v)
	}
	def := t.VariantNamed(x.Name)
	if def == nil {
		return fmt.Errorf("couldn't encode variant %s of %s: %w", x.Name, e.rt.label(id), ErrUnknown)
	}
	if len(def.Members) != len(x.Fields) {
		return fmt.Errorf("couldn't encode variant %s of %s: it has %d fields, not %d: %w",
			x.Name, e.rt.label(id), len(def.Members), len(x.Fields), ErrType)
	}
	e.w.U8(def.Index)
	fields := x.Fields
	if len(fields) > 0 && fields[0].Name == "" { // by place
		for i, m := range def.Members {
			if err := e.value(m.Type, reflect.ValueOf(fields[i].Value)); err != nil {
				return fmt.Errorf("couldn't encode variant %s: %w", x.Name, err)
			}
		}
		return nil
	}
	if err := e.members(id, def.Members, reflect.ValueOf(fields)); err != nil {
		return fmt.Errorf("couldn't encode variant %s: %w", x.Name, err)
	}
	return nil
}

func (e *encoder) list(id TypeID, t *Type, v reflect.Value) error {
	if !v.IsValid() || v.Kind() != reflect.Slice && v.Kind() != reflect.Array && v.Kind() != reflect.String {
		return e.mismatch(id, v)
	}
	if t.Kind == Array {
		if v.Len() != int(t.Len) {
			return fmt.Errorf("couldn't encode %d items as %s, which has %d: %w", v.Len(), e.rt.label(id), t.Len, ErrType)
		}
	} else {
		e.w.Compact(uint64(v.Len()))
	}
	if _, elem := e.rt.core(t.Elem); elem != nil && elem.Kind == Primitive {
		switch {
		case elem.Prim == U8 && v.Kind() == reflect.String:
			e.w = append(e.w, v.String()...)
			return nil
		case elem.Prim == U8 && v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
			e.w = append(e.w, v.Bytes()...)
			return nil
		case elem.Prim == U8 && v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Uint8:
			for i := range v.Len() {
				e.w = append(e.w, byte(v.Index(i).Uint()))
			}
			return nil
		case elem.Prim == U16 && v.Type() == reflect.TypeFor[[]uint16]():
			for _, x := range v.Interface().([]uint16) {
				e.w.U16(x)
			}
			return nil
		}
	}
	if v.Kind() == reflect.String {
		return e.mismatch(id, v)
	}
	for i := range v.Len() {
		if err := e.value(t.Elem, v.Index(i)); err != nil {
			return fmt.Errorf("couldn't encode item %d: %w", i, err)
		}
	}
	return nil
}

// integer returns a Go number as its bits and its sign, or as a big.Int where it is one.
func integer(v reflect.Value) (x uint64, negative bool, n *big.Int, ok bool) {
	switch {
	case !v.IsValid():
	case v.Kind() >= reflect.Uint && v.Kind() <= reflect.Uintptr:
		return v.Uint(), false, nil, true
	case v.Kind() >= reflect.Int && v.Kind() <= reflect.Int64:
		return uint64(v.Int()), v.Int() < 0, nil, true
	case v.Type() == bigPointer && !v.IsNil():
		return 0, false, v.Interface().(*big.Int), true
	case v.Type() == bigType:
		b := v.Interface().(big.Int)
		return 0, false, &b, true
	}
	return 0, false, nil, false
}

func (e *encoder) primitive(id TypeID, p Prim, v reflect.Value) error {
	switch {
	case !v.IsValid():
		return e.mismatch(id, v)
	case p == Bool && v.Kind() == reflect.Bool:
		e.w.Bool(v.Bool())
		return nil
	case p == Str && v.Kind() == reflect.String:
		e.w.Text(v.String())
		return nil
	case p == Bool || p == Str:
		return e.mismatch(id, v)
	}
	x, negative, n, ok := integer(v)
	if !ok {
		return e.mismatch(id, v)
	}
	size, signed := primSizes[p], p >= I8
	if n == nil {
		if size <= 8 && !signed && !negative && (size == 8 || x < 1<<(8*size)) && p != Char {
			for range size {
				e.w.U8(byte(x))
				x >>= 8
			}
			return nil
		}
		if n = new(big.Int).SetUint64(x); negative {
			n.SetInt64(int64(x))
		}
	}
	if p == Char && (!n.IsInt64() || !utf8.ValidRune(rune(min(n.Int64(), utf8.MaxRune+1)))) {
		return fmt.Errorf("couldn't encode %s as char: %w", n, ErrType)
	}
	if err := e.w.Int(n, size, signed); err != nil {
		return fmt.Errorf("couldn't encode %s: %w: %w", e.rt.label(id), ErrType, err)
	}
	return nil
}

func (e *encoder) compact(id, elem TypeID, v reflect.Value) error {
	w := e.rt.width(elem)
	if w == 0 && !v.IsValid() {
		return nil
	}
	x, negative, n, ok := integer(v)
	if w <= 0 || !ok {
		return e.mismatch(id, v)
	}
	if n == nil {
		if negative || w < 8 && x >= 1<<(8*w) {
			return fmt.Errorf("couldn't encode %v as %s: %w", v, e.rt.label(id), ErrType)
		}
		e.w.Compact(x)
		return nil
	}
	if n.Sign() < 0 || n.BitLen() > 8*w {
		return fmt.Errorf("couldn't encode %v as %s: %w", n, e.rt.label(id), ErrType)
	}
	return e.w.CompactBig(n)
}

func (e *encoder) bits(id TypeID, t *Type, v reflect.Value) error {
	size := int(e.rt.types[t.Elem].fixed)
	if !v.IsValid() || v.Type() != bitsType || size < 1 || size > 8 {
		return e.mismatch(id, v)
	}
	b := v.Interface().(Bits)
	if b.Len < 0 || len(b.Data) != (b.Len+8*size-1)/(8*size)*size {
		return fmt.Errorf("couldn't encode %d bits in %d bytes: %w", b.Len, len(b.Data), ErrType)
	}
	e.w.Compact(uint64(b.Len))
	e.w.Raw(b.Data...)
	return nil
}
