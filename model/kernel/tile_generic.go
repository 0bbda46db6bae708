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

// tileGeneric16 widens a step of the panel and does what tileGeneric does.
func tileGeneric16(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []uint16, s storage, accumulate bool) {
	var wide [PanelWidth]float32
	for j := range k {
		if b := panel[j*PanelWidth:][:PanelWidth]; s == storeBF16 {
			fromBF16Generic(wide[:], b)
		} else {
			fromF16Generic(wide[:], b)
		}
		for i := range m {
			row := (*[PanelWidth]float32)(y[i*ldy:])
			if j == 0 && !accumulate {
				*row = [PanelWidth]float32{}
			}
			a := x[i*rowStep+j*depthStep]
			for c := range row {
				row[c] = fma32(a, wide[c], row[c])
			}
		}
	}
}
