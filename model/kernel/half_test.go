package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// binary16 gives the number of a pattern by its definition.
func binary16(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10)&0x1f, float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		return math.Inf(int(sign))
	case exponent == 31:
		return math.NaN()
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// TestF16WidensExactly goes through all patterns on every instruction set.
func TestF16WidensExactly(t *testing.T) {
	defer SetISA("")
	all, got := make([]uint16, 1<<16), make([]float32, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	for _, isa := range ISAs() {
		SetISA(isa)
		clear(got)
		F16ToF32(got, all)
		for i, v := range got {
			want := float32(binary16(all[i]))
			if want != want && v != v {
				continue
			}
			if math.Float32bits(v) != math.Float32bits(want) {
				t.Fatalf("%s: %#04x gives %x, want %x", isa, i, v, want)
			}
		}
	}
}

// TestF16IsTheWidenedPanel runs every pattern that is a number through the products of 1 to 25 rows.
func TestF16IsTheWidenedPanel(t *testing.T) {
	defer SetISA("")
	rnd := rand.New(rand.NewPCG(40, 41))
	var numbers []uint16
	for i := range 1 << 16 {
		if i>>10&0x1f != 0x1f {
			numbers = append(numbers, uint16(i))
		}
	}
	k := len(numbers) / PanelWidth
	numbers = numbers[:k*PanelWidth]
	wide := make([]float32, len(numbers))
	F16ToF32(wide, numbers)
	for m := 1; m <= 25; m += 4 {
		x, want, got := randomFloats(rnd, m*k), make([]float32, m*PanelWidth), make([]float32, m*PanelWidth)
		SetISA("")
		Tile(want, PanelWidth, x, k, m, k, wide, false)
		for _, isa := range ISAs() {
			SetISA(isa)
			TileF16(got, PanelWidth, x, k, m, k, numbers, false)
			equalBits(t, isa, got, want)
		}
	}
	TileF16(make([]float32, PanelWidth), PanelWidth, nil, 0, 1, 0, nil, false)
}

// TestStorages holds what an operand tells of itself.
func TestStorages(t *testing.T) {
	rnd := rand.New(rand.NewPCG(42, 43))
	const n, k = 45, 7
	w := randomFloats(rnd, n*k)
	bf16, f16 := make([]uint16, n*k), make([]uint16, n*k)
	F32ToBF16(bf16, w)
	for i := range f16 {
		f16[i] = uint16(rnd.Uint32()) &^ 0x4000
	}
	wideBF16, wideF16 := make([]float32, n*k), make([]float32, n*k)
	BF16ToF32(wideBF16, bf16)
	F16ToF32(wideF16, f16)
	for _, c := range []struct {
		name               string
		packed             *Packed
		rows               []float32
		hasF32, isBF16, is bool
	}{
		{"f32", Pack(w, n, k), w, true, false, false},
		{"bf16", PackBF16(bf16, n, k), wideBF16, false, true, false},
		{"f16", PackF16(f16, n, k), wideF16, false, false, true},
	} {
		p := c.packed
		if p.IsBF16() != c.isBF16 || p.IsF16() != c.is || (p.Panel(1) != nil) != c.hasF32 || (p.PanelBF16(1) != nil) != c.isBF16 || (p.PanelF16(1) != nil) != c.is {
			t.Errorf("%s says that it is another storage", c.name)
		}
		row := make([]float32, k)
		for i := range n {
			p.Row(row, i)
			equalBits(t, c.name, row, c.rows[i*k:(i+1)*k])
		}
	}
	// Filled through its panels, an operand is the packed one.
	x, want, got := randomFloats(rnd, k), make([]float32, n), make([]float32, n)
	from, to := PackF16(f16, n, k), NewPackedF16(n, k)
	for p := range to.Panels() {
		copy(to.PanelF16(p), from.PanelF16(p))
	}
	MatMul(want, n, x, k, 1, from, false)
	MatMul(got, n, x, k, 1, to, false)
	equalBits(t, "filled through PanelF16", got, want)
	// An operand that is given another shape is f32 again.
	from.Resize(n, k)
	from.Repack(w)
	MatMul(want, n, x, k, 1, Pack(w, n, k), false)
	MatMul(got, n, x, k, 1, from, false)
	equalBits(t, "after Resize", got, want)
}

// TestDepth holds that the passes of a product cover k, and few rows take it in one.
func TestDepth(t *testing.T) {
	for _, rows := range []int{1, 2, 16, 24, 128, blockRows} {
		for _, k := range []int{1, 3, 511, 512, 513, 576, 4864, 100_000} {
			g := matmul{w: &Packed{K: k}}
			deep := g.depth(rows)
			passes := (k + deep - 1) / deep
			if most := max(blockK, blockX/rows); deep < 1 || deep > most || (passes-1)*most >= k {
				t.Errorf("%d rows, k=%d: %d passes of %d, at most %d", rows, k, passes, deep, most)
			}
			if rows == 1 && k <= 4864 && passes != 1 {
				t.Errorf("one row of k=%d takes %d passes", k, passes)
			}
		}
	}
}
