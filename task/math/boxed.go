package math

import "strings"

const box = `\boxed{`

// FirstBoxed returns the content of the first \boxed{} of a text, empty where there is none or its braces don't balance.
func FirstBoxed(text string) string {
	_, after, ok := strings.Cut(text, box)
	if !ok {
		return ""
	}
	content, _ := braced(after)
	return content
}

// LastBoxed returns the content of the last \boxed{} of a text; ok is false where there is none or its braces don't balance.
func LastBoxed(text string) (content string, ok bool) {
	at := strings.LastIndex(text, box)
	if at < 0 {
		return "", false
	}
	return braced(text[at+len(box):])
}

// braced returns what stands before the brace that closes the one before s.
func braced(s string) (content string, ok bool) {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[:i], true
			}
		}
	}
	return "", false
}
