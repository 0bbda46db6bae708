package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

type kind uint8

const (
	eof        kind = iota
	data            // text between tags
	varBegin        // {{
	varEnd          // }}
	blockBegin      // {%
	blockEnd        // %}
	name
	text // a string literal
	integer
	float
	operator
)

type token struct {
	kind kind
	s    string // data, name, operator, and the value of a string literal
	n    int
	f    float64
	line int
}

// is tells operators and names apart by their text.
func (t token) is(k kind, s string) bool { return t.kind == k && t.s == s }

func (t token) String() string {
	switch t.kind {
	case eof:
		return "end of template"
	case varEnd:
		return "}}"
	case blockEnd:
		return "%}"
	case integer:
		return strconv.Itoa(t.n)
	case text:
		return strconv.Quote(t.s)
	}
	return t.s
}

// lexer follows jinja2/lexer.py, whose white space rules are where renderers differ.
type lexer struct {
	src       string
	pos       int
	line      int
	lineStart bool // the last match ended with a line feed
	out       []token
}

func lex(src string) []token {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(src, "\n"), line: 1, lineStart: true}
	for l.root() {
	}
	l.emit(token{kind: eof})
	return l.out
}

func (l *lexer) emit(t token) {
	t.line = l.line
	l.out = append(l.out, t)
}

func (l *lexer) fail(format string, args ...any) {
	fail(ErrSyntax, "line "+strconv.Itoa(l.line)+": "+format, args...)
}

// advance moves to end and keeps the books of lines.
func (l *lexer) advance(end int) {
	l.line += strings.Count(l.src[l.pos:end], "\n")
	if end > l.pos {
		l.lineStart = l.src[end-1] == '\n'
	}
	l.pos = end
}

func (l *lexer) rest() string { return l.src[l.pos:] }

// sign reads the + or - behind the opening of a tag at i.
func (l *lexer) sign(i int) byte {
	if i < len(l.src) && (l.src[i] == '-' || l.src[i] == '+') {
		return l.src[i]
	}
	return 0
}

// spaces gives the index behind the white space at i.
func (l *lexer) spaces(i int) int {
	return len(l.src) - len(strings.TrimLeftFunc(l.src[i:], cpython.IsSpace))
}

// strip is what a tag does to the text before it.
func (l *lexer) strip(s string, sign byte, variable bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(s, cpython.IsSpace)
	case sign == 0 && !variable: // lstrip_blocks
		last := strings.LastIndexByte(s, '\n') + 1
		if (last > 0 || l.lineStart) && strings.TrimLeftFunc(s[last:], cpython.IsSpace) == "" {
			return s[:last]
		}
	}
	return s
}

// closing gives the index behind the end of a block or comment at i, or -1: +%} , -%} with the white space behind, or %} with one line feed.
func (l *lexer) closing(i int, end string) int {
	s := l.src[i:]
	switch {
	case strings.HasPrefix(s, "+"+end):
		return i + 1 + len(end)
	case strings.HasPrefix(s, "-"+end):
		return l.spaces(i + 1 + len(end))
	case strings.HasPrefix(s, end):
		i += len(end)
		if i < len(l.src) && l.src[i] == '\n' { // trim_blocks
			i++
		}
		return i
	}
	return -1
}

