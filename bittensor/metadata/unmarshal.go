package metadata

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Unmarshal reads raw as a value of a type into what out points to. Bytes that remain are an error (scale.ErrTrailing).
//
// Numbers go into Go numbers that can hold them (checked value by value: scale.ErrRange) and into big.Int; bytes into []byte, [N]byte and
// string; vectors into slices; arrays into slices and arrays; structs into structs, field by field: the Go field has the runtime's name in
// camel case or in the tag `scale:"name"`. Fields of the runtime that Go doesn't have are skipped; a Go field that the runtime
// doesn't have is ErrType, unless its tag ends in ",optional". Structs and tuples without names go into the Go struct's fields in order.
// An Option goes into a pointer (nil for None) or into the value itself (zero for None). Other enums go into Variant, or into a string
// or uint8 (name or index) where no variant has fields. Everything goes into any, in the forms that the package comment lists. Fields
// with the tag `scale:"-"` are left alone.
func (rt *Runtime) Unmarshal(id TypeID, raw []byte, out any) error {
	d := rt.decoder(raw)
	if err := rt.unmarshal(d, id, out); err != nil {
		return err
	}
	return d.r.End()
}

// unmarshal decodes a part of an input. The decoder's own errors stay with it.
func (rt *Runtime) unmarshal(d *decoder, id TypeID, out any) error {
	p := reflect.ValueOf(out)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("couldn't decode into %T: it must be a pointer: %w", out, ErrType)
	}
	if rt.Type(id) == nil {
		return fmt.Errorf("couldn't decode type %d: %w", id, ErrUnknown)
	}
	c := &compiler{rt: rt, seen: map[planKey]*plan{}}
	pl, err := c.plan(id, p.Type().Elem())
	if err != nil {
		return err
	}
	pl.run(d, p.Elem())
	return nil
}

// plan is how values of one of the runtime's types get into one Go type.
type plan struct {
	do func(d *decoder, v reflect.Value)
}

func (p *plan) run(d *decoder, v reflect.Value) {
	if d.enter() {
		p.do(d, v)
	}
	d.leave()
}

type planKey struct {
	id TypeID
	to reflect.Type
}

// compiler works plans out. Those that it began but not ended yet are in seen, so that types may contain themselves.
type compiler struct {
	rt    *Runtime
	seen  map[planKey]*plan
	depth int
}

// plan returns the plan for a type, from the runtime's store or made now. The store is filled only when the outermost plan is whole.
func (c *compiler) plan(id TypeID, to reflect.Type) (*plan, error) {
	key := planKey{id, to}
	if p, ok := c.rt.plans.Load(key); ok {
		return p.(*plan), nil
	}
	if p := c.seen[key]; p != nil {
		return p, nil
	}
	if c.depth++; c.depth > measureDepth {
		return nil, fmt.Errorf("couldn't decode %s into %s: %w", c.rt.label(id), to, ErrLimit)
	}
	p := &plan{}
	c.seen[key] = p
	do, err := c.compile(id, to)
	c.depth--
	if err != nil {
		return nil, err
	}
	p.do = do
	if c.depth == 0 {
		for k, q := range c.seen {
			c.rt.plans.Store(k, q)
		}
	}
	return p, nil
}

type doFunc = func(d *decoder, v reflect.Value)

var (
	anyType     = reflect.TypeFor[any]()
	bigType     = reflect.TypeFor[big.Int]()
	bigPointer  = reflect.TypeFor[*big.Int]()
	structType  = reflect.TypeFor[Struct]()
	variantType = reflect.TypeFor[Variant]()
	bitsType    = reflect.TypeFor[Bits]()
)

func (c *compiler) mismatch(id TypeID, to reflect.Type) error {
	return fmt.Errorf("couldn't decode %s into %s: %w", c.rt.label(id), to, ErrType)
}

func (c *compiler) compile(id TypeID, to reflect.Type) (doFunc, error) {
	if to == anyType || to == structType || to == variantType || to == bitsType {
		return c.dynamic(id, to), nil
	}
	id, t := c.rt.core(id)
	if t == nil {
		return nil, c.mismatch(id, to)
	}
	if t.isOption {
		return c.option(id, t, to)
	}
	if to == bigPointer {
		return c.number(id, t, to)
	}
	if to.Kind() == reflect.Pointer {
		p, err := c.plan(id, to.Elem())
		if err != nil {
			return nil, err
		}
		return func(d *decoder, v reflect.Value) {
			e := reflect.New(to.Elem())
			p.run(d, e.Elem())
			v.Set(e)
		}, nil
	}
	switch t.Kind {
	case Composite, Tuple:
		return c.composite(id, t, to)
	case Enum:
		return c.enum(id, t, to)
	case Sequence, Array:
		return c.list(id, t, to)
	case Primitive:
		switch {
		case t.Prim == Bool && to.Kind() == reflect.Bool:
			return func(d *decoder, v reflect.Value) { v.SetBool(d.r.Bool()) }, nil
		case t.Prim == Str && to.Kind() == reflect.String:
			return func(d *decoder, v reflect.Value) { v.SetString(d.r.Text()) }, nil
		}
		return c.number(id, t, to)
	case Compact:
		return c.number(id, t, to)
	}
	return nil, c.mismatch(id, to)
}

