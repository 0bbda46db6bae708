package expr

import (
	"math/big"
	"strings"
)

// pow is a**b with principal values.
func (e *evaluator) pow(a, b value) (value, error) {
	out := mixed(a, b)
	if b.num == nil {
		return e.symbolicPower(a, b, out)
	}
	k := *b.num
	if k.isFloat() {
		return e.floatPower(a, k, out)
	}
	if k.isInt() {
		if a.num != nil {
			n, err := a.num.pow(k.rat.Num())
			if err != nil {
				return value{}, err
			}
			return ofNumber(e, n), nil
		}
		return e.integerPower(a, k.rat.Num(), out)
	}
	exp, ok := small(k.rat)
	if a.num != nil && a.num.isFloat() {
		return value{float: true, inexact: true, unsure: true}, nil
	}
	if !ok || !a.known() || a.d != nil {
		out.unsure = true
		return out, nil
	}
	if a.num != nil {
		if a.num.rat.Sign() == 0 {
			if exp.n < 0 {
				return value{}, errInfinite
			}
			return ofNumber(e, integer(0)), nil
		}
		if p, ok := e.radical(a.num.rat, exp); ok {
			out.n = p
		}
		out.unsure = out.n == nil
		return out, nil
	}
	t, single := a.n.sole()
	if !single || a.expanded || a.float || !splits(t.mono) {
		out.unsure = true
		return out, nil
	}
	p, ok := e.radical(t.coeff, exp)
	if !ok || t.coeff.Sign() < 0 && !positive(t.mono) {
		out.unsure = true
		return out, nil
	}
	for _, f := range t.mono {
		p = e.ring.mul(p, e.generator(f.gen, f.exp.mul(exp)))
	}
	out.n = p
	return out, nil
}

// splits reports whether a power of the product is the product of the powers: one bare symbol at most, next to what is positive.
func splits(m mono) bool {
	free := 0
	for _, f := range m {
		switch {
		case strings.IndexByte("pcl", f.gen[0]) >= 0: // logarithms of primes are positive
		case f.gen[0] == 's' && f.exp == frac{1, 1}:
			free++
		default:
			return false
		}
	}
	return free <= 1
}

func positive(m mono) bool {
	for _, f := range m {
		if strings.IndexByte("pcl", f.gen[0]) < 0 {
			return false
		}
	}
	return true
}

func (e *evaluator) integerPower(a value, k *big.Int, out value) (value, error) {
	if k.Sign() == 0 {
		return ofNumber(e, integer(1)), nil
	}
	if !k.IsInt64() || k.Int64() > maxPower || k.Int64() < -maxPower {
		out.unsure = true
		return out, nil
	}
	if !a.known() {
		return out, nil
	}
	n := int(k.Int64())
	if n < 0 {
		var err error
		if a, err = e.invert(a); err != nil {
			return value{}, err
		}
		out.expanded = out.expanded || a.expanded
		n = -n
	}
	if n > 1 && (len(a.n) > 1 || a.d != nil) {
		out.expanded = true
	}
	if t, ok := a.n.sole(); ok && a.d == nil {
		m := make(mono, len(t.mono))
		for i, f := range t.mono {
			m[i] = factor{f.gen, f.exp.mul(frac{int64(n), 1})}
		}
		coeff, err := rational(t.coeff).pow(big.NewInt(int64(n)))
		if err != nil || coeff.rat.Num().BitLen()+coeff.rat.Denom().BitLen() > maxCoeff {
			out.unsure = true
			return out, nil
		}
		c, m := e.reduce(coeff.rat, m)
		out.n = e.term(c, m)
		return out, nil
	}
	out.n = e.ring.pow(a.n, n)
	if a.d != nil {
		out.d = e.ring.pow(a.d, n)
	}
	return out, nil
}

