package expr

import (
	"errors"
	"math/big"
	"slices"
)

// errInfinite says that a value is an infinity or undefined: as a whole it equals nothing, and inside an expression this package doesn't follow it.
var errInfinite = errors.New("value is infinite or undefined")

// value is what an expression is.
type value struct {
	// num is set where sympy has made a Number of it by itself.
	num *number
	// n/d is it as a rational function, where known: n is nil where it isn't, d is nil for 1.
	n, d poly
	// other says that it is no expression but a truth value, a function or a collection; sequence, that it is the last.
	other, sequence bool
	// expanded says that n was multiplied out, which sympy doesn't do until it is asked to simplify.
	expanded bool
	// unsure says that equality of forms may be more than sympy sees.
	unsure bool
	// float says that Floats took part; inexact, that some aren't what their decimals say.
	float, inexact bool
}

func (v value) known() bool { return v.n != nil }

// evaluator works expressions out.
type evaluator struct{ ring }

func ofNumber(e *evaluator, n number) value {
	v := value{num: &n, n: e.constant(n.meant())}
	if n.isFloat() {
		v.float = true
		v.inexact = n.rat.Cmp(n.exact) != 0 || len(n.exact.Num().String()) > 10 || n.prec != 53
	}
	return v
}

func ofPoly(p poly) value { return value{n: p} }

func (e *evaluator) eval(n *node) (value, error) {
	v, err := e.evalNode(n)
	if err == nil && v.known() {
		if e.over {
			v.n, v.d = nil, nil
		} else if c, ok := v.n.value(); ok && v.num == nil && v.d == nil && !v.expanded && !v.float {
			exact := rational(c)
			v.num = &exact
		}
	}
	return v, err
}

func (e *evaluator) evalNode(n *node) (value, error) {
	switch n.kind {
	case nodeNumber:
		num, err := literal(n.text)
		if err != nil {
			return value{}, err
		}
		return ofNumber(e, num), nil
	case nodeName:
		return e.name(n.text)
	case nodeUnary, nodeBinary:
		return e.operator(n)
	case nodeCompare:
		return e.compare(n)
	case nodeTuple, nodeList, nodeBraces:
		_, err := e.all(n.args)
		if err != nil && !errors.Is(err, errFails) {
			err = nil // whatever is in it, it is a collection or an error
		}
		return value{other: true, sequence: true}, err
	case nodeFactorial:
		return e.call(map[string]string{"!": "factorial", "!!": "factorial2"}[n.text], n.args)
	case nodeCall:
		return e.call(n.text, n.args)
	case nodeCallValue:
		args, err := e.all(n.args)
		if err != nil {
			return value{}, err
		}
		if args[0].other {
			return value{}, errUnsupported
		}
		return value{}, errFails // no expression can be called
	}
	_, err := e.all(n.args)
	if !errors.Is(err, errFails) {
		err = errUnsupported
	}
	return value{}, err
}

// all evaluates nodes. A certain failure of any counts more than what isn't known of others.
func (e *evaluator) all(nodes []*node) ([]value, error) {
	var bad error
	out := make([]value, len(nodes))
	for i, n := range nodes {
		v, err := e.eval(n)
		if errors.Is(err, errFails) {
			return nil, err
		}
		if err != nil {
			bad = errUnsupported
		}
		out[i] = v
	}
	return out, bad
}

func (e *evaluator) name(name string) (value, error) {
	switch name {
	case "pi":
		return ofPoly(e.generator("c:pi", frac{1, 1})), nil
	case imaginaryUnit:
		return ofPoly(e.generator("i:", frac{1, 1})), nil
	case "oo", "zoo", "nan":
		return value{}, errInfinite
	case "true", "false":
		return value{other: true}, nil
	case "ord0":
		return value{}, errUnsupported
	}
	if taken[name] {
		return value{other: true}, nil // the function itself
	}
	return ofPoly(e.generator("s:"+name, frac{1, 1})), nil
}

