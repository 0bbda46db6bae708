package cpython

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// ErrNumber says that Python's int() or float() would raise for a value.
var ErrNumber = errors.New("not a number to Python")

// asciiNumber maps decimal digits of all scripts to ASCII and white space outside ASCII to blanks, as CPython does before it reads a number, and
// strips it. ok is false when s holds something else outside ASCII.
func asciiNumber(s string) (string, bool) {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if !ascii {
		var b strings.Builder
		for _, r := range s {
			switch {
			case r < 0x80:
				b.WriteRune(r)
			case IsSpace(r):
				b.WriteByte(' ')
			default:
				d, ok := decimalDigit(r)
				if !ok {
					return "", false
				}
				b.WriteByte('0' + d)
			}
		}
		s = b.String()
	}
	return strings.Trim(s, "\t\n\v\f\r "), true // U+001C to U+001F, though white space to str.strip, stay and are errors
}

func decimalDigit(r rune) (byte, bool) {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	return 0, false
}

// dropUnderscores removes underscores that stand between two digits; ok is false when there are others.
func dropUnderscores(s string) (string, bool) {
	if !strings.Contains(s, "_") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] != '_' {
			out = append(out, s[i])
		} else if i == 0 || i == len(s)-1 || !isDigit(s[i-1]) || !isDigit(s[i+1]) {
			return "", false
		}
	}
	return string(out), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digitsAt returns how many ASCII digits s starts with.
func digitsAt(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// ParseInt returns int(s): decimal with an optional sign, white space around it, underscores between digits, digits of any script,
// at most MaxIntDigits of them. Errors wrap ErrNumber.
func ParseInt(s string) (*big.Int, error) {
	t, ok := asciiNumber(s)
	if ok {
		t, ok = dropUnderscores(t)
	}
	digits := strings.TrimLeft(t, "+-")
	if !ok || digits == "" || len(t)-len(digits) > 1 || digitsAt(digits) != len(digits) || len(digits) > MaxIntDigits {
		return nil, fmt.Errorf("couldn't read an integer from %s: %w", quote(s), ErrNumber)
	}
	n, ok := new(big.Int).SetString(t, 10)
	if !ok {
		return nil, fmt.Errorf("couldn't read an integer from %s: %w", quote(s), ErrNumber)
	}
	return n, nil
}

// ParseFloat returns float(s): decimal with optional fraction and exponent, or inf, infinity, nan in any case. Errors wrap ErrNumber.
func ParseFloat(s string) (float64, error) {
	t, ok := asciiNumber(s)
	if ok {
		t, ok = dropUnderscores(t)
	}
	if !ok || !isFloatText(t) {
		return 0, fmt.Errorf("couldn't read a float from %s: %w", quote(s), ErrNumber)
	}
	f, err := strconv.ParseFloat(t, 64)
	if strings.EqualFold(strings.TrimLeft(t, "+-"), "nan") {
		f, err = math.NaN(), nil // strconv knows no signed NaN
	}
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("couldn't read a float from %s: %w", quote(s), ErrNumber)
	}
	return f, nil
}

func isFloatText(t string) bool {
	if t != "" && (t[0] == '+' || t[0] == '-') {
		t = t[1:]
	}
	switch strings.ToLower(t) {
	case "inf", "infinity", "nan":
		return true
	}
	whole := digitsAt(t)
	t = t[whole:]
	fraction := 0
	if strings.HasPrefix(t, ".") {
		fraction = digitsAt(t[1:])
		t = t[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if t == "" {
		return true
	}
	if t[0] != 'e' && t[0] != 'E' {
		return false
	}
	t = t[1:]
	if t != "" && (t[0] == '+' || t[0] == '-') {
		t = t[1:]
	}
	return t != "" && digitsAt(t) == len(t)
}

// quote shortens foreign text for an error message.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return strconv.Quote(s)
}

// ToInt returns int(v): floats truncate towards zero, booleans are 0 and 1, text is read by ParseInt. Errors wrap ErrNumber.
func (v Value) ToInt() (*big.Int, error) {
	switch v.kind {
	case Bool:
		return new(big.Int).SetUint64(v.num), nil
	case Int:
		n, _ := v.BigInt()
		return n, nil
	case Float:
		f := math.Float64frombits(v.num)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("couldn't convert %v to an integer: %w", f, ErrNumber)
		}
		n, _ := new(big.Float).SetFloat64(f).Int(nil)
		return n, nil
	case String:
		return ParseInt(v.text())
	}
	return nil, fmt.Errorf("couldn't convert a %s to an integer: %w", v.kind, ErrNumber)
}

// ToFloat returns float(v): ints round to the nearest double (too large ones are errors), booleans are 0 and 1, text is read by ParseFloat.
// Errors wrap ErrNumber.
func (v Value) ToFloat() (float64, error) {
	switch v.kind {
	case Bool:
		return float64(v.num), nil
	case Int:
		if n, ok := v.Int64(); ok {
			return float64(n), nil
		}
		f, _ := new(big.Float).SetInt(v.bigRef()).Float64()
		if math.IsInf(f, 0) {
			return 0, fmt.Errorf("couldn't convert an integer to a float: %w: too large", ErrNumber)
		}
		return f, nil
	case Float:
		return math.Float64frombits(v.num), nil
	case String:
		return ParseFloat(v.text())
	}
	return 0, fmt.Errorf("couldn't convert a %s to a float: %w", v.kind, ErrNumber)
}