// dynamic decodes in the dynamic form and puts it where it fits.
func (c *compiler) dynamic(id TypeID, to reflect.Type) doFunc {
	return func(d *decoder, v reflect.Value) {
		x := d.value(id)
		switch {
		case d.r.Err() != nil:
		case x == nil:
			v.SetZero()
		case to == anyType || reflect.TypeOf(x) == to:
			v.Set(reflect.ValueOf(x))
		default:
			d.fail(id, fmt.Errorf("%T: %w", x, ErrType))
		}
	}
}

func (c *compiler) option(id TypeID, t *Type, to reflect.Type) (doFunc, error) {
	if to.Kind() == reflect.Pointer && to != bigPointer {
		p, err := c.plan(t.option, to.Elem())
		if err != nil {
			return nil, err
		}
		return func(d *decoder, v reflect.Value) {
			if !d.r.Option() {
				v.SetZero()
				return
			}
			e := reflect.New(to.Elem())
			p.run(d, e.Elem())
			v.Set(e)
		}, nil
	}
	p, err := c.plan(t.option, to)
	if err != nil {
		return nil, err
	}
	return func(d *decoder, v reflect.Value) {
		if d.r.Option() {
			p.run(d, v)
		} else {
			v.SetZero()
		}
	}, nil
}

// number reads numbers of every kind.
func (c *compiler) number(id TypeID, t *Type, to reflect.Type) (doFunc, error) {
	get, big64 := c.source(t)
	switch {
	case get == nil && big64 == nil:
		return nil, c.mismatch(id, to)
	case to == bigPointer || to == bigType:
		return func(d *decoder, v reflect.Value) {
			var n *big.Int
			switch {
			case big64 != nil:
				n = big64(d)
			default:
				n = new(big.Int)
				if x, negative := get(d); negative {
					n.SetInt64(int64(x))
				} else {
					n.SetUint64(x)
				}
			}
			if to == bigPointer {
				v.Set(reflect.ValueOf(n))
			} else {
				v.Set(reflect.ValueOf(n).Elem())
			}
		}, nil
	}
	if get == nil {
		get = func(d *decoder) (uint64, bool) {
			n := big64(d)
			switch {
			case n.IsUint64():
				return n.Uint64(), false
			case n.IsInt64():
				return uint64(n.Int64()), true
			}
			d.fail(id, scale.ErrRange)
			return 0, false
		}
	}
	switch {
	case to.Kind() >= reflect.Uint && to.Kind() <= reflect.Uintptr:
		return func(d *decoder, v reflect.Value) {
			x, negative := get(d)
			if negative || v.OverflowUint(x) {
				d.fail(id, scale.ErrRange)
				return
			}
			v.SetUint(x)
		}, nil
	case to.Kind() >= reflect.Int && to.Kind() <= reflect.Int64:
		return func(d *decoder, v reflect.Value) {
			x, negative := get(d)
			if !negative && x > 1<<63-1 || v.OverflowInt(int64(x)) {
				d.fail(id, scale.ErrRange)
				return
			}
			v.SetInt(int64(x))
		}, nil
	}
	return nil, c.mismatch(id, to)
}

// source returns how a number of at most 64 bits is read (as its bits, and whether it is negative), or a larger one.
func (c *compiler) source(t *Type) (small func(d *decoder) (uint64, bool), large func(d *decoder) *big.Int) {
	if t.Kind == Compact {
		w := c.rt.width(t.Elem)
		switch {
		case w <= 0:
			return nil, nil
		case w <= 8:
			limit := uint64(1)<<(8*w-1)<<1 - 1
			return func(d *decoder) (uint64, bool) { return d.r.CompactMax(limit), false }, nil
		}
		return nil, func(d *decoder) *big.Int { return d.bigCompact(w) }
	}
	if t.Kind != Primitive {
		return nil, nil
	}
	signed := func(read func(r *scale.Reader) int64) func(d *decoder) (uint64, bool) {
		return func(d *decoder) (uint64, bool) {
			x := read(d.r)
			return uint64(x), x < 0
		}
	}
	switch t.Prim {
	case U8:
		return func(d *decoder) (uint64, bool) { return uint64(d.r.U8()), false }, nil
	case U16:
		return func(d *decoder) (uint64, bool) { return uint64(d.r.U16()), false }, nil
	case U32:
		return func(d *decoder) (uint64, bool) { return uint64(d.r.U32()), false }, nil
	case U64:
		return func(d *decoder) (uint64, bool) { return d.r.U64(), false }, nil
	case Char:
		return func(d *decoder) (uint64, bool) { return uint64(d.primitive(Char).(rune)), false }, nil
	case I8:
		return signed(func(r *scale.Reader) int64 { return int64(r.I8()) }), nil
	case I16:
		return signed(func(r *scale.Reader) int64 { return int64(r.I16()) }), nil
	case I32:
		return signed(func(r *scale.Reader) int64 { return int64(r.I32()) }), nil
	case I64:
		return signed((*scale.Reader).I64), nil
	case U128, U256:
		n := primSizes[t.Prim]
		return nil, func(d *decoder) *big.Int { return d.r.Uint(n) }
	case I128, I256:
		n := primSizes[t.Prim]
		return nil, func(d *decoder) *big.Int { return d.r.Int(n) }
	}
	return nil, nil
}