func (e *evaluator) operator(n *node) (value, error) {
	args, err := e.all(n.args)
	if err != nil {
		return value{}, err
	}
	if n.text == "()" {
		return args[0], nil
	}
	for _, a := range args {
		if a.sequence {
			return value{other: true, sequence: true}, nil // a collection again, or an error
		}
	}
	switch n.text {
	case "~", "&", "|", "^", "<<", ">>":
		return e.bitwise(n.text, n.args, args)
	}
	for _, a := range args {
		if a.other {
			return value{}, errFails // neither truth values nor functions have arithmetic
		}
	}
	a := args[0]
	if n.kind == nodeUnary {
		if n.text == "+" {
			return a, nil
		}
		return e.neg(a), nil
	}
	b := args[1]
	switch n.text {
	case "+":
		return e.add(a, b), nil
	case "-":
		return e.add(a, e.neg(b)), nil
	case "*":
		return e.mul(a, b)
	case "/":
		return e.quo(a, b)
	case "**":
		return e.pow(a, b)
	case "//", "%":
		return e.floorDivide(n.text, a, b)
	}
	return value{}, errUnsupported
}

func mixed(a, b value) value {
	return value{expanded: a.expanded || b.expanded, unsure: a.unsure || b.unsure, float: a.float || b.float, inexact: a.inexact || b.inexact}
}

func (e *evaluator) neg(a value) value {
	if a.num != nil {
		return ofNumber(e, a.num.neg())
	}
	if a.known() {
		a.n = e.scale(a.n, big.NewRat(-1, 1))
	}
	return a
}

func (e *evaluator) add(a, b value) value {
	if a.num != nil && b.num != nil {
		return ofNumber(e, a.num.add(*b.num))
	}
	out := mixed(a, b)
	if !a.known() || !b.known() {
		return out
	}
	switch {
	case a.d == nil && b.d == nil:
		out.n = e.ring.add(a.n, b.n)
	case a.d != nil && b.d != nil && a.d.key() == b.d.key():
		out.n, out.d = e.ring.add(a.n, b.n), a.d
	default:
		out.n = e.ring.add(e.ring.mul(a.n, one(b.d)), e.ring.mul(b.n, one(a.d)))
		out.d = e.ring.mul(one(a.d), one(b.d))
		out.expanded = true
	}
	return out
}

// one returns a denominator, 1 for nil.
func one(d poly) poly {
	if d == nil {
		return poly{"": {big.NewRat(1, 1), nil}}
	}
	return d
}

func (e *evaluator) mul(a, b value) (value, error) {
	if a.num != nil && b.num != nil {
		return ofNumber(e, a.num.mul(*b.num)), nil
	}
	out := mixed(a, b)
	if !a.known() || !b.known() {
		return out, nil
	}
	out.n = e.ring.mul(a.n, b.n)
	if a.d != nil || b.d != nil {
		out.d = e.ring.mul(one(a.d), one(b.d))
	}
	if len(a.n) > 1 && !exactNumber(b) || len(b.n) > 1 && !exactNumber(a) || out.d != nil {
		out.expanded = true
	}
	return out, nil
}

func exactNumber(v value) bool { return v.num != nil && !v.num.isFloat() }

func (e *evaluator) quo(a, b value) (value, error) {
	if b.num != nil {
		if b.num.rat.Sign() == 0 {
			return value{}, errInfinite
		}
		if a.num != nil {
			return ofNumber(e, a.num.quo(*b.num)), nil
		}
	}
	inverse, err := e.invert(b)
	if err != nil {
		return value{}, err
	}
	return e.mul(a, inverse)
}

