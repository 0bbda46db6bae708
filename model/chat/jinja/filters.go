package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// filter is what follows a bar.
type filter func(r *run, v any, a args) any

var filters map[string]filter

func init() {
	text := func(f func(string) string) filter {
		return func(r *run, v any, a args) any {
			a.bind("filter", 0)
			return r.made(f(r.str(v)))
		}
	}
	filters = map[string]filter{
		"tojson": toJSON, "default": defaultFilter, "d": defaultFilter, "length": lengthFilter, "count": lengthFilter,
		"upper": text(upper), "lower": text(lower), "capitalize": text(capitalize), "title": text(titleWords),
		"string": text(func(s string) string { return s }), "trim": trim, "replace": replaceFilter, "join": join, "indent": indent,
		"first": first, "last": last, "list": listFilter, "reverse": reverse, "items": itemsFilter, "dictsort": dictSort,
		"map": mapFilter, "sort": sortFilter, "unique": unique, "sum": sum,
		"min": extreme("min", -1), "max": extreme("max", 1), "int": toInt, "float": toFloat, "abs": absolute,
		"select": choose(false, true), "reject": choose(false, false), "selectattr": choose(true, true), "rejectattr": choose(true, false),
	}
}

func defaultFilter(_ *run, v any, a args) any {
	p, given := a.bind("default", 0, "default_value", "boolean")
	if _, isUndefined := v.(undefined); !isUndefined && (!truth(p[1]) || truth(v)) {
		return v
	}
	if !given[0] {
		return ""
	}
	return p[0]
}

func lengthFilter(r *run, v any, a args) any {
	a.bind("length", 0)
	return r.length(v)
}

func trim(r *run, v any, a args) any {
	p, _ := a.bind("trim", 0, "chars")
	return strip(r.str(v), p[0], true, true)
}

func replaceFilter(r *run, v any, a args) any {
	p, given := a.bind("replace", 2, "old", "new", "count")
	n := -1
	if given[2] && p[2] != nil {
		n = wholeArg("replace", p[2])
	}
	return r.replace(r.str(v), r.str(p[0]), r.str(p[1]), n)
}

func wholeArg(what string, v any) int {
	n, ok := asInt(v)
	if !ok {
		fail(ErrRuntime, "%s with %s for a number", what, typeName(v))
	}
	return n
}

func join(r *run, v any, a args) any {
	p, given := a.bind("join", 0, "d", "attribute")
	sep := ""
	if given[0] {
		sep = r.str(p[0])
	}
	var b strings.Builder
	for i, e := range r.iterate(v) {
		if given[1] && p[1] != nil {
			e = r.path(e, p[1])
		}
		if i > 0 {
			b.WriteString(r.made(sep))
		}
		b.WriteString(r.made(r.str(e)))
	}
	return b.String()
}

// indent puts spaces before every line but the first and the empty ones.
func indent(r *run, v any, a args) any {
	p, given := a.bind("indent", 0, "width", "first", "blank")
	with := "    "
	if s, ok := p[0].(string); ok {
		with = s
	} else if given[0] {
		with = r.repeat(" ", wholeArg("indent", p[0]))
	}
	lines := splitLines(r.str(v)+"\n", false)
	for i, line := range lines {
		if i == 0 && !truth(p[1]) || i > 0 && line == "" && !truth(p[2]) {
			continue
		}
		lines[i] = r.made(with) + r.made(line)
	}
	return r.made(strings.Join(lines, "\n"))
}

func first(r *run, v any, a args) any {
	a.bind("first", 0)
	if l, ok := v.(*list); ok && l.kind == generatorKind && !l.read && len(l.items) > 0 {
		x := l.items[0]
		l.items = l.items[1:]
		return x
	}
	if items := r.iterate(v); len(items) > 0 {
		return items[0]
	}
	return undefined{"first"}
}

func last(r *run, v any, a args) any {
	a.bind("last", 0)
	if l, ok := v.(*list); ok && l.kind == generatorKind {
		fail(ErrRuntime, "last of a generator")
	}
	if items := r.iterate(v); len(items) > 0 {
		return items[len(items)-1]
	}
	return undefined{"last"}
}

