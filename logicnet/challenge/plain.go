package challenge

import (
	"slices"
	"strconv"
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

// phrases are words with a notation, longer ones first.
var phrases = []struct {
	words []string
	to    string
}{
	{[]string{"raised", "to", "the", "power", "of"}, "^"}, {[]string{"raised", "to", "the", "power"}, "^"}, {[]string{"to", "the", "power", "of"}, "^"},
	{[]string{"to", "the", "power"}, "^"}, {[]string{"is", "equal", "to"}, "="}, {[]string{"divided", "by"}, "/"}, {[]string{"multiplied", "by"}, "*"},
	{[]string{"per", "cent"}, "%"}, {[]string{"percent"}, "%"}, {[]string{"times"}, "*"}, {[]string{"plus"}, "+"}, {[]string{"minus"}, "-"},
	{[]string{"negative"}, string(negative)}, {[]string{"equals"}, "="}, {[]string{"squared"}, "^2"}, {[]string{"cubed"}, "^3"},
	{[]string{"twice"}, "2*"}, {[]string{"double"}, "2*"}, {[]string{"doubled"}, "2*"}, {[]string{"thrice"}, "3*"}, {[]string{"triple"}, "3*"},
	{[]string{"tripled"}, "3*"}, {[]string{"dozen"}, "12"}, {[]string{"one", "half"}, "1/2"}, {[]string{"half"}, "1/2"}, {[]string{"one", "quarter"}, "1/4"},
	{[]string{"quarter"}, "1/4"}, {[]string{"one", "third"}, "1/3"}, {[]string{"one", "fourth"}, "1/4"}, {[]string{"one", "fifth"}, "1/5"},
}

// words writes number words and those with a notation as digits and symbols.
func words(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if !letter(s[i]) || i > 0 && (letter(s[i-1]) || s[i-1] >= '0' && s[i-1] <= '9' || s[i-1] == '\\' || s[i-1] >= 0x80) {
			b.WriteByte(s[i])
			i++
			continue
		}
		next, ends := run(s, i, 8)
		text, n := spoken(next)
		if n == 0 {
			b.WriteString(s[i:ends[0]])
			i = ends[0]
			continue
		}
		b.WriteString(" " + text + " ")
		i = ends[n-1]
	}
	return b.String()
}

// run returns up to n words of ASCII letters from s[i] on, in lower case, that nothing but spaces or hyphens parts, and where each ends.
func run(s string, i, n int) (next []string, ends []int) {
	for len(next) < n {
		j := i
		for j < len(s) && letter(s[j]) {
			j++
		}
		if j == i || j < len(s) && s[j] >= 0x80 && len(next) > 0 {
			break
		}
		next, ends = append(next, strings.ToLower(s[i:j])), append(ends, j)
		for i = j; i < len(s) && (s[i] == ' ' || s[i] == '-'); i++ {
		}
		if i == j {
			break
		}
	}
	return next, ends
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// spoken returns what the first n of some words are in digits and symbols, and n.
func spoken(ws []string) (text string, n int) {
	for _, p := range phrases {
		if len(ws) >= len(p.words) && slices.Equal(ws[:len(p.words)], p.words) {
			return p.to, len(p.words)
		}
	}
	value, n := cardinal(ws)
	if n == 0 {
		return "", 0
	}
	text = strconv.FormatInt(value, 10)
	if n == 1 && (ws[0] == "one" || ws[0] == "first" || ws[0] == "second") {
		text = string(soft) + text
	}
	if n < len(ws) {
		if part := parts[ws[n]]; part > 0 {
			return strconv.FormatInt(value, 10) + "/" + strconv.Itoa(part), n + 1
		}
	}
	return text, n
}

// parts are the denominators that follow a number: two thirds.
var parts = map[string]int{
	"halves": 2, "thirds": 3, "quarters": 4, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7, "eighths": 8, "ninths": 9, "tenths": 10,
	"twelfths": 12, "hundredths": 100,
}

var (
	small = wordValues(`zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
		nineteen`, 0, 1)
	tens          = wordValues("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
	smallOrdinals = wordValues(`zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
		fifteenth sixteenth seventeenth eighteenth nineteenth`, 0, 1)
	tensOrdinals = wordValues("twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth", 20, 10)
	scales       = map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
)

func wordValues(list string, from, step int64) map[string]int64 {
	m := map[string]int64{}
	for _, w := range strings.Fields(list) {
		m[w] = from
		from += step
	}
	return m
}

// cardinal reads the number that some words begin with, an ordinal included (twenty-first), and returns how many words it has.
func cardinal(ws []string) (value int64, n int) {
	var total, current int64
	limit := int64(1e15) // scales fall
	room := int64(1000)  // the number that may follow must be below
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		if w == "and" && i > 0 && n == i && (ws[i-1] == "hundred" || scales[ws[i-1]] > 0) && i+1 < len(ws) {
			if _, unit := small[ws[i+1]]; unit || tens[ws[i+1]] > 0 {
				w = ws[i+1]
				i++
			}
		}
		v, isSmall := small[w]
		switch {
		case isSmall && v < room && (v > 0 || i == 0):
			current, room = current+v, 0
		case tens[w] > 0 && room >= 100:
			current, room = current+tens[w], 10
		case w == "hundred" && (i == 0 || current > 0 && current < 100):
			current, room = max(current, 1)*100, 100
		case scales[w] > 0 && scales[w] < limit && (i == 0 || current > 0):
			limit = scales[w]
			total, current, room = total+max(current, 1)*limit, 0, 1000
		case smallOrdinals[w] > 0 && smallOrdinals[w] < room:
			return total + current + smallOrdinals[w], i + 1
		case tensOrdinals[w] > 0 && room >= 100:
			return total + current + tensOrdinals[w], i + 1
		default:
			return total + current, n
		}
		n = i + 1
	}
	return total + current, n
}
