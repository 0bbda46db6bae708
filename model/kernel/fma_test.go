package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigFMA is a*b+c by arbitrary precision arithmetic.
func bigFMA(a, b, c float32) float32 {
	sum := new(big.Float).SetPrec(1000).SetFloat64(float64(a))
	sum.Mul(sum, new(big.Float).SetFloat64(float64(b)))
	sum.Add(sum, new(big.Float).SetFloat64(float64(c)))
	f, _ := sum.Float32()
	return f
}

func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// awkward returns finite numbers whose sums and products often tie, cancel,
// overflow or underflow.
func awkward(rnd *rand.Rand) float32 {
	switch rnd.IntN(4) {
	case 0: // any finite pattern
		for {
			if f := math.Float32frombits(rnd.Uint32()); !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) {
				return f
			}
		}
	case 1: // few significant bits: ties
		return float32(math.Ldexp(float64(rnd.IntN(1<<13)-1<<12), rnd.IntN(60)-30))
	case 2: // near one
		return float32(1 + float64(rnd.IntN(65)-32)*0x1p-24)
	default: // near the subnormal range
		return float32(math.Ldexp(float64(rnd.IntN(1<<24)-1<<23), -149+rnd.IntN(30)))
	}
}

func TestFMAIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 300000 {
		a, b, c := awkward(rnd), awkward(rnd), awkward(rnd)
		if i%3 == 0 { // c near the product: cancellation
			c = -a * b * float32(1+float64(rnd.IntN(5)-2)*0x1p-23)
			if c-c != 0 {
				c = 0
			}
		}
		if got, want := fma32(a, b, c), bigFMA(a, b, c); !sameFloat(got, want) && !(got == 0 && want == 0) {
			t.Fatalf("fma32(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
	}
}
