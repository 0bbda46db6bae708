package solve

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	latexFraction = regexp.MustCompile(`\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}`)
	latexRoot     = regexp.MustCompile(`\\sqrt\s*\{([^{}]*)\}`)
	latexPower    = regexp.MustCompile(`\^\s*\{([^{}]*)\}`)
	expression    = regexp.MustCompile(`\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|[a-z']+(?:-[a-z']+)*|\S`)
	pairs         = regexp.MustCompile(`^(sum|difference|product|quotient|add|adding|subtract|subtracting|multiply|multiplying|divide|dividing)( of| between)? (.+?) (and|to|from|by) (.+)$`)
)

// phrases are operators in words, longest first. The underscore marks them.
var phrases = strings.NewReplacer(
	" multiplied by ", " *_ ", " divided by ", " /_ ", " raised to the power of ", " ^_ ", " to the power of ", " ^_ ",
	" raised to the power ", " ^_ ", " to the power ", " ^_ ", " plus ", " +_ ", " minus ", " -_ ", " times ", " *_ ", " over ", " /_ ",
	" added to ", " +_ ", " squared ", " ^_ 2 ", " cubed ", " ^_ 3 ", " square root of ", " sqrt_ ",
	" percent of ", " % of ", " factorial ", " ! ", " modulo ", " mod ", " negative ", " - ",
)

// symbols brings mathematical signs to one form.
var symbols = strings.NewReplacer(
	`\cdot`, " * ", `\times`, " * ", `\div`, " / ", `\left`, "", `\right`, "", `\%`, "%", `\,`, " ", `\(`, " ", `\)`, " ", `\[`, " ", `\]`, " ",
	"×", " * ", "÷", " / ", "·", " * ", "−", "-", "–", "-", "²", "^2", "³", "^3", "√", " sqrt ", "’", "'", "$", " ", "**", "^",
	"\u00a0", " ", "\u202f", " ", "\n", " ", "\t", " ", "\r", " ",
)

// expressionTokens returns the tokens of an expression: numbers, operators, parentheses. ok is false when anything else is in the text.
func expressionTokens(text string) ([]string, bool) {
	if len(text) > 2048 {
		return nil, false
	}
	s := symbols.Replace(strings.ToLower(text))
	for range maxDepth {
		t := latexFraction.ReplaceAllString(s, "(($1)/($2))")
		t = latexRoot.ReplaceAllString(t, " sqrt ($1)")
		if t = latexPower.ReplaceAllString(t, "^($1)"); t == s {
			break
		}
		s = t
	}
	fields := expression.FindAllString(s, maxTokens+1)
	if len(fields) > maxTokens || !spelled(s, fields) {
		return nil, false
	}
	fields, asks := unwrap(fields)
	s = strings.Join(fields, " ")
	if m := pairs.FindStringSubmatch(s); m != nil {
		if s, asks = pair(m[1], m[2], m[3], m[4], m[5], asks); s == "" {
			return nil, false
		}
	}
	if !asks {
		return nil, false
	}
	s = phrases.Replace(phrases.Replace(" " + s + " "))
	return lex(strings.Fields(s))
}

// unwrap removes the words around an expression that don't change it, and says whether they ask for its value.
func unwrap(fields []string) (inner []string, asks bool) {
	if i := slices.Index(fields, "?"); i >= 0 && !slices.ContainsFunc(fields[i+1:], strange) {
		fields = fields[:i+1]
	}
	before := ""
	for len(fields) > 0 && (!strange(fields[0]) || fields[0] == "expression" || fields[0] == "!") {
		before = fields[0]
		asks = asks || asking[before]
		fields = fields[1:]
	}
	for len(fields) > 0 && trailing[fields[len(fields)-1]] {
		last := fields[len(fields)-1]
		asks = asks || last == "=" || last == "?"
		fields = fields[:len(fields)-1]
	}
	if before != "" && !leading[before] {
		verb := len(fields) > 0 && pairs.MatchString(strings.Join(fields, " "))
		return fields, asks && verb
	}
	return fields, asks
}

// strange says whether a field is anything but a neutral word or punctuation.
func strange(f string) bool { return !neutral[f] && !strings.Contains(",.:?", f) }

// pair writes "the sum of a and b", "subtract a from b" and their like as an expression, "" where they are ambiguous.
func pair(what, joined, a, link, b string, asks bool) (string, bool) {
	if !single(a) || !single(b) {
		return "", false
	}
	operator := map[string]string{"sum": " + ", "difference": " - ", "product": " * ", "quotient": " / "}[what]
	if operator != "" {
		if link != "and" || joined == "" || joined == " between" && what != "difference" || what == "difference" && !descending(a, b) {
			return "", false
		}
		return a + operator + b, asks
	}
	switch what = strings.Replace(strings.TrimSuffix(what, "ing"), "divid", "divide", 1); {
	case joined != "":
	case what == "add" && (link == "and" || link == "to"):
		return a + " + " + b, true
	case what == "subtract" && link == "from":
		return b + " - " + a, true
	case what == "multiply" && (link == "and" || link == "by"):
		return a + " * " + b, true
	case strings.HasPrefix(what, "divide") && link == "by":
		return a + " / " + b, true
	}
	return "", false
}

