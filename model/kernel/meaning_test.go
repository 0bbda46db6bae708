package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The tests here ask whether the functions compute what their names say, in
// binary64 arithmetic; the bits are the business of vector_test.go.

func near(t *testing.T, what string, i int, got float32, want, tolerance float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d <= tolerance*max(1, math.Abs(want))) {
		t.Fatalf("%s: element %d is %v, want %v", what, i, got, want)
	}
}

func silu(g float64) float64 { return g / (1 + math.Exp(-g)) }

func TestSiLUMulAndItsGradient(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 21))
	const n, h = 77, 1e-5
	gate, up, dy := randomFloats(rnd, n), randomFloats(rnd, n), randomFloats(rnd, n)
	y, dgate, dup := make([]float32, n), make([]float32, n), make([]float32, n)
	SiLUMul(y, gate, up)
	SiLUMulBackward(dgate, dup, dy, gate, up)
	for i := range n {
		g, u, d := float64(gate[i]), float64(up[i]), float64(dy[i])
		near(t, "SiLUMul", i, y[i], silu(g)*u, 1e-6)
		near(t, "dup", i, dup[i], d*silu(g), 1e-6)
		near(t, "dgate", i, dgate[i], d*u*(silu(g+h)-silu(g-h))/(2*h), 1e-5)
	}
}

