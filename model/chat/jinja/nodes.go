package jinja

import (
	"slices"
	"strings"
)

// node is a statement: it writes to out.
type node interface {
	exec(r *run, s *scope, out *strings.Builder)
}

// expr is an expression: it gives a value.
type expr interface {
	eval(r *run, s *scope) any
}

// loopExit is how break and continue leave the statements between them and their loop.
type loopExit uint8

const (
	noExit loopExit = iota
	breakLoop
	continueLoop
)

// exec runs statements until one of them leaves the loop.
func (r *run) exec(body []node, s *scope, out *strings.Builder) {
	for _, n := range body {
		r.spend(1)
		if n.exec(r, s, out); r.broken != noExit {
			return
		}
	}
}

func (r *run) eval(e expr, s *scope) any {
	r.spend(1)
	return e.eval(r, s)
}

type output struct{ of expr }

func (n output) exec(r *run, s *scope, out *strings.Builder) {
	out.WriteString(r.made(r.str(r.eval(n.of, s))))
}

type group struct{ body []node }

func (n group) exec(r *run, s *scope, out *strings.Builder) { r.exec(n.body, s, out) }

type exit struct{ leave bool }

func (n exit) exec(r *run, _ *scope, _ *strings.Builder) {
	if r.broken = continueLoop; n.leave {
		r.broken = breakLoop
	}
}

type ifNode struct {
	conds     []expr
	bodies    [][]node
	otherwise []node
}

func (n *ifNode) exec(r *run, s *scope, out *strings.Builder) {
	for i, c := range n.conds {
		if truth(r.eval(c, s)) {
			r.exec(n.bodies[i], s, out)
			return
		}
	}
	r.exec(n.otherwise, s, out)
}

// target is what a value is assigned to: a name, several names, or an attribute of a namespace.
type target struct {
	names     []string
	many      bool
	attribute string
}

func (t target) assign(r *run, s *scope, v any) {
	switch {
	case t.attribute != "":
		ns, ok := s.get(t.names[0]).(*namespace)
		if !ok {
			fail(ErrRuntime, "can't set attribute %s: %s isn't a namespace", t.attribute, t.names[0])
		}
		if strings.HasPrefix(t.attribute, "_") {
			fail(ErrUnsupported, "attribute %s of a namespace", t.attribute)
		}
		r.spend(len(t.attribute) + 16)
		ns.set(t.attribute, v)
	case !t.many:
		s.vars[t.names[0]] = v
	default:
		items := r.iterate(v)
		if len(items) != len(t.names) {
			fail(ErrRuntime, "can't assign %d values to %d names", len(items), len(t.names))
		}
		for i, name := range t.names {
			s.vars[name] = items[i]
		}
	}
}

type setNode struct {
	target target
	value  expr
	body   []node
}

func (n *setNode) exec(r *run, s *scope, _ *strings.Builder) {
	if n.value != nil {
		n.target.assign(r, s, r.eval(n.value, s))
		return
	}
	var b strings.Builder
	r.exec(n.body, s.inner(), &b)
	n.target.assign(r, s, b.String())
}

type forNode struct {
	target          target
	over            expr
	cond            expr
	body, otherwise []node
}

func (n *forNode) exec(r *run, s *scope, out *strings.Builder) {
	items := r.iterate(r.eval(n.over, s))
	if n.cond != nil {
		kept := make([]any, 0, len(items))
		for _, v := range items {
			inner := s.inner()
			n.target.assign(r, inner, v)
			if truth(r.eval(n.cond, inner)) {
				kept = append(kept, v)
			}
		}
		items = kept
	}
	if len(items) == 0 {
		r.exec(n.otherwise, s, out)
		return
	}
	l := &loop{items: items}
	for i, v := range items {
		r.spend(16)
		l.i = i
		inner := s.inner()
		inner.vars["loop"] = l
		n.target.assign(r, inner, v)
		r.exec(n.body, inner, out)
		leave := r.broken == breakLoop
		if r.broken = noExit; leave {
			break
		}
	}
}

