package expr

import (
	"slices"
	"strings"
)

// SameAnswer reports whether two answers, as people and models write them, have the same value. It reads a part of LaTeX and plain notation:
//
//   - numbers with groups of three digits (1,000 or 1{,}000, not inside brackets), mixed numbers (3\frac{1}{2}), decimals, which are exact;
//   - \frac, \sqrt, \binom, \cdot, \times, \div, ^ and ** for powers, !, functions, \pi, e and i; products without a sign (2x, 3\pi, 2(x+1));
//   - pairs, intervals and lists, compared by element, and sets in braces, in any order; both have to have the same brackets;
//   - a sole letter with an equals sign before the value (x=5);
//   - a unit or sign after the value, or $ before it: ignored, unless both have one and they differ. Text alone is compared as text.
//
// Letters that aren't a known name are symbols each, words of more than three letters one. Case doesn't count. What isn't understood equals nothing.
func SameAnswer(a, b string) bool {
	x, ok := readAnswer(a)
	if !ok {
		return false
	}
	y, ok := readAnswer(b)
	if !ok || x.unit != "" && y.unit != "" && x.unit != y.unit {
		return false
	}
	if x.text != "" || y.text != "" {
		return x.text == y.text
	}
	if x.open != y.open || x.close != y.close || len(x.items) != len(y.items) {
		return false
	}
	if x.open == "{" {
		return sameSet(x.items, y.items)
	}
	return slices.EqualFunc(x.items, y.items, sameValue)
}

func sameValue(a, b *node) bool {
	e := &evaluator{}
	return e.compareSides(e.read(a, nil), e.read(b, nil)).Value == Equal
}

