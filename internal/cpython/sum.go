package cpython

import "math"

const maxFinite = math.MaxFloat64

// Sum returns what CPython's sum gives for a list of floats. Since 3.12 it is Neumaier's compensated sum: the rounding error of each addition is kept
// in a second variable, which is added once at the end when it is finite and not zero. The sum of nothing is 0 and a leading -0.0 counts as 0.0.
func Sum(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	f, c := 0+xs[0], 0.0
	if f == 0 {
		f = 0 // 0 + -0.0 is 0.0, whatever the compiler makes of the addition
	}
	for _, x := range xs[1:] {
		t := f + x
		if math.Abs(f) >= math.Abs(x) {
			c += (f - t) + x
		} else {
			c += (x - t) + f
		}
		f = t
	}
	if c != 0 && !math.IsInf(c, 0) && !math.IsNaN(c) {
		f += c
	}
	return f
}
