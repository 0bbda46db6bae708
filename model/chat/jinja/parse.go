package jinja

import (
	"slices"
	"strconv"
)

// parser follows jinja2/parser.py rule by rule.
type parser struct {
	tokens []token
	at     int
	depth  int
	loops  int // nesting of for, for break and continue
}

func (p *parser) cur() token { return p.tokens[p.at] }
func (p *parser) next() token {
	t := p.tokens[p.at]
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

func (p *parser) fail(format string, args ...any) {
	fail(ErrSyntax, "line "+strconv.Itoa(p.cur().line)+": "+format, args...)
}

func (p *parser) unsupported(format string, args ...any) {
	fail(ErrUnsupported, "line "+strconv.Itoa(p.cur().line)+": "+format, args...)
}

func (p *parser) skip(k kind, s string) bool {
	if p.cur().is(k, s) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(k kind, s string) token {
	if t := p.cur(); t.kind != k || s != "" && t.s != s {
		p.fail("unexpected %s", t)
	}
	return p.next()
}

// deeper guards the stack against templates that nest without end.
func (p *parser) deeper() func() {
	if p.depth++; p.depth > maxNest {
		p.unsupported("more than %d levels", maxNest)
	}
	return func() { p.depth-- }
}

// statements reads until a block that begins with one of the names, which it leaves as the current token, or to the end.
func (p *parser) statements(ends ...string) []node {
	defer p.deeper()()
	var body []node
	for {
		switch t := p.next(); t.kind {
		case data:
			body = append(body, output{literal{t.s}})
		case varBegin:
			body = append(body, output{p.tuple(true)})
			p.expect(varEnd, "")
		case blockBegin:
			if p.cur().kind == name && slices.Contains(ends, p.cur().s) {
				return body
			}
			body = append(body, p.statement())
			p.expect(blockEnd, "")
		default:
			if len(ends) > 0 {
				p.fail("template ends before %s", ends[0])
			}
			return body
		}
	}
}

// block reads the rest of a tag and the body up to one of the ends, whose name it passes over.
func (p *parser) block(ends ...string) ([]node, string) {
	p.skip(operator, ":")
	p.expect(blockEnd, "")
	body := p.statements(ends...)
	return body, p.next().s
}

func (p *parser) statement() node {
	t := p.expect(name, "")
	switch t.s {
	case "for":
		return p.forLoop()
	case "if":
		return p.ifElse()
	case "set":
		return p.set()
	case "macro":
		return p.macro()
	case "generation": // the mark of the assistant's text for training masks
		body, _ := p.block("endgeneration")
		return group{body}
	case "break", "continue":
		if p.loops == 0 {
			p.fail("%s outside of a loop", t.s)
		}
		return exit{t.s == "break"}
	case "block", "extends", "include", "import", "from", "call", "filter", "autoescape", "with", "do", "trans", "print":
		p.unsupported("statement %s", t.s)
	}
	p.fail("unknown statement %s", t.s)
	return nil
}

func (p *parser) forLoop() node {
	f := &forNode{target: p.target(false)}
	p.expect(name, "in")
	f.over = p.tuple(false)
	if p.skip(name, "if") {
		f.cond = p.expression()
	}
	if p.cur().is(name, "recursive") {
		p.unsupported("recursive loop")
	}
	p.loops++
	var end string
	f.body, end = p.block("endfor", "else")
	p.loops--
	if end == "else" {
		f.otherwise, _ = p.block("endfor")
	}
	return f
}

func (p *parser) ifElse() node {
	n := &ifNode{}
	for {
		n.conds = append(n.conds, p.tuple(false))
		body, end := p.block("elif", "else", "endif")
		n.bodies = append(n.bodies, body)
		switch end {
		case "else":
			n.otherwise, _ = p.block("endif")
			return n
		case "endif":
			return n
		}
	}
}

func (p *parser) set() node {
	n := &setNode{target: p.target(true)}
	if p.skip(operator, "=") {
		n.value = p.tuple(true)
		return n
	}
	if p.cur().is(operator, "|") {
		p.unsupported("set with a filter")
	}
	loops := p.loops
	p.loops = 0
	n.body, _ = p.block("endset")
	p.loops = loops
	return n
}

// target is a name, names with commas, or with attributes also namespace.name.
func (p *parser) target(attributes bool) target {
	t := target{}
	paren := p.skip(operator, "(")
	for {
		n := p.expect(name, "").s
		if slices.Contains([]string{"true", "false", "True", "False", "none", "None"}, n) {
			p.fail("can't assign to %s", n)
		}
		t.names = append(t.names, n)
		if attributes && len(t.names) == 1 && p.skip(operator, ".") {
			t.attribute = p.expect(name, "").s
			return t
		}
		if !p.skip(operator, ",") {
			break
		}
		t.many = true
		if p.cur().kind != name || p.cur().s == "in" {
			break
		}
	}
	if paren {
		p.expect(operator, ")")
	}
	return t
}

func (p *parser) macro() node {
	m := &macroNode{name: p.expect(name, "").s}
	p.expect(operator, "(")
	for !p.cur().is(operator, ")") {
		if len(m.params) > 0 {
			p.expect(operator, ",")
		}
		m.params = append(m.params, p.expect(name, "").s)
		if p.skip(operator, "=") {
			m.defaults = append(m.defaults, p.expression())
		} else if len(m.defaults) > 0 {
			p.fail("parameter without a default behind one with a default")
		}
	}
	p.next()
	loops := p.loops
	p.loops = 0
	m.body, _ = p.block("endmacro")
	p.loops = loops
	return m
}

// expression is a condition x if y else z, or anything below it.
func (p *parser) expression() expr {
	defer p.deeper()()
	e := p.or()
	for p.skip(name, "if") {
		c := &condExpr{then: e, cond: p.or()}
		if p.skip(name, "else") {
			c.otherwise = p.expression()
		}
		e = c
	}
	return e
}

// tuple is an expression or several with commas between them. Statements that end with a condition of their own read none in it.
func (p *parser) tuple(conditions bool) expr {
	var list []expr
	many := false
	for !p.tupleEnd() {
		if conditions {
			list = append(list, p.expression())
		} else {
			list = append(list, p.or())
		}
		if !p.skip(operator, ",") {
			break
		}
		many = true
	}
	switch {
	case many:
		return listExpr{list, tupleKind}
	case len(list) == 0:
		p.fail("expected an expression, got %s", p.cur())
	}
	return list[0]
}

func (p *parser) tupleEnd() bool {
	t := p.cur()
	return t.kind == varEnd || t.kind == blockEnd || t.is(operator, ")") || t.is(name, "recursive")
}

func (p *parser) or() expr {
	e := p.and()
	for p.skip(name, "or") {
		e = &logical{e, p.and(), true}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for p.skip(name, "and") {
		e = &logical{e, p.not(), false}
	}
	return e
}

func (p *parser) not() expr {
	if p.skip(name, "not") {
		defer p.deeper()()
		return &notExpr{p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	c := &compareExpr{first: p.binary(0)}
	for {
		t := p.cur()
		switch {
		case t.kind == operator && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.s):
			p.next()
			c.ops = append(c.ops, t.s)
		case p.skip(name, "in"):
			c.ops = append(c.ops, "in")
		case t.is(name, "not") && p.at+1 < len(p.tokens) && p.tokens[p.at+1].is(name, "in"):
			p.next()
			p.next()
			c.ops = append(c.ops, "not in")
		case len(c.ops) == 0:
			return c.first
		default:
			return c
		}
		c.rest = append(c.rest, p.binary(0))
	}
}

// levels are the binary operators, weakest first.
var levels = [][]string{{"+", "-"}, {"~"}, {"*", "/", "//", "%"}}

func (p *parser) binary(level int) expr {
	if level == len(levels) {
		e := p.unary(true)
		if p.cur().is(operator, "**") {
			p.unsupported("operator **")
		}
		return e
	}
	e := p.binary(level + 1)
	for t := p.cur(); t.kind == operator && slices.Contains(levels[level], t.s); t = p.cur() {
		p.next()
		e = &binaryExpr{t.s, e, p.binary(level + 1)}
	}
	return e
}

func (p *parser) unary(filters bool) expr {
	defer p.deeper()()
	var e expr
	switch {
	case p.skip(operator, "-"):
		e = &negate{p.unary(false), true}
	case p.skip(operator, "+"):
		e = &negate{p.unary(false), false}
	default:
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.filters(e)
	}
	return e
}

func (p *parser) primary() expr {
	switch t := p.next(); {
	case t.kind == name:
		switch t.s {
		case "true", "True":
			return literal{true}
		case "false", "False":
			return literal{false}
		case "none", "None":
			return literal{nil}
		}
		return nameExpr{t.s}
	case t.kind == text:
		for p.cur().kind == text {
			t.s += p.next().s
		}
		return literal{t.s}
	case t.kind == integer:
		return literal{t.n}
	case t.kind == float:
		return literal{t.f}
	case t.is(operator, "("):
		if p.skip(operator, ")") {
			return listExpr{nil, tupleKind}
		}
		e := p.tuple(true)
		p.expect(operator, ")")
		return e
	case t.is(operator, "["):
		return listExpr{p.list("]"), listKind}
	case t.is(operator, "{"):
		d := dictExpr{}
		for !p.skip(operator, "}") {
			if len(d.keys) > 0 {
				p.expect(operator, ",")
				if p.skip(operator, "}") {
					break
				}
			}
			d.keys = append(d.keys, p.expression())
			p.expect(operator, ":")
			d.values = append(d.values, p.expression())
		}
		return d
	default:
		p.at = max(0, p.at-1)
		p.fail("unexpected %s", t)
	}
	return nil
}

// list reads expressions up to the closing bracket.
func (p *parser) list(end string) []expr {
	var list []expr
	for !p.skip(operator, end) {
		if len(list) > 0 {
			p.expect(operator, ",")
			if p.skip(operator, end) {
				break
			}
		}
		list = append(list, p.expression())
	}
	return list
}

func (p *parser) postfix(e expr) expr {
	for {
		switch {
		case p.skip(operator, "."):
			t := p.next()
			switch t.kind {
			case name:
				e = &attrExpr{e, t.s}
			case integer:
				e = &itemExpr{e, literal{t.n}}
			default:
				p.fail("expected a name or number, got %s", t)
			}
		case p.skip(operator, "["):
			e = p.subscript(e)
		case p.cur().is(operator, "("):
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) subscript(of expr) expr {
	var part [3]expr
	colons := 0
	for ; colons < 3; colons++ {
		if t := p.cur(); !t.is(operator, ":") && !t.is(operator, "]") {
			part[colons] = p.expression()
		}
		if colons == 2 || !p.skip(operator, ":") {
			break
		}
	}
	if p.cur().is(operator, ",") {
		p.unsupported("subscript with a comma")
	}
	p.expect(operator, "]")
	if colons == 0 {
		if part[0] == nil {
			p.fail("empty subscript")
		}
		return &itemExpr{of, part[0]}
	}
	return &sliceExpr{of, part}
}

func (p *parser) arguments() (a callArgs) {
	p.expect(operator, "(")
	for !p.skip(operator, ")") {
		if len(a.list)+len(a.names) > 0 {
			p.expect(operator, ",")
			if p.skip(operator, ")") {
				break
			}
		}
		switch t := p.cur(); {
		case t.is(operator, "*") || t.is(operator, "**"):
			p.unsupported("call with %s", t.s)
		case t.kind == name && p.tokens[p.at+1].is(operator, "="):
			p.next()
			p.next()
			a.names = append(a.names, t.s)
			a.values = append(a.values, p.expression())
		case len(a.names) > 0:
			p.fail("argument without a name behind one with a name")
		default:
			a.list = append(a.list, p.expression())
		}
	}
	return a
}

func (p *parser) call(fn expr) expr { return &callExpr{fn, p.arguments()} }

func (p *parser) filters(e expr) expr {
	for {
		t := p.cur()
		switch {
		case p.skip(operator, "|"):
			n := p.expect(name, "").s
			f, ok := filters[n]
			if !ok {
				p.unsupported("filter %s", n)
			}
			fe := &filterExpr{of: e, name: n, fn: f}
			if p.cur().is(operator, "(") {
				fe.args = p.arguments()
			}
			e = fe
		case p.skip(name, "is"):
			e = p.test(e)
		case t.is(operator, "("):
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) test(e expr) expr {
	negated := p.skip(name, "not")
	n := p.expect(name, "").s
	f, ok := tests[n]
	if !ok {
		p.unsupported("test %s", n)
	}
	te := &testExpr{of: e, name: n, fn: f, negated: negated}
	switch t := p.cur(); {
	case t.is(operator, "("):
		te.args = p.arguments()
	case t.kind == text || t.kind == integer || t.kind == float || t.is(operator, "[") || t.is(operator, "{"),
		t.kind == name && !slices.Contains([]string{"else", "or", "and", "is", "if", "not", "in"}, t.s):
		te.args.list = []expr{p.postfix(p.primary())}
	case t.is(name, "is"):
		p.fail("tests can't be chained")
	}
	return te
}