func rmsnorm(x, w []float64, eps float64) []float64 {
	var ss float64
	for _, v := range x {
		ss += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(ss/float64(len(x))+eps) * w[i]
	}
	return y
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// gradient differentiates sum(dy*f(x)) by central differences.
func gradient(f func(x []float64) []float64, x []float64, dy []float32) []float64 {
	const h = 1e-5
	loss := func() (sum float64) {
		for i, v := range f(x) {
			sum += v * float64(dy[i])
		}
		return sum
	}
	dx := make([]float64, len(x))
	for i, v := range x {
		x[i] = v + h
		up := loss()
		x[i] = v - h
		dx[i] = (up - loss()) / (2 * h)
		x[i] = v
	}
	return dx
}

func TestRMSNormAndItsGradients(t *testing.T) {
	rnd := rand.New(rand.NewPCG(22, 23))
	const n, eps = 83, 1e-5
	x, w, dy := randomFloats(rnd, n), randomFloats(rnd, n), randomFloats(rnd, n)
	y, dx, dw := make([]float32, n), make([]float32, n), make([]float32, n)
	inv := RMSNorm(y, x, w, eps)
	x64, w64 := float64s(x), float64s(w)
	for i, want := range rmsnorm(x64, w64, eps) {
		near(t, "RMSNorm", i, y[i], want, 1e-6)
	}
	old := append([]float32(nil), x...)
	copy(dx, old)
	RMSNormBackward(dx, dy, x, w, inv)
	RMSNormWeightGrad(dw, dy, x, inv)
	byX := gradient(func(x []float64) []float64 { return rmsnorm(x, w64, eps) }, x64, dy)
	byW := gradient(func(w []float64) []float64 { return rmsnorm(x64, w, eps) }, w64, dy)
	for i := range n {
		near(t, "dx", i, dx[i], float64(old[i])+byX[i], 1e-5)
		near(t, "dw", i, dw[i], byW[i], 1e-5)
	}
}

func softmax(x []float64, scale float64) []float64 {
	var sum float64
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Exp(v * scale)
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
	return y
}

func TestSoftmaxAndItsGradient(t *testing.T) {
	rnd := rand.New(rand.NewPCG(24, 25))
	const n, valid, scale = 96, 71, 0.25
	x, dp := randomFloats(rnd, n), randomFloats(rnd, n)
	p, ds := make([]float32, n), make([]float32, n)
	for i := range p {
		p[i] = 9
	}
	Softmax(p, x, valid, scale)
	x64 := float64s(x[:valid])
	for i, want := range softmax(x64, scale) {
		near(t, "Softmax", i, p[i], want, 1e-6)
	}
	for i, v := range p[valid:] {
		if math.Float32bits(v) != 0 {
			t.Fatalf("masked probability %d is %v, want +0", valid+i, v)
		}
	}
	SoftmaxBackward(ds, p, dp, scale)
	for i, want := range gradient(func(x []float64) []float64 { return softmax(x, scale) }, x64, dp) {
		near(t, "ds", i, ds[i], want, 1e-5)
	}
	lse := LogSumExp(x[:valid], scale)
	for i, want := range softmax(x64, scale) {
		near(t, "log-probability", i, float32(x64[i]*scale-lse), math.Log(want), 2e-6)
	}
	Softmax(p, x, 0, scale)
	for i, v := range p {
		if v != 0 {
			t.Fatalf("nothing is valid, yet probability %d is %v", i, v)
		}
	}
}

// TestMaskingIsWithoutEffect is what lets attention run over whole blocks of
// keys: what lies past the valid ones changes no bit.
func TestMaskingIsWithoutEffect(t *testing.T) {
	rnd := rand.New(rand.NewPCG(26, 27))
	for valid := 1; valid < 64; valid++ {
		x := randomFloats(rnd, 64)
		long, short := make([]float32, 64), make([]float32, valid)
		Softmax(long, x, valid, 0.5)
		Softmax(short, x[:valid], valid, 0.5)
		equalBits(t, "probabilities", long[:valid], short)
		panel := randomFloats(rnd, 64*PanelWidth)
		whole, part := make([]float32, PanelWidth), make([]float32, PanelWidth)
		Tile(whole, PanelWidth, long, 64, 1, 64, panel, false)
		Tile(part, PanelWidth, short, valid, 1, valid, panel, false)
		equalBits(t, "weighted values", whole, part)
	}
}

func TestRoPERotates(t *testing.T) {
	rnd := rand.New(rand.NewPCG(28, 29))
	const heads, dim = 3, 52
	x := randomFloats(rnd, heads*dim)
	angle := randomFloats(rnd, dim/2)
	cos, sin := make([]float32, dim/2), make([]float32, dim/2)
	for i, a := range angle {
		cos[i], sin[i] = float32(math.Cos(float64(a))), float32(math.Sin(float64(a)))
	}
	y := append([]float32(nil), x...)
	RoPE(y, heads, dim, cos, sin)
	for h := range heads {
		for i := range dim / 2 {
			a, b := float64(x[h*dim+i]), float64(x[h*dim+dim/2+i])
			c, s := float64(cos[i]), float64(sin[i])
			near(t, "RoPE", h*dim+i, y[h*dim+i], a*c-b*s, 1e-6)
			near(t, "RoPE", h*dim+dim/2+i, y[h*dim+dim/2+i], b*c+a*s, 1e-6)
		}
	}
	RoPEInverse(y, heads, dim, cos, sin)
	for i := range x {
		near(t, "RoPEInverse", i, y[i], float64(x[i]), 1e-6)
	}
}

func TestAdamWFollowsThePaper(t *testing.T) {
	rnd := rand.New(rand.NewPCG(30, 31))
	const n, rate, decay, b1, b2, eps = 37, 1e-2, 0.1, 0.9, 0.95, 1e-8
	p, m, v := randomFloats(rnd, n), make([]float32, n), make([]float32, n)
	p64, m64, v64 := float64s(p), make([]float64, n), make([]float64, n)
	for step := 1; step <= 20; step++ {
		g := randomFloats(rnd, n)
		c1, c2 := 1-math.Pow(b1, float64(step)), 1-math.Pow(b2, float64(step))
		o := AdamW{Beta1: b1, Beta2: b2, Epsilon: eps, StepSize: float32(rate / c1), RootScale: float32(1 / math.Sqrt(c2)),
			Keep: 1 - rate*decay, GradScale: 0.5}
		o.Step(p, g, m, v)
		for i := range n {
			g := float64(g[i]) * 0.5
			m64[i] = b1*m64[i] + (1-b1)*g
			v64[i] = b2*v64[i] + (1-b2)*g*g
			p64[i] = p64[i]*(1-rate*decay) - rate*(m64[i]/c1)/(math.Sqrt(v64[i]/c2)+eps)
			near(t, "AdamW", i, p[i], p64[i], 1e-5)
		}
	}
}

func TestBF16RoundsToNearestEven(t *testing.T) {
	for _, c := range []struct {
		in   float32
		want uint16
	}{
		{1, 0x3f80}, {1 + 0x1p-8, 0x3f80}, {1 + 0x1p-8 + 0x1p-20, 0x3f81}, {1 + 0x1p-7 + 0x1p-8, 0x3f82},
		{math.MaxFloat32, 0x7f80}, {-math.MaxFloat32, 0xff80}, {0, 0}, {float32(math.Copysign(0, -1)), 0x8000},
		{float32(math.Inf(-1)), 0xff80}, {math.SmallestNonzeroFloat32, 0}, {0x1p-133, 0x0001},
		{math.Float32frombits(0x7f800001), 0x7fc0}, {math.Float32frombits(0xffffffff), 0xffff},
	} {
		in, out := make([]float32, 33), make([]uint16, 33)
		for i := range in {
			in[i] = c.in
		}
		F32ToBF16(out, in)
		for i, got := range out {
			if got != c.want {
				t.Errorf("element %d: %x gives %#04x, want %#04x", i, c.in, got, c.want)
			}
		}
	}
}

func TestSumOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(32, 33))
	for n := range 100 {
		x := randomFloats(rnd, n)
		var l [16]float32
		for i, v := range x {
			l[i%16] += v
		}
		for half := 8; half > 0; half /= 2 {
			for i := range half {
				l[i] += l[i+half]
			}
		}
		if got := Sum(x); got != l[0] {
			t.Errorf("n=%d: Sum = %x, want %x", n, got, l[0])
		}
	}
}
