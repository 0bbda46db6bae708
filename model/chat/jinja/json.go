package jinja

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// jsonWriter writes as json.dumps does.
type jsonWriter struct {
	r           *run
	b           strings.Builder
	ensureASCII bool
	sortKeys    bool
	pretty      bool
	level       string // the text of one level of indentation
	comma, is   string
}

// toJSON is the filter as transformers defines it: tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False).
func toJSON(r *run, v any, a args) any {
	p, _ := a.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys")
	w := jsonWriter{r: r, comma: ", ", is: ": ", ensureASCII: truth(p[0]), sortKeys: truth(p[3])}
	if p[1] != nil {
		w.pretty, w.comma = true, ","
		if s, ok := p[1].(string); ok {
			w.level = s
		} else {
			w.level = r.repeat(" ", wholeArg("tojson", p[1]))
		}
	}
	if p[2] != nil {
		l, ok := p[2].(*list)
		if !ok || len(l.items) != 2 {
			fail(ErrRuntime, "tojson with separators that aren't two strings")
		}
		w.comma, w.is = stringArg("tojson", l.items[0]), stringArg("tojson", l.items[1])
	}
	w.write(v, 0)
	return w.b.String()
}

func (w *jsonWriter) put(s string) { w.b.WriteString(w.r.made(s)) }

func (w *jsonWriter) line(depth int) {
	if w.pretty {
		w.put("\n")
		for range depth {
			w.put(w.level)
		}
	}
}

func (w *jsonWriter) write(v any, depth int) {
	if depth > maxPrint {
		fail(ErrLimit, "tojson of more than %d levels", maxPrint)
	}
	switch v := v.(type) {
	case nil:
		w.put("null")
	case bool:
		w.put(strconv.FormatBool(v))
	case int:
		w.put(strconv.Itoa(v))
	case float64:
		w.put(string(cpython.AppendFloat(nil, v)))
	case string:
		w.text(v)
	case *list:
		if v.kind > tupleKind {
			fail(ErrRuntime, "tojson of something that isn't JSON")
		}
		if len(v.items) == 0 {
			w.put("[]")
			return
		}
		w.put("[")
		for i, e := range v.items {
			if i > 0 {
				w.put(w.comma)
			}
			w.line(depth + 1)
			w.write(e, depth+1)
		}
		w.line(depth)
		w.put("]")
	case *dict:
		w.dict(v, depth)
	default:
		fail(ErrRuntime, "tojson of %s", typeName(v))
	}
}

func (w *jsonWriter) dict(d *dict, depth int) {
	if len(d.keys) == 0 {
		w.put("{}")
		return
	}
	keys := d.keys
	if w.sortKeys {
		keys = slices.Sorted(slices.Values(d.keys))
	}
	w.put("{")
	for i, k := range keys {
		if i > 0 {
			w.put(w.comma)
		}
		w.line(depth + 1)
		w.text(k)
		w.put(w.is)
		v, _ := d.get(k)
		w.write(v, depth+1)
	}
	w.line(depth)
	w.put("}")
}

// text writes a string; without ensure_ascii Python escapes quotes, backslashes and control characters only.
func (w *jsonWriter) text(s string) {
	if w.ensureASCII {
		w.put(string(cpython.AppendString(nil, s)))
		return
	}
	b := []byte{'"'}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			q := cpython.AppendString(nil, string(rune(c)))
			b = append(b, q[1:len(q)-1]...)
		} else {
			b = append(b, c)
		}
	}
	w.put(string(append(b, '"')))
}