func listFilter(r *run, v any, a args) any {
	a.bind("list", 0)
	items := r.iterate(v)
	r.spend(16 * len(items))
	return &list{items: slices.Clone(items)}
}

func reverse(r *run, v any, a args) any {
	a.bind("reverse", 0)
	if s, ok := v.(string); ok {
		runes := r.runes(s)
		slices.Reverse(runes)
		return string(runes)
	}
	items := slices.Clone(r.iterate(v))
	r.spend(16 * len(items))
	slices.Reverse(items)
	return &list{items: items, kind: generatorKind}
}

func itemsFilter(r *run, v any, a args) any {
	a.bind("items", 0)
	if _, ok := v.(undefined); ok {
		return &list{kind: generatorKind}
	}
	d, ok := v.(*dict)
	if !ok {
		fail(ErrRuntime, "items of %s", typeName(v))
	}
	return &list{items: r.pairs(d), kind: generatorKind}
}

func (r *run) pairs(d *dict) []any {
	out := make([]any, len(d.keys))
	r.spend(64 * len(out))
	for i, k := range d.keys {
		out[i] = &list{items: []any{k, d.vals[i]}, kind: tupleKind}
	}
	return out
}

// path is the attribute that map, sort and their kin take: names and indices with dots between.
func (r *run) path(v, attribute any) any {
	if n, ok := attribute.(int); ok {
		return r.item(v, n)
	}
	s, ok := attribute.(string)
	if !ok {
		fail(ErrRuntime, "attribute that is %s", typeName(attribute))
	}
	for part := range strings.SplitSeq(s, ".") {
		r.spend(1)
		if n, err := strconv.Atoi(part); err == nil {
			v = r.item(v, n)
		} else {
			v = r.item(v, part)
		}
	}
	return v
}

// folded is the key by which sort, unique, min and max compare unless case matters.
func (r *run) folded(v, attribute any, caseSensitive bool) any {
	if attribute != nil {
		v = r.path(v, attribute)
	}
	if s, ok := v.(string); ok && !caseSensitive {
		return r.made(lower(s))
	}
	return v
}

func dictSort(r *run, v any, a args) any {
	p, given := a.bind("dictsort", 0, "case_sensitive", "by", "reverse")
	d, ok := v.(*dict)
	if !ok || given[1] && p[1] != "key" {
		fail(ErrUnsupported, "dictsort of %s, or not by key", typeName(v))
	}
	items := r.pairs(d)
	return &list{items: r.sorted(items, 0, truth(p[0]), truth(p[2]))}
}

func sortFilter(r *run, v any, a args) any {
	p, _ := a.bind("sort", 0, "reverse", "case_sensitive", "attribute")
	if s, ok := p[2].(string); ok && strings.Contains(s, ",") {
		fail(ErrUnsupported, "sort by several attributes")
	}
	return &list{items: r.sorted(r.iterate(v), p[2], truth(p[1]), truth(p[0]))}
}

func (r *run) sorted(items []any, attribute any, caseSensitive, reversed bool) []any {
	type keyed struct{ key, v any }
	list := make([]keyed, len(items))
	for i, e := range items {
		r.spend(48)
		list[i] = keyed{r.folded(e, attribute, caseSensitive), e}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		c := r.order(a.key, b.key, 0)
		if c == 2 {
			fail(ErrUnsupported, "sort of NaN")
		}
		if reversed {
			return -c
		}
		return c
	})
	out := make([]any, len(list))
	for i, k := range list {
		out[i] = k.v
	}
	return out
}

func unique(r *run, v any, a args) any {
	p, _ := a.bind("unique", 0, "case_sensitive", "attribute")
	out := &list{kind: generatorKind}
	var seen []any
	for _, e := range r.iterate(v) {
		key := r.folded(e, p[1], truth(p[0]))
		if !slices.ContainsFunc(seen, func(s any) bool { return r.equal(s, key, 0) }) {
			r.spend(32)
			seen = append(seen, key)
			out.items = append(out.items, e)
		}
	}
	return out
}

