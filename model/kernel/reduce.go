package kernel

// lanes holds the 16 partial sums of a reduction.
type lanes [16]float32

// sum folds the lanes in halves.
func (l *lanes) sum() float32 {
	for half := 8; half > 0; half /= 2 {
		for i := range half {
			l[i] += l[i+half]
		}
	}
	return l[0]
}

// Sum returns the sum of x in 16-lane order (package comment): lane += x[i].
func Sum(x []float32) float32 {
	var l lanes
	sumLanes(&l, x)
	return l.sum()
}

// Dot returns the inner product of x and y[:len(x)] in 16-lane order: lane = fma(x[i], y[i], lane).
func Dot(x, y []float32) float32 {
	var l lanes
	dotLanes(&l, x, y[:len(x)])
	return l.sum()
}

// Max returns the largest element, -Inf for none. With a NaN in x the result is
// unspecified.
func Max(x []float32) float32 { return maxVec(x) }

// RMSNorm sets dst[i] = (x[i]*inv) * w[i] and returns
// inv = 1 / sqrt(Dot(x,x)/n + eps), for n = len(dst). dst may be x.
func RMSNorm(dst, x, w []float32, eps float32) (inv float32) {
	n := len(dst)
	x, w = x[:n], w[:n]
	mean := Dot(x, x) / float32(n)
	inv = 1 / sqrt32(mean+eps)
	scaleMulVec(dst, inv, x, w)
	return inv
}

// RMSNormBackward adds the gradient of RMSNorm's input: with inv as returned by
// RMSNorm, dy the gradient of its result and n = len(dx),
//
//	c = sum in 16-lane order of lane = fma(dy[i]*w[i], x[i], lane)
//	c = -(c * ((inv*inv)*inv) / n)
//	dx[i] += fma(c, x[i], (dy[i]*w[i])*inv)
func RMSNormBackward(dx, dy, x, w []float32, inv float32) {
	n := len(dx)
	dy, x, w = dy[:n], x[:n], w[:n]
	var l lanes
	dot3Lanes(&l, dy, w, x)
	c := -(l.sum() * (inv * inv * inv) / float32(n))
	normBackwardVec(dx, dy, x, w, inv, c)
}

// RMSNormWeightGrad adds one row's gradient of the norm's weight:
// dw[i] = fma(dy[i], x[i]*inv, dw[i]) for i < len(dw).
func RMSNormWeightGrad(dw, dy, x []float32, inv float32) {
	n := len(dw)
	normWeightGradVec(dw, dy[:n], x[:n], inv)
}

// Softmax sets dst[i] = e[i] * (1/s) for i < valid and +0 for the rest of dst:
//
//	t[i] = src[i]*scale, max = the largest t[i]
//	e[i] = Exp(t[i]-max)
//	s    = sum of e in 16-lane order by index
//
// scale must be positive. A NaN or +Inf among the valid, or all of them -Inf,
// makes all of them NaN; valid = 0 gives zeros. dst may be src.
func Softmax(dst, src []float32, valid int, scale float32) {
	clear(dst[valid:])
	if valid == 0 {
		return
	}
	dst, src = dst[:valid], src[:valid]
	top := maxVec(src) * scale
	var l lanes
	expSumLanes(&l, dst, src, scale, top)
	scaleVec(dst, 1/l.sum(), dst)
}

// SoftmaxBackward is the gradient of Softmax's input: for probabilities p and
// the gradient dp of them, ds[i] = (p[i]*(dp[i]-Dot(p,dp)))*scale. ds may be dp.
func SoftmaxBackward(ds, p, dp []float32, scale float32) {
	n := len(ds)
	p, dp = p[:n], dp[:n]
	softmaxBackwardVec(ds, p, dp, Dot(p, dp), scale)
}

// LogSumExp returns the natural logarithm of the sum of exp(src[i]*scale), so
// that src[i]*scale minus it is a log-probability. With t, max and s as in
// Softmax it is float64(max) + Log(float64(s)). scale must be positive.
// A NaN or +Inf among src, or all of them -Inf, gives NaN.
func LogSumExp(src []float32, scale float32) float64 {
	top := maxVec(src) * scale
	var l lanes
	expSumOnlyLanes(&l, src, scale, top)
	return float64(top) + Log(float64(l.sum()))
}
