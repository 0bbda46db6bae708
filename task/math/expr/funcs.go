package expr

import (
	"math/big"
	"strings"
)

// Bounds on combinatorial functions.
const maxFactorial = 1000

// call evaluates a function of values.
func (e *evaluator) call(name string, nodes []*node) (value, error) {
	if name == "sum" && len(nodes) == 1 && (nodes[0].kind == nodeList || nodes[0].kind == nodeTuple) && len(nodes[0].args) > 0 {
		return e.sum(nodes[0].args)
	}
	args, err := e.all(nodes)
	if err != nil {
		return value{}, err
	}
	switch name {
	case "pi", "oo", "zoo", "nan", "true", "false", imaginaryUnit:
		return value{}, errFails // none of them can be called
	}
	for _, a := range args {
		if a.other {
			return value{}, errUnsupported
		}
	}
	if !taken[name] {
		return e.unknown(name, args)
	}
	nums := make([]number, 0, len(args))
	for _, a := range args {
		if a.num != nil && !a.num.isFloat() {
			nums = append(nums, *a.num)
		}
	}
	if len(nums) == len(args) && len(args) > 0 {
		if v, ok, err := e.arithmetic(name, nums); ok || err != nil {
			return v, err
		}
	}
	switch {
	case len(args) == 1:
		return e.elementary(name, args[0])
	case len(args) == 2 && name == "log":
		top, err := e.elementary("log", args[0])
		if err != nil {
			return value{}, err
		}
		bottom, err := e.elementary("log", args[1])
		if err != nil {
			return value{}, err
		}
		v, err := e.quo(top, bottom)
		v.unsure = v.unsure || args[0].num == nil || args[1].num == nil
		return v, err
	case len(args) == 2 && name == "pow":
		return e.pow(args[0], args[1])
	case len(args) == 2 && name == "root" && args[1].num != nil && args[1].num.isInt() && args[1].num.rat.Sign() != 0:
		inverse, err := e.invert(args[1])
		if err != nil {
			return value{}, err
		}
		return e.pow(args[0], inverse)
	}
	return value{}, errUnsupported
}

func (e *evaluator) sum(nodes []*node) (value, error) {
	args, err := e.all(nodes)
	if err != nil {
		return value{}, err
	}
	total := ofNumber(e, integer(0))
	for _, a := range args {
		if a.other {
			return value{}, errUnsupported
		}
		total = e.add(total, a)
	}
	return total, nil
}

// unknown is a function that nothing is known of: a generator of its own for each list of arguments in canonical form.
func (e *evaluator) unknown(name string, args []value) (value, error) {
	if len(args) == 0 {
		return value{}, errUnsupported
	}
	out := value{}
	keys := make([]string, len(args))
	for i, a := range args {
		out = mixed(out, a)
		if !a.known() || a.d != nil || a.float || !a.n.independent() {
			return value{unsure: true, float: out.float, inexact: out.inexact}, nil
		}
		keys[i] = a.n.key()
	}
	out.unsure = out.unsure || out.expanded
	out.expanded = false
	out.n = e.generator("u:"+name+":"+strings.Join(keys, ","), frac{1, 1})
	return out, nil
}

// arithmetic evaluates functions of exact numbers; ok is false where there is nothing to evaluate.
func (e *evaluator) arithmetic(name string, args []number) (v value, ok bool, err error) {
	done := func(n number) (value, bool, error) { return ofNumber(e, n), true, nil }
	whole := true
	for _, a := range args {
		whole = whole && a.isInt()
	}
	first := args[0]
	switch {
	case name == "abs" && len(args) == 1:
		return done(rational(newRat().Abs(first.rat)))
	case name == "floor" && len(args) == 1:
		return done(rational(newRat().SetInt(floor(first.rat))))
	case name == "ceiling" && len(args) == 1:
		return done(rational(newRat().Neg(newRat().SetInt(floor(newRat().Neg(first.rat))))))
	case name == "max" || name == "min":
		best := first
		for _, a := range args[1:] {
			if c := a.rat.Cmp(best.rat); c > 0 == (name == "max") && c != 0 {
				best = a
			}
		}
		return done(best)
	case !whole:
		return value{}, false, nil
	case (name == "gcd" || name == "lcm") && len(args) == 2 && first.rat.Sign() != 0 && args[1].rat.Sign() != 0:
		a, b := new(big.Int).Abs(first.rat.Num()), new(big.Int).Abs(args[1].rat.Num())
		g := new(big.Int).GCD(nil, nil, a, b)
		if name == "lcm" {
			g.Mul(a, b.Quo(b, g))
		}
		return done(rational(newRat().SetInt(g)))
	case name == "binomial" && len(args) == 2:
		n, k, small := small2(first, args[1])
		if !small || n < 0 || k < 0 {
			return value{}, false, errUnsupported
		}
		return done(rational(newRat().SetInt(new(big.Int).Binomial(n, k))))
	case (name == "factorial" || name == "factorial2" || name == "gamma") && len(args) == 1:
		n, _, small := small2(first, first)
		if name == "gamma" {
			n--
		}
		if !small || n < 0 {
			return value{}, false, errUnsupported
		}
		step := int64(1)
		if name == "factorial2" {
			step = 2
		}
		out := big.NewInt(1)
		for i := n; i > 1; i -= step {
			out.Mul(out, big.NewInt(i))
		}
		return done(rational(newRat().SetInt(out)))
	}
	return value{}, false, nil
}

