package cpython

import (
	"strings"
	"unicode/utf8"
)

// decodeRune is utf8.DecodeRuneInString that knows lone surrogates. s is not empty.
func decodeRune(s string) (rune, int) {
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2] >= 0x80 && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.DecodeRuneInString(s)
}

// appendRune is utf8.AppendRune that knows lone surrogates.
func appendRune(dst []byte, r rune) []byte {
	if r >= 0xd800 && r < 0xe000 {
		return append(dst, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
	}
	return utf8.AppendRune(dst, r)
}

// RuneCount returns len(s) as Python counts: code points, a lone surrogate being one.
func RuneCount(s string) int {
	n := utf8.RuneCountInString(s)
	if strings.IndexByte(s, 0xed) < 0 {
		return n
	}
	n = 0
	for len(s) > 0 {
		_, size := decodeRune(s)
		s = s[size:]
		n++
	}
	return n
}

// IsSpace reports whether str.isspace and the regular expression \s hold for r. It is wider than unicode.IsSpace by U+001C to U+001F.
func IsSpace(r rune) bool {
	switch {
	case r <= ' ':
		return r >= 0x09 && r <= 0x0d || r >= 0x1c && r <= ' '
	case r < 0x1680:
		return r == 0x85 || r == 0xa0
	case r <= 0x200a:
		return r == 0x1680 || r >= 0x2000
	}
	return r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000
}

// Strip returns s.strip().
func Strip(s string) string { return strings.TrimFunc(s, IsSpace) }

// IsAllSpace returns s.isspace(): not empty, and white space throughout.
func IsAllSpace(s string) bool { return s != "" && Strip(s) == "" }

// foldRune maps a character to the ASCII lower-case letter that matches it under re.IGNORECASE, or to itself.
// Four letters outside ASCII match an ASCII one: ſ matches s, K (Kelvin) matches k, İ and ı match i.
func foldRune(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r == 0x17f:
		return 's'
	case r == 0x212a:
		return 'k'
	case r == 0x130 || r == 0x131:
		return 'i'
	}
	return r
}

// lowerRune maps a character to the ASCII letter that str.lower makes of it, or to itself. İ is not among them: it lowers to two characters.
func lowerRune(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r == 0x212a:
		return 'k'
	}
	return r
}

// indexMapped finds the first place where tag (ASCII, lower case, not empty) stands in s when each character is mapped first.
func indexMapped(s, tag string, mapped func(rune) rune) (start, end int) {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && mapped(rune(c)) != rune(tag[0]) {
			i++
			continue
		}
		if n, ok := prefixMapped(s[i:], tag, mapped); ok {
			return i, i + n
		}
		_, n := decodeRune(s[i:])
		i += n
	}
	return -1, -1
}

func prefixMapped(s, tag string, mapped func(rune) rune) (int, bool) {
	n := 0
	for i := range len(tag) {
		if n == len(s) {
			return 0, false
		}
		r, size := decodeRune(s[n:])
		if mapped(r) != rune(tag[i]) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// IndexFold returns the byte range of the first match of re.escape(tag) with re.IGNORECASE in s, or -1, -1. tag is not empty and ASCII.
func IndexFold(s, tag string) (start, end int) { return indexMapped(s, strings.ToLower(tag), foldRune) }

// ContainsLower returns tag.lower() in s.lower() for an ASCII tag that is not empty.
func ContainsLower(s, tag string) bool {
	start, _ := indexMapped(s, strings.ToLower(tag), lowerRune)
	return start >= 0
}
