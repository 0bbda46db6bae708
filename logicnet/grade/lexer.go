package grade

import (
	"strings"
	"unicode/utf8"
)

// maxTokens bounds a text of the grammar.
const maxTokens = 600

// token is a number, a word, or a sign.
type token struct {
	kind byte // 'n', 'w', or 's'
	// text is a number's digits, a word in lower case, or a sign.
	text string
	// gap says that white space stands before it.
	gap bool
}

func (t token) is(sign string) bool { return t.kind == 's' && t.text == sign }

// separators says what a comma or space between groups of three digits is.
type separators int

const (
	// thousands reads 1,234 and 1 234 as one number.
	thousands separators = iota
	// items reads them as two.
	items
)

// groups removes what stands between groups of digits.
var groups = strings.NewReplacer(",", "", " ", "")

// lex splits a text that notation made. It returns false for characters that the grammar does not have.
func lex(s string, sep separators) ([]token, bool) {
	var out []token
	gap := false
	for s != "" {
		if len(out) > maxTokens {
			return nil, false
		}
		c := s[0]
		switch {
		case c == ' ':
			gap = true
			s = s[1:]
			continue
		case c >= '0' && c <= '9' || c == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
			n := numberLength(s, sep)
			text := groups.Replace(s[:n])
			out = append(out, token{'n', strings.TrimSuffix(text, "."), gap})
			s = s[n:]
		case letter(s):
			n := wordLength(s)
			out = append(out, token{'w', strings.ToLower(s[:n]), gap})
			s = s[n:]
		default:
			_, n := utf8.DecodeRuneInString(s)
			if !strings.Contains("+-*/^()[]{}⦗⦘⦃⦄|!%°,;:=<>≤≥≠±∪∩∈'", s[:n]) {
				return nil, false
			}
			out = append(out, token{'s', s[:n], gap})
			s = s[n:]
		}
		gap = false
	}
	return out, len(out) > 0
}

// letter reports whether s begins with a letter of the grammar, ASCII or small Greek.
func letter(s string) bool {
	c := s[0] | 0x20
	if c >= 'a' && c <= 'z' {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r >= 'α' && r <= 'ω'
}

// wordLength returns the length of the word at the start of s: ASCII letters, or one Greek one, with a subscript of digits or one letter.
func wordLength(s string) int {
	n := 0
	for n < len(s) && s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' {
		n++
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(s)
	}
	if n+1 < len(s) && s[n] == '_' {
		m := n + 1
		if s[m] == '{' {
			if end := strings.IndexByte(s[m:], '}'); end > 1 && end <= 4 && alphanumeric(s[m+1:m+end]) {
				return m + end + 1
			}
		}
		for m < len(s) && s[m] >= '0' && s[m] <= '9' {
			m++
		}
		if m > n+1 {
			return m
		}
		if s[m]|0x20 >= 'a' && s[m]|0x20 <= 'z' {
			return m + 1
		}
	}
	return n
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// numberLength returns the length of the number at the start of s: digits, groups of three, a fraction, an exponent.
func numberLength(s string, sep separators) int {
	n := digitsLength(s)
	if sep == thousands && n >= 1 && n <= 3 && s[0] != '0' {
		n += groupsLength(s[n:])
	}
	if n < len(s) && s[n] == '.' {
		d := digitsLength(s[n+1:])
		if d > 0 || n+1 == len(s) || s[n+1] == ' ' || s[n+1] == ',' || s[n+1] == ')' {
			n += 1 + d
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if d := digitsLength(s[m:]); d > 0 {
			n = m + d
		}
	}
	return n
}

// groupsLength returns the length of the groups of three digits at the start of s, all after commas or all after spaces.
func groupsLength(s string) int {
	n := 0
	for len(s) >= n+4 && (s[n] == ',' || s[n] == ' ') && s[n] == s[0] && digitsLength(s[n+1:]) == 3 {
		n += 4
	}
	return n
}

func digitsLength(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
