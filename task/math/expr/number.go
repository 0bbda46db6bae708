package expr

import (
	"math"
	"math/big"
	"strings"
)

// Bounds on numbers. Beyond them sympy itself may take long or forever.
const (
	maxDigits   = 1000    // of a literal
	maxExponent = 2000    // of a decimal literal
	maxBits     = 1 << 16 // of a power that is worked out
	hopeless    = 1 << 30 // bits of an integer power that the reference would never come back from
)

// number is one of sympy's Numbers. An exact one is a rational. A Float is a binary number of prec bits; exact is then what its decimals meant, as if
// nothing had been rounded.
type number struct {
	rat   *big.Rat
	prec  uint // 0: exact
	exact *big.Rat
}

func rational(r *big.Rat) number { return number{rat: r} }
func integer(n int64) number     { return number{rat: new(big.Rat).SetInt64(n)} }

func (n number) isFloat() bool { return n.prec > 0 }
func (n number) isInt() bool   { return n.prec == 0 && n.rat.IsInt() }

// meant is the number without any rounding.
func (n number) meant() *big.Rat {
	if n.prec > 0 {
		return n.exact
	}
	return n.rat
}

// clean reports whether the number is what its decimals meant, rounded once.
func (n number) clean() bool {
	return n.prec == 0 || n.rat.Cmp(round(n.exact, n.prec)) == 0
}

// round rounds to a binary number of prec bits, to nearest, ties to even.
func round(r *big.Rat, prec uint) *big.Rat {
	if r.Sign() == 0 {
		return r
	}
	out, _ := new(big.Float).SetPrec(prec).SetMode(big.ToNearestEven).SetRat(r).Rat(nil)
	return out
}

// float makes a Float of an exact result; zero turns into the exact zero, as it does in sympy.
func float(r, exact *big.Rat, prec uint) number {
	r = round(r, prec)
	if r.Sign() == 0 {
		return number{rat: r}
	}
	return number{r, prec, exact}
}

// join returns the operands' values as sympy's Float arithmetic sees them: exact ones rounded to the other's precision.
func join(a, b number) (x, y *big.Rat, prec uint) {
	prec = max(a.prec, b.prec)
	x, y = a.rat, b.rat
	if a.prec == 0 {
		x = round(x, prec)
	}
	if b.prec == 0 {
		y = round(y, prec)
	}
	return x, y, prec
}

func newRat() *big.Rat { return new(big.Rat) }

func (n number) add(m number) number {
	exact := newRat().Add(n.meant(), m.meant())
	if n.prec == 0 && m.prec == 0 {
		return rational(exact)
	}
	x, y, prec := join(n, m)
	return float(newRat().Add(x, y), exact, prec)
}

func (n number) neg() number {
	out := number{rat: newRat().Neg(n.rat), prec: n.prec}
	if n.prec > 0 {
		out.exact = newRat().Neg(n.exact)
	}
	return out
}

func (n number) sub(m number) number { return n.add(m.neg()) }

func (n number) mul(m number) number {
	exact := newRat().Mul(n.meant(), m.meant())
	if n.prec == 0 && m.prec == 0 {
		return rational(exact)
	}
	x, y, prec := join(n, m)
	return float(newRat().Mul(x, y), exact, prec)
}

// quo divides; m isn't zero. A rational is divided by a Float in two steps, each rounded.
func (n number) quo(m number) number {
	if m.prec == 0 && n.prec == 0 {
		return rational(newRat().Quo(n.rat, m.rat))
	}
	if n.prec > 0 {
		x, y, prec := join(n, m)
		return float(newRat().Quo(x, y), newRat().Quo(n.meant(), m.meant()), prec)
	}
	inverse := float(newRat().Inv(m.rat), newRat().Inv(m.exact), m.prec)
	return n.mul(inverse)
}

