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
			for c := range acc {
				acc[c] = fma32(a, b[c], acc[c])
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
