package challenge

import (
	"strings"
	"unicode"
)

// Two characters of the private use area mark what words have become in plain text; those of foreign texts are dropped before.
const (
	soft     = '\uE000' // stands before the digits of a word that is often no number: one, first, second
	negative = '\uE001' // a sign for certain, unlike a hyphen
)

// plain writes a text so that equal notations become one: digits of all scripts are ASCII, number words are digits, minus, times and
// divided by are - * and /, LaTeX fractions have a bar, separators of thousands other than the comma are gone, and so are dollar signs.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '\uE000' && r <= '\uF8FF' || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return words(symbols(fractions(latex.Replace(s), 0)))
}

// latex replaces what has another notation. Longer texts come first where one begins like another.
var latex = strings.NewReplacer(
	`\dfrac`, `\frac`, `\tfrac`, `\frac`, `\cfrac`, `\frac`, `\times`, "*", `\cdots`, "…", `\cdot`, "*", `\div`, "/", `\%`, "%", `\$`, "",
	`\leftarrow`, "←", `\rightarrow`, "→", `\left`, "", `\right`, "", `\(`, "", `\)`, "", `\{`, "{", `\}`, "}", `{,}`, "\u202f", `\,`, "\u202f", `\!`, "",
	`\;`, " ", `\:`, " ", `\quad`, " ", "~", " ", "$", "",
)

// fractions writes \frac{a}{b} as a/b, with parentheses around what has more than one part.
func fractions(s string, depth int) string {
	const command = `\frac`
	var b strings.Builder
	for {
		i := strings.Index(s, command)
		if i < 0 || depth > 30 {
			break
		}
		rest := s[i+len(command):]
		top, rest, ok := group(rest)
		if !ok {
			break
		}
		bottom, rest, ok := group(rest)
		if !ok {
			break
		}
		b.WriteString(s[:i])
		if i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
			b.WriteByte(' ') // 2\frac{1}{2} is not 21/2
		}
		b.WriteString(atom(fractions(top, depth+1)) + "/" + atom(fractions(bottom, depth+1)))
		if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			b.WriteByte(' ')
		}
		s = rest
	}
	b.WriteString(s)
	return b.String()
}

// group takes an argument off a LaTeX text: what stands in braces, or one character.
func group(s string) (arg, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" || s[0] == '}' || s[0] == '\\' || s[0] >= 0x80 {
		return "", "", false
	}
	if s[0] != '{' {
		return s[:1], s[1:], true
	}
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return strings.TrimSpace(s[1:i]), s[i+1:], true
			}
		}
	}
	return "", "", false
}

func atom(s string) string {
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && !(i == 0 && r == '-') {
			return "(" + s + ")"
		}
	}
	return s
}

const (
	superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹"
	subscripts   = "₀₁₂₃₄₅₆₇₈₉"
)

// vulgar are the fractions that are one character.
var vulgar = map[rune]string{
	'½': "1/2", '⅓': "1/3", '⅔': "2/3", '¼': "1/4", '¾': "3/4", '⅕': "1/5", '⅖': "2/5", '⅗': "3/5", '⅘': "4/5", '⅙': "1/6", '⅚': "5/6", '⅐': "1/7",
	'⅛': "1/8", '⅜': "3/8", '⅝': "5/8", '⅞': "7/8", '⅑': "1/9", '⅒': "1/10", '↉': "0/3",
}

// symbols makes one character of those that mean the same.
func symbols(s string) string {
	rs := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(rs) {
			return ' '
		}
		return rs[i]
	}
	var b strings.Builder
	raised, lowered := false, false
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		if up := digitOf(superscripts, r); up >= 0 || (r == '⁻' && digitOf(superscripts, at(i+1)) >= 0) {
			if !raised {
				b.WriteByte('^')
			}
			if raised = true; up < 0 {
				b.WriteRune(negative)
			} else {
				b.WriteByte(byte('0' + up))
			}
			continue
		}
		if down := digitOf(subscripts, r); down >= 0 {
			if !lowered {
				b.WriteByte('_')
			}
			lowered = true
			b.WriteByte(byte('0' + down))
			continue
		}
		if (raised || lowered) && unicode.IsDigit(r) {
			b.WriteByte(' ')
		}
		raised, lowered = false, false
		switch {
		case r < 0x80 && r != '*' && r != '\'':
			b.WriteRune(r)
		case r == '*' && at(i+1) == '*': // a power, or bold type
			i++
			if before, after := at(i-2), at(i+1); operand(before) && (operand(after) || after == '-') || before == ' ' && after == ' ' && i > 1 {
				b.WriteByte('^')
			}
		case r == '*' || strings.ContainsRune("×✕✖∗·⋅", r):
			b.WriteByte('*')
		case strings.ContainsRune("÷⁄∕", r):
			b.WriteByte('/')
		case strings.ContainsRune("−‐‑‒–﹣－", r):
			b.WriteByte('-')
		case r == '％' || r == '﹪':
			b.WriteByte('%')
		case strings.ContainsRune("'’\u00a0\u2009\u202f", r):
			if !(unicode.IsDigit(at(i-1)) && unicode.IsDigit(at(i+1)) && unicode.IsDigit(at(i+2)) && unicode.IsDigit(at(i+3)) && !unicode.IsDigit(at(i+4))) {
				b.WriteByte(' ')
			}
		case vulgar[r] != "":
			b.WriteString(" " + vulgar[r] + " ")
		case unicode.IsDigit(r):
			b.WriteByte(byte('0' + decimal(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func operand(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == ')' || r == '(' || r == '}' || r == '{'
}

func digitOf(digits string, r rune) int {
	i := 0
	for _, d := range digits {
		if d == r {
			return i
		}
		i++
	}
	return -1
}

// decimal is the value of a decimal digit of any script: Unicode lists those of a script in order from zero.
func decimal(r rune) int {
	for _, x := range unicode.Nd.R16 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	return 0
}
