package cpython

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// TestRandKnownWords is the check value that the protocol's text gives for a seed of 32 bytes.
func TestRandKnownWords(t *testing.T) {
	seed, _ := new(big.Int).SetString("3879188a6c6ae1a71172af4a18041178cb6ec119e6dee76df7f3cd94f7f64038", 16)
	r := NewRandFromBytes(seed.Bytes())
	for i, want := range []uint32{783804640, 3324165257, 2690603267, 1728758598} {
		if got := r.Uint32(); got != want {
			t.Errorf("word %d: got %d, want %d", i, got, want)
		}
	}
}

func TestRandSigns(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(77), 90)
	if *NewRandFromInt(n) != *NewRandFromInt(new(big.Int).Neg(n)) {
		t.Error("n and -n seed differently")
	}
}

func TestRandEdges(t *testing.T) {
	r := NewRandFromUint64(3)
	before := *r
	for name, ok := range map[string]bool{
		"GetRandBits(0)":     r.GetRandBits(0) == 0,
		"GetRandBits(-1)":    r.GetRandBits(-1) == 0,
		"GetRandBitsBig(0)":  r.GetRandBitsBig(0).Sign() == 0,
		"Below(0)":           r.Below(0) == 0,
		"Below(-3)":          r.Below(-3) == 0,
		"RandInt(4, 3)":      r.RandInt(4, 3) == 4,
		"Sample(3, 4)":       r.Sample(3, 4) == nil,
		"Sample(3, -1)":      r.Sample(3, -1) == nil,
		"Sample(0, 0)":       len(r.Sample(0, 0)) == 0,
		"Choices of nothing": r.Choices(nil, 1) == nil,
		"Choices of zeros":   r.Choices([]float64{0, 0}, 1) == nil,
		"Choices of NaN":     r.Choices([]float64{math.NaN()}, 1) == nil,
		"Choices infinite":   r.Choices([]float64{1, math.Inf(1)}, 1) == nil,
		"no Choices":         len(r.Choices([]float64{1}, 0)) == 0,
	} {
		if !ok {
			t.Errorf("%s is not what it should be", name)
		}
	}
	r.Shuffle(0, func(int, int) { t.Error("swap in an empty list") })
	r.Shuffle(1, func(int, int) { t.Error("swap in a list of one") })
	if *r != before {
		t.Error("a draw of nothing has moved the generator")
	}
	if n := r.GetRandBits(99); n>>32 == 0 && n == 0 {
		t.Error("99 bits are zero")
	}
}

// TestSampleIsASample holds all forms of sample to its meaning around the sizes at which Python changes its method.
func TestSampleIsASample(t *testing.T) {
	r := NewRandFromUint64(9)
	for _, c := range [][2]int{{21, 5}, {22, 5}, {85, 6}, {86, 6}, {277, 32}, {278, 32}, {5, 5}, {100000, 40}} {
		got := r.Sample(c[0], c[1])
		slices.Sort(got)
		if len(got) != c[1] || len(slices.Compact(slices.Clone(got))) != c[1] || got[0] < 0 || got[len(got)-1] >= c[0] {
			t.Errorf("sample(%d, %d) = %v", c[0], c[1], got)
		}
	}
}

func TestRandCopyGoesOnAlone(t *testing.T) {
	r := NewRandFromUint64(5)
	for range 700 {
		r.Uint32()
	}
	c := *r
	for range 700 {
		if r.Uint32() != c.Uint32() {
			t.Fatal("a copy draws differently")
		}
	}
}

func TestSum(t *testing.T) {
	negZero := math.Copysign(0, -1)
	for _, test := range []struct {
		name string
		xs   []float64
		want float64
	}{
		{"nothing", nil, 0},
		{"negative zero", []float64{negZero}, 0},
		{"negative zeros", []float64{negZero, negZero}, 0},
		{"cancels", []float64{1e100, 1, -1e100}, 1},
		{"tenths", slices.Repeat([]float64{0.1}, 10), 1},
		{"overflow", []float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
		{"infinity", []float64{1, math.Inf(1), 2}, math.Inf(1)},
		{"infinities", []float64{math.Inf(1), math.Inf(-1)}, math.NaN()},
		{"NaN", []float64{1, math.NaN()}, math.NaN()},
	} {
		if got := Sum(test.xs); !sameFloat(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func BenchmarkNewRandFromBytes(b *testing.B) {
	seed := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		NewRandFromBytes(seed).Sample(2048, 32)
	}
}
