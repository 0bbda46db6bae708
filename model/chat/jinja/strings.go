package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

type stringMethod func(r *run, s string, a args) any

// stringMethods are the methods of str that templates use; pythonStringMethods are the others, which are refused by name.
var (
	stringMethods       map[string]stringMethod
	pythonStringMethods = words("casefold center encode expandtabs format format_map index isascii isdecimal isidentifier isnumeric isprintable istitle ljust maketrans partition rindex rjust rpartition swapcase translate zfill")
	pythonDictMethods   = words("clear copy fromkeys pop popitem setdefault update")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

func init() {
	plain := func(f func(string) any) stringMethod {
		return func(r *run, s string, a args) any {
			a.bind("method", 0)
			r.spend(len(s))
			return f(s)
		}
	}
	text := func(f func(string) string) stringMethod { return plain(func(s string) any { return f(s) }) }
	every := func(f func(rune) bool) stringMethod {
		return plain(func(s string) any { return s != "" && strings.IndexFunc(s, func(c rune) bool { return !f(c) }) < 0 })
	}
	stripper := func(left, right bool) stringMethod {
		return func(_ *run, s string, a args) any {
			p, _ := a.bind("strip", 0, "chars")
			return strip(s, p[0], left, right)
		}
	}
	letter := func(c rune) bool { return unicode.IsLetter(c) }
	stringMethods = map[string]stringMethod{
		"strip": stripper(true, true), "lstrip": stripper(true, false), "rstrip": stripper(false, true),
		"upper": text(upper), "lower": text(lower), "capitalize": text(capitalize), "title": text(title),
		"startswith": affix(strings.HasPrefix), "endswith": affix(strings.HasSuffix),
		"split": split(false), "rsplit": split(true), "splitlines": splitLinesMethod,
		"replace": replaceMethod, "join": joinMethod, "count": countMethod, "find": find(strings.Index), "rfind": find(strings.LastIndex),
		"removeprefix": cut(strings.TrimPrefix), "removesuffix": cut(strings.TrimSuffix),
		"isspace": every(cpython.IsSpace), "isalpha": every(letter),
		"isdigit": every(func(c rune) bool { return digit(c) }),
		"isalnum": every(func(c rune) bool { return letter(c) || unicode.IsNumber(c) }),
		"isupper": plain(func(s string) any { return isCased(s) && upper(s) == s }),
		"islower": plain(func(s string) any { return isCased(s) && lower(s) == s }),
	}
}

// digit is str.isdigit for ASCII; other digits are refused, since Python counts superscripts too.
func digit(c rune) bool {
	if c > 0x7f && unicode.IsNumber(c) {
		fail(ErrUnsupported, "isdigit of U+%04X", c)
	}
	return c >= '0' && c <= '9'
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func upper(s string) string {
	if ascii(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func isCased(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c) }) >= 0
}

// capitalize raises the first character and lowers the rest.
func capitalize(s string) string {
	if !ascii(s) {
		fail(ErrUnsupported, "capitalize beyond ASCII")
	}
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}

// title is str.title: every letter behind something that isn't one is raised.
func title(s string) string { return raiseBehind(s, func(c byte) bool { return !isASCIILetter(c) }) }

// titleWords is the filter title, which only begins words behind white space and these brackets.
func titleWords(s string) string {
	return raiseBehind(s, func(c byte) bool { return strings.IndexByte("-({[<", c) >= 0 || cpython.IsSpace(rune(c)) })
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func raiseBehind(s string, begins func(c byte) bool) string {
	if !ascii(s) {
		fail(ErrUnsupported, "title beyond ASCII")
	}
	b := []byte(strings.ToLower(s))
	for i := range b {
		if (i == 0 || begins(b[i-1])) && isASCIILetter(b[i]) {
			b[i] &^= 0x20
		}
	}
	return string(b)
}

// strip takes characters off the ends: those given, or white space as Python knows it.
func strip(s string, chars any, left, right bool) string {
	off := cpython.IsSpace
	if set, ok := chars.(string); ok {
		off = func(c rune) bool { return strings.ContainsRune(set, c) }
	} else if chars != nil {
		fail(ErrRuntime, "strip of %s", typeName(chars))
	}
	if left {
		s = strings.TrimLeftFunc(s, off)
	}
	if right {
		s = strings.TrimRightFunc(s, off)
	}
	return s
}

func stringArg(what string, v any) string {
	s, ok := v.(string)
	if !ok {
		fail(ErrRuntime, "%s with %s for a string", what, typeName(v))
	}
	return s
}

func affix(has func(s, part string) bool) stringMethod {
	return func(_ *run, s string, a args) any {
		p, _ := a.bind("startswith or endswith", 1, "part")
		if l, ok := p[0].(*list); ok && l.kind == tupleKind {
			for _, e := range l.items {
				if has(s, stringArg("startswith or endswith", e)) {
					return true
				}
			}
			return false
		}
		return has(s, stringArg("startswith or endswith", p[0]))
	}
}

func cut(f func(s, part string) string) stringMethod {
	return func(_ *run, s string, a args) any {
		p, _ := a.bind("removeprefix or removesuffix", 1, "part")
		return f(s, stringArg("removeprefix or removesuffix", p[0]))
	}
}

func find(index func(s, part string) int) stringMethod {
	return func(r *run, s string, a args) any {
		p, _ := a.bind("find", 1, "part")
		r.spend(len(s))
		i := index(s, stringArg("find", p[0]))
		if i < 0 {
			return -1
		}
		return utf8.RuneCountInString(s[:i])
	}
}

func countMethod(r *run, s string, a args) any {
	p, _ := a.bind("count", 1, "part")
	r.spend(len(s))
	return strings.Count(s, stringArg("count", p[0]))
}

func replaceMethod(r *run, s string, a args) any {
	p, given := a.bind("replace", 2, "old", "new", "count")
	n := -1
	if given[2] {
		n = wholeArg("replace", p[2])
	}
	return r.replace(s, stringArg("replace", p[0]), stringArg("replace", p[1]), n)
}

// replace pays before it grows the string.
func (r *run) replace(s, old, to string, n int) string {
	r.spend(len(s))
	count := strings.Count(s, old)
	if n >= 0 {
		count = min(count, n)
	}
	if len(to) > 0 && count > r.left/len(to) {
		fail(ErrLimit, "replace that makes more than the budget")
	}
	r.spend(count * len(to))
	return strings.Replace(s, old, to, count)
}

func joinMethod(r *run, sep string, a args) any {
	p, _ := a.bind("join", 1, "of")
	var b strings.Builder
	for i, e := range r.iterate(p[0]) {
		if i > 0 {
			b.WriteString(r.made(sep))
		}
		b.WriteString(r.made(stringArg("join", e)))
	}
	return b.String()
}

// split is str.split and, from the right, str.rsplit.
func split(right bool) stringMethod {
	return func(r *run, s string, a args) any {
		p, given := a.bind("split", 0, "sep", "maxsplit")
		n := -1
		if given[1] {
			n = wholeArg("split", p[1])
		}
		r.spend(17 * (len(s) + 1))
		var parts []string
		switch sep, ok := p[0].(string); {
		case p[0] == nil && n < 0:
			parts = strings.FieldsFunc(s, cpython.IsSpace)
		case p[0] == nil:
			fail(ErrUnsupported, "split at white space with a limit")
		case !ok || sep == "":
			fail(ErrRuntime, "split at an empty string or at %s", typeName(p[0]))
		case n < 0:
			parts = strings.Split(s, sep)
		case right:
			for i := strings.LastIndex(s, sep); i >= 0 && len(parts) < n; i = strings.LastIndex(s, sep) {
				parts = append([]string{s[i+len(sep):]}, parts...)
				s = s[:i]
			}
			parts = append([]string{s}, parts...)
		default:
			parts = strings.SplitN(s, sep, min(n, len(s))+1)
		}
		return &list{items: stringList(parts)}
	}
}

// splitLines cuts at the line ends that Python knows, and drops an empty last line.
func splitLines(s string, keep bool) (lines []string) {
	for s != "" {
		i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if i < 0 {
			return append(lines, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		if keep {
			lines = append(lines, s[:i+n])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[i+n:]
	}
	return lines
}

func splitLinesMethod(r *run, s string, a args) any {
	p, _ := a.bind("splitlines", 0, "keepends")
	r.spend(17 * len(s))
	return &list{items: stringList(splitLines(s, truth(p[0])))}
}

type dictMethod func(r *run, d *dict, a args) any

var dictMethods = map[string]dictMethod{
	"get": func(_ *run, d *dict, a args) any {
		p, _ := a.bind("get", 1, "key", "default")
		if key, ok := p[0].(string); ok {
			if v, ok := d.get(key); ok {
				return v
			}
		}
		return p[1]
	},
	"items": func(r *run, d *dict, a args) any {
		a.bind("items", 0)
		return &list{items: r.pairs(d), kind: viewKind}
	},
	"keys": func(r *run, d *dict, a args) any {
		a.bind("keys", 0)
		r.spend(16 * len(d.keys))
		return &list{items: stringList(d.keys), kind: viewKind}
	},
	"values": func(_ *run, d *dict, a args) any {
		a.bind("values", 0)
		return &list{items: d.vals, kind: viewKind}
	},
}