// loop is the variable of that name within a for.
type loop struct {
	items   []any
	i       int
	changed any
	called  bool
}

func (l *loop) attr(name string) any {
	n := len(l.items)
	switch name {
	case "index":
		return l.i + 1
	case "index0":
		return l.i
	case "revindex":
		return n - l.i
	case "revindex0":
		return n - l.i - 1
	case "first":
		return l.i == 0
	case "last":
		return l.i == n-1
	case "length":
		return n
	case "depth": // it counts recursive loops only
		return 1
	case "depth0":
		return 0
	case "previtem":
		if l.i > 0 {
			return l.items[l.i-1]
		}
	case "nextitem":
		if l.i < n-1 {
			return l.items[l.i+1]
		}
	case "cycle":
		return function(func(_ *run, a args) any {
			if len(a.list) == 0 {
				fail(ErrRuntime, "cycle of nothing")
			}
			return a.list[l.i%len(a.list)]
		})
	case "changed":
		return function(func(r *run, a args) any {
			now := &list{items: a.list, kind: tupleKind}
			if l.called && r.equal(l.changed, now, 0) {
				return false
			}
			l.changed, l.called = now, true
			return true
		})
	}
	return undefined{name}
}

type macroNode struct {
	name     string
	params   []string
	defaults []expr
	body     []node
}

func (n *macroNode) exec(_ *run, s *scope, _ *strings.Builder) {
	s.vars[n.name] = function(func(r *run, a args) any {
		if r.calls++; r.calls > maxCalls {
			fail(ErrLimit, "macro %s calls itself too deeply", n.name)
		}
		defer func() { r.calls-- }()
		inner := s.inner()
		if len(a.list) > len(n.params) {
			fail(ErrRuntime, "macro %s takes %d arguments, not %d", n.name, len(n.params), len(a.list))
		}
		for i, p := range n.params {
			if i < len(a.list) {
				inner.vars[p] = a.list[i]
			} else if j := slices.Index(a.names, p); j >= 0 {
				inner.vars[p] = a.values[j]
			} else if d := i - (len(n.params) - len(n.defaults)); d >= 0 {
				inner.vars[p] = r.eval(n.defaults[d], inner)
			} else {
				inner.vars[p] = undefined{p}
			}
		}
		for i, name := range a.names {
			if j := slices.Index(n.params, name); j < 0 || j < len(a.list) {
				fail(ErrRuntime, "macro %s takes no argument %s", n.name, a.names[i])
			}
		}
		var b strings.Builder
		r.exec(n.body, inner, &b)
		return b.String()
	})
}

type literal struct{ v any }

func (e literal) eval(*run, *scope) any { return e.v }

type nameExpr struct{ name string }

func (e nameExpr) eval(_ *run, s *scope) any { return s.get(e.name) }

type listExpr struct {
	items []expr
	kind  listType
}

func (e listExpr) eval(r *run, s *scope) any {
	l := &list{kind: e.kind}
	for _, i := range e.items {
		r.spend(16)
		l.items = append(l.items, r.eval(i, s))
	}
	return l
}

type dictExpr struct{ keys, values []expr }

func (e dictExpr) eval(r *run, s *scope) any {
	d := newDict()
	for i, k := range e.keys {
		r.spend(32)
		key, ok := r.eval(k, s).(string)
		if !ok {
			fail(ErrUnsupported, "dictionary key that isn't a string")
		}
		d.set(key, r.eval(e.values[i], s))
	}
	return d
}

type logical struct {
	left, right expr
	or          bool
}

func (e *logical) eval(r *run, s *scope) any {
	if v := r.eval(e.left, s); truth(v) == e.or {
		return v
	}
	return r.eval(e.right, s)
}

type notExpr struct{ of expr }

func (e *notExpr) eval(r *run, s *scope) any { return !truth(r.eval(e.of, s)) }

type condExpr struct{ then, cond, otherwise expr }

func (e *condExpr) eval(r *run, s *scope) any {
	switch {
	case truth(r.eval(e.cond, s)):
		return r.eval(e.then, s)
	case e.otherwise != nil:
		return r.eval(e.otherwise, s)
	}
	return undefined{"condition without else"}
}

