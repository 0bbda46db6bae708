package grade

import (
	"errors"
	"math"
	"math/big"
)

// The bounds of what is worked out. They keep any text of maxTruth characters to a few milliseconds.
const (
	// maxBits is the size of a numerator or denominator.
	maxBits = 16384
	// maxScale is the size of the binary exponent of an inexact number.
	maxScale = 1 << 20
	// precision is the number of bits of inexact numbers.
	precision = 256
	// maxFactorial is the largest n of n!.
	maxFactorial = 1000
	// maxRoot is the largest n of an nth root.
	maxRoot = 64
	// maxExponent is the largest power of ten in scientific notation.
	maxExponent = 4000
)

var (
	// errBounds means that a number is too large or too deep to be worked out.
	errBounds = errors.New("beyond the bounds")
	// errUndefined means that a number does not exist, or is not real.
	errUndefined = errors.New("undefined")
)

// value is a real number: exact as a fraction, or to 256 bits where roots, pi or e are in it. One of the two is set.
type value struct {
	r *big.Rat
	f *big.Float
}

func exact(r *big.Rat) value { return value{r: r} }

func integer(n int64) value { return value{r: new(big.Rat).SetInt64(n)} }

// checked returns v, or errBounds when it is too large.
func checked(v value) (value, error) {
	if v.r != nil {
		if v.r.Num().BitLen() > maxBits || v.r.Denom().BitLen() > maxBits {
			return value{}, errBounds
		}
		return v, nil
	}
	if e := v.f.MantExp(nil); v.f.IsInf() || e > maxScale || e < -maxScale {
		return value{}, errBounds
	}
	return v, nil
}

func (v value) float() *big.Float {
	if v.f != nil {
		return v.f
	}
	return newFloat().SetRat(v.r)
}

func newFloat() *big.Float { return new(big.Float).SetPrec(precision) }

func (v value) float64() float64 {
	if v.r != nil {
		f, _ := v.r.Float64()
		return f
	}
	f, _ := v.f.Float64()
	return f
}

func (v value) sign() int {
	if v.r != nil {
		return v.r.Sign()
	}
	return v.f.Sign()
}

// int returns v as an int64 when it is one.
func (v value) int() (int64, bool) {
	if v.r == nil || !v.r.IsInt() || !v.r.Num().IsInt64() {
		return 0, false
	}
	return v.r.Num().Int64(), true
}

func operate(a, b value, rat func(z, x, y *big.Rat) *big.Rat, float func(z, x, y *big.Float) *big.Float) (value, error) {
	if a.r != nil && b.r != nil {
		return checked(exact(rat(new(big.Rat), a.r, b.r)))
	}
	return checked(value{f: float(newFloat(), a.float(), b.float())})
}

func add(a, b value) (value, error) { return operate(a, b, (*big.Rat).Add, (*big.Float).Add) }
func sub(a, b value) (value, error) { return operate(a, b, (*big.Rat).Sub, (*big.Float).Sub) }
func mul(a, b value) (value, error) { return operate(a, b, (*big.Rat).Mul, (*big.Float).Mul) }

func quo(a, b value) (value, error) {
	if b.sign() == 0 {
		return value{}, errUndefined
	}
	return operate(a, b, (*big.Rat).Quo, (*big.Float).Quo)
}

func negate(a value) value {
	if a.r != nil {
		return exact(new(big.Rat).Neg(a.r))
	}
	return value{f: newFloat().Neg(a.f)}
}

func absolute(a value) value {
	if a.sign() < 0 {
		return negate(a)
	}
	return a
}

// compareValues returns the order of two exact numbers, or of their 256 bits.
func compareValues(a, b value) int {
	if a.r != nil && b.r != nil {
		return a.r.Cmp(b.r)
	}
	return a.float().Cmp(b.float())
}

// power returns a^b: whole powers of anything, and roots of what is not negative.
func power(a, b value) (value, error) {
	if n, ok := b.int(); ok {
		return powerInt(a, n)
	}
	if b.r == nil || !b.r.Denom().IsInt64() || !b.r.Num().IsInt64() {
		return value{}, errBounds
	}
	if a.sign() < 0 {
		return value{}, errUndefined // not real, or a matter of taste
	}
	x, err := root(a, b.r.Denom().Int64())
	if err != nil {
		return value{}, err
	}
	return powerInt(x, b.r.Num().Int64())
}

func powerInt(a value, n int64) (value, error) {
	if n == math.MinInt64 {
		return value{}, errBounds
	}
	if n < 0 {
		inverse, err := quo(integer(1), a)
		if err != nil {
			return value{}, err
		}
		a, n = inverse, -n
	}
	if n == 0 {
		if a.sign() == 0 {
			return value{}, errUndefined
		}
		return integer(1), nil
	}
	if a.r != nil {
		if k, ok := a.int(); ok && k >= -1 && k <= 1 {
			if k < 0 && n%2 == 0 {
				return integer(1), nil
			}
			return a, nil
		}
		bits := max(a.r.Num().BitLen(), a.r.Denom().BitLen())
		if n > maxBits || int64(bits-1)*n > maxBits {
			return value{}, errBounds
		}
		e := big.NewInt(n)
		num := new(big.Int).Exp(a.r.Num(), e, nil)
		den := new(big.Int).Exp(a.r.Denom(), e, nil)
		return checked(exact(new(big.Rat).SetFrac(num, den)))
	}
	result := integer(1)
	for {
		var err error
		if n&1 == 1 {
			if result, err = mul(result, a); err != nil {
				return value{}, err
			}
		}
		if n >>= 1; n == 0 {
			return result, nil
		}
		if a, err = mul(a, a); err != nil {
			return value{}, err
		}
	}
}

