package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// special are numbers at which vector code and scalar code like to part.
var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, expHigh, -expHigh, expLow, -expLow, 88.7229, -87.3366, 104, -104, 1e30, -1e30,
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, 0x1.fffffep-127,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1 + 0x1p-8, 1 + 0x1p-7 + 0x1p-8, 0x1.fffffep0,
}

// mixed returns n numbers, some of them special if so wanted.
func mixed(rnd *rand.Rand, n int, specials bool) []float32 {
	x := randomFloats(rnd, n)
	for i := range x {
		if specials && rnd.IntN(8) == 0 {
			x[i] = special[rnd.IntN(len(special))]
		} else if rnd.IntN(4) == 0 {
			x[i] *= 40
		}
	}
	return x
}

func widen(h []uint16) []float32 {
	x := make([]float32, len(h))
	for i, u := range h {
		x[i] = float32(u)
	}
	return x
}

// operations runs each function of the package on vectors of n elements drawn
// by the generator, and returns what it wrote.
var operations = map[string]func(v func() []float32, n int) []float32{
	"Exp":     func(v func() []float32, n int) []float32 { x := v(); Exp(x, x); return x },
	"SiLUMul": func(v func() []float32, n int) []float32 { x := v(); SiLUMul(x, x, v()); return x },
	"SiLUMulBackward": func(v func() []float32, n int) []float32 {
		a, b := v(), v()
		SiLUMulBackward(a, b, v(), v(), v())
		return append(a, b...)
	},
	"SiLUMulBackward in place": func(v func() []float32, n int) []float32 {
		dy, gate, up := v(), v(), v()
		SiLUMulBackward(gate, up, dy, gate, up)
		return append(gate, up...)
	},
	"Add":   func(v func() []float32, n int) []float32 { x := v(); Add(x, v(), x); return x },
	"Mul":   func(v func() []float32, n int) []float32 { x := v(); Mul(x, x, v()); return x },
	"Scale": func(v func() []float32, n int) []float32 { x := v(); Scale(x, 0.37, x); return x },
	"Axpy":  func(v func() []float32, n int) []float32 { x := v(); Axpy(x, -1.7, v()); return x },
	"AdamW": func(v func() []float32, n int) []float32 {
		p, g, m, s := v(), v(), v(), v()
		for i := range s {
			s[i] = float32(math.Abs(float64(s[i])))
		}
		o := AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, StepSize: 3e-4, RootScale: 31, Keep: 0.9999, GradScale: 0.5}
		o.Step(p, g, m, s)
		return append(append(p, m...), s...)
	},
	"F32ToBF16": func(v func() []float32, n int) []float32 {
		h := make([]uint16, n)
		x := v()
		F32ToBF16(h, x)
		for i := range x {
			if x[i] != x[i] { // the payload is free
				h[i] = 0x7fc0
			}
		}
		return widen(h)
	},
	"BF16ToF32": func(v func() []float32, n int) []float32 {
		h, y := make([]uint16, n), v()
		F32ToBF16(h, v())
		BF16ToF32(y, h)
		return y
	},
	"RoPE": func(v func() []float32, n int) []float32 {
		x := append(v(), v()...)
		RoPE(x, 1, 2*n, v(), v())
		return x
	},
	"RoPEInverse": func(v func() []float32, n int) []float32 {
		x := append(append(append(v(), v()...), v()...), v()...)
		RoPEInverse(x, 2, 2*n, v(), v())
		return x
	},
	"Sum": func(v func() []float32, n int) []float32 { return []float32{Sum(v())} },
	"Dot": func(v func() []float32, n int) []float32 { return []float32{Dot(v(), v())} },
	"RMSNorm": func(v func() []float32, n int) []float32 {
		x := v()
		inv := RMSNorm(x, x, v(), 1e-6)
		return append(x, inv)
	},
	"RMSNormBackward": func(v func() []float32, n int) []float32 {
		x := v()
		RMSNormBackward(x, v(), v(), v(), 0.8)
		return x
	},
	"RMSNormWeightGrad": func(v func() []float32, n int) []float32 {
		x := v()
		RMSNormWeightGrad(x, v(), v(), 0.8)
		return x
	},
	"Softmax": func(v func() []float32, n int) []float32 {
		x := v()
		Softmax(x, v(), n-n/3, 0.125)
		return x
	},
	"Softmax in place": func(v func() []float32, n int) []float32 { x := v(); Softmax(x, x, n, 1); return x },
	"SoftmaxBackward": func(v func() []float32, n int) []float32 {
		x := v()
		SoftmaxBackward(x, v(), x, 0.3)
		return x
	},
	"LogSumExp": func(v func() []float32, n int) []float32 {
		u := math.Float64bits(LogSumExp(v(), 0.7))
		if f := math.Float64frombits(u); f != f {
			return []float32{float32(f)}
		}
		return []float32{float32(u >> 48), float32(u >> 32 & 0xffff), float32(u >> 16 & 0xffff), float32(u & 0xffff)}
	},
	"Max": func(v func() []float32, n int) []float32 {
		x := v()
		for i := range x {
			if x[i] != x[i] || x[i] == 0 { // both unspecified
				x[i] = 1
			}
		}
		return []float32{Max(x)}
	},
}

