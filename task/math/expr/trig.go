package expr

import "math/big"

// multipleOfPi returns r where p is r·pi.
func (e *evaluator) multipleOfPi(p poly) (*big.Rat, bool) {
	if len(p) == 0 {
		return newRat(), true
	}
	t, ok := p.sole()
	if ok && t.mono.key() == "c:pi^1*" {
		return t.coeff, true
	}
	return nil, false
}

// radicals writes a sum of square roots, divided by a number: pairs of a coefficient and what is under the root.
func (e *evaluator) radicals(divisor int64, pairs ...int64) poly {
	out := poly{}
	for i := 0; i < len(pairs); i += 2 {
		root, _ := e.radical(big.NewRat(pairs[i+1], 1), frac{1, 2})
		out = e.ring.add(out, e.scale(root, big.NewRat(pairs[i], divisor)))
	}
	return out
}

// sine returns sin(k·pi/60) for 0 <= k <= 30 where it is made of square roots of integers.
func (e *evaluator) sine(k int64) (poly, bool) {
	switch k {
	case 0:
		return poly{}, true
	case 5:
		return e.radicals(4, 1, 6, -1, 2), true
	case 6:
		return e.radicals(4, 1, 5, -1, 1), true
	case 10:
		return e.radicals(2, 1, 1), true
	case 15:
		return e.radicals(2, 1, 2), true
	case 18:
		return e.radicals(4, 1, 5, 1, 1), true
	case 20:
		return e.radicals(2, 1, 3), true
	case 25:
		return e.radicals(4, 1, 6, 1, 2), true
	case 30:
		return e.radicals(1, 1, 1), true
	}
	return nil, false
}

// sineOf returns sin(k·pi/60) for any k.
func (e *evaluator) sineOf(k int64) (poly, bool) {
	k = (k%120 + 120) % 120
	sign := int64(1)
	if k > 60 {
		k, sign = k-60, -1
	}
	if k > 30 {
		k = 60 - k
	}
	p, ok := e.sine(k)
	if !ok {
		return nil, false
	}
	return e.scale(p, big.NewRat(sign, 1)), true
}

// tangent returns tan(k·pi/60) for -30 < k < 30.
func (e *evaluator) tangent(k int64) (poly, bool) {
	if k < 0 {
		p, ok := e.tangent(-k)
		return e.scale(p, big.NewRat(-1, 1)), ok
	}
	switch k {
	case 0:
		return poly{}, true
	case 5:
		return e.radicals(1, 2, 1, -1, 3), true
	case 10:
		return e.radicals(3, 1, 3), true
	case 15:
		return e.radicals(1, 1, 1), true
	case 20:
		return e.radicals(1, 1, 3), true
	case 25:
		return e.radicals(1, 2, 1, 1, 3), true
	}
	return nil, false
}

// trig is a trigonometric function of r·pi, where it has a form.
func (e *evaluator) trig(name string, r *big.Rat) (value, error) {
	turn := newRat().Mul(r, big.NewRat(60, 1))
	if !turn.IsInt() || !turn.Num().IsInt64() || turn.Num().BitLen() > 40 {
		return value{unsure: true}, nil
	}
	k := turn.Num().Int64()
	pick := func(p poly, ok bool) (value, error) {
		if !ok {
			return value{unsure: true}, nil
		}
		return ofPoly(p), nil
	}
	switch name {
	case "sin":
		return pick(e.sineOf(k))
	case "cos":
		return pick(e.sineOf(k + 30))
	case "tan", "cot":
		if name == "cot" {
			k = 30 - k
		}
		k = (k%60 + 60) % 60
		if k == 30 {
			return value{}, errInfinite
		}
		if k > 30 {
			k -= 60
		}
		return pick(e.tangent(k))
	}
	if name == "sec" {
		k += 30
	}
	p, ok := e.sineOf(k)
	if !ok {
		return value{unsure: true}, nil
	}
	if len(p) == 0 {
		return value{}, errInfinite
	}
	return e.invert(ofPoly(p))
}

// inverseTrig is asin, acos or atan of a value from the tables of sine and tangent.
func (e *evaluator) inverseTrig(name string, p poly) (poly, bool) {
	table := e.sine
	if name == "atan" {
		table = e.tangent
	}
	for k := int64(0); k <= 30; k += 5 {
		v, ok := table(k)
		if !ok {
			continue
		}
		for _, sign := range []int64{1, -1} {
			if e.scale(v, big.NewRat(sign, 1)).key() != p.key() {
				continue
			}
			turn := big.NewRat(sign*k, 60)
			if name == "acos" {
				turn.Sub(big.NewRat(1, 2), turn)
			}
			return e.scale(e.generator("c:pi", frac{1, 1}), turn), true
		}
	}
	return nil, false
}
