package cpython

import (
	"math"
	"math/big"
)

// Kind says which of Python's JSON types a Value is.
type Kind uint8

// The kinds. The zero Kind is Null, so the zero Value is Python's None.
const (
	Null   Kind = iota
	Bool        // True or False
	Int         // int of any size
	Float       // float, NaN and infinities included
	String      // str, lone surrogates included
	Array       // list
	Object      // dict, which remembers in which order its keys came
)

// String returns Python's name of the type.
func (k Kind) String() string {
	names := [...]string{"NoneType", "bool", "int", "float", "str", "list", "dict"}
	if int(k) < len(names) {
		return names[k]
	}
	return "invalid"
}

// Value is what json.loads returns. It tells integers from floats and keeps integers of any size. Values are immutable; copies share storage.
type Value struct {
	kind Kind
	num  uint64 // bool: 0 or 1; int that fits int64: two's complement; float: bits
	ref  any    // *big.Int for larger ints; string; []Value; []Member
}

// Member is one entry of an object.
type Member struct {
	Key   string
	Value Value
}

// BoolValue, IntValue, BigValue, FloatValue, StringValue, ArrayValue and ObjectValue make values. Slices and big integers are not copied.
func BoolValue(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// IntValue makes an int.
func IntValue(n int64) Value { return Value{kind: Int, num: uint64(n)} }

// BigValue makes an int of any size; nil counts as 0.
func BigValue(n *big.Int) Value {
	if n == nil {
		return IntValue(0)
	}
	if n.IsInt64() {
		return IntValue(n.Int64())
	}
	return Value{kind: Int, ref: n}
}

// FloatValue makes a float.
func FloatValue(f float64) Value { return Value{kind: Float, num: math.Float64bits(f)} }

// StringValue makes a str.
func StringValue(s string) Value { return Value{kind: String, ref: s} }

// ArrayValue makes a list.
func ArrayValue(elements []Value) Value { return Value{kind: Array, ref: elements} }

// ObjectValue makes a dict. Keys must differ; the order of members is the insertion order.
func ObjectValue(members []Member) Value { return Value{kind: Object, ref: members} }

// MemoryBytes estimates what v holds in memory, in bytes: several times what its text takes where it has many small values.
func (v Value) MemoryBytes() int64 {
	const value, text = 32, 16 // a Value, and the header of a string
	n := int64(value)
	switch v.kind {
	case String:
		n += text + int64(len(v.text()))
	case Int:
		if big, ok := v.ref.(*big.Int); ok {
			n += int64(len(big.Bits())) * 8
		}
	case Array:
		for _, e := range v.Elements() {
			n += e.MemoryBytes()
		}
	case Object:
		for _, m := range v.Members() {
			n += text + int64(len(m.Key)) + m.Value.MemoryBytes()
		}
	}
	return n
}

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.kind }

// Bool returns the truth of a bool; ok is false for other kinds.
func (v Value) Bool() (b, ok bool) { return v.kind == Bool && v.num != 0, v.kind == Bool }

// Int64 returns an int that fits 64 bits; ok is false for other kinds (bool included) and for larger ints.
func (v Value) Int64() (n int64, ok bool) {
	if v.kind != Int || v.ref != nil {
		return 0, false
	}
	return int64(v.num), true
}

// BigInt returns an int of any size; ok is false for other kinds. The caller must not change it.
func (v Value) BigInt() (n *big.Int, ok bool) {
	if v.kind != Int {
		return nil, false
	}
	if v.ref != nil {
		return v.bigRef(), true
	}
	return big.NewInt(int64(v.num)), true
}

// Float returns a float; ok is false for other kinds, ints included (see ToFloat for Python's float()).
func (v Value) Float() (f float64, ok bool) {
	if v.kind != Float {
		return 0, false
	}
	return math.Float64frombits(v.num), true
}

// Text returns a str; ok is false for other kinds.
func (v Value) Text() (s string, ok bool) { return v.text(), v.kind == String }

// Elements returns the elements of a list, nil for other kinds. The caller must not change them.
func (v Value) Elements() []Value {
	e, _ := v.ref.([]Value)
	return e
}

// Members returns the entries of a dict in insertion order, nil for other kinds. The caller must not change them.
func (v Value) Members() []Member {
	m, _ := v.ref.([]Member)
	return m
}

// Get returns the value of key in a dict; ok is false when v is no dict or has no such key.
func (v Value) Get(key string) (value Value, ok bool) {
	for _, m := range v.Members() {
		if m.Key == key {
			return m.Value, true
		}
	}
	return Value{}, false
}

// Len returns the number of elements, entries or code points of a list, dict or str; 0 for other kinds.
func (v Value) Len() int {
	switch v.kind {
	case Array:
		return len(v.Elements())
	case Object:
		return len(v.Members())
	case String:
		return RuneCount(v.text())
	}
	return 0
}

// Truth returns bool(v): false for None, False, zeros and empty strings, lists and dicts.
func (v Value) Truth() bool {
	switch v.kind {
	case Bool, Int:
		return v.num != 0 || v.ref != nil
	case Float:
		return math.Float64frombits(v.num) != 0
	case String:
		return v.text() != ""
	case Array, Object:
		return v.Len() != 0
	}
	return false
}

func (v Value) text() string {
	s, _ := v.ref.(string)
	return s
}

func (v Value) bigRef() *big.Int {
	n, _ := v.ref.(*big.Int)
	return n
}