// TestVectorsHaveTheSameBits compares every function over all instruction
// sets and lengths, with and without special values.
func TestVectorsHaveTheSameBits(t *testing.T) {
	defer SetISA("")
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			for n := range 130 {
				for _, specials := range []bool{false, true} {
					var want []float32
					isas := ISAs()
					for i := len(isas) - 1; i >= 0; i-- { // the portable form first
						if err := SetISA(isas[i]); err != nil {
							t.Fatal(err)
						}
						rnd := rand.New(rand.NewPCG(uint64(n), 9))
						got := op(func() []float32 { return mixed(rnd, n, specials) }, n)
						if want == nil {
							want = got
						}
						equalBits(t, fmt.Sprintf("%s n=%d specials=%v", isas[i], n, specials), got, want)
					}
				}
			}
		})
	}
}

// TestExpAllBits runs through a lattice of all float32 numbers.
func TestExpAllBits(t *testing.T) {
	defer SetISA("")
	const block, stride = 1 << 12, 4099
	src, want, got := make([]float32, block), make([]float32, block), make([]float32, block)
	var u uint32
	for range 1<<20/block + 1 {
		for i := range src {
			src[i] = math.Float32frombits(u)
			u += stride
		}
		SetISA(Generic)
		Exp(want, src)
		for _, isa := range ISAs() {
			SetISA(isa)
			Exp(got, src)
			equalBits(t, isa, got, want)
		}
	}
}

func TestTranspose(t *testing.T) {
	defer SetISA("")
	rnd := rand.New(rand.NewPCG(10, 11))
	for range 200 {
		rows, cols := 1+rnd.IntN(90), 1+rnd.IntN(90)
		ldd, lds := rows+rnd.IntN(4), cols+rnd.IntN(4)
		src := randomFloats(rnd, rows*lds)
		for _, isa := range ISAs() {
			SetISA(isa)
			dst := make([]float32, cols*ldd)
			TransposeStrided(dst, ldd, src, lds, rows, cols)
			for i := range dst {
				r, c := i%ldd, i/ldd
				var want float32
				if r < rows {
					want = src[r*lds+c]
				}
				if dst[i] != want {
					t.Fatalf("%s %dx%d: dst[%d][%d] = %v, want %v", isa, rows, cols, c, r, dst[i], want)
				}
			}
		}
	}
}

// TestFMAOfTheHardware holds the emulation to the processor's own FMA: Axpy on the
// vector paths is one VFMADD an element.
func TestFMAOfTheHardware(t *testing.T) {
	defer SetISA("")
	if ISAs()[0] == Generic {
		t.Skip("no vector FMA on this machine; run on amd64 with AVX2")
	}
	rnd := rand.New(rand.NewPCG(12, 13))
	x, y, got := make([]float32, 64), make([]float32, 64), make([]float32, 64)
	for range 20000 {
		a := awkward(rnd)
		for i := range x {
			x[i], y[i] = awkward(rnd), awkward(rnd)
			switch rnd.IntN(16) {
			case 0:
				x[i] = special[rnd.IntN(len(special))]
			case 1:
				y[i] = special[rnd.IntN(len(special))]
			case 2, 3, 4: // cancellation
				y[i] = -a * x[i]
			}
		}
		for _, isa := range ISAs()[:len(ISAs())-1] {
			SetISA(isa)
			copy(got, y)
			Axpy(got, a, x)
			for i := range got {
				if want := fma32(a, x[i], y[i]); !sameFloat(got[i], want) {
					t.Fatalf("%s: fma(%x, %x, %x) = %x, emulated %x", isa, a, x[i], y[i], got[i], want)
				}
			}
		}
	}
}
