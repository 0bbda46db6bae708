package synapse

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// coded is what types of this package do instead of going through reflection.
type coded interface {
	encode() (cpython.Value, error)
}

type decoded interface {
	decode(v cpython.Value) error
}

func (v Value) encode() (cpython.Value, error) { return v.v, nil }

func (v *Value) decode(x cpython.Value) error {
	v.v = x
	return nil
}

var codedType = reflect.TypeFor[coded]()

// checkKind refuses types that no field can have.
func checkKind(t reflect.Type, depth int) error {
	if t.Implements(codedType) {
		if o, ok := reflect.Zero(t).Interface().(interface{ element() reflect.Type }); ok {
			return checkKind(o.element(), depth+1)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return nil
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return fmt.Errorf("%w: bytes have no JSON form, send base64 in a string", ErrDefinition)
		}
		return checkKind(t.Elem(), depth+1)
	case reflect.Pointer:
		return checkKind(t.Elem(), depth+1)
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return checkKind(t.Elem(), depth+1)
		}
	case reflect.Struct:
		_, err := fieldsOf(t, depth+1)
		return err
	}
	return fmt.Errorf("%w: a field cannot be a %s", ErrDefinition, t)
}

// encodeAny makes a value of x; tagged structs become dicts.
func encodeAny(x any) (cpython.Value, error) {
	switch x := x.(type) {
	case nil:
		return cpython.Value{}, nil
	case *big.Int:
		return cpython.BigValue(x), nil
	case cpython.Value:
		return x, nil
	}
	return encodeReflect(reflect.ValueOf(x), 0)
}

