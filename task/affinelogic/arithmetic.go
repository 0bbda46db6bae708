package affinelogic

import (
	"errors"
	"math"
	"math/big"
)

// number is a number of Python: a whole one of any size, or a double where whole is nil.
type number struct {
	whole *big.Int
	float float64
}

// errArithmetic says that Python would raise, or take longer than anybody waits.
var errArithmetic = errors.New("no value")

// maxBits bounds whole numbers. Six numbers up to 20 reach it only through towers of powers, that no honest answer has.
const maxBits = 1 << 20

func whole(n int64) number { return number{whole: big.NewInt(n)} }

// double returns float(n).
func (n number) double() (float64, error) {
	if n.whole == nil {
		return n.float, nil
	}
	f, _ := new(big.Float).SetInt(n.whole).Float64()
	if math.IsInf(f, 0) {
		return 0, errArithmetic
	}
	return f, nil
}

func (n number) abs() number {
	if n.whole != nil {
		return number{whole: new(big.Int).Abs(n.whole)}
	}
	return number{float: math.Abs(n.float)}
}

func (n number) negated() number {
	if n.whole != nil {
		return number{whole: new(big.Int).Neg(n.whole)}
	}
	return number{float: -n.float}
}

// apply returns the value of a op b, op being one of + - * / // % **.
func apply(op string, a, b number) (number, error) {
	if a.whole != nil && b.whole != nil {
		return applyWhole(op, a.whole, b.whole)
	}
	x, err := a.double()
	if err != nil {
		return number{}, err
	}
	y, err := b.double()
	if err != nil {
		return number{}, err
	}
	return applyDouble(op, x, y)
}

func applyWhole(op string, a, b *big.Int) (number, error) {
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(a, b)
	case "-":
		z.Sub(a, b)
	case "*":
		if a.BitLen()+b.BitLen() > maxBits {
			return number{}, errArithmetic
		}
		z.Mul(a, b)
	case "/":
		return quotient(a, b)
	case "//", "%":
		if b.Sign() == 0 {
			return number{}, errArithmetic
		}
		m := new(big.Int)
		z.DivMod(a, b, m)                  // the remainder is never negative; Python's has the sign of b
		if b.Sign() < 0 && m.Sign() != 0 { // then the floor is one below
			z.Sub(z, big.NewInt(1))
			m.Add(m, b)
		}
		if op == "%" {
			z = m
		}
	case "**":
		return power(a, b)
	default:
		return number{}, errArithmetic
	}
	return number{whole: z}, nil
}

// quotient returns a / b rounded to a double.
func quotient(a, b *big.Int) (number, error) {
	if b.Sign() == 0 {
		return number{}, errArithmetic
	}
	shift := max(0, 66-(a.BitLen()-b.BitLen()))
	q, rest := new(big.Int), new(big.Int)
	q.QuoRem(new(big.Int).Lsh(new(big.Int).Abs(a), uint(shift)), new(big.Int).Abs(b), rest)
	if rest.Sign() != 0 { // 66 bits and one that says that there is more round as the exact value does
		q.Or(q, big.NewInt(1))
	}
	f := new(big.Float).SetPrec(53).SetInt(q)
	x, _ := f.SetMantExp(f, -shift).Float64()
	if math.IsInf(x, 0) {
		return number{}, errArithmetic
	}
	if a.Sign()*b.Sign() < 0 {
		x = -x
	}
	return number{float: x}, nil
}

func power(a, b *big.Int) (number, error) {
	if b.Sign() < 0 {
		x, err := number{whole: a}.double()
		if err != nil {
			return number{}, err
		}
		y, err := number{whole: b}.double()
		if err != nil {
			return number{}, err
		}
		return applyDouble("**", x, y)
	}
	if a.CmpAbs(big.NewInt(1)) > 0 && (!b.IsInt64() || b.Int64() > maxBits || int64(a.BitLen())*b.Int64() > maxBits) {
		return number{}, errArithmetic
	}
	if !b.IsInt64() { // 0, 1 or -1 to a huge power
		b = new(big.Int).SetUint64(2 + uint64(b.Bit(0)))
	}
	return number{whole: new(big.Int).Exp(a, b, nil)}, nil
}

func applyDouble(op string, x, y float64) (number, error) {
	if y == 0 && (op == "/" || op == "//" || op == "%") {
		return number{}, errArithmetic
	}
	var z float64
	switch op {
	case "+":
		z = x + y
	case "-":
		z = x - y
	case "*":
		z = x * y
	case "/":
		z = x / y
	case "//":
		z, _ = floorMod(x, y)
	case "%":
		_, z = floorMod(x, y)
	case "**":
		if x == 0 && y < 0 || x < 0 && y != math.Floor(y) && !math.IsInf(x, 0) { // the latter is a complex number
			return number{}, errArithmetic
		}
		if z = math.Pow(x, y); math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
			return number{}, errArithmetic
		}
	default:
		return number{}, errArithmetic
	}
	return number{float: z}, nil
}

// floorMod returns divmod(x, y) of doubles, y not being 0.
func floorMod(x, y float64) (floor, mod float64) {
	mod = math.Mod(x, y)
	div := (x - mod) / y
	if mod == 0 {
		mod = math.Copysign(0, y)
	} else if (y < 0) != (mod < 0) {
		mod += y
		div--
	}
	if div == 0 {
		return math.Copysign(0, x/y), mod
	}
	floor = math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor, mod
}
