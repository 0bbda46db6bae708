package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// dict makes an ordered dictionary of strings.
func dict(pairs ...string) *exec.Dict {
	d := exec.NewDict()
	for i := 0; i < len(pairs); i += 2 {
		d.Pairs = append(d.Pairs, &exec.Pair{Key: exec.AsValue(pairs[i]), Value: exec.AsValue(pairs[i+1])})
	}
	return d
}

// toJinja gives a copy of a JSON-like value that holds nothing but plain data, and adds up its size.
func toJinja(v any, size *int, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d levels: %w", maxDepth, ErrLimit)
	}
	*size++
	switch v := v.(type) {
	case nil, bool, int, float64:
		return v, nil
	case int64:
		return int(v), nil
	case string:
		*size += len(v)
		return v, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = toJinja(e, size, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		d := exec.NewDict()
		for _, k := range keys {
			if err := appendPair(d, k, v[k], size, depth); err != nil {
				return nil, err
			}
		}
		return d, nil
	case cpython.Value:
		return fromPython(v, size, depth)
	}
	return nil, fmt.Errorf("a value of type %T: %w", v, ErrUnsupported)
}

func appendPair(d *exec.Dict, key string, v any, size *int, depth int) error {
	*size += len(key)
	val, err := toJinja(v, size, depth+1)
	d.Pairs = append(d.Pairs, &exec.Pair{Key: exec.AsValue(key), Value: exec.AsValue(val)})
	return err
}

func fromPython(v cpython.Value, size *int, depth int) (any, error) {
	switch v.Kind() {
	case cpython.Null:
		return nil, nil
	case cpython.Bool:
		b, _ := v.Bool()
		return b, nil
	case cpython.Int:
		n, ok := v.Int64()
		if !ok {
			return nil, fmt.Errorf("an integer beyond 64 bits: %w", ErrUnsupported)
		}
		return int(n), nil
	case cpython.Float:
		f, _ := v.Float()
		return f, nil
	case cpython.String:
		s, _ := v.Text()
		*size += len(s)
		return s, nil
	case cpython.Array:
		out := make([]any, 0, v.Len())
		for _, e := range v.Elements() {
			x, err := toJinja(e, size, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	d := exec.NewDict()
	for _, m := range v.Members() {
		if err := appendPair(d, m.Key, m.Value, size, depth); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// jsonWriter writes as json.dumps does, with the arguments that transformers gives tojson.
type jsonWriter struct {
	b           strings.Builder
	limit       int
	ensureASCII bool
	sortKeys    bool
	indent      string // the text of one level
	pretty      bool
	comma, is   string
}

// filterToJSON is tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False).
func filterToJSON(e *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
	b := budgetOf(e.Environment.Context)
	w := jsonWriter{limit: b.size, comma: ", ", is: ": "}
	names := []string{"ensure_ascii", "indent", "separators", "sort_keys"}
	given := make(map[string]*exec.Value, len(names))
	for i, a := range args.Args {
		if i >= len(names) {
			return exec.AsValue(fmt.Errorf("tojson takes at most %d arguments", len(names)))
		}
		given[names[i]] = a
	}
	for name, a := range args.KwArgs {
		if !slices.Contains(names, name) {
			return exec.AsValue(fmt.Errorf("tojson has no argument %s", name))
		}
		given[name] = a
	}
	w.ensureASCII = given["ensure_ascii"] != nil && given["ensure_ascii"].IsTrue()
	w.sortKeys = given["sort_keys"] != nil && given["sort_keys"].IsTrue()
	if v := given["indent"]; v != nil && !v.IsNil() {
		w.pretty, w.comma = true, ","
		switch {
		case v.IsInteger() && v.Integer() <= 64:
			w.indent = strings.Repeat(" ", max(0, v.Integer()))
		case v.IsString() && len(v.String()) <= 64:
			w.indent = v.String()
		default:
			return exec.AsValue(b.fail(fmt.Errorf("tojson with that indent: %w", ErrUnsupported)))
		}
	}
	if v := given["separators"]; v != nil && !v.IsNil() {
		if !v.IsList() || v.Len() != 2 {
			return exec.AsValue(fmt.Errorf("tojson needs two separators"))
		}
		w.comma, w.is = v.Index(0).String(), v.Index(1).String()
	}
	if err := w.write(in, 0); err != nil {
		return exec.AsValue(b.fail(err))
	}
	return exec.AsSafeValue(w.b.String())
}

func (w *jsonWriter) line(depth int) {
	if w.pretty {
		w.b.WriteByte('\n')
		for range depth {
			w.b.WriteString(w.indent)
		}
	}
}

func (w *jsonWriter) write(v *exec.Value, depth int) error {
	if depth > maxDepth || w.b.Len() > w.limit {
		return fmt.Errorf("tojson of a value of more than %d levels or %d bytes: %w", maxDepth, w.limit, ErrLimit)
	}
	if inner, ok := v.Interface().(*exec.Value); ok && !v.IsNil() {
		v = inner
	}
	switch {
	case v.IsNil():
		w.b.WriteString("null")
	case v.IsError():
		return fmt.Errorf("tojson of an error: %w", ErrTemplate)
	case v.IsBool():
		w.b.WriteString(strconv.FormatBool(v.Bool()))
	case v.IsString():
		w.text(v.String())
	case v.IsInteger():
		w.b.WriteString(strconv.Itoa(v.Integer()))
	case v.IsFloat():
		w.b.Write(cpython.AppendFloat(nil, v.Float()))
	case v.IsList():
		if v.Len() == 0 {
			w.b.WriteString("[]")
			return nil
		}
		for i := range v.Len() {
			w.b.WriteString(first(i, "[", w.comma))
			w.line(depth + 1)
			if err := w.write(v.Index(i), depth+1); err != nil {
				return err
			}
		}
		w.line(depth)
		w.b.WriteByte(']')
	case v.IsDict():
		return w.dict(v, depth)
	default:
		return fmt.Errorf("tojson of something that isn't JSON: %w", ErrTemplate)
	}
	return nil
}

func first(i int, open, between string) string {
	if i == 0 {
		return open
	}
	return between
}

func (w *jsonWriter) dict(v *exec.Value, depth int) error {
	pairs := items(v)
	if len(pairs) == 0 {
		w.b.WriteString("{}")
		return nil
	}
	if w.sortKeys {
		slices.SortStableFunc(pairs, func(a, b any) int {
			return strings.Compare(fmt.Sprint(a.([]any)[0]), fmt.Sprint(b.([]any)[0]))
		})
	}
	for i, p := range pairs {
		pair := p.([]any)
		w.b.WriteString(first(i, "{", w.comma))
		w.line(depth + 1)
		w.text(exec.ToValue(pair[0]).String())
		w.b.WriteString(w.is)
		if err := w.write(exec.ToValue(pair[1]), depth+1); err != nil {
			return err
		}
	}
	w.line(depth)
	w.b.WriteByte('}')
	return nil
}

// text writes a string. Python escapes only quotes, backslashes and control characters unless ensure_ascii is on.
func (w *jsonWriter) text(s string) {
	if w.ensureASCII {
		w.b.Write(cpython.AppendString(nil, s))
		return
	}
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r < 0x20 || r == '"' || r == '\\':
			q := cpython.AppendString(nil, string(r))
			w.b.Write(q[1 : len(q)-1])
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}
