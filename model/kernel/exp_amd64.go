package kernel

import "math"

// The kernels with an exponential. Their portable form is slow, so a rest of
// less than 16 elements is padded and takes the assembly too.

// pad copies the rest of a slice into a group filled with fill.
func pad(rest []float32, fill float32) (g [16]float32) {
	n := copy(g[:], rest)
	for i := n; i < len(g); i++ {
		g[i] = fill
	}
	return g
}

func expVec(dst, src []float32) {
	level := active.Load()
	if level == levelGeneric {
		expGeneric(dst, src)
		return
	}
	n := len(src) &^ 15
	if n > 0 {
		expGroups(level, &dst[0], &src[0], n)
	}
	if n < len(src) {
		g := pad(src[n:], 0)
		expGroups(level, &g[0], &g[0], 16)
		copy(dst[n:], g[:])
	}
}

func expGroups(level isaLevel, dst, src *float32, n int) {
	if level == levelAVX512 {
		expAVX512(dst, src, n)
		return
	}
	expAVX2(dst, src, n)
}

func siluMulVec(dst, gate, up []float32) {
	level := active.Load()
	if level == levelGeneric {
		siluMulGeneric(dst, gate, up)
		return
	}
	n := len(gate) &^ 15
	if n > 0 {
		siluMulGroups(level, &dst[0], &gate[0], &up[0], n)
	}
	if n < len(gate) {
		g, u := pad(gate[n:], 0), pad(up[n:], 0)
		siluMulGroups(level, &g[0], &g[0], &u[0], 16)
		copy(dst[n:], g[:])
	}
}

func siluMulGroups(level isaLevel, dst, gate, up *float32, n int) {
	if level == levelAVX512 {
		siluMulAVX512(dst, gate, up, n)
		return
	}
	siluMulAVX2(dst, gate, up, n)
}

func siluMulBackwardVec(dgate, dup, dy, gate, up []float32) {
	level := active.Load()
	if level == levelGeneric {
		siluMulBackwardGeneric(dgate, dup, dy, gate, up)
		return
	}
	n := len(gate) &^ 15
	if n > 0 {
		siluMulBackwardGroups(level, &dgate[0], &dup[0], &dy[0], &gate[0], &up[0], n)
	}
	if n < len(gate) {
		y, g, u := pad(dy[n:], 0), pad(gate[n:], 0), pad(up[n:], 0)
		siluMulBackwardGroups(level, &g[0], &u[0], &y[0], &g[0], &u[0], 16)
		copy(dgate[n:], g[:])
		copy(dup[n:], u[:])
	}
}

func siluMulBackwardGroups(level isaLevel, dgate, dup, dy, gate, up *float32, n int) {
	if level == levelAVX512 {
		siluMulBackwardAVX512(dgate, dup, dy, gate, up, n)
		return
	}
	siluMulBackwardAVX2(dgate, dup, dy, gate, up, n)
}

// A padding of -Inf has the exponential 0 and so adds nothing to its lane.

func expSumLanes(l *lanes, dst, src []float32, scale, top float32) {
	level := active.Load()
	if level == levelGeneric {
		expSumGeneric(l, dst, src, scale, top)
		return
	}
	n := len(src) &^ 15
	if n > 0 {
		expSumGroups(level, l, &dst[0], &src[0], scale, top, n)
	}
	if n < len(src) {
		g := pad(src[n:], float32(math.Inf(-1)))
		expSumGroups(level, l, &g[0], &g[0], scale, top, 16)
		copy(dst[n:], g[:])
	}
}

func expSumGroups(level isaLevel, l *lanes, dst, src *float32, scale, top float32, n int) {
	if level == levelAVX512 {
		expSumAVX512(&l[0], dst, src, scale, top, n)
		return
	}
	expSumAVX2(&l[0], dst, src, scale, top, n)
}

func expSumOnlyLanes(l *lanes, src []float32, scale, top float32) {
	level := active.Load()
	if level == levelGeneric {
		expSumOnlyGeneric(l, src, scale, top)
		return
	}
	n := len(src) &^ 15
	if n > 0 {
		expSumOnlyGroups(level, l, &src[0], scale, top, n)
	}
	if n < len(src) {
		g := pad(src[n:], float32(math.Inf(-1)))
		expSumOnlyGroups(level, l, &g[0], scale, top, 16)
	}
}

func expSumOnlyGroups(level isaLevel, l *lanes, src *float32, scale, top float32, n int) {
	if level == levelAVX512 {
		expSumOnlyAVX512(&l[0], src, scale, top, n)
		return
	}
	expSumOnlyAVX2(&l[0], src, scale, top, n)
}
