package expr

import (
	"strings"
	"unicode/utf8"
)

// imaginaryUnit is sympy's name of it. Texts are in lower case, so none has it by chance.
const imaginaryUnit = "I"

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokNumber
	tokName
	tokOp
)

type token struct {
	kind tokenKind
	text string
}

// operators, the longer ones first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "...",
	"**", "//", "<<", ">>", "<=", ">=", "==", "!=", "->", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=",
	"+", "-", "*", "/", "%", "^", "&", "|", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "@", "!", ";",
}

// statementWords are keywords that no expression may have: with one of them as a word of its own, Python refuses the text.
var statementWords = set("as assert break class continue def del except finally global import nonlocal pass raise return try while with")

// expressionWords are keywords that begin or join expressions that this package doesn't read.
var expressionWords = set("and async await elif else for from if in is lambda not or yield")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// lex splits a text without white space into Python's tokens. A comment ends the text. errFails means that Python's tokenizer certainly refuses it.
func lex(s string) ([]token, error) {
	if !utf8.ValidString(s) {
		return nil, errUnsupported
	}
	var out []token
	for s != "" {
		c := s[0]
		switch {
		case c == '#':
			return out, nil
		case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
			n, err := numberLength(s)
			if err != nil {
				return nil, err
			}
			number, imaginary := strings.CutSuffix(strings.ToLower(s[:n]), "j")
			out = append(out, token{tokNumber, number})
			if imaginary { // sympy writes 3j as 3*I, whatever stands around it: 2**3j is 8*I
				out = append(out, token{tokOp, "*"}, token{tokName, imaginaryUnit})
			}
			s = s[n:]
		case isNameStart(c):
			n := 1
			for n < len(s) && (isNameStart(s[n]) || isDigit(s[n])) {
				n++
			}
			if n < len(s) && (s[n] == '\'' || s[n] == '"') {
				return nil, quoted(s[n:])
			}
			word := s[:n]
			if statementWords[word] {
				return nil, errFails
			}
			if expressionWords[word] {
				return nil, errUnsupported
			}
			out = append(out, token{tokName, word})
			s = s[n:]
		case c == '\'' || c == '"':
			return nil, quoted(s)
		default:
			op := ""
			for _, o := range operators {
				if strings.HasPrefix(s, o) {
					op = o
					break
				}
			}
			if op == "" || op == ";" {
				return nil, errFails // $ ? ` \ and control characters; and no expression has a semicolon
			}
			out = append(out, token{tokOp, op})
			s = s[len(op):]
		}
	}
	return out, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isNameStart holds for all characters outside ASCII too: where sympy tokenizes, CPython 3.12 doesn't check that they may be in a name, and a symbol of
// that name comes out.
func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// quoted judges a text at its first quote: a string that never ends is refused, anything else isn't read here.
func quoted(s string) error {
	if !strings.ContainsAny(s[1:], "'\"") {
		return errFails
	}
	return errUnsupported
}

// numberLength returns how much of s is one numeric literal. What may not follow a number is an error.
func numberLength(s string) (int, error) {
	n := 0
	if len(s) > 1 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		digits := map[byte]string{'x': "0123456789abcdef", 'o': "01234567", 'b': "01"}[s[1]|0x20]
		n = 2
		for n < len(s) && (strings.IndexByte(digits, s[n]|0x20) >= 0 || isDigit(s[n]) && strings.IndexByte(digits, s[n]) >= 0) {
			n++
		}
		if n == 2 || n < len(s) && (isNameStart(s[n]) || isDigit(s[n])) {
			return 0, errUnsupported
		}
		return n, nil
	}
	whole, err := digitRun(s)
	if err != nil {
		return 0, err
	}
	n = whole
	float := false
	if n < len(s) && s[n] == '.' {
		float = true
		n++
		if n < len(s) && isDigit(s[n]) {
			fraction, err := digitRun(s[n:])
			if err != nil {
				return 0, err
			}
			n += fraction
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		exp := n + 1
		if exp < len(s) && (s[exp] == '+' || s[exp] == '-') {
			exp++
		}
		if exp < len(s) && isDigit(s[exp]) {
			digits, err := digitRun(s[exp:])
			if err != nil {
				return 0, err
			}
			float = true
			n = exp + digits
		}
	}
	if n < len(s) && s[n]|0x20 == 'j' {
		float = true
		n++
	}
	if !float && whole > 1 && s[0] == '0' && strings.Trim(s[:whole], "0_") != "" {
		return 0, errFails // 007
	}
	if n < len(s) {
		if isNameStart(s[n]) {
			for word := range expressionWords { // "1if2else3": Python reads the number, then the keyword
				if strings.HasPrefix(s[n:], word) {
					return 0, errUnsupported
				}
			}
			return 0, errFails
		}
	}
	return n, nil
}

// digitRun returns the length of digits with single underscores between them.
func digitRun(s string) (int, error) {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '_') {
		n++
	}
	if strings.Contains(s[:n], "__") || strings.HasSuffix(s[:n], "_") {
		return 0, errFails
	}
	return n, nil
}
