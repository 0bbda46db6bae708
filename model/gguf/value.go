package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kind is the type of a metadata value, by the number that the format gives it.
type Kind uint32

// The kinds of metadata values.
const (
	Uint8 Kind = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

var kindNames = [...]string{"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"}

var kindSizes = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// Value is one metadata value. Its text and lists are read when asked for: they stay in the file until then.
type Value struct {
	kind Kind
	elem Kind   // of an array
	n    int    // elements of an array
	data []byte // the scalar, the string's bytes, or the elements
}

// Kind is the type of the value.
func (v Value) Kind() Kind { return v.kind }

// Elem is the type of the elements of an array.
func (v Value) Elem() Kind { return v.elem }

// Len is the number of elements of an array.
func (v Value) Len() int { return v.n }

// Int gives a whole number of any width; ok is false for another kind and for what int64 can't hold.
func (v Value) Int() (n int64, ok bool) { return integer(v.kind, v.data) }

func integer(k Kind, b []byte) (int64, bool) {
	switch k {
	case Uint8:
		return int64(b[0]), true
	case Int8:
		return int64(int8(b[0])), true
	case Uint16:
		return int64(binary.LittleEndian.Uint16(b)), true
	case Int16:
		return int64(int16(binary.LittleEndian.Uint16(b))), true
	case Uint32:
		return int64(binary.LittleEndian.Uint32(b)), true
	case Int32:
		return int64(int32(binary.LittleEndian.Uint32(b))), true
	case Uint64, Int64:
		n := int64(binary.LittleEndian.Uint64(b))
		return n, k == Int64 || n >= 0
	}
	return 0, false
}

// Float gives an f32 or f64.
func (v Value) Float() (x float64, ok bool) {
	switch v.kind {
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.data))), true
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.data)), true
	}
	return 0, false
}

// Bool gives a bool.
func (v Value) Bool() (b, ok bool) {
	if v.kind != Bool {
		return false, false
	}
	return v.data[0] != 0, true
}

// Text gives a copy of a string.
func (v Value) Text() (s string, ok bool) {
	if v.kind != String {
		return "", false
	}
	return string(v.data), true
}

// Strings gives a copy of an array of strings.
func (v Value) Strings() (list []string, ok bool) {
	if v.kind != Array || v.elem != String {
		return nil, false
	}
	list = make([]string, v.n)
	b := v.data
	for i := range list { // the parser has checked every length
		n := binary.LittleEndian.Uint64(b)
		list[i] = string(b[8 : 8+n])
		b = b[8+n:]
	}
	return list, true
}

// Ints gives a copy of an array of whole numbers.
func (v Value) Ints() (list []int64, ok bool) {
	if v.kind != Array || v.elem == String {
		return nil, false
	}
	size := kindSizes[v.elem]
	list = make([]int64, v.n)
	for i := range list {
		if list[i], ok = integer(v.elem, v.data[i*size:]); !ok {
			return nil, false
		}
	}
	return list, true
}

// String is for messages: a scalar as it is, a list by its length.
func (v Value) String() string {
	switch v.kind {
	case String:
		if len(v.data) > 60 {
			return fmt.Sprintf("%q...", v.data[:60])
		}
		return fmt.Sprintf("%q", v.data)
	case Array:
		return fmt.Sprintf("a list of %d (%s)", v.n, v.elem)
	case Bool:
		b, _ := v.Bool()
		return fmt.Sprint(b)
	case Float32, Float64:
		x, _ := v.Float()
		return fmt.Sprint(x)
	}
	if n, ok := v.Int(); ok {
		return fmt.Sprint(n)
	}
	return "a number past 63 bits"
}
