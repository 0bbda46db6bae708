package synapse

import (
	"math/big"
	"reflect"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Optional is a value or Python's None, which is the zero Optional. None is not the same as an empty text: it is left out of headers.
type Optional[T any] struct {
	value T
	set   bool
}

// Some returns an Optional that holds value.
func Some[T any](value T) Optional[T] { return Optional[T]{value, true} }

// Get returns the value; ok is false for None.
func (o Optional[T]) Get() (value T, ok bool) { return o.value, o.set }

// Or returns the value, or otherwise for None.
func (o Optional[T]) Or(otherwise T) T {
	if o.set {
		return o.value
	}
	return otherwise
}

// IsSet reports whether there is a value.
func (o Optional[T]) IsSet() bool { return o.set }

// Text is a str or None.
type Text = Optional[string]

// Float is a float or None.
type Float = Optional[float64]

// Integer is an int of any size, as Python's are, or None, which is the zero Integer. It is the decimal text of the number, so that
// integers compare with ==.
type Integer string

// Int returns the Integer of n.
func Int(n int64) Integer { return Integer(strconv.FormatInt(n, 10)) }

// Get returns the number; ok is false for None and for what does not fit.
func (i Integer) Get() (n int64, ok bool) {
	n, err := strconv.ParseInt(string(i), 10, 64)
	return n, err == nil
}

// Or returns the number, or otherwise for None and for what does not fit.
func (i Integer) Or(otherwise int64) int64 {
	if n, ok := i.Get(); ok {
		return n
	}
	return otherwise
}

// Is reports whether the Integer is n.
func (i Integer) Is(n int64) bool { return i == Int(n) }

// IsSet reports whether there is a number.
func (i Integer) IsSet() bool { return i != "" }

// Big returns the number, or nil for None.
func (i Integer) Big() *big.Int {
	n, ok := new(big.Int).SetString(string(i), 10)
	if !ok {
		return nil
	}
	return n
}

// String returns the text that Python's str() gives: None or the decimal digits.
func (i Integer) String() string {
	if i == "" {
		return "None"
	}
	return string(i)
}

// integerOf returns int(v), or None for None.
func integerOf(v cpython.Value) (Integer, error) {
	if v.Kind() == cpython.Null {
		return "", nil
	}
	if v.Kind() == cpython.String {
		return parseInteger(textOf(v))
	}
	n, err := v.ToInt()
	if err != nil {
		return "", err
	}
	return Integer(n.String()), nil
}

// parseInteger returns int(s). The common case, plain digits that fit, takes no big integer.
func parseInteger(s string) (Integer, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Int(n), nil
	}
	n, err := cpython.ParseInt(s)
	if err != nil {
		return "", err
	}
	return Integer(n.String()), nil
}

// floatOf returns float(v), or None for None.
func floatOf(v cpython.Value) (Float, error) {
	if v.Kind() == cpython.Null {
		return Float{}, nil
	}
	f, err := v.ToFloat()
	return Some(f), err
}

func textOf(v cpython.Value) string {
	s, _ := v.Text()
	return s
}

func (i Integer) python() cpython.Value {
	if n, ok := i.Get(); ok {
		return cpython.IntValue(n)
	}
	if n := i.Big(); n != nil {
		return cpython.BigValue(n)
	}
	return cpython.Value{}
}

func (i Integer) encode() (cpython.Value, error) { return i.python(), nil }

func (i *Integer) decode(v cpython.Value) (err error) {
	*i, err = integerOf(v)
	return err
}

func (o Optional[T]) encode() (cpython.Value, error) {
	if !o.set {
		return cpython.Value{}, nil
	}
	return encodeReflect(reflect.ValueOf(&o.value).Elem(), 0)
}

func (o *Optional[T]) decode(v cpython.Value) error {
	*o = Optional[T]{}
	if v.Kind() == cpython.Null {
		return nil
	}
	o.set = true
	return decodeReflect(v, reflect.ValueOf(&o.value).Elem())
}

// element lets a definition check what the Optional holds.
func (o Optional[T]) element() reflect.Type { return reflect.TypeFor[T]() }

func textValue(t Text) cpython.Value {
	if s, ok := t.Get(); ok {
		return cpython.StringValue(s)
	}
	return cpython.Value{}
}

func floatValue(f Float) cpython.Value {
	if x, ok := f.Get(); ok {
		return cpython.FloatValue(x)
	}
	return cpython.Value{}
}
