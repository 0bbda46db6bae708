package gsm8k

import (
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

func isDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }

// digits returns how many bytes of digits, of any script, s starts with.
func digits(s string) int {
	n := 0
	for n < len(s) {
		if c := s[n]; c < utf8.RuneSelf {
			if c < '0' || c > '9' {
				break
			}
			n++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if !isDigit(r) {
			break
		}
		n += size
	}
	return n
}

// numberAt returns the length of the match of [-+]?\d+([.,]\d+)? at the start of s, 0 where there is none.
func numberAt(s string) int {
	n := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n = 1
	}
	whole := digits(s[n:])
	if whole == 0 {
		return 0
	}
	n += whole
	if n < len(s) && (s[n] == '.' || s[n] == ',') {
		if fraction := digits(s[n+1:]); fraction > 0 {
			n += 1 + fraction
		}
	}
	return n
}

// firstNumber returns the byte range of the reference's leftmost number in s; ok is false where there is none.
func firstNumber(s string) (start, end int, ok bool) { return scanNumber(s, 0, numberAt) }

func scanNumber(s string, from int, at func(string) int) (start, end int, ok bool) {
	for i := from; i < len(s); {
		if n := at(s[i:]); n > 0 {
			return i, i + n, true
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return 0, 0, false
}

// lastNumber returns the reference's last number in s, as it scans from left to right.
func lastNumber(s string, at func(string) int) (text string, ok bool) {
	for i := 0; ; {
		start, end, found := scanNumber(s, i, at)
		if !found {
			return text, ok
		}
		text, ok, i = s[start:end], true, end
	}
}

func dropCommas(s string) string { return strings.ReplaceAll(s, ",", "") }

// plainNumberAt returns the length of the number at the start of s as people write it: a sign, digits, commas only between groups of three, and a
// fraction, which may stand without a whole part. 0 where there is none.
func plainNumberAt(s string) int {
	n := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n = 1
	}
	whole := digits(s[n:])
	if count := utf8.RuneCountInString(s[n : n+whole]); count >= 1 && count <= 3 {
		for rest := s[n+whole:]; strings.HasPrefix(rest, ","); rest = s[n+whole:] {
			group := digits(rest[1:])
			if utf8.RuneCountInString(rest[1:1+group]) != 3 {
				break
			}
			whole += 1 + group
		}
	}
	end := n + whole
	if end < len(s) && s[end] == '.' {
		if fraction := digits(s[end+1:]); fraction > 0 {
			return end + 1 + fraction
		}
	}
	if whole == 0 {
		return 0
	}
	return end
}

// maxDigits bounds the numbers that are compared by value; longer ones are compared as texts.
const maxDigits = 1000

// value returns the number that a text which plainNumberAt has found means.
func value(s string) (*big.Rat, bool) {
	var b strings.Builder
	for _, r := range dropCommas(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		n, err := cpython.ParseInt(string(r))
		if err != nil {
			return nil, false
		}
		b.WriteString(n.String())
	}
	if b.Len() > maxDigits {
		return nil, false
	}
	return new(big.Rat).SetString(b.String())
}
