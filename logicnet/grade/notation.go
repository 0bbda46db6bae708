package grade

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// notationMarks are what notation puts into a text in place of LaTeX, around fractions and sets; no foreign text may contain them.
const notationMarks = "⦗⦘⦃⦄"

// signs are the characters outside ASCII that mathematics is written with.
var signs = map[rune]string{
	'−': "-", '–': "-", '‐': "-", '‑': "-", '﹣': "-", '×': "*", '·': "*", '⋅': "*", '∗': "*", '∙': "*", '÷': "/", '∕': "/", '⁄': "/",
	'π': " pi ", '√': " sqrt ", '∞': " infinity ", '°': "°", 'º': "°", '∅': "⦃⦄", '≈': "=", '≅': "=", '≃': "=",
	'≤': "≤", '≥': "≥", '≠': "≠", '±': "±", '∪': "∪", '∩': "∩", '∈': "∈",
	'\u00a0': " ", '\u2009': " ", '\u202f': " ", '\u2007': " ", '\u2008': " ", '\u200a': " ", '\u2002': " ", '\u2003': " ", '\u3000': " ",
	'⁰': "^0", '¹': "^1", '²': "^2", '³': "^3", '⁴': "^4", '⁵': "^5", '⁶': "^6", '⁷': "^7", '⁸': "^8", '⁹': "^9",
	'½': "⦗1/2⦘", '⅓': "⦗1/3⦘", '⅔': "⦗2/3⦘", '¼': "⦗1/4⦘", '¾': "⦗3/4⦘", '⅕': "⦗1/5⦘", '⅖': "⦗2/5⦘", '⅗': "⦗3/5⦘", '⅘': "⦗4/5⦘",
	'⅙': "⦗1/6⦘", '⅚': "⦗5/6⦘", '⅛': "⦗1/8⦘", '⅜': "⦗3/8⦘", '⅝': "⦗5/8⦘", '⅞': "⦗7/8⦘",
	'€': " ", '£': " ", '¥': " ", '’': "'", '‘': "'", '“': "\"", '”': "\"", '…': "...",
}

// commands are the LaTeX commands without arguments.
var commands = map[string]string{
	"cdot": "*", "times": "*", "ast": "*", "div": "/", "pi": " pi ", "infty": " infinity ", "circ": "°", "degree": "°", "pm": "±",
	"approx": "=", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "lt": "<", "gt": ">", "cup": "∪", "cap": "∩",
	"in": "∈", "left": "", "right": "", "big": "", "Big": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "", "displaystyle": "",
	"quad": " ", "qquad": " ", "sin": " sin ", "cos": " cos ", "tan": " tan ", "ln": " ln ", "log": " log ", "exp": " exp ",
	"emptyset": "⦃⦄", "varnothing": "⦃⦄", "theta": "θ", "alpha": "α", "beta": "β", "gamma": "γ", "lambda": "λ", "mu": "μ", "sigma": "σ",
	"phi": "φ", "omega": "ω", "dollar": " ", "ldots": "...", "dots": "...", "colon": ":", "and": " and ", "lvert": "|", "rvert": "|", "vert": "|",
	",": " ", ";": " ", ":": " ", "!": "", " ": " ", "\n": " ", "(": " ", ")": " ", "[": " ", "]": " ", "%": "%", "$": " ", "{": "⦃", "}": "⦄",
	"lbrace": "⦃", "rbrace": "⦄", "lbrack": "[", "rbrack": "]",
}

// wrappers are the LaTeX commands that show their argument as it is.
var wrappers = map[string]bool{
	"text": true, "mathrm": true, "mbox": true, "textbf": true, "mathbf": true, "textit": true, "mathit": true, "operatorname": true,
	"textrm": true, "mathsf": true, "boldsymbol": true, "hbox": true, "underline": true, "boxed": true, "fbox": true, "ensuremath": true,
}

var (
	matrix     = regexp.MustCompile(`\\begin\{([pb]?matrix)\}([^{}]*(?:\{[^{}]*\}[^{}]*)*)\\end\{[pb]?matrix\}`)
	bold       = regexp.MustCompile(`(^|[\s:(])\*\*([^*]+)\*\*($|[\s.:,)])`)
	superDigit = regexp.MustCompile(`(?:\^[0-9]){2,}`)
	degreeMark = regexp.MustCompile(`\^\s*(?:\{\s*°\s*\}|°)`)
)

// notation rewrites mathematics, LaTeX or not, into plain characters with few commands left: fractions stand in marks, roots are calls,
// sets have braces of their own. It returns false for what it does not know, and says nothing about what the text means.
func notation(s string) (string, bool) {
	if !utf8.ValidString(s) || strings.ContainsAny(s, notationMarks) {
		return "", false
	}
	s = bold.ReplaceAllString(s, "$1$2$3")
	s = matrix.ReplaceAllStringFunc(s, func(m string) string {
		body := matrix.FindStringSubmatch(m)[2]
		rows := strings.Split(strings.TrimSuffix(strings.TrimSpace(body), `\\`), `\\`)
		for i, row := range rows {
			rows[i] = "[" + strings.ReplaceAll(row, "&", " , ") + "]"
		}
		return "[" + strings.Join(rows, " , ") + "]"
	})
	var b strings.Builder
	if !rewrite(&b, s, 0) {
		return "", false
	}
	s = superDigit.ReplaceAllStringFunc(b.String(), func(m string) string { return "^" + strings.ReplaceAll(m, "^", "") })
	s = degreeMark.ReplaceAllString(s, "°")
	s = strings.ReplaceAll(s, "**", "^")
	return strings.TrimSpace(s), true
}

