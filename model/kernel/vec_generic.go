package kernel

import "math"

// The portable forms of the vector kernels. Products that feed an addition are
// converted explicitly: Go may otherwise fuse the two.

func expGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = exp32(x)
	}
}

func siluMulGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = g / (1 + exp32(-g)) * up[i]
	}
}

func siluMulBackwardGeneric(dgate, dup, dy, gate, up []float32) {
	for i, g := range gate {
		d := 1 + exp32(-g)
		s := 1 / d
		y, u := dy[i], up[i]
		dup[i] = y * (g / d)
		dgate[i] = float32(y*u) * float32(s*fma32(g, 1-s, 1))
	}
}

func addGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

func mulGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v * b[i]
	}
}

func scaleGeneric(dst []float32, a float32, x []float32) {
	for i, v := range x {
		dst[i] = a * v
	}
}

func scaleMulGeneric(dst []float32, a float32, x, w []float32) {
	for i, v := range x {
		dst[i] = float32(v*a) * w[i]
	}
}

func axpyGeneric(y []float32, a float32, x []float32) {
	for i, v := range x {
		y[i] = fma32(a, v, y[i])
	}
}

func adamwGeneric(o *AdamW, param, grad, m, v []float32) {
	c1, c2 := 1-o.Beta1, 1-o.Beta2
	for i, g := range grad {
		g *= o.GradScale
		mi := fma32(o.Beta1, m[i], float32(c1*g))
		vi := fma32(o.Beta2, v[i], float32(c2*float32(g*g)))
		d := fma32(sqrt32(vi), o.RootScale, o.Epsilon)
		m[i], v[i] = mi, vi
		param[i] = fma32(-o.StepSize, mi/d, float32(o.Keep*param[i]))
	}
}

func toBF16Generic(dst []uint16, src []float32) {
	for i, x := range src {
		u := math.Float32bits(x)
		if x != x {
			dst[i] = uint16(u>>16) | 0x40
			continue
		}
		dst[i] = uint16((u + 0x7fff + u>>16&1) >> 16)
	}
}

func fromBF16Generic(dst []float32, src []uint16) {
	for i, u := range src {
		dst[i] = math.Float32frombits(uint32(u) << 16)
	}
}

func fromF16Generic(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = widenF16(h)
	}
}

// widenF16 gives the number of a binary16 pattern; every one is a binary32 number.
func widenF16(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: an exact multiple of 2^-24, which is normal in binary32
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f:
		quiet := min(fraction, 1) << 22 // as the hardware does, a NaN comes out quiet
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13 | quiet)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// ropeGeneric rotates the pairs (a[i], b[i]) by the angle; with a and b
// exchanged it rotates back.
func ropeGeneric(a, b, cos, sin []float32) {
	for i, c := range cos {
		s, u, v := sin[i], a[i], b[i]
		a[i] = fma32(u, c, -float32(v*s))
		b[i] = fma32(v, c, float32(u*s))
	}
}

func normBackwardGeneric(dx, dy, x, w []float32, inv, c float32) {
	for i, v := range x {
		dx[i] += fma32(c, v, float32(float32(dy[i]*w[i])*inv))
	}
}

func normWeightGradGeneric(dw, dy, x []float32, inv float32) {
	for i, v := range x {
		dw[i] = fma32(dy[i], float32(v*inv), dw[i])
	}
}

func softmaxBackwardGeneric(ds, p, dp []float32, dot, scale float32) {
	for i, v := range p {
		ds[i] = float32(v*(dp[i]-dot)) * scale
	}
}

func maxGeneric(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

func sumGeneric(l *lanes, x []float32) {
	for i, v := range x {
		l[i&15] += v
	}
	for i := len(x); i&15 != 0; i++ {
		l[i&15] += 0 // the padding turns -0 into +0
	}
}

func dotGeneric(l *lanes, x, y []float32) {
	for i, v := range x {
		l[i&15] = fma32(v, y[i], l[i&15])
	}
	for i := len(x); i&15 != 0; i++ {
		l[i&15] += 0
	}
}

func dot3Generic(l *lanes, a, b, c []float32) {
	for i, v := range a {
		l[i&15] = fma32(float32(v*b[i]), c[i], l[i&15])
	}
	for i := len(a); i&15 != 0; i++ {
		l[i&15] += 0
	}
}

func expSumGeneric(l *lanes, dst, src []float32, scale, top float32) {
	for i, v := range src {
		e := exp32(float32(v*scale) - top)
		dst[i] = e
		l[i&15] += e
	}
}

func expSumOnlyGeneric(l *lanes, src []float32, scale, top float32) {
	for i, v := range src {
		l[i&15] += exp32(float32(v*scale) - top)
	}
}