func sum(r *run, v any, a args) any {
	p, given := a.bind("sum", 0, "attribute", "start")
	var total any = 0
	if given[1] {
		total = p[1]
	}
	for _, e := range r.iterate(v) {
		if p[0] != nil {
			e = r.path(e, p[0])
		}
		if _, ok := e.(float64); ok {
			fail(ErrUnsupported, "sum of fractions") // Python's sum is compensated
		}
		total = r.arithmetic("+", total, e)
	}
	return total
}

func extreme(name string, sign int) filter {
	return func(r *run, v any, a args) any {
		p, _ := a.bind(name, 0, "case_sensitive", "attribute")
		items := r.iterate(v)
		if len(items) == 0 {
			return undefined{name}
		}
		best, key := items[0], r.folded(items[0], p[1], truth(p[0]))
		for _, e := range items[1:] {
			if k := r.folded(e, p[1], truth(p[0])); r.compare(map[int]string{-1: "<", 1: ">"}[sign], k, key) {
				best, key = e, k
			}
		}
		return best
	}
}

func mapFilter(r *run, v any, a args) any {
	out := &list{kind: generatorKind}
	if len(a.list) == 0 {
		p, given := a.bind("map", 0, "attribute", "default")
		if !given[0] {
			fail(ErrRuntime, "map needs a filter or an attribute")
		}
		for _, e := range r.iterate(v) {
			r.spend(16)
			x := r.path(e, p[0])
			if _, ok := x.(undefined); ok && given[1] {
				x = p[1]
			}
			out.items = append(out.items, x)
		}
		return out
	}
	name, _ := a.list[0].(string)
	f, ok := filters[name]
	if !ok {
		fail(ErrUnsupported, "map with the filter %s", name)
	}
	a.list = a.list[1:]
	for _, e := range r.iterate(v) {
		r.spend(16)
		out.items = append(out.items, f(r, e, a))
	}
	return out
}

// choose makes select and reject, and with an attribute selectattr and rejectattr.
func choose(attribute, keep bool) filter {
	return func(r *run, v any, a args) any {
		var path any
		if attribute {
			if len(a.list) == 0 {
				fail(ErrRuntime, "selectattr and rejectattr need an attribute")
			}
			path, a.list = a.list[0], a.list[1:]
		}
		var f test = func(_ *run, v any, _ args) bool { return truth(v) }
		if len(a.list) > 0 {
			name, _ := a.list[0].(string)
			var ok bool
			if f, ok = tests[name]; !ok {
				fail(ErrUnsupported, "test %s", name)
			}
			a.list = a.list[1:]
		}
		out := &list{kind: generatorKind}
		for _, e := range r.iterate(v) {
			r.spend(16)
			x := e
			if attribute {
				x = r.path(e, path)
			}
			if f(r, x, a) == keep {
				out.items = append(out.items, e)
			}
		}
		return out
	}
}

func toInt(r *run, v any, a args) any {
	p, given := a.bind("int", 0, "default", "base")
	if given[1] && !r.equal(p[1], 10, 0) {
		fail(ErrUnsupported, "int with a base")
	}
	var otherwise any = 0
	if given[0] {
		otherwise = p[0]
	}
	if n, ok := asInt(v); ok {
		return n
	}
	f, ok := v.(float64)
	if s, isString := v.(string); isString {
		if n, err := cpython.ParseInt(s); err == nil {
			if !n.IsInt64() {
				fail(ErrUnsupported, "integer beyond 64 bits")
			}
			return int(n.Int64())
		}
		var err error
		if f, err = cpython.ParseFloat(s); err != nil {
			return otherwise
		}
		ok = true
	}
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return otherwise
	}
	if math.Abs(f) >= 1<<63 {
		fail(ErrUnsupported, "integer beyond 64 bits")
	}
	return int(f)
}

func toFloat(_ *run, v any, a args) any {
	p, given := a.bind("float", 0, "default")
	if f, ok := asFloat(v); ok {
		return f
	}
	if s, ok := v.(string); ok {
		if f, err := cpython.ParseFloat(s); err == nil {
			return f
		}
	}
	if given[0] {
		return p[0]
	}
	return 0.0
}

func absolute(r *run, v any, a args) any {
	a.bind("abs", 0)
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	if n := wholeArg("abs", v); n < 0 {
		return r.arithmetic("-", 0, n)
	} else {
		return n
	}
}
