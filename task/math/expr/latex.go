package expr

import "strings"

// latexNames are the names that mean the same with a backslash and without; all but pi are functions.
var latexNames = set("pi sin cos tan sec csc cot arcsin arccos arctan asin acos atan sinh cosh tanh log ln exp sqrt cbrt abs")

// canonical names of functions for the evaluator.
var canonical = map[string]string{"arcsin": "asin", "arccos": "acos", "arctan": "atan"}

// latexParser reads the tokens of one value. bad is set where they aren't understood.
type latexParser struct {
	tokens []string
	at     int
	depth  int
	bad    bool
}

func (p *latexParser) peek() string {
	if p.at < len(p.tokens) && !p.bad {
		return p.tokens[p.at]
	}
	return ""
}

func (p *latexParser) next() string {
	t := p.peek()
	p.at++
	return t
}

func (p *latexParser) accept(tokens ...string) bool {
	for _, t := range tokens {
		if p.peek() == t && t != "" {
			p.at++
			return true
		}
	}
	return false
}

func (p *latexParser) fail() *node {
	p.bad = true
	return &node{kind: nodeOther}
}

func binary(op string, a, b *node) *node { return &node{nodeBinary, op, []*node{a, b}} }

func (p *latexParser) deeper() bool {
	if p.depth++; p.depth > maxDepth {
		p.bad = true
	}
	return !p.bad
}

func (p *latexParser) sum() *node {
	if !p.deeper() {
		return p.fail()
	}
	defer func() { p.depth-- }()
	left := p.product()
	for !p.bad {
		switch {
		case p.accept("+"):
			left = binary("+", left, p.product())
		case p.accept("-"):
			left = binary("-", left, p.product())
		default:
			return left
		}
	}
	return left
}

func (p *latexParser) product() *node {
	left := p.signed()
	for !p.bad {
		switch t := p.peek(); {
		case p.accept("*", `\cdot`, `\times`):
			left = binary("*", left, p.signed())
		case p.accept("/", `\div`):
			left = binary("/", left, p.signed())
		case t != "" && p.begins(t):
			left = binary("*", left, p.power())
		default:
			return left
		}
	}
	return left
}

