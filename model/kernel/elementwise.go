package kernel

// Exp sets dst[i] to e to the power src[i] for i < len(dst). The error is below
// 1.2e-7 relative. Above 88.7228317 the result is +Inf, below -87.3365402 (where
// it would be subnormal) +0. In between:
//
//	n = round-to-even(x*log2e)                     (one multiplication)
//	r = fma(n, -ln2Low, fma(n, -ln2High, x))
//	p = c6; p = fma(p, r, c) for c = c5 ... c1, 1, 1
//	result = p with n added to its exponent field
//
// dst and src may be the same slice.
func Exp(dst, src []float32) { expVec(dst, src[:len(dst)]) }

// SiLUMul sets dst[i] = gate[i]/(1+Exp(-gate[i])) * up[i], the gated activation of
// Llama-like models: an addition, a division, a multiplication. dst may be gate or up.
func SiLUMul(dst, gate, up []float32) { siluMulVec(dst, gate[:len(dst)], up[:len(dst)]) }

// SiLUMulBackward is the gradient of SiLUMul. For the gradient dy of its result
// it sets, for i < len(dy):
//
//	d = 1 + Exp(-gate); s = 1/d
//	dup   = dy * (gate/d)
//	dgate = (dy*up) * (s * fma(gate, 1-s, 1))
//
// dgate may be gate, and dup may be up or dy.
func SiLUMulBackward(dgate, dup, dy, gate, up []float32) {
	n := len(dy)
	siluMulBackwardVec(dgate[:n], dup[:n], dy, gate[:n], up[:n])
}

// Add sets dst[i] = a[i] + b[i]. dst may be a or b.
func Add(dst, a, b []float32) { addVec(dst, a[:len(dst)], b[:len(dst)]) }

// Mul sets dst[i] = a[i] * b[i]. dst may be a or b.
func Mul(dst, a, b []float32) { mulVec(dst, a[:len(dst)], b[:len(dst)]) }

// Scale sets dst[i] = a * x[i]. dst may be x.
func Scale(dst []float32, a float32, x []float32) { scaleVec(dst, a, x[:len(dst)]) }

// Axpy sets y[i] = fma(a, x[i], y[i]) for i < len(y).
func Axpy(y []float32, a float32, x []float32) { axpyVec(y, a, x[:len(y)]) }

// AdamW is one step of the optimiser of that name (Loshchilov and Hutter),
// with its per-step scalars already computed.
type AdamW struct {
	Beta1, Beta2 float32 // decay of the two moments
	Epsilon      float32 // added to the square root
	StepSize     float32 // learning rate / (1 - Beta1^t)
	RootScale    float32 // 1 / sqrt(1 - Beta2^t)
	Keep         float32 // 1 - learning rate * weight decay; 1 for no decay
	GradScale    float32 // factor on every gradient (clipping, averaging); 1 for none
}

// Step updates parameters and moments, for i < len(param):
//
//	g = grad * GradScale
//	m = fma(Beta1, m, (1-Beta1)*g)
//	v = fma(Beta2, v, (1-Beta2)*(g*g))
//	d = fma(sqrt(v), RootScale, Epsilon)
//	param = fma(-StepSize, m/d, Keep*param)
func (o AdamW) Step(param, grad, m, v []float32) {
	n := len(param)
	adamwVec(&o, param, grad[:n], m[:n], v[:n])
}

// F32ToBF16 rounds to bfloat16, ties to even, for i < len(dst). Overflow gives an
// infinity; a NaN stays one.
func F32ToBF16(dst []uint16, src []float32) { toBF16Vec(dst, src[:len(dst)]) }

// BF16ToF32 widens exactly, for i < len(dst).
func BF16ToF32(dst []float32, src []uint16) { fromBF16Vec(dst, src[:len(dst)]) }

// F16ToF32 widens IEEE binary16 numbers exactly, for i < len(dst).
func F16ToF32(dst []float32, src []uint16) { fromF16Vec(dst, src[:len(dst)]) }

// RoPE rotates x[heads][dim] in place by the angles of one position, pairing
// element i of a head with element i+dim/2 (the layout of Hugging Face
// checkpoints). cos and sin have dim/2 elements:
//
//	a, b = x[i], x[i+dim/2]
//	x[i]       = fma(a, cos[i], -(b*sin[i]))
//	x[i+dim/2] = fma(b, cos[i],   a*sin[i])
func RoPE(x []float32, heads, dim int, cos, sin []float32) {
	half := dim / 2
	x, cos, sin = x[:heads*dim], cos[:half], sin[:half]
	for h := range heads {
		head := x[h*dim:][:dim]
		ropeVec(head[:half], head[half:2*half], cos, sin)
	}
}

// RoPEInverse rotates back: the gradient of RoPE.
//
//	x[i]       = fma(a, cos[i],   b*sin[i])
//	x[i+dim/2] = fma(b, cos[i], -(a*sin[i]))
func RoPEInverse(x []float32, heads, dim int, cos, sin []float32) {
	half := dim / 2
	x, cos, sin = x[:heads*dim], cos[:half], sin[:half]
	for h := range heads {
		head := x[h*dim:][:dim]
		ropeVec(head[half:2*half], head[:half], cos, sin)
	}
}
