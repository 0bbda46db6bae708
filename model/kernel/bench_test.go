package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
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

func reportGFLOPS(b *testing.B, flops float64) {
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
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
					for b.Loop() {
						MatMulPool(pool, y, s.n, x, s.k, s.m, w, false)
					}
					reportGFLOPS(b, s.flops())
				})
			}
			pool.Close()
		}
	}
}
