package expr

import "math/big"

// ball is a complex number with a bound on how far it may be from the true value. Where real is set, both are real.
type ball struct {
	re, im *big.Float
	err    *big.Float
	real   bool
}

// bound makes numbers for error bounds: few bits, always rounded up.
func bound() *big.Float { return new(big.Float).SetPrec(53).SetMode(big.ToPositiveInf) }

func boundOf(x *big.Float) *big.Float { return bound().Abs(bound().Set(fl().Abs(x))) }

// size bounds |z| from above, without the error.
func (z ball) size() *big.Float { return bound().Add(boundOf(z.re), boundOf(z.im)) }

// least bounds |z| from below, error included; zero where z may be zero.
func (z ball) least() *big.Float {
	down := new(big.Float).SetPrec(53).SetMode(big.ToZero)
	a, b := new(big.Float).SetPrec(53).SetMode(big.ToZero).Abs(z.re), new(big.Float).SetPrec(53).SetMode(big.ToZero).Abs(z.im)
	if a.Cmp(b) < 0 {
		a = b
	}
	down.Sub(a, z.err)
	if down.Sign() < 0 {
		return new(big.Float)
	}
	return down
}

// loosen adds what rounding may have cost: 2^-goodBits of the value, and as much absolutely where the value came from a series.
func (z ball) loosen(series bool) ball {
	base := z.size()
	if series {
		base.Add(base, bound().SetInt64(1))
	}
	z.err = bound().Add(z.err, bound().SetMantExp(base, -goodBits))
	return z
}

func ballOf(re *big.Float) ball { return ball{re, fl(), bound(), true}.loosen(false) }

func (z ball) neg() ball { return ball{fl().Neg(z.re), fl().Neg(z.im), z.err, z.real} }

func (z ball) add(w ball) ball {
	return ball{addF(z.re, w.re), addF(z.im, w.im), bound().Add(z.err, w.err), z.real && w.real}.loosen(false)
}

func (z ball) mul(w ball) ball {
	err := bound().Mul(z.size(), w.err)
	err.Add(err, bound().Mul(w.size(), z.err))
	err.Add(err, bound().Mul(z.err, w.err))
	re := subF(mulF(z.re, w.re), mulF(z.im, w.im))
	im := addF(mulF(z.re, w.im), mulF(z.im, w.re))
	out := ball{re, im, err, z.real && w.real}
	// the parts may cancel: what rounding costs is relative to the factors
	out.err = bound().Add(out.err, bound().SetMantExp(bound().Mul(z.size(), w.size()), -goodBits))
	return out
}

// invert fails where z may be zero.
func (z ball) invert() (ball, bool) {
	least := z.least()
	if least.Sign() <= 0 {
		return ball{}, false
	}
	norm := addF(mulF(z.re, z.re), mulF(z.im, z.im))
	out := ball{quoF(z.re, norm), quoF(fl().Neg(z.im), norm), nil, z.real}
	// |1/z - 1/t| <= err / (|z| |t|), and |t| >= least
	out.err = bound().Quo(z.err, new(big.Float).SetPrec(53).SetMode(big.ToZero).Mul(least, least))
	return out.loosen(false), true
}

const largest = 11 // arguments of exponentials are below 2^largest

func small11(x *big.Float) bool { return x.Sign() == 0 || x.MantExp(nil) <= largest }

// steady reports whether the error is small enough for first-order bounds.
func (z ball) steady() bool { return z.err.Cmp(big.NewFloat(0.25)) < 0 }

func (z ball) exp() (ball, bool) {
	if !small11(z.re) || !small11(z.im) || !z.steady() {
		return ball{}, false
	}
	m := expF(z.re)
	out := ball{m, fl(), bound(), z.real}
	if !z.real {
		sin, cos := sincosF(z.im)
		out.re, out.im = mulF(m, cos), mulF(m, sin)
	}
	// |e^(z+d) - e^z| <= |e^z| 2|d| for |d| < 1/4
	out.err = bound().Mul(boundOf(m), bound().Mul(z.err, bound().SetInt64(2)))
	out.err.Add(out.err, bound().SetMantExp(boundOf(m), -goodBits))
	return out.loosen(false), true
}

// log fails at zero, and where z may be on either side of the negative axis.
func (z ball) log() (ball, bool) {
	least := z.least()
	if least.Sign() <= 0 {
		return ball{}, false
	}
	if z.real && z.re.Sign() > 0 {
		out := ball{logF(z.re), fl(), bound().Quo(z.err, least), true}
		return out.loosen(true), true
	}
	if !z.real && z.re.Sign() <= 0 && boundOf(z.im).Cmp(bound().Mul(z.err, bound().SetInt64(2))) <= 0 {
		return ball{}, false
	}
	norm := addF(mulF(z.re, z.re), mulF(z.im, z.im))
	angle := constants().pi
	if !z.real {
		angle = atan2F(z.im, z.re)
	}
	out := ball{shift(logF(norm), -1), angle, nil, false}
	out.err = bound().Mul(bound().Quo(z.err, least), bound().SetInt64(2))
	return out.loosen(true), true
}

// pow is the principal value of z^w.
func (z ball) pow(w ball) (ball, bool) {
	l, ok := z.log()
	if !ok {
		return ball{}, false
	}
	out, ok := l.mul(w).exp()
	out.real = ok && z.real && w.real && z.re.Sign() > 0
	if out.real {
		out.im = fl()
	}
	return out, ok
}

// intPow is z^k by squaring.
func (z ball) intPow(k int64) (ball, bool) {
	if k < 0 {
		inverse, ok := z.invert()
		if !ok {
			return ball{}, false
		}
		return inverse.intPow(-k)
	}
	out := ballOf(flInt(1))
	for ; k > 0; k >>= 1 {
		if k&1 == 1 {
			out = out.mul(z)
		}
		z = z.mul(z)
	}
	return out, true
}

// abs is |z|.
func (z ball) abs() ball {
	out := ball{fl().Abs(z.re), fl(), z.err, true}
	if !z.real {
		out.re = fl().Sqrt(addF(mulF(z.re, z.re), mulF(z.im, z.im)))
	}
	return out.loosen(false)
}
