package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkStream times products of one row, which do little but read weights, in every storage, beside reading alone. It tells
// them in GB/s of weights.
func BenchmarkStream(b *testing.B) {
	const k, bytes = 1536, 192 << 20
	rnd := rand.New(rand.NewPCG(1, 4))
	x, weights := randomFloats(rnd, k), randomFloats(rnd, k*PanelWidth)
	operands := []struct {
		name string
		w    *Packed
	}{
		{"f32", NewPacked(bytes/4/k, k)},
		{"bf16", NewPackedBF16(bytes/2/k, k)},
		{"f16", NewPackedF16(bytes/2/k, k)},
	}
	for _, o := range operands { // memory that was never written is one page of zeros
		for p := range o.w.Panels() {
			if wide := o.w.Panel(p); wide != nil {
				copy(wide, weights)
				continue
			}
			for i, panel := 0, o.w.panel16(p); i < len(panel); i++ {
				panel[i] = uint16(0x3c00 | i&0x3ff)
			}
		}
	}
	y := make([]float32, bytes/2/k)
	for _, threads := range []int{1, 2} {
		pool := NewPool(threads)
		defer pool.Close()
		read := operands[0].w
		half := read.Panels() / threads
		b.Run(fmt.Sprintf("threads=%d/reading", threads), func(b *testing.B) {
			t := best(b, func() {
				pool.Run(threads, func(i int) {
					for p := range half {
						Max(read.Panel(i*half + p))
					}
				})
			})
			b.ReportMetric(float64(threads*half*k*PanelWidth*4)/t.Seconds()/1e9, "best_GB/s")
		})
		for _, isa := range ISAs() {
			if isa == Generic {
				continue
			}
			for _, o := range operands {
				b.Run(fmt.Sprintf("threads=%d/%s/%s", threads, isa, o.name), func(b *testing.B) {
					SetISA(isa)
					defer SetISA("")
					t := best(b, func() { MatMulPool(pool, y, o.w.N, x, k, 1, o.w, false) })
					size := 2
					if o.w.Panel(0) != nil {
						size = 4
					}
					b.ReportMetric(float64(o.w.N*k*size)/t.Seconds()/1e9, "best_GB/s")
				})
			}
		}
	}
}
