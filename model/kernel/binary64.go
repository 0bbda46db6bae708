package kernel

import "math"

// Log returns the natural logarithm of x in binary64, error below 1 ulp, with
// the same bits everywhere: math.Log is assembly on some architectures and
// may be compiled with fused operations on others.
//
// Special cases: Log(+Inf) = +Inf, Log(±0) = -Inf, Log(x < 0) and Log(NaN) = NaN.
//
// The method is that of FreeBSD's e_log.c: x = 2^k * (1+f) with sqrt(2)/2 <=
// 1+f < sqrt(2), s = f/(2+f), and an odd polynomial in s.
func Log(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		l1    = 6.666666666666735130e-01
		l2    = 3.999999999940941908e-01
		l3    = 2.857142874366239149e-01
		l4    = 2.222219843214978396e-01
		l5    = 1.818357216161805012e-01
		l6    = 1.531383769920937332e-01
		l7    = 1.479819860511658591e-01
	)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	f1, ki := math.Frexp(x)
	if f1 < math.Sqrt2/2 {
		f1 *= 2
		ki--
	}
	f, k := f1-1, float64(ki)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := float64(l5 + float64(s4*l7))
	t1 = float64(l3 + float64(s4*t1))
	t1 = float64(s2 * float64(l1+float64(s4*t1)))
	t2 := float64(l4 + float64(s4*l6))
	t2 = float64(s4 * float64(l2+float64(s4*t2)))
	r := t1 + t2
	hfsq := float64(float64(0.5*f) * f)
	return float64(k*ln2Hi) - ((hfsq - (float64(s*float64(hfsq+r)) + float64(k*ln2Lo))) - f)
}

// Exp64 returns e to the power x in binary64, error below 1 ulp, with the same
// bits everywhere. Overflow gives +Inf, underflow 0 (below -745.2).
//
// The method is that of FreeBSD's e_exp.c: x = k*ln2 + r, |r| <= ln2/2, and a
// rational approximation in r.
func Exp64(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		p1    = 1.66666666666666657415e-01
		p2    = -2.77777777770155933842e-03
		p3    = 6.61375632143793436117e-05
		p4    = -1.65339022054652515390e-06
		p5    = 4.13813679705723846039e-08
	)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x > 709.782712893384:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	k := math.RoundToEven(float64(x * math.Log2E))
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	t := float64(r * r)
	p := p4 + float64(t*p5)
	p = p3 + float64(t*p)
	p = p2 + float64(t*p)
	p = p1 + float64(t*p)
	c := r - float64(t*p)
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// Sincos returns the sine and cosine of x in binary64 with the same bits
// everywhere, for the tables of RoPE. The error is below 1e-15 for |x| up to
// 2^25, more positions than any model has; beyond 2^29 both are NaN.
//
// The method is that of the Cephes library: reduction by multiples of pi/4 in
// three parts, then a polynomial.
func Sincos(x float64) (sin, cos float64) {
	const (
		pi4A = 7.85398125648498535156e-1
		pi4B = 3.77489470793079817668e-8
		pi4C = 2.69515142907905952645e-15
	)
	if !(math.Abs(x) <= 1<<29) {
		return math.NaN(), math.NaN()
	}
	negSin, negCos := math.Signbit(x), false
	x = math.Abs(x)
	j := uint64(float64(x * (4 / math.Pi)))
	j += j & 1
	y := float64(j)
	z := ((x - float64(y*pi4A)) - float64(y*pi4B)) - float64(y*pi4C)
	if j &= 7; j > 3 {
		j -= 4
		negSin, negCos = !negSin, !negCos
	}
	if j > 1 {
		negCos = !negCos
	}
	zz := float64(z * z)
	cos = 1 - float64(0.5*zz) + float64(float64(zz*zz)*horner(zz, &cosine))
	sin = z + float64(float64(z*zz)*horner(zz, &sine))
	if j == 1 || j == 2 {
		sin, cos = cos, sin
	}
	if negCos {
		cos = -cos
	}
	if negSin {
		sin = -sin
	}
	return sin, cos
}

var (
	sine = [6]float64{1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1}
	cosine = [6]float64{-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2}
)

// horner evaluates a polynomial, the highest power first, rounding each product.
func horner(x float64, c *[6]float64) float64 {
	p := c[0]
	for _, v := range c[1:] {
		p = v + float64(p*x)
	}
	return p
}
