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
