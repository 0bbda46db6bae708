package expr

import (
	"hash/fnv"
	"math/big"
)

// point gives symbols their values: complex numbers that depend on the symbol's name and the number of the point alone. The points are in different quadrants
// for different numbers, so that identities which hold on one side of a branch cut show themselves.
type point int

const points = 4

func (p point) value(name string) ball {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	x := h.Sum64()
	re := big.NewRat(int64(x%9973)+5003, 9973)
	im := big.NewRat(int64(x/9973%9967)+4999, 9967)
	if p == 0 || p == 3 {
		re.Neg(re)
	}
	if p >= 2 {
		im.Neg(im)
	}
	z := ball{flRat(re), flRat(im), bound(), false}
	return z.loosen(false)
}

// numeric evaluates a tree at a point. ok is false where that isn't possible: at poles, at branch cuts, for functions that it doesn't know. steps
// bounds the work.
type numeric struct {
	point point
	steps int
}

func (m *numeric) eval(n *node) (ball, bool) {
	if m.steps--; m.steps < 0 {
		return ball{}, false
	}
	switch n.kind {
	case nodeNumber:
		num, err := literal(n.text)
		if err != nil {
			return ball{}, false
		}
		return ballOf(flRat(num.meant())), true
	case nodeName:
		if n.text == imaginaryUnit {
			return timesI(ballOf(flInt(1))), true
		}
		if n.text == "pi" {
			return ballOf(constants().pi).loosen(true), true
		}
		return m.point.value(n.text), true
	case nodeUnary:
		z, ok := m.eval(n.args[0])
		if ok && n.text == "-" {
			z = z.neg()
		}
		return z, ok && (n.text == "-" || n.text == "+")
	case nodeBinary:
		return m.binary(n)
	case nodeCall:
		args := make([]ball, len(n.args))
		for i, a := range n.args {
			var ok bool
			if args[i], ok = m.eval(a); !ok {
				return ball{}, false
			}
		}
		if !functions[n.text] && n.text != "log" && n.text != "pow" && n.text != "root" {
			return m.exact(n)
		}
		return m.call(n.text, n.args, args)
	case nodeFactorial:
		return m.exact(n)
	}
	return ball{}, false
}

// exact leaves what is arithmetic of exact numbers to the evaluator.
func (m *numeric) exact(n *node) (ball, bool) {
	v, err := (&evaluator{}).eval(n)
	if err != nil || v.num == nil {
		return ball{}, false
	}
	return ballOf(flRat(v.num.meant())), true
}

func (m *numeric) binary(n *node) (ball, bool) {
	a, ok := m.eval(n.args[0])
	if !ok {
		return ball{}, false
	}
	if n.text == "**" {
		return m.power(a, n.args[1])
	}
	b, ok := m.eval(n.args[1])
	if !ok {
		return ball{}, false
	}
	switch n.text {
	case "+":
		return a.add(b), true
	case "-":
		return a.add(b.neg()), true
	case "*":
		return a.mul(b), true
	case "/":
		inverse, ok := b.invert()
		if !ok {
			return ball{}, false
		}
		return a.mul(inverse), true
	}
	return m.exact(n)
}

// power evaluates an exponent as a rational where it is one, so that whole powers need no logarithm.
func (m *numeric) power(a ball, exponent *node) (ball, bool) {
	e := &evaluator{}
	if v, err := e.eval(exponent); err == nil && v.num != nil {
		k := v.num.meant()
		if k.IsInt() && k.Num().IsInt64() && k.Num().BitLen() <= 12 {
			return a.intPow(k.Num().Int64())
		}
		return a.pow(ballOf(flRat(k)))
	}
	b, ok := m.eval(exponent)
	if !ok {
		return ball{}, false
	}
	return a.pow(b)
}

func half(z ball) ball { return ball{shift(z.re, -1), shift(z.im, -1), z.err, z.real} }

// timesI is iz.
func timesI(z ball) ball { return ball{fl().Neg(z.im), z.re, z.err, false} }

// parts returns (e^z + e^-z)/2 and (e^z - e^-z)/2.
func parts(z ball) (even, odd ball, ok bool) {
	a, ok := z.exp()
	if !ok {
		return ball{}, ball{}, false
	}
	b, ok := z.neg().exp()
	return half(a.add(b)), half(a.add(b.neg())), ok
}