type compareExpr struct {
	first expr
	ops   []string
	rest  []expr
}

func (e *compareExpr) eval(r *run, s *scope) any {
	left := r.eval(e.first, s)
	for i, op := range e.ops {
		right := r.eval(e.rest[i], s)
		if !r.compare(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

type binaryExpr struct {
	op          string
	left, right expr
}

func (e *binaryExpr) eval(r *run, s *scope) any {
	left, right := r.eval(e.left, s), r.eval(e.right, s)
	if e.op == "~" {
		a, b := r.str(left), r.str(right)
		r.spend(len(a) + len(b))
		return a + b
	}
	return r.arithmetic(e.op, left, right)
}

type negate struct {
	of    expr
	minus bool
}

func (e *negate) eval(r *run, s *scope) any {
	v := r.eval(e.of, s)
	if f, ok := v.(float64); ok && e.minus {
		return -f
	} else if ok {
		return f
	}
	n, ok := asInt(v)
	if !ok {
		fail(ErrRuntime, "sign before %s", typeName(v))
	}
	if e.minus {
		return r.arithmetic("-", 0, n)
	}
	return n
}

type attrExpr struct {
	of   expr
	name string
}

func (e *attrExpr) eval(r *run, s *scope) any { return r.attr(r.eval(e.of, s), e.name) }

type itemExpr struct{ of, key expr }

func (e *itemExpr) eval(r *run, s *scope) any { return r.item(r.eval(e.of, s), r.eval(e.key, s)) }

type sliceExpr struct {
	of   expr
	part [3]expr
}

func (e *sliceExpr) eval(r *run, s *scope) any {
	v := r.eval(e.of, s)
	var part [3]any
	for i, p := range e.part {
		if p != nil {
			part[i] = r.eval(p, s)
		}
	}
	return r.slice(v, part)
}

// callArgs are the arguments as written, args those of one call.
type callArgs struct {
	list   []expr
	names  []string
	values []expr
}

type args struct {
	list   []any
	names  []string
	values []any
}

func (c callArgs) eval(r *run, s *scope) args {
	a := args{names: c.names}
	for _, e := range c.list {
		a.list = append(a.list, r.eval(e, s))
	}
	for _, e := range c.values {
		a.values = append(a.values, r.eval(e, s))
	}
	return a
}

// bind spreads arguments over parameters; a parameter that isn't given is nil with given false. Required ones come first.
func (a args) bind(what string, required int, params ...string) (v []any, given []bool) {
	v, given = make([]any, len(params)), make([]bool, len(params))
	if len(a.list) > len(params) {
		fail(ErrRuntime, "%s takes at most %d arguments", what, len(params))
	}
	for i, x := range a.list {
		v[i], given[i] = x, true
	}
	for i, n := range a.names {
		j := slices.Index(params, n)
		if j < 0 || given[j] {
			fail(ErrRuntime, "%s takes no argument %s, or takes it once", what, n)
		}
		v[j], given[j] = a.values[i], true
	}
	for i := range required {
		if !given[i] {
			fail(ErrRuntime, "%s needs the argument %s", what, params[i])
		}
	}
	return v, given
}

type callExpr struct {
	fn   expr
	args callArgs
}

func (e *callExpr) eval(r *run, s *scope) any {
	fn, ok := r.eval(e.fn, s).(function)
	if !ok {
		fail(ErrRuntime, "call of something that isn't a function")
	}
	return fn(r, e.args.eval(r, s))
}

type filterExpr struct {
	of   expr
	name string
	fn   filter
	args callArgs
}

func (e *filterExpr) eval(r *run, s *scope) any { return e.fn(r, r.eval(e.of, s), e.args.eval(r, s)) }

type testExpr struct {
	of      expr
	name    string
	fn      test
	args    callArgs
	negated bool
}

func (e *testExpr) eval(r *run, s *scope) any {
	return e.fn(r, r.eval(e.of, s), e.args.eval(r, s)) != e.negated
}