// radical is a rational to a fractional power, as a product of powers of primes; for a negative one only square roots are.
func (e *evaluator) radical(r *big.Rat, exp frac) (poly, bool) {
	out := e.constant(big.NewRat(1, 1))
	if r.Sign() < 0 {
		if exp.d != 2 {
			return nil, false
		}
		out = e.generator("i:", frac{exp.n, 1})
	}
	for sign, part := range map[int64]*big.Int{1: new(big.Int).Abs(r.Num()), -1: r.Denom()} {
		factors, ok := primesOf(part)
		if !ok {
			return nil, false
		}
		for p, k := range factors {
			power := exp.mul(frac{sign * k, 1})
			if !power.fits() {
				return nil, false
			}
			out = e.ring.mul(out, e.generator("p:"+big.NewInt(p).String(), power))
		}
	}
	return out, true
}

// floatPower raises to a Float: whole exponents and square roots of perfect squares are worked out.
func (e *evaluator) floatPower(a value, k number, out value) (value, error) {
	none := value{float: true, inexact: true, unsure: true}
	if a.num == nil {
		return none, nil
	}
	if k.rat.IsInt() && k.clean() && a.num.rat.Sign() != 0 && k.rat.Sign() != 0 {
		base := *a.num
		if base.prec == 0 {
			base = number{round(base.rat, k.prec), k.prec, base.rat}
		}
		if base.prec != k.prec {
			return none, nil
		}
		n, err := base.pow(k.rat.Num())
		if err != nil {
			return value{}, err
		}
		return ofNumber(e, n), nil
	}
	if k.rat.Cmp(big.NewRat(1, 2)) == 0 && a.num.isInt() && a.num.rat.Sign() > 0 && a.num.rat.Num().BitLen() < 50 {
		root := new(big.Int).Sqrt(a.num.rat.Num())
		if new(big.Int).Mul(root, root).Cmp(a.num.rat.Num()) == 0 {
			r := newRat().SetInt(root)
			return ofNumber(e, number{r, k.prec, r}), nil
		}
	}
	return none, nil
}

// symbolicPower has an exponent that is no number: a product over its terms, for a base that is a positive rational, pi or a symbol.
func (e *evaluator) symbolicPower(a, b, out value) (value, error) {
	if a.num != nil && a.num.rat.Sign() == 0 {
		return value{}, errUnsupported
	}
	unknown := value{unsure: true, float: out.float, inexact: out.inexact}
	if !a.known() || !b.known() || a.d != nil || b.d != nil || out.float || a.expanded {
		return unknown, nil
	}
	out.unsure = out.unsure || b.expanded
	t, ok := a.n.sole()
	if !ok || t.coeff.Sign() < 0 {
		return unknown, nil
	}
	bases := map[string]int64{}
	if len(t.mono) == 0 {
		for sign, part := range map[int64]*big.Int{1: t.coeff.Num(), -1: t.coeff.Denom()} {
			factors, ok := primesOf(part)
			if !ok {
				return unknown, nil
			}
			for p, k := range factors {
				bases["p:"+big.NewInt(p).String()] = sign * k
			}
		}
		out.unsure = out.unsure || len(bases) > 1
		for _, k := range bases {
			out.unsure = out.unsure || k != 1
		}
	} else if len(t.mono) == 1 && t.coeff.Cmp(big.NewRat(1, 1)) == 0 && t.mono[0].exp == (frac{1, 1}) && strings.IndexByte("sc", t.mono[0].gen[0]) >= 0 {
		bases[t.mono[0].gen] = 1
	} else {
		return unknown, nil
	}
	out.n = e.constant(big.NewRat(1, 1))
	for gen, k := range bases {
		for _, t := range b.n {
			c, ok := small(t.coeff)
			c = c.mul(frac{k, 1})
			if !ok || !c.fits() {
				return unknown, nil
			}
			if len(t.mono) > 0 {
				gen := "e:" + gen[2:] + ":" + t.mono.key()
				out.n = e.ring.mul(out.n, e.generator(gen, c))
			} else {
				out.n = e.ring.mul(out.n, e.generator(gen, c))
			}
		}
	}
	return out, nil
}