func (e *evaluator) invert(b value) (value, error) {
	if b.num != nil {
		if b.num.rat.Sign() == 0 {
			return value{}, errInfinite
		}
		return ofNumber(e, integer(1).quo(*b.num)), nil
	}
	if !b.known() {
		return b, nil
	}
	if len(b.n) == 0 {
		return value{}, errUnsupported // zero, but perhaps not to sympy
	}
	out := b
	if t, ok := b.n.sole(); ok {
		out.n, out.d = e.ring.invert(t), nil
		if b.d != nil {
			out.n = e.ring.mul(out.n, b.d)
		}
		return out, nil
	}
	out.n, out.d, out.expanded = one(b.d), b.n, true
	return out, nil
}

func (e *evaluator) floorDivide(op string, a, b value) (value, error) {
	if a.num == nil || b.num == nil || a.num.isFloat() || b.num.isFloat() {
		return value{}, errUnsupported
	}
	if b.num.rat.Sign() == 0 {
		return value{}, errUnsupported
	}
	q := newRat().Quo(a.num.rat, b.num.rat)
	whole := newRat().SetInt(floor(q))
	if op == "//" {
		return ofNumber(e, rational(whole)), nil
	}
	return ofNumber(e, rational(newRat().Sub(a.num.rat, whole.Mul(whole, b.num.rat)))), nil
}

func floor(r *big.Rat) *big.Int {
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	_ = m
	return q
}

// bitwise works on integers. On symbols and truth values the operators are logic, and of two different symbols the result is no expression. On
// anything else they fail.
func (e *evaluator) bitwise(op string, nodes []*node, args []value) (value, error) {
	ints := make([]*big.Int, 0, 2)
	logic := op != "<<" && op != ">>" && (len(nodes) == 1 || nodes[0].text != nodes[1].text)
	open := false
	for i, a := range args {
		if a.num != nil && a.num.isInt() {
			ints = append(ints, a.num.rat.Num())
		}
		logic = logic && nodes[i].kind == nodeName && !a.other && nodes[i].text != "pi" && nodes[i].text != imaginaryUnit
		open = open || a.other || nodes[i].kind == nodeName || nodes[i].kind == nodeUnary && nodes[i].text == "()"
	}
	switch {
	case logic:
		return value{other: true}, nil
	case len(ints) < len(args) && open && len(ints) > 0 && !slices.ContainsFunc(args, func(a value) bool { return a.other }):
		return value{}, errFails // an integer and a symbol
	case len(ints) < len(args) && open:
		return value{}, errUnsupported
	case len(ints) < len(args):
		for _, a := range args {
			if a.num == nil && !a.known() {
				return value{}, errUnsupported
			}
		}
		return value{}, errFails
	}
	out := new(big.Int)
	switch op {
	case "~":
		out.Not(ints[0])
	case "&":
		out.And(ints[0], ints[1])
	case "|":
		out.Or(ints[0], ints[1])
	case "^":
		out.Xor(ints[0], ints[1])
	default:
		if ints[1].Sign() < 0 {
			return value{}, errFails
		}
		if !ints[1].IsInt64() || ints[1].Int64() > maxBits {
			return value{}, errUnsupported
		}
		if op == "<<" {
			out.Lsh(ints[0], uint(ints[1].Int64()))
		} else {
			out.Rsh(ints[0], uint(ints[1].Int64()))
		}
	}
	return ofNumber(e, rational(newRat().SetInt(out))), nil
}

// compare: an order is a truth value, a relation or an error, none of which has arithmetic. Equality is Python's own, whose truth values are numbers.
func (e *evaluator) compare(n *node) (value, error) {
	args, err := e.all(n.args)
	if err != nil {
		return value{}, err
	}
	for _, a := range args {
		if a.other || a.num == nil && !a.known() {
			return value{}, errUnsupported
		}
	}
	for i := range len(n.text) {
		if n.text[i] == '=' && (i == 0 || n.text[i-1] == '=' || n.text[i-1] == '!') {
			return value{}, errUnsupported
		}
	}
	return value{other: true}, nil
}