// onlyReal drops an imaginary part that is nothing but rounding.
func onlyReal(z ball) ball { return ball{z.re, fl(), z.err, true} }

func (m *numeric) call(name string, nodes []*node, args []ball) (ball, bool) {
	switch {
	case len(args) == 2 && name == "log":
		a, ok := args[0].log()
		b, ok2 := args[1].log()
		if !ok || !ok2 {
			return ball{}, false
		}
		inverse, ok := b.invert()
		if !ok {
			return ball{}, false
		}
		return a.mul(inverse), true
	case len(args) == 2 && name == "pow":
		return m.power(args[0], nodes[1])
	case len(args) == 2 && name == "root":
		return m.power(args[0], &node{nodeBinary, "/", []*node{{kind: nodeNumber, text: "1"}, nodes[1]}})
	case len(args) != 1:
		return ball{}, false
	}
	z := args[0]
	switch name {
	case "sqrt":
		return z.root(2)
	case "cbrt":
		return z.root(3)
	case "exp":
		return z.exp()
	case "log", "ln":
		return z.log()
	case "abs":
		return z.abs(), true
	case "cosh":
		c, _, ok := parts(z)
		return c, ok
	case "sinh":
		_, s, ok := parts(z)
		return s, ok
	case "tanh":
		c, s, ok := parts(z)
		return over(s, c, ok)
	case "sin", "cos", "tan", "cot", "sec", "csc":
		return trigBall(name, z)
	}
	return inverseBall(name, z)
}

// root is the principal n-th root; zero has one too.
func (z ball) root(n int64) (ball, bool) {
	if z.real && z.re.Sign() == 0 && z.err.Sign() == 0 {
		return z, true
	}
	if n == 2 && z.real && z.re.Sign() > 0 {
		least := z.least()
		if least.Sign() <= 0 {
			return ball{}, false
		}
		out := ball{fl().Sqrt(z.re), fl(), nil, true}
		out.err = bound().Quo(z.err, new(big.Float).SetPrec(53).SetMode(big.ToZero).Sqrt(least))
		return out.loosen(false), true
	}
	return z.pow(ballOf(quoF(flInt(1), flInt(n))))
}

func over(a, b ball, ok bool) (ball, bool) {
	if !ok {
		return ball{}, false
	}
	inverse, ok := b.invert()
	if !ok {
		return ball{}, false
	}
	return a.mul(inverse), true
}

func trigBall(name string, z ball) (ball, bool) {
	c, s, ok := parts(timesI(z)) // cos z and i sin z
	if !ok {
		return ball{}, false
	}
	s = timesI(s).neg()
	if z.real {
		c, s = onlyReal(c), onlyReal(s)
	}
	switch name {
	case "sin":
		return s, true
	case "cos":
		return c, true
	case "tan":
		return over(s, c, true)
	case "cot":
		return over(c, s, true)
	case "sec":
		return c.invert()
	}
	return s.invert()
}

// inverseBall has the inverse functions as logarithms, with sympy's branch cuts: those of a reciprocal are the others' at 1/z.
func inverseBall(name string, z ball) (ball, bool) {
	one := ballOf(flInt(1))
	switch name {
	case "acot", "asec", "acsc":
		inverse, ok := z.invert()
		if !ok {
			return ball{}, false
		}
		return inverseBall(map[string]string{"acot": "atan", "asec": "acos", "acsc": "asin"}[name], inverse)
	case "asin", "acos":
		root, ok := one.add(z.mul(z).neg()).root(2)
		if !ok {
			return ball{}, false
		}
		l, ok := timesI(z).add(root).log()
		if !ok {
			return ball{}, false
		}
		out := timesI(l).neg()
		if z.real && fl().Abs(z.re).Cmp(flInt(1)) < 0 {
			out = onlyReal(out)
		} else if z.real {
			return ball{}, false // on the cut
		}
		if name == "acos" {
			out = half(ballOf(constants().pi)).add(out.neg())
		}
		return out, true
	case "atan":
		a, ok := one.add(timesI(z).neg()).log()
		b, ok2 := one.add(timesI(z)).log()
		if !ok || !ok2 {
			return ball{}, false
		}
		out := half(timesI(a.add(b.neg())))
		if z.real {
			out = onlyReal(out)
		}
		return out, true
	case "asinh":
		root, ok := one.add(z.mul(z)).root(2)
		if !ok {
			return ball{}, false
		}
		return z.add(root).log()
	}
	return ball{}, false
}