// pow raises to an integer.
func (n number) pow(k *big.Int) (number, error) {
	size := max(n.rat.Num().BitLen(), n.rat.Denom().BitLen())
	if n.prec > 0 {
		size = max(size, n.exact.Num().BitLen(), n.exact.Denom().BitLen())
	}
	abs := new(big.Int).Abs(k)
	if n.rat.Sign() == 0 && k.Sign() < 0 {
		return number{}, errInfinite
	}
	if !isUnit(n.rat) || n.prec > 0 {
		bits := new(big.Int).Mul(abs, big.NewInt(int64(max(size-1, 1))))
		if n.prec == 0 && bits.Cmp(big.NewInt(hopeless)) > 0 {
			return number{}, errFails
		}
		if bits.Cmp(big.NewInt(maxBits)) > 0 {
			return number{}, errUnsupported
		}
	} else if k.Bit(0) == 0 || n.rat.Sign() == 0 {
		abs = big.NewInt(2)
		if k.Sign() == 0 {
			abs = big.NewInt(0)
		}
	} else {
		abs = big.NewInt(1)
	}
	if k.Sign() == 0 {
		return integer(1), nil
	}
	exact := power(n.meant(), abs)
	if k.Sign() < 0 {
		exact.Inv(exact)
	}
	if n.prec == 0 {
		return rational(exact), nil
	}
	e := abs.Uint64()
	_, man := mantissa(n.rat)
	if size := uint64(man) * e; man != 1 && (size >= 1000 || k.Sign() < 0 && e != 1 && size > uint64(n.prec)) {
		return number{}, errUnsupported // mpmath rounds on the way
	}
	value := power(n.rat, abs)
	if k.Sign() < 0 {
		value.Inv(value)
	}
	return float(value, exact, n.prec), nil
}

// isUnit reports whether r is 0, 1 or -1, whose powers are no larger.
func isUnit(r *big.Rat) bool {
	return r.IsInt() && r.Num().IsInt64() && r.Num().Int64() >= -1 && r.Num().Int64() <= 1
}

// mantissa returns the odd part of a binary number, and its length in bits.
func mantissa(r *big.Rat) (odd *big.Int, bits int) {
	odd = new(big.Int).Abs(r.Num())
	if odd.Sign() == 0 {
		return odd, 0
	}
	odd.Rsh(odd, odd.TrailingZeroBits())
	return odd, odd.BitLen()
}

func power(r *big.Rat, k *big.Int) *big.Rat {
	num := new(big.Int).Exp(r.Num(), k, nil)
	den := new(big.Int).Exp(r.Denom(), k, nil)
	return newRat().SetFrac(num, den)
}

// literal reads a number as it stands in a text.
func literal(text string) (number, error) {
	if len(text) > maxDigits {
		return number{}, errUnsupported
	}
	text = strings.ToLower(text)
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0o") || strings.HasPrefix(text, "0b") {
		i, ok := new(big.Int).SetString(text, 0)
		if !ok {
			return number{}, errUnsupported
		}
		return rational(newRat().SetInt(i)), nil
	}
	text = strings.ReplaceAll(text, "_", "")
	if len(text) > 1 && text[0] == '0' && strings.Trim(text, "0123456789") == "" && strings.Trim(text, "0") != "" {
		return number{}, errFails // 05, of 05j
	}
	if i := strings.IndexByte(text, '['); i >= 0 {
		return repeated(text[:i], strings.TrimSuffix(text[i+1:], "]"))
	}
	if !strings.ContainsAny(text, ".e") {
		i, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return number{}, errUnsupported
		}
		return rational(newRat().SetInt(i)), nil
	}
	return decimal(text)
}

// decimal reads a Float. Its precision is that of its digits, at least 15 of them.
func decimal(text string) (number, error) {
	man, expText, _ := strings.Cut(text, "e")
	if len(strings.TrimLeft(expText, "+-0")) > 4 {
		return number{}, errUnsupported
	}
	exact, ok := newRat().SetString(text)
	if !ok {
		return number{}, errUnsupported
	}
	if size := max(exact.Num().BitLen(), exact.Denom().BitLen()); size > maxExponent*4 {
		return number{}, errUnsupported
	}
	digits := strings.TrimLeft(strings.Replace(man, ".", "", 1), "0")
	dps := max(len(digits), 15)
	if !strings.Contains(man, ".") && exact.IsInt() { // 12e3 is short for an integer
		dps = max(dps, len(exact.Num().String()))
	}
	prec := uint(math.RoundToEven(float64(dps+1) * 3.3219280948873626))
	value := round(exact, prec)
	return number{value, prec, exact}, nil // zero stays a Float here
}

// repeated reads pre.post[repetend].
func repeated(digits, repetend string) (n number, err error) {
	pre, post, _ := strings.Cut(digits, ".")
	if repetend == "" || strings.Contains(repetend, "[") {
		return n, errUnsupported
	}
	all, ok := new(big.Int).SetString("0"+pre+post+repetend, 10)
	head, ok2 := new(big.Int).SetString("0"+pre+post, 10)
	if !ok || !ok2 {
		return n, errUnsupported
	}
	nines, _ := new(big.Int).SetString(strings.Repeat("9", len(repetend))+strings.Repeat("0", len(post)), 10)
	return rational(newRat().SetFrac(all.Sub(all, head), nines)), nil
}
