package expr

import (
	"math/big"
	"sync"
)

// Real functions on binary numbers of working bits. Their errors stay far below 2^-goodBits, absolutely and relative to results above one: a hundred terms of
// a series and a few dozen doublings lose less than the bits between the two.
const (
	working  = 448
	goodBits = 320
)

func fl() *big.Float                  { return new(big.Float).SetPrec(working) }
func flInt(n int64) *big.Float        { return fl().SetInt64(n) }
func flRat(r *big.Rat) *big.Float     { return fl().SetRat(r) }
func addF(a, b *big.Float) *big.Float { return fl().Add(a, b) }
func subF(a, b *big.Float) *big.Float { return fl().Sub(a, b) }
func mulF(a, b *big.Float) *big.Float { return fl().Mul(a, b) }
func quoF(a, b *big.Float) *big.Float { return fl().Quo(a, b) }

// shift returns x·2^n.
func shift(x *big.Float, n int) *big.Float { return fl().SetMantExp(x, n) }

// tiny reports whether a term of a series no longer counts.
func tiny(t *big.Float) bool { return t.Sign() == 0 || t.MantExp(nil) < -working-8 }

// halvings is how often x has to be halved to be below 2^-8.
func halvings(x *big.Float) int {
	if x.Sign() == 0 {
		return 0
	}
	return max(0, x.MantExp(nil)+8)
}

// expF is e^x for |x| up to 2^12.
func expF(x *big.Float) *big.Float {
	k := halvings(x)
	r := shift(x, -k)
	sum, t := flInt(1), flInt(1)
	for i := int64(1); !tiny(t); i++ {
		t = quoF(mulF(t, r), flInt(i))
		sum = addF(sum, t)
	}
	for range k {
		sum = mulF(sum, sum)
	}
	return sum
}

// sincosF returns sin x and cos x for |x| up to 2^12.
func sincosF(x *big.Float) (sin, cos *big.Float) {
	k := halvings(x)
	r := shift(x, -k)
	square := mulF(r, r)
	sin, cos = fl().Set(r), flInt(1)
	s, c := fl().Set(r), flInt(1)
	for i := int64(1); !tiny(s) || !tiny(c); i++ {
		c = quoF(mulF(c, square), flInt(-(2*i-1)*(2*i)))
		s = quoF(mulF(s, square), flInt(-(2*i)*(2*i+1)))
		cos, sin = addF(cos, c), addF(sin, s)
		if tiny(c) && tiny(s) {
			break
		}
	}
	for range k {
		sin, cos = shift(mulF(sin, cos), 1), subF(flInt(1), shift(mulF(sin, sin), 1))
	}
	return sin, cos
}

// atanhSeries is atanh x for small x.
func atanhSeries(x *big.Float, sign int64) *big.Float {
	square := mulF(x, x)
	if sign < 0 {
		square.Neg(square)
	}
	sum, t := fl().Set(x), fl().Set(x)
	for i := int64(3); !tiny(t); i += 2 {
		t = mulF(t, square)
		sum = addF(sum, quoF(t, flInt(i)))
	}
	return sum
}

var constants = sync.OnceValue(func() struct{ pi, ln2 *big.Float } {
	atanInverse := func(n int64) *big.Float { return atanhSeries(quoF(flInt(1), flInt(n)), -1) }
	quarter := subF(shift(atanInverse(5), 2), atanInverse(239))
	return struct{ pi, ln2 *big.Float }{shift(quarter, 2), shift(atanhSeries(quoF(flInt(1), flInt(3)), 1), 1)}
})

// logF is the natural logarithm of a positive number.
func logF(x *big.Float) *big.Float {
	m := fl()
	e := x.MantExp(m)
	series := atanhSeries(quoF(subF(m, flInt(1)), addF(m, flInt(1))), 1)
	return addF(shift(series, 1), mulF(flInt(int64(e)), constants().ln2))
}

// atanF is the arc tangent.
func atanF(x *big.Float) *big.Float {
	if fl().Abs(x).Cmp(flInt(1)) > 0 {
		half := shift(constants().pi, -1)
		if x.Sign() < 0 {
			half.Neg(half)
		}
		return subF(half, atanF(quoF(flInt(1), x)))
	}
	const times = 5
	for range times {
		x = quoF(x, addF(flInt(1), fl().Sqrt(addF(flInt(1), mulF(x, x)))))
	}
	return shift(atanhSeries(x, -1), times)
}

// atan2F is the angle of x + iy, which isn't zero, between -pi and pi.
func atan2F(y, x *big.Float) *big.Float {
	pi := constants().pi
	switch {
	case x.Sign() > 0:
		return atanF(quoF(y, x))
	case x.Sign() == 0:
		if y.Sign() > 0 {
			return shift(pi, -1)
		}
		return fl().Neg(shift(pi, -1))
	case y.Sign() >= 0:
		return addF(atanF(quoF(y, x)), pi)
	}
	return subF(atanF(quoF(y, x)), pi)
}
