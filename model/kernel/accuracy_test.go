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

func TestExp64Accuracy(t *testing.T) {
	rnd := rand.New(rand.NewPCG(40, 41))
	for range 100000 {
		x := rnd.Float64()*1440 - 735
		got, want := Exp64(x), math.Exp(x)
		if math.Abs(got-want) > 4e-16*want+5e-324 && want > 0x1p-1022 {
			t.Fatalf("Exp64(%g) = %g, want %g", x, got, want)
		}
	}
}

func TestSincosAccuracy(t *testing.T) {
	rnd := rand.New(rand.NewPCG(42, 43))
	for i := range 100000 {
		x := (rnd.Float64() - 0.5) * math.Ldexp(1, i%26)
		sin, cos := Sincos(x)
		if math.Abs(sin-math.Sin(x)) > 1e-15 || math.Abs(cos-math.Cos(x)) > 1e-15 {
			t.Fatalf("Sincos(%g) = %g, %g, want %g, %g", x, sin, cos, math.Sin(x), math.Cos(x))
		}
	}
}

func TestBinary64SpecialCases(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Log(0)", Log(0), -inf}, {"Log(-1)", Log(-1), nan}, {"Log(inf)", Log(inf), inf}, {"Log(nan)", Log(nan), nan}, {"Log(1)", Log(1), 0},
		{"Exp64(inf)", Exp64(inf), inf}, {"Exp64(-inf)", Exp64(-inf), 0}, {"Exp64(710)", Exp64(710), inf}, {"Exp64(0)", Exp64(0), 1},
		{"Exp64(nan)", Exp64(nan), nan},
	} {
		if c.got != c.want && !(c.got != c.got && c.want != c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if sin, cos := Sincos(inf); sin == sin || cos == cos {
		t.Errorf("Sincos(inf) = %v, %v, want NaNs", sin, cos)
	}
	if sin, cos := Sincos(0); sin != 0 || cos != 1 {
		t.Errorf("Sincos(0) = %v, %v", sin, cos)
	}
}
