package grail

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// reader takes fields out of a JSON object with the coercions of the reference's schema library (pydantic, lax mode). It keeps the first
// error and gives zero values after it.
type reader struct {
	object cpython.Value
	path   string
	err    error
}

func (r *reader) fail(key, format string, args ...any) {
	if r.err == nil {
		r.err = schemaError(r.path+key, format, args...)
	}
}

// value returns the field, which must be there.
func (r *reader) value(key string) cpython.Value {
	if r.err != nil {
		return cpython.Value{}
	}
	if r.object.Kind() != cpython.Object {
		r.fail(strings.TrimSuffix(key, "."), "is missing, its parent is %s", r.object.Kind())
		return cpython.Value{}
	}
	v, ok := r.object.Get(key)
	if !ok {
		r.fail(key, "is missing")
	}
	return v
}

// object1 returns a reader of a field that must be an object.
func (r *reader) object1(key string) reader {
	v := r.value(key)
	if r.err == nil && v.Kind() != cpython.Object {
		r.fail(key, "is %s, not an object", v.Kind())
	}
	return reader{object: v, path: r.path + key + ".", err: r.err}
}

// optional returns a reader of a field that may be missing or null, else must be an object.
func (r *reader) optional(key string) reader {
	v, _ := r.object.Get(key)
	if r.err == nil && v.Kind() != cpython.Null && v.Kind() != cpython.Object {
		r.fail(key, "is %s, not an object", v.Kind())
	}
	return reader{object: v, path: r.path + key + ".", err: r.err}
}

func (r *reader) list(key string) []cpython.Value {
	v := r.value(key)
	if r.err == nil && v.Kind() != cpython.Array {
		r.fail(key, "is %s, not a list", v.Kind())
	}
	return v.Elements()
}

func (r *reader) text(key string) string {
	v := r.value(key)
	s, ok := v.Text()
	if r.err == nil && !ok {
		r.fail(key, "is %s, not text", v.Kind())
	}
	if !utf8.ValidString(s) { // a lone surrogate, which the library refuses as well
		r.fail(key, "is not valid unicode")
	}
	return s
}

func (r *reader) integer(key string) *big.Int { return r.integerOf(key, r.value(key)) }

func (r *reader) int32(key string) int32 { return r.int32Of(key, r.value(key)) }

func (r *reader) int32Of(key string, v cpython.Value) int32 {
	n := r.integerOf(key, v)
	if r.err == nil && (!n.IsInt64() || n.Int64() < math.MinInt32 || n.Int64() > math.MaxInt32) {
		r.fail(key, "does not fit 32 bits")
	}
	if r.err != nil {
		return 0
	}
	return int32(n.Int64())
}

func (r *reader) integerOf(key string, v cpython.Value) *big.Int {
	if r.err != nil {
		return new(big.Int)
	}
	n := laxInt(v)
	if n == nil {
		r.fail(key, "is %s, not an integer", v.Kind())
		return new(big.Int)
	}
	return n
}

// laxInt returns the integer that a value passes as, nil if it does not.
func laxInt(v cpython.Value) *big.Int {
	switch v.Kind() {
	case cpython.Int:
		n, _ := v.BigInt()
		return n
	case cpython.Bool:
		n, _ := v.ToInt()
		return n
	case cpython.Float:
		f, _ := v.Float()
		if math.IsInf(f, 0) || f != math.Trunc(f) { // NaN differs from itself
			return nil
		}
		n, _ := v.ToInt()
		return n
	case cpython.String:
		s, _ := v.Text()
		s = strings.TrimSpace(s)
		if whole, zeros, ok := strings.Cut(s, "."); ok && strings.Trim(zeros, "0") == "" && zeros != "" {
			s = whole
		}
		if !isDecimal(s) {
			return nil
		}
		n, err := cpython.ParseInt(s)
		if err != nil {
			return nil
		}
		return n
	}
	return nil
}

// isDecimal reports whether the text is ASCII digits with an optional sign and underscores inside.
func isDecimal(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789_") == ""
}

func (r *reader) float(key string) float64 { return r.floatOf(key, r.value(key)) }

func (r *reader) floatOf(key string, v cpython.Value) float64 {
	if r.err != nil {
		return 0
	}
	switch v.Kind() {
	case cpython.Float, cpython.Int, cpython.Bool, cpython.String:
		if f, err := v.ToFloat(); err == nil {
			return f
		}
	}
	r.fail(key, "is %s, not a number", v.Kind())
	return 0
}

func (r *reader) bool(key string) bool {
	v := r.value(key)
	if r.err != nil {
		return false
	}
	switch v.Kind() {
	case cpython.Bool:
		b, _ := v.Bool()
		return b
	case cpython.Int, cpython.Float:
		if f, err := v.ToFloat(); err == nil && (f == 0 || f == 1) {
			return f == 1
		}
	case cpython.String:
		s, _ := v.Text()
		switch strings.ToLower(s) {
		case "1", "on", "t", "true", "y", "yes":
			return true
		case "0", "off", "f", "false", "n", "no":
			return false
		}
	}
	r.fail(key, "is %s, not a boolean", v.Kind())
	return false
}
