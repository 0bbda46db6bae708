package grade

import (
	"slices"
	"strings"
)

// kind is what a text is.
type kind int

const (
	scalar kind = iota
	list
	truth
	infinite
)

// shape is what a text means: a number or expression with its unit, a list of such, yes or no, or infinity.
type shape struct {
	kind kind
	// name is the left side of an equation such as x = 5.
	name string

	node *node
	unit *unit
	// percent says that a percent sign stands after the expression; it is not part of the value.
	percent bool
	// places is the number of digits after the point of a plain decimal number, or -1 for anything else; digits is how many of its
	// digits are significant.
	places, digits int

	// open and close are a list's brackets, empty for a bare one; open is ":" for a ratio.
	open, close string
	items       []shape

	// yes is the truth value.
	yes bool
	// negative is the sign of infinity.
	negative bool
}

const (
	// maxItems bounds a list.
	maxItems = 64
	// maxNesting bounds lists in lists.
	maxNesting = 4
	// maxReadings bounds the ways to understand a text.
	maxReadings = 4
)

// reader understands texts. Where notation leaves more than one way (1,234 and 5 m), it returns all of them.
type reader struct {
	vocabulary map[string]bool
	// letters reads "5 m" as five times m rather than as a length.
	letters bool
}

// readings returns the ways to understand s, none when it is not in the grammar.
func (rd reader) readings(s string) []shape {
	if contents, around := boxed(s); len(contents) == 1 && strings.Trim(plainText(around), " .$\n:()[]\\") == "" {
		s = contents[0]
	}
	s, ok := notation(plainText(s))
	if !ok {
		return nil
	}
	s = plainText(s)
	var out []shape
	for _, sep := range []separators{thousands, items} {
		t, ok := lex(s, sep)
		if !ok {
			return out
		}
		if sep == items && !grouped(s) {
			continue
		}
		for _, rd.letters = range []bool{false, true} {
			if x, ok := rd.shape(t, 0); ok && len(out) < maxReadings {
				out = append(out, x)
			}
			if !slices.ContainsFunc(t, func(t token) bool { return t.kind == 'w' }) {
				break // no letters, no units
			}
		}
	}
	return out
}

// grouped reports whether s has digits that may be grouped by commas or spaces.
func grouped(s string) bool {
	for i := 1; i+3 < len(s); i++ {
		if (s[i] == ',' || s[i] == ' ') && s[i-1] >= '0' && s[i-1] <= '9' && digitsLength(s[i+1:]) == 3 {
			return true
		}
	}
	return false
}

func (rd reader) shape(t []token, depth int) (shape, bool) {
	if len(t) == 0 || depth > maxNesting {
		return shape{}, false
	}
	if v, ok := spelled(t); ok {
		return shape{kind: scalar, node: number(integer(v)), places: -1}, true
	}
	if len(t) == 1 && t[0].kind == 'w' {
		switch t[0].text {
		case "yes", "true":
			return shape{kind: truth, yes: true}, true
		case "no", "false":
			return shape{kind: truth}, true
		}
	}
	if parts, ok := split(t, func(t token) bool {
		return t.is(",") || t.is(";") || t.kind == 'w' && (t.text == "and" || t.text == "or")
	}); ok && len(parts) > 1 {
		return rd.list(parts, "", "", depth)
	}
	if parts, ok := split(t, func(t token) bool { return t.is("=") }); ok && len(parts) > 1 {
		return rd.equation(parts, depth)
	}
	if parts, ok := split(t, func(t token) bool { return t.is(":") }); ok && len(parts) == 2 {
		return rd.list(parts, ":", "", depth)
	}
	if x, ok := rd.bracketed(t, depth); ok {
		return x, true
	}
	if x, ok := infinity(t); ok {
		return x, true
	}
	return rd.scalar(t)
}

func infinity(t []token) (shape, bool) {
	x := shape{kind: infinite}
	if len(t) == 2 && (t[0].is("-") || t[0].is("+")) {
		x.negative = t[0].is("-")
		t = t[1:]
	}
	return x, len(t) == 1 && t[0].kind == 'w' && (t[0].text == "infinity" || t[0].text == "inf")
}

// split cuts t at the separators outside all brackets; parts that are empty because two separators meet (", and") are dropped.
// It returns false when brackets do not match.
func split(t []token, at func(token) bool) ([][]token, bool) {
	var parts [][]token
	depth, start, bars := 0, 0, false
	for i, x := range t {
		switch {
		case x.is("("), x.is("["), x.is("{"), x.is("⦃"), x.is("⦗"):
			depth++
		case x.is(")"), x.is("]"), x.is("}"), x.is("⦄"), x.is("⦘"):
			if depth--; depth < 0 {
				return nil, false
			}
		case x.is("|"):
			bars = !bars
		case depth == 0 && !bars && at(x):
			if i > start {
				parts = append(parts, t[start:i])
			}
			start = i + 1
		}
	}
	if start < len(t) {
		parts = append(parts, t[start:])
	}
	return parts, depth == 0
}

func (rd reader) list(parts [][]token, open, close string, depth int) (shape, bool) {
	if len(parts) > maxItems {
		return shape{}, false
	}
	x := shape{kind: list, open: open, close: close}
	for _, p := range parts {
		item, ok := rd.shape(p, depth+1)
		if !ok {
			return shape{}, false
		}
		x.items = append(x.items, item)
	}
	return x, true
}

