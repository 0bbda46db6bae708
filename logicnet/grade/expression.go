package grade

import (
	"hash/fnv"
	"math/big"
	"slices"
	"strings"
)

// node is an expression: a number, a variable, or an operator with operands.
type node struct {
	op   string // "n", "v", "+", "-", "*", "/", "^", "neg", "!", "root", "abs", or the name of an opaque function
	v    value
	name string
	args []*node
}

// opaqueFunctions are functions that are not worked out. Two calls are equal when their names and arguments are; otherwise nobody knows.
var opaqueFunctions = map[string]bool{
	"sin": true, "cos": true, "tan": true, "sec": true, "csc": true, "cot": true, "ln": true, "log": true, "exp": true,
	"arcsin": true, "arccos": true, "arctan": true, "sinh": true, "cosh": true, "tanh": true,
}

var multipliers = map[string]int64{"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 1_000_000_000_000}

// expression reads tokens by precedence: sums, products (also without a sign), signs, powers, postfix ! and %, and what stands in brackets.
type expression struct {
	t     []token
	i     int
	depth int
}

// parseExpression reads all of t as one expression.
func parseExpression(t []token) (*node, error) {
	e := &expression{t: t}
	n, err := e.sum()
	if err == nil && e.i != len(t) {
		err = errUndefined
	}
	return n, err
}

func (e *expression) next(sign string) bool {
	if e.i < len(e.t) && e.t[e.i].is(sign) {
		e.i++
		return true
	}
	return false
}

func (e *expression) peek() token {
	if e.i < len(e.t) {
		return e.t[e.i]
	}
	return token{}
}

func (e *expression) sum() (*node, error) {
	if e.depth++; e.depth > maxDepth {
		return nil, errBounds
	}
	defer func() { e.depth-- }()
	n, err := e.product()
	for err == nil {
		op := e.peek().text
		if e.peek().kind != 's' || op != "+" && op != "-" {
			break
		}
		e.i++
		var m *node
		if m, err = e.product(); err == nil {
			n = &node{op: op, args: []*node{n, m}}
		}
	}
	return n, err
}

func (e *expression) product() (*node, error) {
	n, err := e.signed()
	divided := false
	for err == nil {
		op := ""
		switch t := e.peek(); {
		case t.is("*") || t.is("/"):
			op = t.text
			e.i++
		case e.timesLetter():
			op = "*"
			e.i++
		case e.startsFactor():
			if divided {
				return nil, errUndefined // 1/2x is 1/(2x) to some and x/2 to others
			}
		default:
			return n, nil
		}
		var m *node
		if op == "" {
			op = "*"
			m, err = e.power()
		} else {
			m, err = e.signed()
		}
		divided = op == "/"
		if err == nil {
			n = &node{op: op, args: []*node{n, m}}
		}
	}
	return n, err
}

// timesLetter reports whether an x stands alone between two numbers, which is a multiplication (0x10 is not).
func (e *expression) timesLetter() bool {
	return e.i > 0 && e.i+1 < len(e.t) && e.t[e.i].kind == 'w' && e.t[e.i].text == "x" && e.t[e.i].gap && e.t[e.i+1].gap &&
		e.t[e.i-1].kind == 'n' && e.t[e.i+1].kind == 'n'
}

// startsFactor reports whether the next token begins a factor that may follow another without a sign: a letter, a call or a bracket.
func (e *expression) startsFactor() bool {
	t := e.peek()
	switch {
	case t.kind == 'w':
		return variable(t.text) || known(t.text)
	case t.is("⦗"):
		return true
	case t.is("("):
		// f(x) is a call of an unknown function, x(x+1) a product.
		return true
	}
	return false
}

func known(w string) bool {
	return w == "pi" || w == "sqrt" || w == "root" || w == "abs" || opaqueFunctions[w]
}

// variable reports whether a word is one letter, with a subscript perhaps.
func variable(w string) bool {
	name, _, _ := strings.Cut(w, "_")
	return len([]rune(name)) == 1
}

func (e *expression) signed() (*node, error) {
	if e.depth++; e.depth > maxDepth {
		return nil, errBounds
	}
	defer func() { e.depth-- }()
	if e.next("-") {
		n, err := e.signed()
		return &node{op: "neg", args: []*node{n}}, err
	}
	if e.next("+") {
		return e.signed()
	}
	return e.power()
}

func (e *expression) power() (*node, error) {
	n, err := e.postfix()
	if err != nil || !e.next("^") {
		return n, err
	}
	var m *node
	if e.peek().is("-") || e.peek().is("+") {
		m, err = e.signed()
	} else {
		if e.depth++; e.depth > maxDepth {
			return nil, errBounds
		}
		m, err = e.power()
		e.depth--
	}
	return &node{op: "^", args: []*node{n, m}}, err
}

func (e *expression) postfix() (*node, error) {
	n, err := e.primary()
	for err == nil {
		switch {
		case e.next("!"):
			if e.peek().is("!") {
				return nil, errUndefined // double factorial
			}
			n = &node{op: "!", args: []*node{n}}
		case e.next("%"):
			n = &node{op: "/", args: []*node{n, number(integer(100))}}
		default:
			return n, nil
		}
	}
	return n, err
}

func number(v value) *node { return &node{op: "n", v: v} }

func (e *expression) primary() (*node, error) {
	t := e.peek()
	switch {
	case t.kind == 'n':
		return e.number()
	case t.kind == 'w':
		return e.word()
	case t.is("("), t.is("{"), t.is("⦗"):
		e.i++
		return e.closed(map[string]string{"(": ")", "{": "}", "⦗": "⦘"}[t.text])
	case t.is("|"):
		e.i++
		n, err := e.closed("|")
		return &node{op: "abs", args: []*node{n}}, err
	}
	return nil, errUndefined
}

func (e *expression) closed(sign string) (*node, error) {
	n, err := e.sum()
	if err == nil && !e.next(sign) {
		err = errUndefined
	}
	return n, err
}

// number reads a number, a mixed number such as 3 4/5, or a number with a multiplier such as 3 million.
func (e *expression) number() (*node, error) {
	v, err := literal(e.t[e.i].text)
	if err != nil {
		return nil, err
	}
	e.i++
	n := number(v)
	if part := e.fraction(); part != nil {
		if _, whole := v.int(); !whole || v.sign() < 0 {
			return nil, errUndefined
		}
		return &node{op: "+", args: []*node{n, part}}, nil
	}
	if k, ok := multipliers[e.peek().text]; ok && e.peek().kind == 'w' {
		e.i++
		return &node{op: "*", args: []*node{n, number(integer(k))}}, nil
	}
	return n, nil
}

// fraction reads a proper fraction of whole numbers right after a number, with a space before it or in LaTeX.
func (e *expression) fraction() *node {
	var digits []string
	i := e.i
	latex := i < len(e.t) && e.t[i].is("⦗")
	if !latex && !(i+2 < len(e.t) && e.t[i].kind == 'n' && e.t[i].gap && e.t[i+1].is("/") && e.t[i+2].kind == 'n') {
		return nil
	}
	for ; i < len(e.t) && len(digits) < 2 || latex && i < len(e.t); i++ {
		if e.t[i].kind == 'n' {
			digits = append(digits, e.t[i].text)
		} else if !slices.Contains([]string{"⦗", "⦘", "(", ")", "/"}, e.t[i].text) {
			return nil
		}
		if e.t[i].is("⦘") {
			i++
			break
		}
	}
	if len(digits) != 2 || strings.Trim(digits[0]+digits[1], "0123456789") != "" {
		return nil
	}
	a, ok1 := new(big.Int).SetString(digits[0], 10)
	b, ok2 := new(big.Int).SetString(digits[1], 10)
	if !ok1 || !ok2 || a.Sign() == 0 || a.Cmp(b) >= 0 || b.BitLen() > 64 {
		return nil
	}
	e.i = i
	return number(exact(new(big.Rat).SetFrac(a, b)))
}

func (e *expression) word() (*node, error) {
	w := e.t[e.i].text
	e.i++
	switch {
	case w == "pi":
		return number(valuePi), nil
	case w == "e":
		return number(valueE), nil
	case w == "sqrt" && e.peek().kind == 'n':
		n, err := e.number()
		return &node{op: "root", args: []*node{n, number(integer(2))}}, err
	case w == "sqrt" || w == "abs" || opaqueFunctions[w]:
		if !e.next("(") {
			return nil, errUndefined
		}
		n, err := e.closed(")")
		if w == "sqrt" {
			return &node{op: "root", args: []*node{n, number(integer(2))}}, err
		}
		return &node{op: w, args: []*node{n}}, err
	case w == "root":
		if !e.next("(") {
			return nil, errUndefined
		}
		index, err := e.closed(",")
		if err != nil {
			return nil, err
		}
		n, err := e.closed(")")
		return &node{op: "root", args: []*node{n, index}}, err
	case variable(w):
		return &node{op: "v", name: w}, nil
	}
	return nil, errUndefined
}

// variables adds the names of all variables in n to names.
func (n *node) variables(names map[string]bool) {
	if n.op == "v" {
		names[n.name] = true
	}
	for _, a := range n.args {
		a.variables(names)
	}
}

// opaque reports whether n contains a call of an opaque function, or the imaginary unit.
func (n *node) opaque() bool {
	return opaqueFunctions[n.op] || n.op == "v" && n.name == "i" || slices.ContainsFunc(n.args, (*node).opaque)
}

// eval works n out with the variables' values.
func (n *node) eval(env map[string]value, m *meter) (value, error) {
	switch n.op {
	case "n":
		return n.v, nil
	case "v":
		v, ok := env[n.name]
		if !ok {
			return value{}, errUndefined
		}
		return v, nil
	}
	var a [2]value
	for i, arg := range n.args {
		var err error
		if a[i], err = arg.eval(env, m); err != nil {
			return value{}, err
		}
	}
	v, err := n.apply(a[0], a[1])
	if err == nil {
		err = m.spend(v)
	}
	return v, err
}

func (n *node) apply(a, b value) (value, error) {
	switch n.op {
	case "+":
		return add(a, b)
	case "-":
		return sub(a, b)
	case "*":
		return mul(a, b)
	case "/":
		return quo(a, b)
	case "^":
		return power(a, b)
	case "neg":
		return negate(a), nil
	case "abs":
		return absolute(a), nil
	case "!":
		return factorial(a)
	case "root":
		k, ok := b.int()
		if !ok {
			return value{}, errUndefined
		}
		return root(a, k)
	}
	if a.r == nil {
		return value{}, errUndefined
	}
	h := fnv.New64a()
	h.Write([]byte(n.op + a.r.String()))
	return exact(new(big.Rat).SetFrac(new(big.Int).SetUint64(h.Sum64()), big.NewInt(1<<62))), nil
}
