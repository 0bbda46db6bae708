package expr

import (
	"errors"
	"slices"
	"strings"
)

// Bounds on the texts that are read. Longer or deeper ones are left to others.
const (
	maxLength = 4096
	maxDepth  = 60
)

// What may be wrong with a text or an expression.
var (
	// errFails: the reference certainly fails on it, so it equals nothing.
	errFails = errors.New("expression is refused by the reference")
	// errUnsupported: this package doesn't know.
	errUnsupported = errors.New("expression is beyond this package")
)

type nodeKind uint8

const (
	nodeNumber    nodeKind = iota // text: the literal
	nodeName                      // text: the name
	nodeCall                      // text: the function's name; args: its arguments
	nodeCallValue                 // args: what is called, then the arguments
	nodeUnary                     // text: + - ~
	nodeBinary                    // text: the operator
	nodeCompare                   // text: the operators, joined by blanks
	nodeTuple
	nodeList
	nodeBraces
	nodeFactorial // text: ! or !!
	nodeOther     // subscripts, attributes, keyword arguments, slices
)

type node struct {
	kind nodeKind
	text string
	args []*node
}

// parse reads a normalised text as the reference's sympy does: Python's grammar of expressions, with numbers such as 0.2[1] and postfix factorials.
func parse(s string) (*node, error) {
	if len(s) > maxLength {
		if strings.ContainsAny(s, "'\"#") { // what comes before a quote or a comment may still be refused
			return nil, errUnsupported
		}
		_, err := lex(s)
		if !errors.Is(err, errFails) {
			err = errUnsupported
		}
		return nil, err
	}
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	if err := balanced(tokens); err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	n := p.tuple("")
	if p.err == nil && p.peek().kind != tokEnd {
		p.fail(errFails)
	}
	return n, p.err
}

// balanced checks brackets, which may be wrong anywhere in a text whose rest isn't understood.
func balanced(tokens []token) error {
	var open []byte
	for _, t := range tokens {
		if t.kind != tokOp {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			open = append(open, t.text[0])
		case ")", "]", "}":
			want := map[string]byte{")": '(', "]": '[', "}": '{'}[t.text]
			if len(open) == 0 || open[len(open)-1] != want {
				return errFails
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return errFails
	}
	return nil
}

// parser is a Pratt parser. The first error stays.
type parser struct {
	tokens []token
	at     int
	depth  int
	err    error
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) is(ops ...string) bool {
	t := p.peek()
	return t.kind == tokOp && slices.Contains(ops, t.text)
}

func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		p.fail(errFails)
	}
}

// fail keeps the first error and moves to the end, so that every loop stops.
func (p *parser) fail(err error) *node {
	if p.err == nil {
		p.err = err
	}
	p.at = len(p.tokens)
	return &node{kind: nodeOther}
}

// tuple reads expressions separated by commas, up to a closing bracket or the end.
func (p *parser) tuple(closing string) *node {
	first := p.expression(0)
	if !p.is(",") {
		return first
	}
	n := &node{kind: nodeTuple, args: []*node{first}}
	for p.accept(",") {
		if closing != "" && p.is(closing) || p.peek().kind == tokEnd {
			break
		}
		n.args = append(n.args, p.expression(0))
	}
	return n
}

// binding is how strongly an operator binds: comparisons, |, ^, &, shifts, sums, products; ** is read with what it is applied to.
func binding(op string) int {
	switch op {
	case "<", ">", "<=", ">=", "==", "!=":
		return 1
	case "|":
		return 2
	case "^":
		return 3
	case "&":
		return 4
	case "<<", ">>":
		return 5
	case "+", "-":
		return 6
	case "*", "/", "//", "%", "@":
		return 7
	}
	return 0
}

func (p *parser) expression(above int) *node {
	if p.depth++; p.depth > maxDepth {
		return p.fail(errUnsupported)
	}
	defer func() { p.depth-- }()
	left := p.unary()
	for {
		t := p.peek()
		power := 0
		if t.kind == tokOp {
			power = binding(t.text)
		}
		if power == 0 || power <= above {
			return left
		}
		p.at++
		right := p.expression(power)
		if power == 1 {
			if left.kind == nodeCompare {
				left = &node{nodeCompare, left.text + " " + t.text, append(slices.Clone(left.args), right)}
			} else {
				left = &node{nodeCompare, t.text, []*node{left, right}}
			}
			continue
		}
		left = &node{nodeBinary, t.text, []*node{left, right}}
	}
}

// unary reads signs and powers: ** binds more strongly than a sign before it, less than one after it.
func (p *parser) unary() *node {
	if p.is("+", "-", "~") {
		if p.depth++; p.depth > maxDepth {
			return p.fail(errUnsupported)
		}
		defer func() { p.depth-- }()
		op := p.peek().text
		p.at++
		return &node{nodeUnary, op, []*node{p.unary()}}
	}
	base := p.postfix()
	if p.accept("**") {
		if p.depth++; p.depth > maxDepth {
			return p.fail(errUnsupported)
		}
		defer func() { p.depth-- }()
		return &node{nodeBinary, "**", []*node{base, p.unary()}}
	}
	return base
}

