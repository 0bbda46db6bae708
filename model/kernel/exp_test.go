package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExpAccuracy(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var worst float64
	for range 200000 {
		x := float32(rnd.Float64()*176 - 87.3)
		got, want := float64(exp32(x)), math.Exp(float64(x))
		worst = max(worst, math.Abs(got-want)/want)
	}
	t.Logf("worst relative error %.3g", worst)
	if worst > 1.2e-7 {
		t.Errorf("relative error %.3g, want at most 1.2e-7", worst)
	}
}

func TestLogAccuracy(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		x := math.Exp(rnd.Float64()*1400 - 700)
		got, want := Log(x), math.Log(x)
		if math.Abs(got-want) > 2e-16*max(math.Abs(want), 1e-3)*2 {
			t.Fatalf("Log(%g) = %g, want %g", x, got, want)
		}
	}
}
