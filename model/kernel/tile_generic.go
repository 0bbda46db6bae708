package kernel

import "math"

// tileGeneric is the primitive in portable Go: element x[i][k] lies at
// i*rowStep + k*depthStep.
func tileGeneric(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []float32, accumulate bool) {
	for i := range m {
		row := (*[PanelWidth]float32)(y[i*ldy:])
		var acc [PanelWidth]float32
		if accumulate {
			acc = *row
		}
		for j := range k {
			a := x[i*rowStep+j*depthStep]
			b := (*[PanelWidth]float32)(panel[j*PanelWidth:])
			for c := range acc { // fma32, inlined by hand: the compiler won't
				p := float64(a) * float64(b[c])
				s := p + float64(acc[c])
				if u := math.Float64bits(s); u&tieMask == tieBits || u<<1 < leastNormal {
					acc[c] = roundOdd(p, float64(acc[c]), s)
					continue
				}
				acc[c] = float32(s)
			}
		}
		*row = acc
	}
}

func tileGenericBF16(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []uint16, accumulate bool) {
	for i := range m {
		row := (*[PanelWidth]float32)(y[i*ldy:])
		var acc [PanelWidth]float32
		if accumulate {
			acc = *row
		}
		for j := range k {
			a := x[i*rowStep+j*depthStep]
			b := (*[PanelWidth]uint16)(panel[j*PanelWidth:])
			for c := range acc {
				acc[c] = fma32(a, math.Float32frombits(uint32(b[c])<<16), acc[c])
			}
		}
		*row = acc
	}
}