// root returns the real nth root of a.
func root(a value, n int64) (value, error) {
	switch {
	case n < 1 || n > maxRoot:
		return value{}, errBounds
	case n == 1 || a.sign() == 0:
		return a, nil
	case a.sign() < 0 && n%2 == 0:
		return value{}, errUndefined
	case a.sign() < 0:
		x, err := root(negate(a), n)
		if err != nil {
			return value{}, err
		}
		return negate(x), nil
	}
	if a.r != nil {
		num, ok1 := rootInt(a.r.Num(), n)
		den, ok2 := rootInt(a.r.Denom(), n)
		if ok1 && ok2 {
			return exact(new(big.Rat).SetFrac(num, den)), nil
		}
	}
	if n == 2 {
		return checked(value{f: newFloat().Sqrt(a.float())})
	}
	return rootFloat(a.float(), n)
}

// rootFloat is Newton's method for x^n = a with a > 0.
func rootFloat(a *big.Float, n int64) (value, error) {
	// Scale a to m·2^(n·s) with m in [1/2, 2^n), where a float64 is a good start.
	e := int64(a.MantExp(nil))
	s := e / n
	m := newFloat().SetMantExp(a, int(-n*s))
	f, _ := m.Float64()
	x := newFloat().SetFloat64(math.Pow(f, 1/float64(n)))
	bn, bn1 := newFloat().SetInt64(n), newFloat().SetInt64(n-1)
	for range 8 {
		p := newFloat().SetInt64(1)
		for range n - 1 {
			p.Mul(p, x)
		}
		t := newFloat().Quo(m, p)
		x.Mul(x, bn1).Add(x, t).Quo(x, bn)
	}
	return checked(value{f: newFloat().SetMantExp(x, int(s))})
}

// rootInt returns the nth root of a ≥ 0 when it is whole.
func rootInt(a *big.Int, n int64) (*big.Int, bool) {
	if a.Sign() == 0 {
		return new(big.Int), true
	}
	if n == 2 {
		x := new(big.Int).Sqrt(a)
		return x, new(big.Int).Mul(x, x).Cmp(a) == 0
	}
	v, err := rootFloat(newFloat().SetInt(a), n)
	if err != nil {
		return nil, false
	}
	x, _ := newFloat().Add(v.f, newFloat().SetFloat64(0.5)).Int(nil)
	return x, new(big.Int).Exp(x, big.NewInt(n), nil).Cmp(a) == 0
}

// factorial returns a! for small whole numbers.
func factorial(a value) (value, error) {
	n, ok := a.int()
	if !ok || n < 0 {
		return value{}, errUndefined
	}
	if n > maxFactorial {
		return value{}, errBounds
	}
	return exact(new(big.Rat).SetInt(new(big.Int).MulRange(1, max(n, 1)))), nil
}

// constant parses one of the constants below.
func constant(digits string) value {
	f, _, err := big.ParseFloat(digits, 10, precision, big.ToNearestEven)
	if err != nil {
		panic(err) // part of the program
	}
	return value{f: f}
}

var (
	valuePi = constant("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")
	valueE  = constant("2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138217852516642743")
)

// meter bounds the work on one pair of texts. The unit is the product of two 64-bit words.
type meter struct{ left int64 }

// newMeter allows about 50 ms.
func newMeter() *meter { return &meter{left: 6_000_000} }

// spend pays for the operation that made v.
func (m *meter) spend(v value) error {
	words := int64(precision / 64)
	if v.r != nil {
		words = int64(max(v.r.Num().BitLen(), v.r.Denom().BitLen())/64) + 1
	}
	if m.left -= 16 + words*words; m.left < 0 {
		return errBounds
	}
	return nil
}

// literal parses digits with at most one point and at most one exponent, as the lexers of this package find them.
func literal(s string) (value, error) {
	mantissa, exponent := s, int64(0)
	for i := range len(s) {
		if s[i] == 'e' || s[i] == 'E' {
			e, ok := new(big.Int).SetString(s[i+1:], 10)
			if !ok || !e.IsInt64() || e.Int64() > maxExponent || e.Int64() < -maxExponent {
				return value{}, errBounds
			}
			mantissa, exponent = s[:i], e.Int64()
			break
		}
	}
	if len(mantissa) > maxExponent {
		return value{}, errBounds
	}
	r, ok := new(big.Rat).SetString(mantissa)
	if !ok {
		return value{}, errUndefined
	}
	p, err := powerInt(integer(10), exponent)
	if exponent == 0 {
		p, err = integer(1), nil
	}
	if err != nil {
		return value{}, err
	}
	return mul(exact(r), p)
}