func rewrite(b *strings.Builder, s string, depth int) bool {
	if depth > maxDepth || b.Len() > 8*maxTruth {
		return false
	}
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			name := commandName(s[1:])
			rest := s[1+len(name):]
			var ok bool
			if rest, ok = command(b, name, rest, depth); !ok {
				return false
			}
			s = rest
			continue
		case strings.HasPrefix(s, "{,}"):
			s = s[3:]
			continue
		case r == '$' || r == '~' || r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < 0x80:
			if r < ' ' || r == 0x7f {
				return false
			}
			b.WriteByte(byte(r))
		default:
			if t, ok := signs[r]; ok {
				b.WriteString(t)
			} else if r >= 'α' && r <= 'ω' {
				b.WriteRune(r)
			} else {
				return false
			}
		}
		s = s[n:]
	}
	return true
}

// commandName returns the name of a LaTeX command: letters, or one other character.
func commandName(s string) string {
	i := 0
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z') {
		i++
	}
	if i == 0 && s != "" {
		_, i = utf8.DecodeRuneInString(s)
	}
	return s[:i]
}

// command rewrites one command and returns what follows it.
func command(b *strings.Builder, name, rest string, depth int) (string, bool) {
	if t, ok := commands[name]; ok {
		b.WriteString(t)
		return rest, true
	}
	group := func(before, after string) bool {
		arg, left, ok := argument(rest)
		if !ok {
			return false
		}
		rest = left
		b.WriteString(before)
		if !rewrite(b, arg, depth+1) {
			return false
		}
		b.WriteString(after)
		return true
	}
	switch {
	case wrappers[name]:
		return rest, group(" ", " ")
	case name == "frac" || name == "dfrac" || name == "tfrac" || name == "cfrac":
		return rest, group("⦗(", ")/(") && group("", ")⦘")
	case name == "sqrt":
		if strings.HasPrefix(rest, "[") {
			index, left, ok := strings.Cut(rest[1:], "]")
			if !ok || len(index) > 4 || strings.Trim(index, "0123456789") != "" {
				return "", false
			}
			rest = left
			return rest, group(" root("+index+",", ")")
		}
		return rest, group(" sqrt(", ")")
	}
	return "", false
}

// argument returns the next group of LaTeX, or the next character.
func argument(s string) (arg, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return "", "", false
	}
	if s[0] == '\\' {
		n := 1 + len(commandName(s[1:]))
		return s[:n], s[n:], true
	}
	if s[0] != '{' {
		_, n := utf8.DecodeRuneInString(s)
		return s[:n], s[n:], true
	}
	end := closing(s)
	if end < 0 {
		return "", "", false
	}
	return s[1:end], s[end+1:], true
}

// closing returns the position of the brace that closes the one at the start of s, or -1. Escaped braces do not count.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// boxed returns the contents of all \boxed{…} in s, and s without them.
func boxed(s string) (contents []string, around string) {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\boxed`)
		b.WriteString(before)
		if !ok {
			return contents, b.String()
		}
		arg, rest, ok := argument(after)
		if !ok {
			return contents, b.String()
		}
		contents = append(contents, arg)
		b.WriteByte(' ')
		s = rest
	}
}

// leadIn are the words that announce an answer.
var leadIn = regexp.MustCompile(`(?i)^\s*(?:(?:so|thus|therefore|hence|finally)\s*,?\s+)?` +
	`(?:(?:the|my|our|its)\s+)?(?:(?:final|short|correct|exact|approximate|numeric(?:al)?|simplified|resulting)\s+)*` +
	`(?:(?:answer|result|solution|value|total|sum|product|difference|quotient)s?` +
	`(?:\s+(?:to|of|for)\s+(?:the|this)\s+(?:question|problem|expression|equation|calculation))?\s*(?:is|are|equals|=|:)+|it\s+is|we\s+get|this\s+gives|=|:)\s*:?\s*`)

// plainText prepares a text for the grammar: what announces and what closes a sentence is removed.
func plainText(s string) string {
	for range 3 {
		s = strings.Trim(s, " \t\r\n")
		if m := leadIn.FindString(s); m != "" && len(m) < len(s) {
			s = s[len(m):]
			continue
		}
		break
	}
	s = strings.TrimSpace(s)
	for {
		t := strings.TrimSpace(strings.TrimSuffix(s, "."))
		if len(t) >= 2 && (t[0] == '"' || t[0] == '`' || t[0] == '\'') && t[len(t)-1] == t[0] {
			t = strings.TrimSpace(t[1 : len(t)-1])
		}
		if t == s || t == "" {
			return s
		}
		s = t
	}
}