// enum reads an enum without fields into its name or index.
func (c *compiler) enum(id TypeID, t *Type, to reflect.Type) (doFunc, error) {
	for i := range t.Variants {
		if len(t.Variants[i].Members) > 0 {
			return nil, c.mismatch(id, to)
		}
	}
	if to.Kind() != reflect.String && to.Kind() != reflect.Uint8 {
		return nil, c.mismatch(id, to)
	}
	return func(d *decoder, v reflect.Value) {
		x := t.Variant(d.r.U8())
		switch {
		case d.r.Err() != nil:
		case x == nil:
			d.fail(id, scale.ErrInvalid)
		case to.Kind() == reflect.String:
			v.SetString(x.Name)
		default:
			v.SetUint(uint64(x.Index))
		}
	}, nil
}

// composite reads a struct or tuple into a Go struct.
func (c *compiler) composite(id TypeID, t *Type, to reflect.Type) (doFunc, error) {
	if to.Kind() != reflect.Struct || to == bigType {
		return nil, c.mismatch(id, to)
	}
	fields, err := goFields(to)
	if err != nil {
		return nil, err
	}
	type step struct {
		plan  *plan // nil: skip
		field int
		id    TypeID
	}
	steps := make([]step, len(t.Members))
	named := t.Kind == Composite && len(t.Members) > 0 && t.Members[0].Name != ""
	if !named && len(fields) != len(t.Members) {
		return nil, fmt.Errorf("couldn't decode %d fields into %s, which has %d: %w", len(t.Members), to, len(fields), ErrType)
	}
	used := 0
	for i, m := range t.Members {
		steps[i] = step{id: m.Type}
		var f *goField
		if !named {
			f = &fields[i]
		} else {
			f = match(fields, m.Name)
		}
		if f == nil {
			continue
		}
		f.used = true
		used++
		p, err := c.plan(m.Type, to.Field(f.index).Type)
		if err != nil {
			return nil, fmt.Errorf("couldn't decode field %s: %w", m.Name, err)
		}
		steps[i].plan, steps[i].field = p, f.index
	}
	for _, f := range fields {
		if !f.used && !f.optional {
			return nil, fmt.Errorf("couldn't find field %s of %s in %s: %w", f.name, to, c.rt.label(id), ErrType)
		}
	}
	return func(d *decoder, v reflect.Value) {
		if used < len(fields) {
			v.SetZero()
		}
		for i := range steps {
			if s := &steps[i]; s.plan != nil {
				s.plan.run(d, v.Field(s.field))
			} else {
				d.skip(s.id)
			}
		}
	}, nil
}

// goField is a field of a Go struct that takes part.
type goField struct {
	index          int
	name           string
	tagged         bool
	optional, used bool
}

func goFields(to reflect.Type) ([]goField, error) {
	var out []goField
	for i := range to.NumField() {
		f := to.Field(i)
		tag, rest, _ := strings.Cut(f.Tag.Get("scale"), ",")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if rest != "" && rest != "optional" {
			return nil, fmt.Errorf("couldn't read tag of field %s of %s: it says %q after the comma: %w", f.Name, to, rest, ErrType)
		}
		g := goField{index: i, name: f.Name, optional: rest == "optional"}
		if tag != "" {
			g.name, g.tagged = tag, true
		}
		out = append(out, g)
	}
	return out, nil
}

// match finds the Go field for a name of the runtime: by its tag, or without regard to case and underscores.
func match(fields []goField, name string) *goField {
	for i := range fields {
		if fields[i].tagged && fields[i].name == name {
			return &fields[i]
		}
	}
	plain := strings.ReplaceAll(name, "_", "")
	for i := range fields {
		if !fields[i].tagged && strings.EqualFold(strings.ReplaceAll(fields[i].name, "_", ""), plain) {
			return &fields[i]
		}
	}
	return nil
}