// postfix reads an atom with the calls, subscripts, attributes and factorials after it.
func (p *parser) postfix() *node {
	n := p.atom()
	// named says that n is a name on its own, so that brackets after it make a call of a function.
	named := n.kind == nodeName && p.at > 0 && p.tokens[p.at-1].kind == tokName
	for {
		switch {
		case p.is("("):
			p.at++
			args, plain := p.arguments()
			switch {
			case !plain:
				n = &node{kind: nodeOther, args: args}
			case named:
				n = &node{nodeCall, n.text, args}
			default:
				n = &node{kind: nodeCallValue, args: append([]*node{n}, args...)}
			}
		case p.is("["):
			if n.kind == nodeNumber && p.repeating() {
				n = &node{kind: nodeNumber, text: n.text + "[" + p.tokens[p.at+1].text + "]"}
				p.at += 3
				break
			}
			p.at++
			p.subscript()
			n = &node{kind: nodeOther, args: []*node{n}}
		case p.is("."):
			p.at++
			if p.peek().kind != tokName {
				return p.fail(errUnsupported) // ".[3]" is a number to sympy
			}
			p.at++
			n = &node{kind: nodeOther, args: []*node{n}}
		case p.is("!"):
			marks := ""
			for p.accept("!") {
				marks += "!"
			}
			if len(marks) > 2 {
				return p.fail(errFails)
			}
			switch n.kind {
			case nodeNumber, nodeName, nodeUnary, nodeBinary:
				if strings.Contains(n.text, "[") {
					return p.fail(errUnsupported)
				}
				n = &node{nodeFactorial, marks, []*node{n}}
			default:
				return p.fail(errUnsupported) // sympy moves tokens about: sin(x)! is a factorial, f(x)! an error
			}
		default:
			return n
		}
		named = false
	}
}

// repeating reports whether the number before an opening bracket goes on as in 0.2[1].
func (p *parser) repeating() bool {
	number := p.tokens[p.at-1]
	if number.kind != tokNumber || !strings.Contains(number.text, ".") || strings.ContainsAny(number.text, "e") || p.at+2 >= len(p.tokens) {
		return false
	}
	digits := p.tokens[p.at+1]
	return digits.kind == tokNumber && strings.Trim(digits.text, "0123456789_") == "" && p.tokens[p.at+2].text == "]"
}

// arguments reads a call's arguments and the closing bracket; plain is false where one of them isn't just an expression.
func (p *parser) arguments() (args []*node, plain bool) {
	plain = true
	for !p.is(")") && p.err == nil {
		if p.is("*", "**") {
			p.at++
			plain = false
		}
		n := p.expression(0)
		if p.is("=") {
			p.at++
			if n.kind != nodeName {
				p.fail(errFails)
			}
			n, plain = p.expression(0), false
		}
		if p.is(":=") {
			p.fail(errUnsupported)
		}
		args = append(args, n)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return args, plain
}

func (p *parser) subscript() {
	for !p.is("]") && p.err == nil {
		if !p.accept(":") && !p.accept(",") {
			p.expression(0)
			if !p.is(":", ",", "]") {
				p.fail(errFails)
			}
		}
	}
	p.expect("]")
}

func (p *parser) atom() *node {
	t := p.peek()
	p.at++
	switch {
	case t.kind == tokNumber:
		return &node{kind: nodeNumber, text: t.text}
	case t.kind == tokName:
		return &node{kind: nodeName, text: t.text}
	case t.kind == tokOp && t.text == "(":
		if p.accept(")") {
			return &node{kind: nodeTuple}
		}
		n := p.tuple(")")
		if p.is(":=") {
			return p.fail(errUnsupported)
		}
		p.expect(")")
		return n.inBrackets()
	case t.kind == tokOp && t.text == "[":
		n := &node{kind: nodeList}
		p.items(n, "]")
		return n
	case t.kind == tokOp && t.text == "{":
		n := &node{kind: nodeBraces}
		p.items(n, "}")
		return n
	case t.kind == tokOp && (t.text == "..." || t.text == "." || t.text == "*" || t.text == "**"):
		return p.fail(errUnsupported)
	}
	return p.fail(errFails)
}

// items reads what stands in a list, a set or a dictionary.
func (p *parser) items(n *node, closing string) {
	for !p.is(closing) && p.err == nil {
		n.args = append(n.args, p.expression(0))
		if closing == "}" && p.accept(":") {
			n.args = append(n.args, p.expression(0))
		}
		if p.is(":=") {
			p.fail(errUnsupported)
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing)
}

// inBrackets keeps comparisons in brackets from being joined to a chain, and names in brackets from being called by name.
func (n *node) inBrackets() *node {
	if n.kind == nodeCompare {
		return &node{kind: nodeUnary, text: "()", args: []*node{n}}
	}
	return n
}
