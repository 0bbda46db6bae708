package cpython

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendFloat appends the text that json.dumps gives a float: repr(f), or NaN, Infinity, -Infinity.
// The shortest digits that round-trip are positional for decimal exponents in [-4, 16) and scientific otherwise.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0:
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	if a := math.Abs(f); a >= 1e-4 && a < 1e16 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		if !slices.Contains(dst[start:], '.') {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64) // Go, too, writes the sign and at least two digits of the exponent
}

const hexDigits = "0123456789abcdef"

// AppendString appends the text that json.dumps gives a string: everything outside U+0020..U+007E as \uXXXX (pairs above U+FFFF),
// a lone surrogate as its own escape, and the five short escapes of JSON.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			dst = appendASCII(dst, c)
			continue
		}
		r, n := decodeRune(s[i:])
		i += n
		if r >= 0x10000 {
			r -= 0x10000
			dst = appendEscape(dst, 0xd800+r>>10)
			r = 0xdc00 + r&0x3ff
		}
		dst = appendEscape(dst, r)
	}
	return append(dst, '"')
}

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	if c < 0x20 || c > 0x7e {
		return appendEscape(dst, rune(c))
	}
	return append(dst, c)
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// layout says how json.dumps separates items and orders keys.
type layout struct {
	item, key string
	sorted    bool
}

var (
	compactSorted = layout{",", ":", true}
	compact       = layout{",", ":", false}
	standard      = layout{", ", ": ", false}
)

// AppendCompactSorted appends json.dumps(v, separators=(",", ":"), sort_keys=True): what is hashed. Keys ascend by code point at every depth.
func (v Value) AppendCompactSorted(dst []byte) []byte { return v.append(dst, &compactSorted) }

// AppendCompact appends json.dumps(v, separators=(",", ":")), keys in insertion order.
func (v Value) AppendCompact(dst []byte) []byte { return v.append(dst, &compact) }

// AppendDefault appends json.dumps(v): a space after each comma and colon, keys in insertion order. This is the text that window files hold.
func (v Value) AppendDefault(dst []byte) []byte { return v.append(dst, &standard) }

// String returns the default layout.
func (v Value) String() string { return string(v.AppendDefault(nil)) }

func (v Value) append(dst []byte, l *layout) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.num != 0)
	case Int:
		if v.ref != nil {
			return v.bigRef().Append(dst, 10)
		}
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Float:
		return AppendFloat(dst, math.Float64frombits(v.num))
	case String:
		return AppendString(dst, v.text())
	case Array:
		dst = append(dst, '[')
		for i, e := range v.Elements() {
			if i > 0 {
				dst = append(dst, l.item...)
			}
			dst = e.append(dst, l)
		}
		return append(dst, ']')
	case Object:
		members := v.Members()
		if l.sorted && !slices.IsSortedFunc(members, byKey) {
			members = slices.Clone(members)
			slices.SortStableFunc(members, byKey)
		}
		dst = append(dst, '{')
		for i, m := range members {
			if i > 0 {
				dst = append(dst, l.item...)
			}
			dst = append(AppendString(dst, m.Key), l.key...)
			dst = m.Value.append(dst, l)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

func byKey(a, b Member) int { return strings.Compare(a.Key, b.Key) }
