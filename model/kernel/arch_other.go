//go:build !amd64

package kernel

// Without assembly every kernel is its portable form.

// A pool's threads don't wait awake where pause can't tell the processor that they wait.
const pauses = 0

func pause() {}

func detect() isaLevel { return levelGeneric }

func tile(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []float32, accumulate bool) {
	tileGeneric(y, ldy, x, rowStep, depthStep, m, k, panel, accumulate)
}

func tile16(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []uint16, s storage, accumulate bool) {
	tileGeneric16(y, ldy, x, rowStep, depthStep, m, k, panel, s, accumulate)
}

func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	transposeGeneric(dst, ldd, src, lds, rows, cols)
}

func expVec(dst, src []float32)                            { expGeneric(dst, src) }
func siluMulVec(dst, gate, up []float32)                   { siluMulGeneric(dst, gate, up) }
func addVec(dst, a, b []float32)                           { addGeneric(dst, a, b) }
func mulVec(dst, a, b []float32)                           { mulGeneric(dst, a, b) }
func scaleVec(dst []float32, a float32, x []float32)       { scaleGeneric(dst, a, x) }
func scaleMulVec(dst []float32, a float32, x, w []float32) { scaleMulGeneric(dst, a, x, w) }
func axpyVec(y []float32, a float32, x []float32)          { axpyGeneric(y, a, x) }
func adamwVec(o *AdamW, param, grad, m, v []float32)       { adamwGeneric(o, param, grad, m, v) }
func toBF16Vec(dst []uint16, src []float32)                { toBF16Generic(dst, src) }
func fromBF16Vec(dst []float32, src []uint16)              { fromBF16Generic(dst, src) }
func fromF16Vec(dst []float32, src []uint16)               { fromF16Generic(dst, src) }
func ropeVec(a, b, cos, sin []float32)                     { ropeGeneric(a, b, cos, sin) }
func maxVec(x []float32) float32                           { return maxGeneric(x) }
func sumLanes(l *lanes, x []float32)                       { sumGeneric(l, x) }
func dotLanes(l *lanes, x, y []float32)                    { dotGeneric(l, x, y) }
func dot3Lanes(l *lanes, a, b, c []float32)                { dot3Generic(l, a, b, c) }

func siluMulBackwardVec(dgate, dup, dy, gate, up []float32) {
	siluMulBackwardGeneric(dgate, dup, dy, gate, up)
}

func normBackwardVec(dx, dy, x, w []float32, inv, c float32) {
	normBackwardGeneric(dx, dy, x, w, inv, c)
}

func normWeightGradVec(dw, dy, x []float32, inv float32) { normWeightGradGeneric(dw, dy, x, inv) }

func softmaxBackwardVec(ds, p, dp []float32, dot, scale float32) {
	softmaxBackwardGeneric(ds, p, dp, dot, scale)
}

func expSumLanes(l *lanes, dst, src []float32, scale, top float32) {
	expSumGeneric(l, dst, src, scale, top)
}

func expSumOnlyLanes(l *lanes, src []float32, scale, top float32) {
	expSumOnlyGeneric(l, src, scale, top)
}