// bracketed reads a list in brackets, or an interval with two kinds of them. Round brackets and braces around one thing only group.
func (rd reader) bracketed(t []token, depth int) (shape, bool) {
	first, last := t[0], t[len(t)-1]
	round := first.is("(") || first.is("[")
	curly := first.is("{") && last.is("}") || first.is("⦃") && last.is("⦄")
	if !(round && (last.is(")") || last.is("]")) || curly) || len(t) < 2 {
		return shape{}, false
	}
	inner := t[1 : len(t)-1]
	open, close := first.text, last.text
	if curly {
		open, close = "{", "}"
	}
	if len(inner) == 0 {
		return shape{kind: list, open: open, close: close}, open != "("
	}
	parts, ok := split(inner, func(t token) bool { return t.is(",") || t.is(";") })
	if !ok || len(parts) == 1 && !first.is("⦃") && !first.is("[") {
		return shape{}, false
	}
	return rd.list(parts, open, close, depth)
}

// equation reads x = 5 and 6*7 = 42: the last part is what counts, and all others are names or mean the same.
func (rd reader) equation(parts [][]token, depth int) (shape, bool) {
	x, ok := rd.shape(parts[len(parts)-1], depth+1)
	if !ok || x.kind == list && x.open == "" {
		return shape{}, false
	}
	for _, p := range parts[:len(parts)-1] {
		if n, ok := rd.left(p); ok {
			if x.name == "" {
				x.name = n
			}
			continue
		}
		y, ok := rd.shape(p, depth+1)
		if !ok || newComparer(rd.vocabulary).one(x, y) != yes {
			return shape{}, false
		}
	}
	return x, true
}

// left returns the name that stands on the left of an equation: a letter, f(x), or words of the question.
func (rd reader) left(t []token) (string, bool) {
	var b strings.Builder
	for i, x := range t {
		switch {
		case x.kind == 'w' && (variable(x.text) && x.text != "e" || rd.vocabulary[x.text]) && i < 4:
			b.WriteString(x.text)
		case i == 1 && x.is("("), i == 3 && x.is(")"), x.is("'") && i > 0 && i < 4:
			b.WriteString(x.text)
		default:
			return "", false
		}
	}
	return b.String(), len(t) > 0 && (len(t) != 2 || t[1].is("'") || !variable(t[1].text)) && !strings.HasSuffix(b.String(), "(")
}

// scalar reads an expression, a percent sign and a unit.
func (rd reader) scalar(t []token) (shape, bool) {
	x := shape{kind: scalar, places: -1}
	for i := range t {
		if i == 0 || t[i].kind != 'w' && !t[i].is("°") || rd.letters {
			continue
		}
		if u, ok := findUnit(t[i:], rd.vocabulary); ok {
			x.unit = &u
			t = t[:i]
			break
		}
	}
	if n := len(t) - 1; n > 0 && (t[n].is("%") || t[n].kind == 'w' && t[n].text == "percent") {
		x.percent = true
		t = t[:n]
	}
	if len(t) == 0 {
		return shape{}, false
	}
	var err error
	if x.node, err = parseExpression(t); err != nil {
		return shape{}, false
	}
	for len(t) > 1 && (t[0].is("-") || t[0].is("+")) {
		t = t[1:]
	}
	if len(t) == 1 && t[0].kind == 'n' && !strings.ContainsAny(t[0].text, "eE") {
		x.places, x.digits = 0, len(strings.TrimLeft(t[0].text, "0"))
		if whole, fraction, ok := strings.Cut(t[0].text, "."); ok {
			x.places = len(fraction)
			x.digits = len(strings.TrimLeft(whole+fraction, "0"))
		}
	}
	return x, true
}

var (
	small = map[string]int64{
		"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
		"twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
	}
	tens = map[string]int64{"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
)

// spelled reads an English number in words, such as "two hundred and forty-five".
func spelled(t []token) (int64, bool) {
	sign, total, group, last := int64(1), int64(0), int64(0), int64(1000)
	if len(t) > 1 && t[0].kind == 'w' && (t[0].text == "minus" || t[0].text == "negative") {
		sign, t = -1, t[1:]
	}
	scale := int64(1 << 40)
	for i, x := range t {
		w := x.text
		switch {
		case x.is("-") && i > 0 && i+1 < len(t) && tens[t[i-1].text] > 0:
		case x.kind != 'w':
			return 0, false
		case w == "and" && i > 0 && i+1 < len(t) && (t[i-1].text == "hundred" || multipliers[t[i-1].text] >= 1000):
		case tens[w] > 0 && last > 99:
			group, last = group+tens[w], 10
		case spelledDigit(w) && (last > 99 || last == 10 && small[w] > 0 && small[w] < 10):
			group, last = group+small[w], 1
		case w == "hundred" && group > 0 && group < 10:
			group, last = group*100, 100
		case multipliers[w] >= 1000 && multipliers[w] < scale && group > 0:
			scale = multipliers[w]
			total, group, last = total+group*scale, 0, 1000
		default:
			return 0, false
		}
	}
	return sign * (total + group), len(t) > 0
}

func spelledDigit(w string) bool { _, ok := small[w]; return ok }
