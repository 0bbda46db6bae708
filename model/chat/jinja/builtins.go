package jinja

import (
	"math"
	"strings"
)

// globals are the functions that every template can name.
var globals map[string]any

func init() { // not an initializer: the functions refer to filters, which refer to evaluation
	globals = map[string]any{
		"range":           function(rangeOf),
		"namespace":       function(newNamespace),
		"dict":            function(dictOf),
		"raise_exception": function(raise),
		"strftime_now":    function(noClock),
	}
}

func rangeOf(r *run, a args) any {
	v, given := a.bind("range", 1, "start", "stop", "step")
	n := [3]int{0, 0, 1}
	for i := range v {
		if given[i] {
			var ok bool
			if n[i], ok = asInt(v[i]); !ok || n[i] > math.MaxInt32 || n[i] < math.MinInt32 {
				fail(ErrRuntime, "range of %s", typeName(v[i]))
			}
		}
	}
	if !given[1] {
		n[0], n[1] = 0, n[0]
	}
	if n[2] == 0 {
		fail(ErrRuntime, "range with a step of 0")
	}
	l := &list{kind: rangeKind}
	for i := n[0]; n[2] > 0 && i < n[1] || n[2] < 0 && i > n[1]; i += n[2] {
		if len(l.items) == maxRange {
			fail(ErrLimit, "range of more than %d", maxRange)
		}
		r.spend(16)
		l.items = append(l.items, i)
	}
	return l
}

func newNamespace(r *run, a args) any {
	ns := &namespace{*newDict()}
	if len(a.list) > 1 {
		fail(ErrRuntime, "namespace takes one dictionary")
	}
	for _, v := range a.list {
		d, ok := v.(*dict)
		if !ok {
			fail(ErrRuntime, "namespace of %s", typeName(v))
		}
		for i, k := range d.keys {
			ns.set(k, d.vals[i])
		}
	}
	for i, n := range a.names {
		ns.set(n, a.values[i])
	}
	for _, k := range ns.keys {
		r.spend(16)
		if strings.HasPrefix(k, "_") {
			fail(ErrUnsupported, "attribute %s of a namespace", k)
		}
	}
	return ns
}

func dictOf(r *run, a args) any {
	d := newDict()
	if len(a.list) > 0 {
		fail(ErrUnsupported, "dict of a value")
	}
	for i, n := range a.names {
		r.spend(32)
		d.set(n, a.values[i])
	}
	return d
}

func raise(r *run, a args) any {
	v, _ := a.bind("raise_exception", 1, "message")
	s := r.str(v[0])
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "..."
	}
	fail(ErrRaised, "%s", s)
	return nil
}

// noClock refuses what would make a text depend on the day. Templates that want a date take it as a variable too.
func noClock(*run, args) any {
	fail(ErrUnsupported, "strftime_now")
	return nil
}

// test is what follows "is".
type test func(r *run, v any, a args) bool

var tests map[string]test

func init() {
	isInt := func(v any) bool { _, ok := v.(int); return ok }
	isFloat := func(v any) bool { _, ok := v.(float64); return ok }
	one := func(f func(r *run, v, other any) bool) test {
		return func(r *run, v any, a args) bool {
			o, _ := a.bind("test", 1, "other")
			return f(r, v, o[0])
		}
	}
	none := func(f func(v any) bool) test {
		return func(_ *run, v any, a args) bool {
			a.bind("test", 0)
			return f(v)
		}
	}
	order := func(op string) test {
		return one(func(r *run, v, other any) bool { return r.compare(op, v, other) })
	}
	whole := func(v any) int {
		n, ok := asInt(v)
		if !ok {
			fail(ErrRuntime, "remainder of %s", typeName(v))
		}
		return n
	}
	defined := func(v any) bool { _, ok := v.(undefined); return !ok }
	tests = map[string]test{
		"defined":   none(defined),
		"undefined": none(func(v any) bool { return !defined(v) }),
		"none":      none(func(v any) bool { return v == nil }),
		"boolean":   none(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":      none(func(v any) bool { return v == true }),
		"false":     none(func(v any) bool { return v == false }),
		"integer":   none(isInt),
		"float":     none(isFloat),
		"number":    none(func(v any) bool { _, ok := asFloat(v); return ok }),
		"string":    none(func(v any) bool { _, ok := v.(string); return ok }),
		"mapping":   none(func(v any) bool { _, ok := v.(*dict); return ok }),
		"callable":  none(func(v any) bool { _, ok := v.(function); return ok }),
		"sequence": none(func(v any) bool {
			switch v := v.(type) {
			case string, *dict, undefined:
				return true
			case *list:
				return v.kind <= rangeKind
			}
			return false
		}),
		"iterable": none(func(v any) bool {
			switch v.(type) {
			case string, *dict, *list, undefined, *loop:
				return true
			}
			return false
		}),
		"odd":         none(func(v any) bool { return whole(v)&1 == 1 }),
		"even":        none(func(v any) bool { return whole(v)&1 == 0 }),
		"divisibleby": one(func(r *run, v, o any) bool { return r.equal(r.arithmetic("%", v, o), 0, 0) }),
		"lower":       func(r *run, v any, _ args) bool { s := r.str(v); return isCased(s) && lower(s) == s },
		"upper":       func(r *run, v any, _ args) bool { s := r.str(v); return isCased(s) && upper(s) == s },
		"in":          one(func(r *run, v, o any) bool { return r.contains(o, v) }),
	}
	for _, names := range [][]string{{"==", "eq", "equalto"}, {"!=", "ne"}, {"<", "lt", "lessthan"}, {"<=", "le"}, {">", "gt", "greaterthan"}, {">=", "ge"}} {
		for _, n := range names {
			tests[n] = order(names[0])
		}
	}
}
