package kernel

import "math"

// Each function runs whole groups of 16 elements in assembly and leaves the
// rest to the portable form, which gives the same bits. Where the portable form is
// slow, the rest is padded to a group instead.

func addVec(dst, a, b []float32) {
	n := len(a) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		addAVX512(&dst[0], &a[0], &b[0], n)
	default:
		addAVX2(&dst[0], &a[0], &b[0], n)
	}
	addGeneric(dst[n:], a[n:], b[n:])
}

func mulVec(dst, a, b []float32) {
	n := len(a) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		mulAVX512(&dst[0], &a[0], &b[0], n)
	default:
		mulAVX2(&dst[0], &a[0], &b[0], n)
	}
	mulGeneric(dst[n:], a[n:], b[n:])
}

func scaleVec(dst []float32, a float32, x []float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		scaleAVX512(&dst[0], a, &x[0], n)
	default:
		scaleAVX2(&dst[0], a, &x[0], n)
	}
	scaleGeneric(dst[n:], a, x[n:])
}

func scaleMulVec(dst []float32, a float32, x, w []float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		scaleMulAVX512(&dst[0], a, &x[0], &w[0], n)
	default:
		scaleMulAVX2(&dst[0], a, &x[0], &w[0], n)
	}
	scaleMulGeneric(dst[n:], a, x[n:], w[n:])
}

func axpyVec(y []float32, a float32, x []float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		axpyAVX512(&y[0], a, &x[0], n)
	default:
		axpyAVX2(&y[0], a, &x[0], n)
	}
	axpyGeneric(y[n:], a, x[n:])
}

func fromBF16Vec(dst []float32, src []uint16) {
	n := len(src) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		fromBF16AVX512(&dst[0], &src[0], n)
	default:
		fromBF16AVX2(&dst[0], &src[0], n)
	}
	fromBF16Generic(dst[n:], src[n:])
}

func fromF16Vec(dst []float32, src []uint16) {
	n := len(src) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		fromF16AVX512(&dst[0], &src[0], n)
	default:
		fromF16AVX2(&dst[0], &src[0], n)
	}
	fromF16Generic(dst[n:], src[n:])
}

func toBF16Vec(dst []uint16, src []float32) {
	n := len(src) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		toBF16AVX512(&dst[0], &src[0], n)
	default:
		toBF16AVX2(&dst[0], &src[0], n)
	}
	toBF16Generic(dst[n:], src[n:])
}

func ropeVec(a, b, cos, sin []float32) {
	n := len(cos) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		ropeAVX512(&a[0], &b[0], &cos[0], &sin[0], n)
	default:
		ropeAVX2(&a[0], &b[0], &cos[0], &sin[0], n)
	}
	ropeGeneric(a[n:], b[n:], cos[n:], sin[n:])
}

func normBackwardVec(dx, dy, x, w []float32, inv, c float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		normBackwardAVX512(&dx[0], &dy[0], &x[0], &w[0], inv, c, n)
	default:
		normBackwardAVX2(&dx[0], &dy[0], &x[0], &w[0], inv, c, n)
	}
	normBackwardGeneric(dx[n:], dy[n:], x[n:], w[n:], inv, c)
}

func normWeightGradVec(dw, dy, x []float32, inv float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		normWeightGradAVX512(&dw[0], &dy[0], &x[0], inv, n)
	default:
		normWeightGradAVX2(&dw[0], &dy[0], &x[0], inv, n)
	}
	normWeightGradGeneric(dw[n:], dy[n:], x[n:], inv)
}

func softmaxBackwardVec(ds, p, dp []float32, dot, scale float32) {
	n := len(p) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		softmaxBackwardAVX512(&ds[0], &p[0], &dp[0], dot, scale, n)
	default:
		softmaxBackwardAVX2(&ds[0], &p[0], &dp[0], dot, scale, n)
	}
	softmaxBackwardGeneric(ds[n:], p[n:], dp[n:], dot, scale)
}

func sumLanes(l *lanes, x []float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		sumAVX512(&l[0], &x[0], n)
	default:
		sumAVX2(&l[0], &x[0], n)
	}
	sumGeneric(l, x[n:])
}

func dotLanes(l *lanes, x, y []float32) {
	n := len(x) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		dotAVX512(&l[0], &x[0], &y[0], n)
	default:
		dotAVX2(&l[0], &x[0], &y[0], n)
	}
	dotGeneric(l, x[n:], y[n:])
}

func dot3Lanes(l *lanes, a, b, c []float32) {
	n := len(a) &^ 15
	switch level := active.Load(); {
	case n == 0 || level == levelGeneric:
		n = 0
	case level == levelAVX512:
		dot3AVX512(&l[0], &a[0], &b[0], &c[0], n)
	default:
		dot3AVX2(&l[0], &a[0], &b[0], &c[0], n)
	}
	dot3Generic(l, a[n:], b[n:], c[n:])
}

func maxVec(x []float32) float32 {
	n := len(x) &^ 15
	top := float32(math.Inf(-1))
	if level := active.Load(); n > 0 && level != levelGeneric {
		var l lanes
		copy(l[:], x)
		if level == levelAVX512 {
			maxAVX512(&l[0], &x[0], n)
		} else {
			maxAVX2(&l[0], &x[0], n)
		}
		top = maxGeneric(l[:])
	} else {
		n = 0
	}
	return max(top, maxGeneric(x[n:]))
}

func adamwVec(o *AdamW, param, grad, m, v []float32) {
	n := len(param) &^ 15
	level := active.Load()
	if n > 0 && level != levelGeneric {
		c := [9]float32{o.Beta1, 1 - o.Beta1, o.Beta2, 1 - o.Beta2, o.RootScale, o.Epsilon, -o.StepSize, o.Keep, o.GradScale}
		if level == levelAVX512 {
			adamwAVX512(&c[0], &param[0], &grad[0], &m[0], &v[0], n)
		} else {
			adamwAVX2(&c[0], &param[0], &grad[0], &m[0], &v[0], n)
		}
	} else {
		n = 0
	}
	adamwGeneric(o, param[n:], grad[n:], m[n:], v[n:])
}
