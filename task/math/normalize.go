package math

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// fractions are other names of \frac, thin the spaces of LaTeX that are deleted: each in turn from the whole text.
var (
	fractions = []string{`\dfrac`, `\tfrac`, `\cfrac`}
	thin      = []string{`\,`, `\!`, `\;`, `\:`}
)

// Normalize is the form in which answers are compared as texts: one name for fractions, no \left and \right, no white space, lower case.
func Normalize(s string) string {
	s = cpython.Strip(s)
	for _, name := range fractions {
		s = strings.ReplaceAll(s, name, `\frac`)
	}
	s = dropWord(s, `\left`)
	s = dropWord(s, `\right`)
	for _, space := range thin {
		s = strings.ReplaceAll(s, space, "")
	}
	s = strings.Map(func(r rune) rune {
		if cpython.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	return cpython.Lower(s)
}

// dropWord deletes a command where its name ends: no letter, digit or underscore follows.
func dropWord(s, word string) string {
	if !strings.Contains(s, word) {
		return s
	}
	var b strings.Builder
	for {
		at := strings.Index(s, word)
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:at])
		s = s[at+len(word):]
		if r, _ := utf8.DecodeRuneInString(s); s != "" && isWord(r) {
			b.WriteString(word)
		}
	}
}

// isWord reports whether \w of Python's re matches: what str.isalnum holds for, and the underscore.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}