func encodeReflect(v reflect.Value, depth int) (cpython.Value, error) {
	if depth > maxDepth {
		return cpython.Value{}, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch v.Kind() {
	case reflect.Bool:
		return cpython.BoolValue(v.Bool()), nil
	case reflect.String:
		if v.Type() == reflect.TypeFor[Integer]() {
			return Integer(v.String()).python(), nil
		}
		return cpython.StringValue(v.String()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return cpython.IntValue(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n > math.MaxInt64 {
			return cpython.BigValue(new(big.Int).SetUint64(n)), nil
		}
		return cpython.IntValue(int64(v.Uint())), nil
	case reflect.Float32, reflect.Float64:
		return cpython.FloatValue(v.Float()), nil
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return cpython.Value{}, nil
		}
		if n, ok := v.Interface().(*big.Int); ok {
			return cpython.BigValue(n), nil
		}
		return encodeReflect(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		elements := make([]cpython.Value, v.Len())
		for i := range elements {
			e, err := encodeReflect(v.Index(i), depth+1)
			if err != nil {
				return e, err
			}
			elements[i] = e
		}
		return cpython.ArrayValue(elements), nil
	case reflect.Map:
		return encodeMap(v, depth)
	case reflect.Struct:
		if c, ok := v.Interface().(coded); ok {
			return c.encode()
		}
		return encodeStruct(v, depth)
	}
	return cpython.Value{}, fmt.Errorf("%w: a value cannot be a %s", ErrDefinition, v.Type())
}

func encodeMap(v reflect.Value, depth int) (cpython.Value, error) {
	if v.Type().Key().Kind() != reflect.String {
		return cpython.Value{}, fmt.Errorf("%w: keys of a map must be strings", ErrDefinition)
	}
	members := make([]cpython.Member, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		e, err := encodeReflect(it.Value(), depth+1)
		if err != nil {
			return e, err
		}
		members = append(members, cpython.Member{Key: it.Key().String(), Value: e})
	}
	slices.SortFunc(members, func(a, b cpython.Member) int { return strings.Compare(a.Key, b.Key) })
	return cpython.ObjectValue(members), nil
}

// structFields caches the tags of structs inside fields.
var structFields sync.Map // reflect.Type -> []field

func cachedFields(t reflect.Type) ([]field, error) {
	if f, ok := structFields.Load(t); ok {
		return f.([]field), nil
	}
	f, err := fieldsOf(t, 0)
	if err == nil {
		structFields.Store(t, f)
	}
	return f, err
}

func encodeStruct(v reflect.Value, depth int) (cpython.Value, error) {
	fields, err := cachedFields(v.Type())
	if err != nil {
		return cpython.Value{}, err
	}
	members := make([]cpython.Member, len(fields))
	for i, f := range fields {
		e, err := encodeReflect(v.Field(f.index), depth+1)
		if err != nil {
			return e, err
		}
		members[i] = cpython.Member{Key: f.name, Value: e}
	}
	return cpython.ObjectValue(members), nil
}

func decodeInto(v cpython.Value, target any) error {
	p := reflect.ValueOf(target)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return errors.New("the target is no pointer to a variable")
	}
	return decodeReflect(v, p.Elem())
}

// decodeReflect stores v by the rules of the SDK's validation, where these are not looser than the protocol needs: integers also from whole
// floats and from decimal text, floats also from integers and text, all other kinds from their own kind only.
func decodeReflect(v cpython.Value, to reflect.Value) error {
	if d, ok := to.Addr().Interface().(decoded); ok {
		return d.decode(v)
	}
	switch to.Kind() {
	case reflect.String:
		s, ok := v.Text()
		if !ok {
			return mismatch(v, "str")
		}
		if !utf8.ValidString(s) {
			return errSurrogate
		}
		to.SetString(s)
	case reflect.Bool:
		if v.Kind() != cpython.Bool {
			return mismatch(v, "bool")
		}
		to.SetBool(v.Truth())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeInteger(v, to)
	case reflect.Float32, reflect.Float64:
		if k := v.Kind(); k != cpython.Float && k != cpython.Int && k != cpython.String {
			return mismatch(v, "float")
		}
		f, err := v.ToFloat()
		if err != nil {
			return err
		}
		to.SetFloat(f)
	case reflect.Slice:
		if v.Kind() != cpython.Array {
			return mismatch(v, "list")
		}
		elements := v.Elements()
		s := reflect.MakeSlice(to.Type(), len(elements), len(elements))
		for i, e := range elements {
			if err := decodeReflect(e, s.Index(i)); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		to.Set(s)
	case reflect.Map:
		if v.Kind() != cpython.Object {
			return mismatch(v, "dict")
		}
		m := reflect.MakeMapWithSize(to.Type(), v.Len())
		for _, e := range v.Members() {
			slot := reflect.New(to.Type().Elem()).Elem()
			if err := decodeReflect(e.Value, slot); err != nil {
				return fmt.Errorf("[%.40q]: %w", e.Key, err)
			}
			m.SetMapIndex(reflect.ValueOf(e.Key).Convert(to.Type().Key()), slot)
		}
		to.Set(m)
	case reflect.Pointer:
		if v.Kind() == cpython.Null {
			to.SetZero()
			return nil
		}
		p := reflect.New(to.Type().Elem())
		if err := decodeReflect(v, p.Elem()); err != nil {
			return err
		}
		to.Set(p)
	case reflect.Struct:
		return decodeStruct(v, to)
	case reflect.Interface:
		if x := plain(v); x == nil {
			to.SetZero()
		} else {
			to.Set(reflect.ValueOf(x))
		}
	default:
		return fmt.Errorf("%w: a field cannot be a %s", ErrDefinition, to.Type())
	}
	return nil
}

func decodeInteger(v cpython.Value, to reflect.Value) error {
	switch v.Kind() {
	case cpython.Int, cpython.String:
	case cpython.Float:
		if f, _ := v.Float(); f != math.Trunc(f) {
			return mismatch(v, "int")
		}
	default:
		return mismatch(v, "int")
	}
	n, err := v.ToInt()
	if err != nil {
		return err
	}
	switch {
	case to.CanInt() && n.IsInt64() && !to.OverflowInt(n.Int64()):
		to.SetInt(n.Int64())
	case to.CanUint() && n.IsUint64() && !to.OverflowUint(n.Uint64()):
		to.SetUint(n.Uint64())
	default:
		return fmt.Errorf("an integer of %d bits does not fit %s", n.BitLen(), to.Type())
	}
	return nil
}

func decodeStruct(v cpython.Value, to reflect.Value) error {
	if v.Kind() != cpython.Object {
		return mismatch(v, "dict")
	}
	fields, err := cachedFields(to.Type())
	if err != nil {
		return err
	}
	_, err = decodeFields(v, to, fields)
	return err
}

// decodeFields stores the members of a dict in the fields of a struct and returns which of them were there.
func decodeFields(v cpython.Value, to reflect.Value, fields []field) (present []string, err error) {
	for i := range fields {
		f := &fields[i]
		member, ok := v.Get(f.name)
		switch {
		case ok:
			present = append(present, f.name)
		case f.required:
			return nil, fmt.Errorf("%s: it is required", f.name)
		case f.initial != nil:
			member = *f.initial
		default:
			to.Field(f.index).SetZero()
			continue
		}
		if err := decodeReflect(member, to.Field(f.index)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return present, nil
}

// plain returns what encoding/json would, with integers as int64 or *big.Int.
func plain(v cpython.Value) any {
	switch v.Kind() {
	case cpython.Bool:
		return v.Truth()
	case cpython.Int:
		if n, ok := v.Int64(); ok {
			return n
		}
		n, _ := v.BigInt()
		return n
	case cpython.Float:
		f, _ := v.Float()
		return f
	case cpython.String:
		return textOf(v)
	case cpython.Array:
		list := make([]any, v.Len())
		for i, e := range v.Elements() {
			list[i] = plain(e)
		}
		return list
	case cpython.Object:
		dict := make(map[string]any, v.Len())
		for _, m := range v.Members() {
			dict[m.Key] = plain(m.Value)
		}
		return dict
	}
	return nil
}

func mismatch(v cpython.Value, want string) error {
	return fmt.Errorf("a %s instead of a %s", v.Kind(), want)
}
