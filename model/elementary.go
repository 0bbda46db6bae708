package model

import (
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// The functions of this file give the same bits on every architecture.
// Package math does not promise that: some of its functions are assembly on some machines,
// and compilers may fuse a product with the sum after it. Here every product
// is rounded by an explicit conversion. They serve the rotary tables.

// sinCos returns the sine and cosine of x, 0 <= x < 2^29, with an error of
// about one unit in the last place. The method is that of Cephes: reduction by
// multiples of pi/4 in three parts, then a polynomial on [-pi/4, pi/4].
func sinCos(x float64) (sin, cos float64) {
	const (
		part1 = 7.85398125648498535156e-1 // pi/4 in three parts of few bits
		part2 = 3.77489470793079817668e-8
		part3 = 2.69515142907905952645e-15
	)
	j := uint64(float64(x * (4 / math.Pi)))
	if j&1 == 1 {
		j++
	}
	y := float64(j)
	z := x - float64(y*part1)
	z -= float64(y * part2)
	z -= float64(y * part3)
	zz := float64(z * z)
	s := horner(zz, 1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1)
	s = z + float64(z*float64(zz*s))
	c := horner(zz, -1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2)
	c = 1 - float64(0.5*zz) + float64(float64(zz*zz)*c)
	switch j & 7 {
	case 0:
		return s, c
	case 2:
		return c, -s
	case 4:
		return -s, -c
	}
	return -c, s
}

// horner evaluates a polynomial, highest coefficient first.
func horner(x float64, coefficients ...float64) float64 {
	var y float64
	for _, c := range coefficients {
		y = float64(y*x) + c
	}
	return y
}

// power returns base to the power y, for base > 0 and a result that is a
// normal number, with a relative error of a few units in 10^16 times |y ln base|.
func power(base, y float64) float64 {
	const (
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
	)
	x := float64(y * kernel.Log(base))
	k := math.Round(float64(x * math.Log2E))
	r := x - float64(k*ln2High)
	r -= float64(k * ln2Low)
	var terms [19]float64 // 1/18!, ..., 1/0!
	f := 1.0
	for i := range terms {
		terms[len(terms)-1-i] = 1 / f
		f *= float64(i + 1)
	}
	return math.Ldexp(horner(r, terms[:]...), int(k))
}
