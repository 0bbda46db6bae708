package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSinCos(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 20000 {
		x := math.Exp(rng.Float64()*30 - 18) // up to 160,000
		if i < 2000 {
			x = float64(i) * math.Pi / 8
		}
		s, c := sinCos(x)
		if math.Abs(s-math.Sin(x)) > 4e-16 || math.Abs(c-math.Cos(x)) > 4e-16 {
			t.Fatalf("sinCos(%g) is %.17g, %.17g; want %.17g, %.17g", x, s, c, math.Sin(x), math.Cos(x))
		}
	}
}

func TestPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		base, y := math.Exp(rng.Float64()*18-2), rng.Float64()*2-1
		got, want := power(base, y), math.Pow(base, y)
		if math.Abs(got-want) > 1e-14*want {
			t.Fatalf("power(%g, %g) is %.17g, want %.17g", base, y, got, want)
		}
	}
	if power(1e4, 0) != 1 || power(1, 0.7) != 1 {
		t.Error("power misses 1")
	}
}