// begins reports whether a factor begins here, so that a product is meant. A number doesn't continue one.
func (p *latexParser) begins(t string) bool {
	switch t {
	case "(", "{", `\frac`, `\sqrt`, `\binom`, `\infty`, "[":
		return t != "["
	}
	name := strings.TrimPrefix(t, `\`)
	return latexNames[name] || t[0] >= 'a' && t[0] <= 'z' || greek[name]
}

var greek = set("alpha beta gamma delta epsilon theta lambda mu phi rho sigma tau omega varphi")

func (p *latexParser) signed() *node {
	if !p.deeper() {
		return p.fail()
	}
	defer func() { p.depth-- }()
	switch {
	case p.accept("-"):
		return &node{nodeUnary, "-", []*node{p.signed()}}
	case p.accept("+"):
		return p.signed()
	}
	return p.power()
}

func (p *latexParser) power() *node {
	base := p.atom()
	for p.accept("!") {
		base = &node{nodeFactorial, "!", []*node{base}}
	}
	if !p.accept("^") {
		return base
	}
	if !p.deeper() {
		return p.fail()
	}
	defer func() { p.depth-- }()
	if p.accept("-") {
		return binary("**", base, &node{nodeUnary, "-", []*node{p.power()}})
	}
	return binary("**", base, p.power())
}

// group reads what stands in braces, or a sole digit or letter, as LaTeX's commands take it.
func (p *latexParser) group() *node {
	if p.accept("{") {
		n := p.sum()
		if !p.accept("}") {
			return p.fail()
		}
		return n
	}
	t := p.peek()
	if t == "" || !isDigit(t[0]) && (t[0] < 'a' || t[0] > 'z') {
		if t != "" && t[0] == '\\' {
			return p.atom()
		}
		return p.fail()
	}
	// \frac12 takes the digits one by one
	p.tokens = append(append(append([]string(nil), p.tokens[:p.at]...), t[:1]), p.tokens[p.at:]...)
	if p.tokens[p.at+1] = t[1:]; t[1:] == "" {
		p.tokens = append(p.tokens[:p.at+1], p.tokens[p.at+2:]...)
	}
	return p.atom()
}

func (p *latexParser) closed(end string) *node {
	n := p.sum()
	if !p.accept(end) {
		return p.fail()
	}
	return n
}

func call(name string, args ...*node) *node { return &node{nodeCall, name, args} }

func (p *latexParser) atom() *node {
	t := p.next()
	switch {
	case t == "":
		return p.fail()
	case t == "(":
		return p.closed(")")
	case t == "{":
		return p.closed("}")
	case isNumber(t):
		return p.number(t)
	case t == `\frac`:
		return binary("/", p.group(), p.group())
	case t == `\binom`:
		return call("binomial", p.group(), p.group())
	case t == `\sqrt` && p.accept("["):
		degree := p.closed("]")
		return binary("**", p.group(), binary("/", &node{kind: nodeNumber, text: "1"}, degree))
	case t == `\sqrt`:
		if p.accept("(") {
			return call("sqrt", p.closed(")"))
		}
		return call("sqrt", p.group())
	case t == `\infty`:
		return &node{kind: nodeName, text: "infty_"}
	}
	name := strings.TrimPrefix(t, `\`)
	switch {
	case name == "pi":
		return &node{kind: nodeName, text: "pi"}
	case latexNames[name]:
		return p.function(name)
	case t[0] == '\\' && !greek[name]:
		return p.fail()
	case t[0] == '\\' || len(t) > 3:
		return p.symbol(name)
	}
	if len(t) > 1 { // xyz is x times yz
		p.at--
		p.tokens = append(append(append([]string(nil), p.tokens[:p.at]...), t[:1], t[1:]), p.tokens[p.at+1:]...)
		p.at++
	}
	switch t[:1] {
	case "e":
		return call("exp", &node{kind: nodeNumber, text: "1"})
	case "i":
		return &node{kind: nodeName, text: imaginaryUnit}
	}
	return p.symbol(t[:1])
}

// number reads a literal, and the fraction of a mixed number.
func (p *latexParser) number(t string) *node {
	n := &node{kind: nodeNumber, text: t}
	if strings.Trim(t, "0123456789") != "" {
		return n
	}
	if text := strings.TrimLeft(t, "0"); text != "" { // Python's literals have no leading zeros
		n.text = text
	} else {
		n.text = "0"
	}
	if rest := p.tokens[p.at:]; len(rest) == 7 || len(rest) > 7 {
		if rest[0] == `\frac` && rest[1] == "{" && isNumber(rest[2]) && rest[3] == "}" && rest[4] == "{" && isNumber(rest[5]) && rest[6] == "}" {
			return binary("+", n, p.atom())
		}
	}
	return n
}

// symbol reads a name with its subscript.
func (p *latexParser) symbol(name string) *node {
	name += "_" // no name that means something ends so
	if p.accept("_") {
		braces := p.accept("{")
		t := p.next()
		if t == "" || !isNumber(t) && (t[0] < 'a' || t[0] > 'z') || braces && !p.accept("}") {
			return p.fail()
		}
		name += t
	}
	return &node{kind: nodeName, text: name}
}

// function reads a function's argument: in brackets, or the factor that follows. Logarithms may have a base.
func (p *latexParser) function(name string) *node {
	if c, ok := canonical[name]; ok {
		name = c
	}
	var base, exponent *node
	if name == "log" && p.accept("_") {
		base = p.group()
	}
	if p.accept("^") { // \sin^2 x
		if exponent = p.group(); exponent.kind == nodeUnary || name == "log" {
			return p.fail()
		}
	}
	var arg *node
	switch {
	case p.accept("("):
		arg = p.closed(")")
	case p.accept("{"):
		arg = p.closed("}")
	case p.peek() == "":
		return p.fail()
	default:
		arg = p.power()
		for t := p.peek(); t != "" && !p.bad && p.begins(t) && !latexNames[strings.TrimPrefix(t, `\`)] || p.peek() == "pi" || p.peek() == `\pi`; t = p.peek() {
			arg = binary("*", arg, p.power()) // \sin 2x
		}
	}
	n := call(name, arg)
	if base != nil {
		n = binary("/", call("log", arg), call("log", base))
	}
	if exponent != nil {
		n = binary("**", n, exponent)
	}
	return n
}
