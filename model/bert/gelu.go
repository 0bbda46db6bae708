package bert

import (
	"math"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
)

// The table of the normal distribution's cumulative function Φ: at points 1/32 apart, the polynomial of degree 4 around each. Beyond 8 on
// either side Φ is 0 or 1 to binary32.
const (
	geluSteps = 32
	geluReach = 8
	geluSize  = 2*geluReach*geluSteps + 1
)

type geluPoint [5]float64

// gelu sets x[i] = x[i]*Φ(x[i]), the exact GELU: x/2*(1+erf(x/√2)).
//
//	n = round-to-even(x*32), h = x - n/32                                  (both exact)
//	p = c4; p = p*h + c for c = c3, c2, c1, c0 of point n, each * and + rounded to binary64
//	result = x*p, rounded to binary64, then to binary32
//
// Below -8 the result is -0, above 8 it is x; a NaN stays one. The error is within one unit of the last place of binary32 where x >= -3, and below 3e-10
// everywhere else.
func gelu(x []float32) {
	const (
		round = 3 << 51        // x+round-round is x rounded to even, |x| < 2^51
		zero  = 0x433800 << 40 // the bits of round: those of x+round are n more
	)
	table := geluTable()
	for i, v := range x {
		f := float64(v)
		if !(f > -geluReach && f < geluReach) {
			if f <= -geluReach {
				x[i] = float32(math.Copysign(0, -1))
			}
			continue
		}
		s := float64(f*geluSteps) + round
		h := f - float64((s-round)*(1.0/geluSteps))
		c := &table[math.Float64bits(s)-(zero-geluReach*geluSteps)]
		p := float64(c[4]*h) + c[3]
		p = float64(p*h) + c[2]
		p = float64(p*h) + c[1]
		p = float64(p*h) + c[0]
		x[i] = float32(float64(f * p))
	}
}

// geluTable computes Φ and its derivatives at every point, with operations whose bits are the same everywhere.
var geluTable = sync.OnceValue(func() *[geluSize]geluPoint {
	const rootTwoPi = 2.50662827463100050242
	t := new([geluSize]geluPoint)
	for i := range t {
		x := float64(i-geluReach*geluSteps) / geluSteps
		x2 := float64(x * x)
		density := kernel.Exp64(-x2/2) / rootTwoPi
		t[i] = geluPoint{
			cumulative(math.Abs(x), density),
			density,
			float64(density*-x) / 2,
			float64(density*(x2-1)) / 6,
			float64(density*(float64(3*x)-float64(x2*x))) / 24,
		}
		if x < 0 {
			t[i][0] = tail(-x, density)
		}
	}
	return t
})

// cumulative is Φ(x) for x >= 0: 1/2 plus the density times x + x³/3 + x⁵/15 + x⁷/105 + ..., whose terms are all positive.
func cumulative(x, density float64) float64 {
	term, sum := x, 0.0
	for k := 3.0; term > 0 && sum+term != sum; k += 2 {
		sum += term
		term = float64(term*float64(x*x)) / k
	}
	return 0.5 + float64(density*sum)
}

// tail is Φ(-x) = 1 - Φ(x) for x > 0, where the difference would lose the digits from 1 on by the continued fraction of Laplace.
func tail(x, density float64) float64 {
	if x < 2 {
		return 1 - cumulative(x, density)
	}
	f := x
	for k := 200.0; k >= 1; k-- {
		f = x + k/f
	}
	return density / f
}