// descending says whether a >= b: only then does everybody mean a - b by their difference.
func descending(a, b string) bool {
	var values [2]*big.Rat
	for i, s := range []string{a, b} {
		tokens, ok := lex(strings.Fields(s))
		if !ok {
			return false
		}
		if values[i], ok = new(big.Rat).SetString(strings.Join(tokens, "")); !ok {
			return false
		}
	}
	return values[0].Cmp(values[1]) >= 0
}

// spelled says whether the numbers are written as numbers are: "12 345" and "5x" are not.
func spelled(s string, fields []string) bool {
	for i, f := range fields {
		if i > 0 && digit(f[0]) && digit(fields[i-1][0]) {
			return false
		}
	}
	return !glued.MatchString(s)
}

var glued = regexp.MustCompile(`\d[a-z]|[a-z]\d`)

func digit(c byte) bool { return c >= '0' && c <= '9' }

// single says whether s is one number.
func single(s string) bool {
	t, ok := lex(strings.Fields(s))
	return ok && len(t) <= 2 && (len(t) == 1 && digit(t[0][0]) || len(t) == 2 && t[0] == "-" && digit(t[1][0]))
}

// lex turns words into numbers and operators.
func lex(fields []string) ([]string, bool) {
	var tokens []string
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		switch {
		case digit(f[0]):
			if len(f) > 1 && f[0] == '0' && f[1] != '.' {
				return nil, false // a code or a date
			}
			tokens = append(tokens, strings.ReplaceAll(f, ",", ""))
		case f == "x" && i > 0 && i+1 < len(fields) && digit(fields[i-1][0]) && digit(fields[i+1][0]):
			tokens = append(tokens, "*")
		case strings.Contains("+-*/^()!%", f), len(f) == 2 && f[1] == '_', f == "sqrt", f == "sqrt_":
			if f == "%" && (i+1 >= len(fields) || fields[i+1] != "of") {
				return nil, false // percent or modulo?
			}
			tokens = append(tokens, f)
		case f == "of" && i > 0 && fields[i-1] == "%":
			tokens = append(tokens, "*_")
		default:
			n, used, ok := numberWords(fields[i:])
			if !ok || len(tokens) > 0 && digit(tokens[len(tokens)-1][0]) {
				return nil, false
			}
			tokens = append(tokens, strconv.Itoa(n))
			i += used - 1
		}
	}
	return tokens, true
}

var units = map[string]int{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
	"eighteen": 18, "nineteen": 19}

var tens = map[string]int{"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}

// numberWords reads a number below a million in words at the start of fields and returns how many of them it took.
func numberWords(fields []string) (n, used int, ok bool) {
	n, used, ok = below1000(fields)
	if !ok || used >= len(fields) || fields[used] != "thousand" || n == 0 {
		return n, used, ok
	}
	n, used = n*1000, used+1
	rest := used
	if rest < len(fields) && fields[rest] == "and" {
		rest++
	}
	if m, more, fine := below1000(fields[rest:]); fine && m > 0 {
		return n + m, rest + more, true
	}
	return n, used, true
}

func below1000(fields []string) (n, used int, ok bool) {
	n, used, ok = below100(fields)
	if !ok || used >= len(fields) || fields[used] != "hundred" || n == 0 || n > 9 {
		return n, used, ok
	}
	n, used = n*100, used+1
	rest := used
	if rest < len(fields) && fields[rest] == "and" {
		rest++
	}
	if m, more, fine := below100(fields[rest:]); fine && m > 0 {
		return n + m, rest + more, true
	}
	return n, used, true
}

func below100(fields []string) (n, used int, ok bool) {
	if len(fields) == 0 {
		return 0, 0, false
	}
	if n, ok = units[fields[0]]; ok {
		return n, 1, true
	}
	if ten, one, hyphen := strings.Cut(fields[0], "-"); hyphen {
		if n = units[one]; tens[ten] == 0 || n < 1 || n > 9 {
			return 0, 0, false
		}
		return tens[ten] + n, 1, true
	}
	if n, ok = tens[fields[0]]; !ok {
		return 0, 0, false
	}
	if len(fields) > 1 {
		if m, fine := units[fields[1]]; fine && m >= 1 && m <= 9 {
			return n + m, 2, true
		}
	}
	return n, 1, true
}
