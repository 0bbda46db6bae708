package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors emits the elementwise kernels. All take n, a positive multiple of 16.
func (a *assembler) vectors() {
	a.function("exp", "dst, src *float32, n int", "exp is Exp.")
	dst, src := a.word("dst"), a.word("src")
	a.loop(func(off int) { a.store(a.exp(a.load(src, off)), dst, off) })
	a.end()

	a.binary("add", a.VADDPS)
	a.binary("mul", a.VMULPS)

	a.function("scale", "dst *float32, a float32, x *float32, n int", "scale is Scale.")
	dst, x, factor := a.word("dst"), a.word("x"), a.scalar("a")
	a.loop(func(off int) { a.store(a.op(a.VMULPS, factor, a.at(x, off)), dst, off) })
	a.end()

	a.function("scaleMul", "dst *float32, a float32, x, w *float32, n int", "scaleMul sets dst = (x*a)*w.")
	dst, x, factor = a.word("dst"), a.word("x"), a.scalar("a")
	w := a.word("w")
	a.loop(func(off int) {
		v := a.op(a.VMULPS, factor, a.at(x, off))
		a.VMULPS(a.at(w, off), v, v)
		a.store(v, dst, off)
	})
	a.end()

	a.function("axpy", "y *float32, a float32, x *float32, n int", "axpy is Axpy.")
	y, x, factor := a.word("y"), a.word("x"), a.scalar("a")
	a.loop(func(off int) {
		v := a.load(y, off)
		a.VFMADD231PS(a.at(x, off), factor, v)
		a.store(v, y, off)
	})
	a.end()

	a.silu()
	a.adamw()
	a.rope()
	a.backward()
	a.bfloat()
}

func (a *assembler) binary(name string, emit func(...operand.Op)) {
	a.function(name, "dst, a, b *float32, n int", name+" sets dst = a "+name+" b.")
	dst, x, y := a.word("dst"), a.word("a"), a.word("b")
	a.loop(func(off int) { a.store(a.op(emit, a.load(x, off), a.at(y, off)), dst, off) })
	a.end()
}

// negExp1 returns 1 + Exp(-g).
func (a *assembler) negExp1(g reg.Register) reg.VecVirtual {
	minus := a.vector()
	sign := a.bits("signBit", 1<<31)
	if a.avx512 {
		a.VPXORD(sign, g, minus)
	} else {
		a.VXORPS(sign, g, minus)
	}
	d := a.exp(minus)
	a.VADDPS(a.one(), d, d)
	return d
}

func (a *assembler) silu() {
	a.function("siluMul", "dst, gate, up *float32, n int", "siluMul is SiLUMul.")
	dst, gate, up := a.word("dst"), a.word("gate"), a.word("up")
	a.loop(func(off int) {
		g := a.load(gate, off)
		v := a.op(a.VDIVPS, g, a.negExp1(g))
		a.VMULPS(a.at(up, off), v, v)
		a.store(v, dst, off)
	})
	a.end()

	a.function("siluMulBackward", "dgate, dup, dy, gate, up *float32, n int", "siluMulBackward is SiLUMulBackward.")
	dgate, dup, dy := a.word("dgate"), a.word("dup"), a.word("dy")
	gate, up = a.word("gate"), a.word("up")
	a.loop(func(off int) {
		g := a.load(gate, off)
		d := a.negExp1(g)
		one := a.copyOf(a.one())
		s := a.op(a.VDIVPS, one, d)
		a.VDIVPS(d, g, d) // d = gate/d
		y := a.load(dy, off)
		a.VMULPS(d, y, d)
		t := a.op(a.VSUBPS, one, s)
		a.VFMADD213PS(one, g, t) // t = gate*(1-s) + 1
		a.VMULPS(t, s, t)
		a.VMULPS(a.at(up, off), y, y)
		a.VMULPS(t, y, y)
		a.store(d, dup, off)
		a.store(y, dgate, off)
	})
	a.end()
}

// adamw takes its scalars as c = {Beta1, 1-Beta1, Beta2, 1-Beta2, RootScale,
// Epsilon, -StepSize, Keep, GradScale}.
func (a *assembler) adamw() {
	a.function("adamw", "c, param, grad, m, v *float32, n int", "adamw is AdamW.Step.")
	c := a.word("c")
	scalar := func(i int) reg.VecVirtual {
		v := a.vector()
		a.VBROADCASTSS(operand.Mem{Base: c, Disp: 4 * i}, v)
		return v
	}
	beta1, c1, beta2, c2, root, epsilon := scalar(0), scalar(1), scalar(2), scalar(3), scalar(4), scalar(5)
	step, keep, gradScale := scalar(6), scalar(7), scalar(8)
	param, grad, m, v := a.word("param"), a.word("grad"), a.word("m"), a.word("v")
	a.loop(func(off int) {
		g := a.op(a.VMULPS, gradScale, a.at(grad, off))
		mi := a.op(a.VMULPS, c1, g)
		a.VFMADD231PS(a.at(m, off), beta1, mi)
		a.store(mi, m, off)
		a.VMULPS(g, g, g)
		a.VMULPS(g, c2, g)
		a.VFMADD231PS(a.at(v, off), beta2, g)
		a.store(g, v, off)
		a.VSQRTPS(g, g)
		a.VFMADD213PS(epsilon, root, g) // g = root*g + epsilon
		a.VDIVPS(g, mi, mi)
		p := a.op(a.VMULPS, keep, a.at(param, off))
		a.VFMADD231PS(mi, step, p)
		a.store(p, param, off)
	})
	a.end()
}

