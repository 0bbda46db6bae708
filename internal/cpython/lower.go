package cpython

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lower returns s.lower(): Unicode's full mapping, in which İ becomes two characters and Σ at the end of a word becomes ς.
func Lower(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(s)
	}
	out := make([]byte, 0, len(s)+4)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, s[i])
		case r == 'İ':
			out = append(out, "i̇"...)
		case r == 'Σ' && finalSigma(s, i, i+n):
			out = append(out, "ς"...)
		case r >= 0xd800 && r < 0xe000:
			out = appendRune(out, r)
		default:
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
		i += n
	}
	return string(out)
}

// finalSigma reports whether the sigma at s[start:end] ends a word: a cased letter comes before it and none after it, whatever may be ignored between.
func finalSigma(s string, start, end int) bool {
	before := false
	for head := s[:start]; head != ""; {
		r, n := utf8.DecodeLastRuneInString(head)
		head = head[:len(head)-n]
		if !caseIgnorable(r) {
			before = cased(r)
			break
		}
	}
	if !before {
		return false
	}
	for _, r := range s[end:] {
		if !caseIgnorable(r) {
			return !cased(r)
		}
	}
	return true
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// caseIgnorable is Unicode's Case_Ignorable: marks, modifiers, format characters, and what may stand inside a word.
func caseIgnorable(r rune) bool {
	switch r {
	case '\'', '.', ':', 0xb7, 0x387, 0x55f, 0x5f4, 0x2018, 0x2019, 0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a:
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}