// root reads text up to the next tag, and that tag.
func (l *lexer) root() bool {
	if l.pos == len(l.src) {
		return false
	}
	open := -1
	for i := l.pos; ; i++ {
		j := strings.IndexByte(l.src[i:], '{')
		if j < 0 {
			break
		}
		if i += j; i+1 < len(l.src) && strings.IndexByte("{%#", l.src[i+1]) >= 0 {
			open = i
			break
		}
	}
	if open < 0 {
		l.emit(token{kind: data, s: l.rest()})
		l.pos = len(l.src)
		return false
	}
	sign, what := l.sign(open+2), l.src[open+1]
	if s := l.strip(l.src[l.pos:open], sign, what == '{'); s != "" {
		l.emit(token{kind: data, s: s})
	}
	begin := open + 2
	if sign != 0 {
		begin++
	}
	switch raw := l.rawBegin(begin); {
	case what == '#':
		l.advance(begin)
		l.comment()
	case what == '%' && raw > 0:
		l.advance(raw)
		l.raw()
	case what == '%':
		l.advance(begin)
		l.emit(token{kind: blockBegin})
		l.tag(false)
	default:
		l.advance(begin)
		l.emit(token{kind: varBegin})
		l.tag(true)
	}
	return true
}

func (l *lexer) comment() {
	end := strings.Index(l.rest(), "#}")
	if end < 0 && l.rest() == "" { // Jinja lets this pass
		return
	}
	if end < 0 {
		l.fail("comment without an end")
	}
	if end += l.pos; end > l.pos && l.sign(end-1) != 0 {
		end--
	}
	l.advance(l.closing(end, "#}"))
}

// rawBegin gives the index behind "raw %}" at i, or -1.
func (l *lexer) rawBegin(i int) int {
	i = l.spaces(i)
	if !strings.HasPrefix(l.src[i:], "raw") {
		return -1
	}
	i = l.spaces(i + 3)
	switch {
	case strings.HasPrefix(l.src[i:], "-%}"):
		return l.spaces(i + 3)
	case strings.HasPrefix(l.src[i:], "%}"):
		return i + 2
	}
	return -1
}

func (l *lexer) raw() {
	for i := l.pos; ; i++ {
		j := strings.Index(l.src[i:], "{%")
		if j < 0 {
			l.fail("raw without an endraw")
		}
		i += j
		begin := i + 2
		sign := l.sign(begin)
		if sign != 0 {
			begin++
		}
		if begin = l.spaces(begin); !strings.HasPrefix(l.src[begin:], "endraw") {
			continue
		}
		end := l.closing(l.spaces(begin+len("endraw")), "%}")
		if end < 0 {
			continue
		}
		if s := l.strip(l.src[l.pos:i], sign, false); s != "" {
			l.emit(token{kind: data, s: s})
		}
		l.advance(end)
		return
	}
}

var operators = []string{"//", "**", "==", "!=", ">=", "<="}

// tag reads the tokens of {{ }} or {% %} and its end. Within brackets the end isn't looked for.
func (l *lexer) tag(variable bool) {
	var open []byte
	for {
		if l.pos == len(l.src) {
			l.fail("tag without an end")
		}
		if len(open) == 0 && l.end(variable) {
			return
		}
		s := l.rest()
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case cpython.IsSpace(r):
			l.advance(l.spaces(l.pos))
		case r >= '0' && r <= '9':
			l.number()
		case r == '_' || unicode.IsLetter(r):
			end := 0
			for _, c := range s {
				if c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.Is(unicode.Mn, c) {
					break
				}
				end += utf8.RuneLen(c)
			}
			l.emit(token{kind: name, s: s[:end]})
			l.advance(l.pos + end)
		case r == '\'' || r == '"':
			l.literal(byte(r))
		default:
			op := s[:n]
			for _, o := range operators {
				if strings.HasPrefix(s, o) {
					op = o
				}
			}
			if n > 1 || strings.IndexByte("+-/*%~[](){}><=.:|,;!", op[0]) < 0 || op == "!" {
				l.fail("unexpected %q", op)
			}
			open = l.balance(open, op[0])
			l.emit(token{kind: operator, s: op})
			l.advance(l.pos + len(op))
		}
	}
}

func (l *lexer) balance(open []byte, c byte) []byte {
	if i := strings.IndexByte("{([", c); i >= 0 {
		return append(open, "})]"[i])
	}
	if strings.IndexByte("})]", c) < 0 {
		return open
	}
	if len(open) == 0 || open[len(open)-1] != c {
		l.fail("unexpected %q", c)
	}
	return open[:len(open)-1]
}