// sameSet compares regardless of order: every element of one has a partner in the other that no earlier one has.
func sameSet(a, b []*node) bool {
	rest := slices.Clone(b)
	for _, x := range a {
		i := slices.IndexFunc(rest, func(y *node) bool { return sameValue(x, y) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

// answer is a value or a list of them.
type answer struct {
	text        string // instead of values: words
	unit        string
	open, close string // brackets of a list; empty for a sole value or a list without any
	items       []*node
}

// blanks of LaTeX, and what only changes how things look.
var decoration = strings.NewReplacer(
	`\,`, "", `\!`, "", `\;`, "", `\:`, "", `\ `, " ", "~", " ", `\quad`, " ", `\displaystyle`, "", `\dfrac`, `\frac`,
	`\tfrac`, `\frac`, `\cfrac`, `\frac`, `{,}`, ",", `\lbrace`, `\{`, `\rbrace`, `\}`, "−", "-", "–", "-", "×", "*", "·", "*", "÷", "/", "π", `\pi `,
	"∞", `\infty `, "√", `\sqrt`, "°", `^\circ`, `\mathrm`, `\text`, `\mbox`, `\text`, `\textbf`, `\text`, `\degree`, `\circ`,
)

// dropSizes deletes \left and \right before brackets and signs, not where a longer command begins so.
func dropSizes(s string) string {
	for _, word := range []string{`\left`, `\right`} {
		for from := 0; ; {
			at := strings.Index(s[from:], word)
			if at < 0 {
				break
			}
			from += at
			if end := from + len(word); end < len(s) && isNameStart(s[end]) {
				from = end
			} else {
				s = s[:from] + s[end:]
			}
		}
	}
	return s
}

const maxItems = 20

func readAnswer(s string) (answer, bool) {
	if len(s) > maxLength {
		return answer{}, false
	}
	s = strings.ToLower(strings.TrimSpace(decoration.Replace(dropSizes(s))))
	for _, quotes := range [][2]string{{"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}} {
		if inner, ok := strings.CutPrefix(s, quotes[0]); ok && len(s) >= len(quotes[0])+len(quotes[1]) {
			if inner, ok = strings.CutSuffix(inner, quotes[1]); ok && !strings.Contains(inner, "$") {
				s = strings.TrimSpace(inner)
				break
			}
		}
	}
	s = strings.TrimSpace(strings.TrimSuffix(s, "."))
	if inner, ok := strings.CutPrefix(s, `\text{`); ok {
		if end := strings.IndexByte(inner, '}'); end == len(inner)-1 {
			return answer{text: strings.Join(strings.Fields(inner[:end]), " ")}, true
		}
	}
	if isWords(s) {
		return answer{text: strings.Join(strings.Fields(s), " ")}, true
	}
	s, unit := cutUnit(s)
	if len(s) > 2 && s[0] >= 'a' && s[0] <= 'z' { // x = 5
		if rest := strings.TrimLeft(s[1:], " "); strings.HasPrefix(rest, "=") && !strings.Contains(rest[1:], "=") {
			s = rest[1:]
		}
	}
	tokens, ok := scanLatex(s)
	if !ok || len(tokens) == 0 {
		return answer{}, false
	}
	out := answer{unit: unit}
	if open, close, ok := enclosed(tokens); ok {
		out.open, out.close = open, close
		tokens = tokens[1 : len(tokens)-1]
	} else {
		tokens = joinThousands(tokens)
	}
	for _, item := range splitTokens(tokens) {
		p := latexParser{tokens: item}
		n := p.sum()
		if p.bad || p.at != len(p.tokens) || len(out.items) == maxItems {
			return answer{}, false
		}
		out.items = append(out.items, n)
	}
	if len(out.items) == 1 && out.open == "(" && out.close == ")" {
		out.open, out.close = "", ""
	}
	return out, true
}

// isWords reports whether a text is nothing but words, at least one of them no symbol.
func isWords(s string) bool {
	long := false
	for word := range strings.FieldsSeq(s) {
		for i := range len(word) {
			if word[i] < 'a' || word[i] > 'z' {
				return false
			}
		}
		long = long || len(word) > 3 && !latexNames[word]
	}
	return long
}

// cutUnit cuts a unit or sign off the end, or a dollar off the start.
func cutUnit(s string) (rest, unit string) {
	if rest, ok := strings.CutPrefix(s, `\$`); ok {
		return rest, "$"
	}
	if rest, ok := strings.CutPrefix(s, "$"); ok {
		return rest, "$"
	}
	for _, sign := range []string{`^\circ`, `^{\circ}`, `\%`, "%"} {
		if rest, ok := strings.CutSuffix(s, sign); ok {
			return rest, strings.Trim(sign, `\^{}`)
		}
	}
	for strings.HasSuffix(s, "}") {
		at := strings.LastIndex(s, `\text{`)
		if at <= 0 || strings.IndexByte(s[at:], '}') != len(s)-at-1 {
			break
		}
		unit = strings.TrimSpace(s[at+len(`\text{`):len(s)-1]) + unit
		s = strings.TrimSpace(s[:at])
	}
	if at := strings.LastIndex(s, `\text{`); at > 0 { // 5\text{ cm}^2
		if power, ok := strings.CutPrefix(s[at+strings.IndexByte(s[at:], '}')+1:], "^"); ok && strings.Contains(s[at:], "}") && len(strings.Trim(power, "{}")) == 1 {
			unit = strings.TrimSpace(s[at+len(`\text{`):at+strings.IndexByte(s[at:], '}')]) + "^" + strings.Trim(power, "{}")
			s = strings.TrimSpace(s[:at])
		}
	}
	return s, unit
}

// enclosed reports whether one pair of brackets encloses all tokens, and whether that makes a list: commas or braces.
func enclosed(tokens []string) (open, close string, ok bool) {
	if len(tokens) < 3 {
		return "", "", false
	}
	depth, commas := 0, false
	for i, t := range tokens {
		switch t {
		case "(", "[", `\{`, "{":
			depth++
		case ")", "]", `\}`, "}":
			depth--
			if depth == 0 && i < len(tokens)-1 {
				return "", "", false
			}
		case ",":
			commas = commas || depth == 1
		}
		if depth == 0 && i < len(tokens)-1 {
			return "", "", false
		}
	}
	open, close = strings.TrimPrefix(tokens[0], `\`), strings.TrimPrefix(tokens[len(tokens)-1], `\`)
	return open, close, depth == 0 && (commas || tokens[0] == `\{`)
}

// joinThousands joins 1 , 000 , 000 outside brackets.
func joinThousands(tokens []string) []string {
	var out []string
	depth := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t {
		case "(", "[", `\{`, "{":
			depth++
		case ")", "]", `\}`, "}":
			depth--
		}
		if depth == 0 && isNumber(t) && len(t) <= 3 && !strings.Contains(t, ".") {
			for i+2 < len(tokens) && tokens[i+1] == "," && isNumber(tokens[i+2]) && len(strings.Split(tokens[i+2], ".")[0]) == 3 && !strings.Contains(t, ".") {
				t += tokens[i+2]
				i += 2
			}
		}
		out = append(out, t)
	}
	return out
}

func splitTokens(tokens []string) [][]string {
	var out [][]string
	depth, from := 0, 0
	for i, t := range tokens {
		switch t {
		case "(", "[", `\{`, "{":
			depth++
		case ")", "]", `\}`, "}":
			depth--
		case ",":
			if depth == 0 {
				out = append(out, tokens[from:i])
				from = i + 1
			}
		}
	}
	return append(out, tokens[from:])
}

func isNumber(t string) bool { return t != "" && (isDigit(t[0]) || t[0] == '.' && len(t) > 1) }

// scanLatex splits a text in lower case into numbers, words, commands with their backslash, and signs.
func scanLatex(s string) ([]string, bool) {
	var out []string
	for s != "" {
		n := 1
		switch c := s[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			s = s[1:]
			continue
		case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
			for n < len(s) && isDigit(s[n]) {
				n++
			}
			if c != '.' && n < len(s) && s[n] == '.' {
				for n++; n < len(s) && isDigit(s[n]); {
					n++
				}
			}
			if n+1 < len(s) && s[n] == 'e' && isDigit(s[n+1]) {
				for n++; n < len(s) && isDigit(s[n]); {
					n++
				}
			}
		case c == '\\':
			for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
				n++
			}
			if n == 1 {
				n = 2
			}
			if n > len(s) {
				return nil, false
			}
		case c >= 'a' && c <= 'z':
			for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
				n++
			}
		case strings.HasPrefix(s, "**"):
			out = append(out, "^")
			s = s[2:]
			continue
		case !strings.ContainsRune("+-*/^()[]{},!_", rune(c)):
			return nil, false
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out, true
}
