package kernel

import "math"

// fma32 returns a*b+c rounded once to binary32, ties to even: what the
// hardware's VFMADD gives.
//
// The product of two binary32 numbers is exact in binary64, so only the
// addition rounds, to 53 bits, and the conversion then rounds again, to 24.
// Two roundings differ from one only where the first lands exactly on a tie of
// the second. That shows in the low 29 bits of a normal result; results below
// the normal range have their tie elsewhere and always take the careful way.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	u := math.Float64bits(s)
	if u&tieMask == tieBits || u<<1 < leastNormal {
		return roundOdd(p, float64(c), s)
	}
	return float32(s)
}

// What fma32 looks for in the bits of the binary64 sum.
const (
	tieMask     = 1<<29 - 1               // bits that binary32 lacks
	tieBits     = 1 << 28                 // exactly half a unit of binary32
	leastNormal = 0x3810000000000000 << 1 // 2^-126, the sign shifted out
)

// roundOdd returns p+c rounded once to binary32, where s is p+c rounded to
// binary64. It recovers the rounding error exactly (Knuth's TwoSum) and moves s
// to its neighbour with an odd last bit if the sum was inexact: a sticky bit
// that keeps the conversion from seeing a tie that is none.
//
//go:noinline
func roundOdd(p, c, s float64) float32 {
	t := s - p
	e := (p - (s - t)) + (c - t)
	u := math.Float64bits(s)
	if e != 0 && e == e && u&1 == 0 {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
	}
	return float32(math.Float64frombits(u))
}

const (
	expHigh  = 88.72283172607421875   // largest float32 whose exponential is finite
	expLow   = -87.33654022216796875  // smallest float32 whose exponential is a normal number
	log2e    = 1.44269502162933349609 // float32 nearest to 1/ln 2
	ln2High  = 0.693359375            // ln 2 to 9 bits: n*ln2High is exact
	ln2Low   = -2.12194440e-4         // ln 2 - ln2High
	expPoly6 = 1.9875691500e-4        // coefficients of exp on [-ln2/2, ln2/2] (Cephes expf)
	expPoly5 = 1.3981999507e-3
	expPoly4 = 8.3334519073e-3
	expPoly3 = 4.1665795894e-2
	expPoly2 = 1.6666665459e-1
	expPoly1 = 5.0000001201e-1
)

// exp32 is the exponential that Exp documents, for one number.
func exp32(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > expHigh:
		return float32(math.Inf(1))
	case x < expLow:
		return 0
	}
	n := float32(math.RoundToEven(float64(float32(x * log2e))))
	r := fma32(n, -ln2High, x)
	r = fma32(n, -ln2Low, r)
	p := fma32(expPoly6, r, expPoly5)
	p = fma32(p, r, expPoly4)
	p = fma32(p, r, expPoly3)
	p = fma32(p, r, expPoly2)
	p = fma32(p, r, expPoly1)
	p = fma32(p, r, 1)
	p = fma32(p, r, 1)
	return math.Float32frombits(math.Float32bits(p) + uint32(int32(n))<<23)
}

// sqrt32 is the correctly rounded square root: binary64 has more than twice
// the bits of binary32, so the second rounding cannot hurt.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