// end reads the end of a tag if it comes next.
func (l *lexer) end(variable bool) bool {
	if !variable {
		end := l.closing(l.pos, "%}")
		if end < 0 {
			return false
		}
		l.emit(token{kind: blockEnd})
		l.advance(end)
		return true
	}
	end := l.pos
	switch {
	case strings.HasPrefix(l.rest(), "-}}"):
		end = l.spaces(l.pos + 3)
	case strings.HasPrefix(l.rest(), "}}"):
		end += 2
	default:
		return false
	}
	l.emit(token{kind: varEnd})
	l.advance(end)
	return true
}

// number reads digits with single underscores between them, and a fraction or exponent unless an attribute's dot precedes.
func (l *lexer) number() {
	digits := func(i int) int {
		for i < len(l.src) && (l.src[i] >= '0' && l.src[i] <= '9' || l.src[i] == '_' && i+1 < len(l.src) && l.src[i+1] >= '0' && l.src[i+1] <= '9') {
			i++
		}
		return i
	}
	isDigit := func(i int) bool { return i < len(l.src) && l.src[i] >= '0' && l.src[i] <= '9' }
	end := digits(l.pos)
	whole := end
	if l.pos == 0 || l.src[l.pos-1] != '.' {
		if end < len(l.src) && l.src[end] == '.' && isDigit(end+1) {
			end = digits(end + 1)
		}
		if end < len(l.src) && (l.src[end] == 'e' || l.src[end] == 'E') {
			e := end + 1
			if l.sign(e) != 0 {
				e++
			}
			if isDigit(e) {
				end = digits(e)
			}
		}
	}
	s := strings.ReplaceAll(l.src[l.pos:end], "_", "")
	if end > whole {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			l.fail("number %s: %v", s, err)
		}
		l.emit(token{kind: float, s: s, f: f})
	} else {
		n, err := strconv.Atoi(s)
		if err != nil || s == "0" && end < len(l.src) && strings.IndexByte("xXbBoO", l.src[end]) >= 0 {
			fail(ErrUnsupported, "line %d: number beyond 64 bits, or not decimal", l.line)
		}
		if s[0] == '0' && strings.Trim(s, "0") != "" {
			l.fail("number %s", s)
		}
		l.emit(token{kind: integer, s: s, n: n})
	}
	l.advance(end)
}

func (l *lexer) literal(quote byte) {
	end := l.pos + 1
	for end < len(l.src) && l.src[end] != quote {
		if l.src[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(l.src) {
		l.fail("string without an end")
	}
	l.emit(token{kind: text, s: l.unescape(l.src[l.pos+1 : end])})
	l.advance(end + 1)
}

// unescape is Python's unicode-escape codec: an unknown escape keeps its backslash.
func (l *lexer) unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if j := strings.IndexByte(`nrt\'"abfv`, c); j >= 0 {
			b.WriteByte("\n\r\t\\'\"\a\b\f\v"[j])
			continue
		}
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		switch {
		case c == '\n':
		case width > 0:
			if i+1+width > len(s) {
				l.fail("escape \\%c is cut off", c)
			}
			n, err := strconv.ParseUint(s[i+1:i+1+width], 16, 32)
			if err != nil || !utf8.ValidRune(rune(n)) {
				l.fail("escape \\%s", s[i:i+1+width])
			}
			b.WriteRune(rune(n))
			i += width
		case c >= '0' && c <= '7':
			n := 0
			j := i
			for ; j < len(s) && j < i+3 && s[j] >= '0' && s[j] <= '7'; j++ {
				n = n*8 + int(s[j]-'0')
			}
			b.WriteRune(rune(n))
			i = j - 1
		case c == 'N':
			fail(ErrUnsupported, "line %d: escape \\N", l.line)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}