// small2 returns two integers that are small enough for combinatorial functions.
func small2(a, b number) (n, k int64, ok bool) {
	if !a.rat.Num().IsInt64() || !b.rat.Num().IsInt64() {
		return 0, 0, false
	}
	n, k = a.rat.Num().Int64(), b.rat.Num().Int64()
	return n, k, n <= maxFactorial && k <= maxFactorial && n >= -maxFactorial && k >= -maxFactorial
}

// functions are those of one argument that are worked out in numbers; the others that have a name are beyond this package.
var functions = set("sqrt cbrt exp log ln sin cos tan sec csc cot asin acos atan asec acsc acot sinh cosh tanh asinh acosh atanh abs")

func (e *evaluator) elementary(name string, a value) (value, error) {
	if !functions[name] {
		return value{}, errUnsupported
	}
	if a.float {
		switch name {
		case "abs":
			if a.num != nil && a.num.rat.Sign() < 0 {
				return ofNumber(e, a.num.neg()), nil
			} else if a.num != nil {
				return a, nil
			}
		}
		return value{float: true, inexact: true, unsure: true}, nil
	}
	switch name {
	case "sqrt":
		return e.pow(a, ofNumber(e, rational(big.NewRat(1, 2))))
	case "cbrt":
		return e.pow(a, ofNumber(e, rational(big.NewRat(1, 3))))
	}
	out := value{unsure: a.unsure || a.expanded}
	if !a.known() || a.d != nil {
		return out, nil
	}
	switch name {
	case "exp":
		out.n = e.exp(a.n)
		return out, nil
	case "log", "ln":
		return e.log(a, out)
	case "sin", "cos", "tan", "sec", "csc", "cot":
		if turn, ok := e.multipleOfPi(a.n); ok {
			return e.trig(name, turn)
		}
	case "asin", "acos", "atan":
		if v, ok := e.inverseTrig(name, a.n); ok {
			return ofPoly(v), nil
		}
	case "sinh", "tanh", "cosh":
		if len(a.n) == 0 {
			return ofNumber(e, integer(map[string]int64{"cosh": 1}[name])), nil
		}
	}
	if name == "ln" {
		name = "log"
	}
	out.n = e.generator("f:"+name+":"+a.n.key(), frac{1, 1})
	return out, nil
}

// exp is the exponential of a polynomial: a product over its terms. It is nil where a term is beyond it.
func (e *evaluator) exp(p poly) poly {
	out := e.constant(big.NewRat(1, 1))
	for _, t := range p {
		c, ok := small(t.coeff)
		if !ok {
			return nil
		}
		switch {
		case len(t.mono) == 1 && t.mono[0].gen[0] == 'l' && t.mono[0].exp == frac{1, 1}:
			out = e.ring.mul(out, e.generator("p:"+t.mono[0].gen[2:], c))
		case t.mono.key() == "c:pi^1*i:^1*":
			if c.d > 2 {
				return nil
			}
			out = e.ring.mul(out, e.generator("i:", c.mul(frac{2, 1})))
		default:
			out = e.ring.mul(out, e.generator("e:e:"+t.mono.key(), c))
		}
	}
	return out
}

// small returns a rational as a small exponent.
func small(r *big.Rat) (frac, bool) {
	if !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return frac{}, false
	}
	f := frac{r.Num().Int64(), r.Denom().Int64()}
	return f, f.fits()
}

// log of a rational is a sum of logarithms of primes.
func (e *evaluator) log(a, out value) (value, error) {
	c, ok := a.n.value()
	if !ok {
		out.n = e.generator("f:log:"+a.n.key(), frac{1, 1})
		return out, nil
	}
	if c.Sign() == 0 {
		return value{}, errInfinite
	}
	out.n = poly{}
	if c.Sign() < 0 {
		out.n = e.ring.mul(e.generator("i:", frac{1, 1}), e.generator("c:pi", frac{1, 1}))
		out.unsure = true
	}
	for sign, part := range map[int64]*big.Int{1: new(big.Int).Abs(c.Num()), -1: c.Denom()} {
		factors, ok := primesOf(part)
		if !ok {
			out.n = nil
			return out, nil
		}
		for p, k := range factors {
			g := e.generator("l:"+big.NewInt(p).String(), frac{1, 1})
			out.n = e.ring.add(out.n, e.scale(g, big.NewRat(sign*k, 1)))
		}
	}
	return out, nil
}

func primesOf(n *big.Int) (map[int64]int64, bool) {
	if n.BitLen() > 256 {
		return nil, false
	}
	return primes(n)
}