func (a *assembler) rope() {
	a.function("rope", "a, b, cos, sin *float32, n int", "rope rotates the pairs (a[i], b[i]).")
	pa, pb, cos, sin := a.word("a"), a.word("b"), a.word("cos"), a.word("sin")
	a.loop(func(off int) {
		u, v := a.load(pa, off), a.load(pb, off)
		c, s := a.load(cos, off), a.load(sin, off)
		vs, us := a.op(a.VMULPS, v, s), a.op(a.VMULPS, u, s)
		a.VFMSUB231PS(u, c, vs) // vs = c*u - vs
		a.VFMADD231PS(v, c, us)
		a.store(vs, pa, off)
		a.store(us, pb, off)
	})
	a.end()
}

func (a *assembler) backward() {
	a.function("normBackward", "dx, dy, x, w *float32, inv, c float32, n int", "normBackward sets dx += fma(c, x, (dy*w)*inv).")
	dx, dy, x, w := a.word("dx"), a.word("dy"), a.word("x"), a.word("w")
	inv, c := a.scalar("inv"), a.scalar("c")
	a.loop(func(off int) {
		g := a.op(a.VMULPS, a.load(dy, off), a.at(w, off))
		a.VMULPS(inv, g, g)
		a.VFMADD231PS(a.at(x, off), c, g)
		a.VADDPS(a.at(dx, off), g, g)
		a.store(g, dx, off)
	})
	a.end()

	a.function("normWeightGrad", "dw, dy, x *float32, inv float32, n int", "normWeightGrad sets dw = fma(dy, x*inv, dw).")
	dw, dy, x, inv := a.word("dw"), a.word("dy"), a.word("x"), a.scalar("inv")
	a.loop(func(off int) {
		v := a.op(a.VMULPS, inv, a.at(x, off))
		sum := a.load(dw, off)
		a.VFMADD231PS(a.at(dy, off), v, sum)
		a.store(sum, dw, off)
	})
	a.end()

	a.function("softmaxBackward", "ds, p, dp *float32, dot, scale float32, n int", "softmaxBackward sets ds = (p*(dp-dot))*scale.")
	ds, p, dp := a.word("ds"), a.word("p"), a.word("dp")
	dot, scale := a.scalar("dot"), a.scalar("scale")
	a.loop(func(off int) {
		v := a.op(a.VSUBPS, a.load(dp, off), dot)
		a.VMULPS(a.at(p, off), v, v)
		a.VMULPS(scale, v, v)
		a.store(v, ds, off)
	})
	a.end()
}

// bfloat emits the conversions of 16 bits. Rounding adds 0x7fff plus the last bit kept; a
// NaN would overflow into an infinity by that and is made quiet instead.
func (a *assembler) bfloat() {
	a.function("fromBF16", "dst *float32, src *uint16, n int", "fromBF16 is BF16ToF32.")
	dst, src := a.word("dst"), a.word("src")
	a.loop(func(off int) {
		v := a.vector()
		a.VPMOVZXWD(a.at16(src, off), v)
		a.VPSLLD(operand.U8(16), v, v)
		a.store(v, dst, off)
	})
	a.end()

	a.function("fromF16", "dst *float32, src *uint16, n int", "fromF16 is F16ToF32.")
	dst, src = a.word("dst"), a.word("src")
	a.loop(func(off int) {
		v := a.vector()
		a.VCVTPH2PS(a.at16(src, off), v)
		a.store(v, dst, off)
	})
	a.end()

	a.function("toBF16", "dst *uint16, src *float32, n int", "toBF16 is F32ToBF16.")
	dst, src = a.word("dst"), a.word("src")
	var halves []reg.VecVirtual
	a.loop(func(off int) {
		u := a.load(src, off)
		v := a.vector()
		a.VPSRLD(operand.U8(16), u, v)
		quiet, one, round := a.bits("quietBit", 0x40), a.bits("lastBit", 1), a.bits("roundBias", 0x7fff)
		const unordered = 0x03
		if a.avx512 {
			nan := a.op(a.VPORD, v, quiet)
			a.VPANDD(one, v, v)
			a.VPADDD(round, v, v)
			a.VPADDD(u, v, v)
			a.VPSRLD(operand.U8(16), v, v)
			k := a.K()
			a.VCMPPS(operand.U8(unordered), u, u, k)
			a.VPBLENDMD(nan, v, k, v)
			a.VPMOVDW(v, a.at16(dst, off))
			return
		}
		nan, mask := a.vector(), a.vector()
		a.VPOR(quiet, v, nan)
		a.VPAND(one, v, v)
		a.VPADDD(round, v, v)
		a.VPADDD(u, v, v)
		a.VPSRLD(operand.U8(16), v, v)
		a.VCMPPS(operand.U8(unordered), u, u, mask)
		a.VBLENDVPS(mask, nan, v, v)
		halves = append(halves, v)
		if len(halves) == 2 { // pack the two halves of the group to 16 words
			a.VPACKUSDW(halves[1], halves[0], v)
			a.VPERMQ(operand.U8(0xd8), v, v)
			a.VMOVUPS(v, a.at16(dst, 0))
		}
	})
	a.end()
}
