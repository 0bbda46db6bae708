package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func randomFloats(rnd *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rnd.NormFloat64())
	}
	return x
}

// naive is the contract of MatMul, written down: w is [n][k].
func naive(y []float32, ldy int, x []float32, ldx int, m int, w []float32, n, k int, accumulate bool) {
	for i := range m {
		for c := range n {
			var acc float32
			if accumulate {
				acc = y[i*ldy+c]
			}
			for j := range k {
				acc = fma32(x[i*ldx+j], w[c*k+j], acc)
			}
			y[i*ldy+c] = acc
		}
	}
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !sameFloat(got[i], want[i]) {
			t.Fatalf("%s: element %d of %d is %x, want %x", what, i, len(got), got[i], want[i])
		}
	}
}

// TestMatMulIsTheNaiveLoop fuzzes shapes: the bits of all products, over all
// instruction sets, storages and pools, are those of the naive loop.
func TestMatMulIsTheNaiveLoop(t *testing.T) {
	pools := []*Pool{nil, NewPool(2), NewPool(3)}
	defer pools[1].Close()
	defer pools[2].Close()
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		m, n, k := 1+rnd.IntN(40), 1+rnd.IntN(150), 1+rnd.IntN(700)
		if rnd.IntN(4) == 0 {
			m = 90 + rnd.IntN(120)
			k = 1 + rnd.IntN(40)
		}
		ldx, ldy := k+rnd.IntN(3), n+rnd.IntN(3)
		accumulate := rnd.IntN(2) == 0
		name := fmt.Sprintf("m=%d n=%d k=%d accumulate=%v", m, n, k, accumulate)
		x, w := randomFloats(rnd, m*ldx), randomFloats(rnd, n*k)
		half := make([]uint16, len(w))
		stored := storage(rnd.IntN(3))
		switch stored {
		case storeBF16:
			F32ToBF16(half, w)
			BF16ToF32(w, half)
		case storeF16:
			for i := range half {
				half[i] = uint16(rnd.Uint32()) &^ 0x4000 // numbers below 2, subnormal ones too
			}
			F16ToF32(w, half)
		}
		old := randomFloats(rnd, m*ldy)
		want := append([]float32(nil), old...)
		naive(want, ldy, x, ldx, m, w, n, k, accumulate)

		wt, xt := make([]float32, n*k), make([]float32, k*m)
		Transpose(wt, w, n, k)
		TransposeStrided(xt, m, x, ldx, m, k)
		for _, isa := range ISAs() {
			if err := SetISA(isa); err != nil {
				t.Fatal(err)
			}
			run := func(form string, f func(y []float32)) {
				y := append([]float32(nil), old...)
				f(y)
				equalBits(t, fmt.Sprintf("%s %s %s", isa, form, name), y, want)
			}
			p := Pack(w, n, k)
			run("MatMul", func(y []float32) { MatMul(y, ldy, x, ldx, m, p, accumulate) })
			run("transposed", func(y []float32) { MatMul(y, ldy, x, ldx, m, PackTransposed(wt, k, n), accumulate) })
			run("TN", func(y []float32) { MatMulTN(y, ldy, xt, m, m, p, accumulate) })
			for _, pool := range pools {
				run("pool", func(y []float32) { MatMulPool(pool, y, ldy, x, ldx, m, p, accumulate) })
				run("TN pool", func(y []float32) { MatMulTNPool(pool, y, ldy, xt, m, m, p, accumulate) })
			}
			if stored == storeF32 {
				continue
			}
			p = PackBF16(half, n, k)
			if stored == storeF16 {
				p = PackF16(half, n, k)
			}
			run("16 bits", func(y []float32) { MatMul(y, ldy, x, ldx, m, p, accumulate) })
			run("16 bits TN", func(y []float32) { MatMulTN(y, ldy, xt, m, m, p, accumulate) })
			for _, pool := range pools {
				run("16 bits pool", func(y []float32) { MatMulPool(pool, y, ldy, x, ldx, m, p, accumulate) })
			}
		}
		SetISA("")
	}
}
