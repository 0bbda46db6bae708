package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// shape is a product y[m][n] = x[m][k]·W.
type shape struct{ m, k, n int }

func (s shape) String() string { return fmt.Sprintf("%dx%dx%d", s.m, s.k, s.n) }

func (s shape) flops() float64 { return 2 * float64(s.m) * float64(s.k) * float64(s.n) }

var gemmShapes = []shape{
	{128, 896, 4864}, // prefill of a 0.5 B model
	{128, 4864, 896}, // its way back
	{16, 896, 4864},  // decode of 16 sequences
	{16, 256, 1024},  // decode of a small model
	{1, 896, 4864},   // decode of one sequence
	{2048, 128, 512}, // training of small models
	{2048, 512, 1024},
	{512, 1024, 1024}, // rows a power of two apart
}

// best runs f repeatedly under the benchmark and returns its shortest time: the
// machine may be busy with other work, which slows the mean.
func best(b *testing.B, f func()) time.Duration {
	shortest := time.Duration(math.MaxInt64)
	for b.Loop() {
		t := time.Now()
		f()
		shortest = min(shortest, time.Since(t))
	}
	return shortest
}

func BenchmarkGEMM(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, isa := range ISAs() {
		if isa == Generic {
			continue
		}
		for _, threads := range []int{1, 2} {
			pool := NewPool(threads)
			for _, s := range gemmShapes {
				x, y := randomFloats(rnd, s.m*s.k), make([]float32, s.m*s.n)
				w := Pack(randomFloats(rnd, s.n*s.k), s.n, s.k)
				b.Run(fmt.Sprintf("%s/threads=%d/%v", isa, threads, s), func(b *testing.B) {
					SetISA(isa)
					defer SetISA("")
					t := best(b, func() { MatMulPool(pool, y, s.n, x, s.k, s.m, w, false) })
					b.ReportMetric(s.flops()/t.Seconds()/1e9, "best_GFLOP/s")
				})
			}
			pool.Close()
		}
	}
}

// BenchmarkGradient times the two products of a layer's backward pass with the packing
// that training needs on each step.
func BenchmarkGradient(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const rows, in, out = 2048, 256, 512
	x, dy, w := randomFloats(rnd, rows*in), randomFloats(rnd, rows*out), randomFloats(rnd, out*in)
	dx, dw := make([]float32, rows*in), make([]float32, out*in)
	flops := 4.0 * rows * in * out
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d/%dx%dx%d", threads, rows, in, out), func(b *testing.B) {
			pool := NewPool(threads)
			defer pool.Close()
			wt, xt := NewPacked(in, out), NewPacked(in, rows)
			t := best(b, func() {
				wt.RepackTransposedPool(pool, w)
				MatMulPool(pool, dx, in, dy, out, rows, wt, false)
				xt.RepackTransposedPool(pool, x)
				MatMulTNPool(pool, dw, in, dy, out, out, xt, true)
			})
			b.ReportMetric(flops/t.Seconds()/1e9, "best_GFLOP/s")
		})
	}
}

func BenchmarkVector(b *testing.B) {
	const n = 4096
	rnd := rand.New(rand.NewPCG(1, 3))
	x, y, z, w := randomFloats(rnd, n), make([]float32, n), randomFloats(rnd, n), randomFloats(rnd, n)
	h := make([]uint16, n)
	step := AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, StepSize: 1e-3, RootScale: 1, Keep: 1, GradScale: 1}
	m, v := make([]float32, n), make([]float32, n)
	cases := []struct {
		name string
		f    func()
	}{
		{"Exp", func() { Exp(y, x) }},
		{"SiLUMul", func() { SiLUMul(y, x, z) }},
		{"SiLUMulBackward", func() { SiLUMulBackward(y, z, w, x, z) }},
		{"Add", func() { Add(y, x, z) }},
		{"Axpy", func() { Axpy(y, 1e-9, x) }},
		{"Dot", func() { Dot(x, z) }},
		{"RMSNorm", func() { RMSNorm(y, x, z, 1e-6) }},
		{"Softmax", func() { Softmax(y, x, n, 1) }},
		{"LogSumExp", func() { LogSumExp(x, 1) }},
		{"AdamW", func() { step.Step(w, x, m, v) }},
		{"F32ToBF16", func() { F32ToBF16(h, x) }},
		{"Transpose", func() { Transpose(y, x, 64, 64) }},
		{"RoPE", func() { RoPE(y, 32, 128, x[:64], z[:64]) }},
	}
	for _, isa := range ISAs() {
		for _, c := range cases {
			b.Run(isa+"/"+c.name, func(b *testing.B) {
				SetISA(isa)
				defer SetISA("")
				t := best(b, c.f)
				b.ReportMetric(float64(t.Nanoseconds())/n, "best_ns/element")
			})
		}
	}
}

// BenchmarkPool times what it costs to hand out nothing.
func BenchmarkPool(b *testing.B) {
	pool := NewPool(2)
	defer pool.Close()
	t := best(b, func() { pool.Run(8, func(int) {}) })
	b.ReportMetric(float64(t.Nanoseconds()), "best_ns")
}
