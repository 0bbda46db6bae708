package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions emits the kernels that add to the 16 lanes at l. They leave the
// folding of the lanes, and what is left of n after a multiple of 16, to Go.
func (a *assembler) reductions() {
	a.function("sum", "l, x *float32, n int", "sum adds x to the lanes.")
	x := a.word("x")
	a.lanes(func(off int, lane reg.Register) { a.VADDPS(a.at(x, off), lane, lane) })

	a.function("dot", "l, x, y *float32, n int", "dot adds products to the lanes.")
	x, y := a.word("x"), a.word("y")
	a.lanes(func(off int, lane reg.Register) { a.VFMADD231PS(a.at(y, off), a.load(x, off), lane) })

	a.function("dot3", "l, a, b, c *float32, n int", "dot3 adds (a*b)*c to the lanes, fused.")
	x, y = a.word("a"), a.word("b")
	z := a.word("c")
	a.lanes(func(off int, lane reg.Register) {
		v := a.op(a.VMULPS, a.load(x, off), a.at(y, off))
		a.VFMADD231PS(a.at(z, off), v, lane)
	})

	a.function("max", "l, x *float32, n int", "max keeps the largest element of each lane.")
	x = a.word("x")
	a.lanes(func(off int, lane reg.Register) { a.VMAXPS(a.at(x, off), lane, lane) })

	a.function("expSum", "l, dst, src *float32, scale, top float32, n int", "expSum sets dst = Exp(src*scale-top) and adds it to the lanes.")
	dst, src, scale, top := a.word("dst"), a.word("src"), a.scalar("scale"), a.scalar("top")
	a.lanes(func(off int, lane reg.Register) {
		v := a.op(a.VMULPS, scale, a.at(src, off))
		a.VSUBPS(top, v, v)
		e := a.exp(v)
		a.store(e, dst, off)
		a.VADDPS(e, lane, lane)
	})

	a.function("expSumOnly", "l, src *float32, scale, top float32, n int", "expSumOnly adds Exp(src*scale-top) to the lanes.")
	src, scale, top = a.word("src"), a.scalar("scale"), a.scalar("top")
	a.lanes(func(off int, lane reg.Register) {
		v := a.op(a.VMULPS, scale, a.at(src, off))
		a.VSUBPS(top, v, v)
		a.VADDPS(a.exp(v), lane, lane)
	})
}

// lanes emits a loop with the lanes in registers, and ends the function.
func (a *assembler) lanes(body func(off int, lane reg.Register)) {
	l := a.word("l")
	acc := map[int]reg.VecVirtual{}
	for _, off := range a.offsets() {
		acc[off] = a.vector()
		a.VMOVUPS(operand.Mem{Base: l, Disp: off * 4}, acc[off])
	}
	a.loop(func(off int) { body(off, acc[off]) })
	for _, off := range a.offsets() {
		a.VMOVUPS(acc[off], operand.Mem{Base: l, Disp: off * 4})
	}
	a.end()
}

// transposition emits transpose8: 8 rows of src to 8 columns of dst, in blocks
// of 8×8. It moves no more than a cache line a row, so 256 bits are enough for
// both instruction sets.
func (a *assembler) transposition() {
	a.function("transpose8", "dst *float32, ldd uintptr, src *float32, lds uintptr, blocks int",
		"transpose8 transposes 8 rows of 8*blocks columns; strides are in bytes, blocks > 0.")
	dst, ldd, src, lds := a.word("dst"), a.word("ldd"), a.word("src"), a.word("lds")
	blocks := a.word("blocks")
	a.Label("block")
	r := make([]reg.VecVirtual, 8)
	row := a.GP64()
	a.MOVQ(src, row)
	for i := range r {
		r[i] = a.YMM()
		a.VMOVUPS(operand.Mem{Base: row}, r[i])
		a.ADDQ(lds, row)
	}
	pair := func(low, high func(...operand.Op), x, y reg.Register) (reg.VecVirtual, reg.VecVirtual) {
		l, h := a.YMM(), a.YMM()
		low(y, x, l)
		high(y, x, h)
		return l, h
	}
	// Interleave singles, then pairs, then exchange the 128-bit halves.
	var s, q [8]reg.VecVirtual
	for i := 0; i < 8; i += 2 {
		s[i], s[i+1] = pair(a.VUNPCKLPS, a.VUNPCKHPS, r[i], r[i+1])
	}
	for i := 0; i < 8; i += 4 {
		q[i], q[i+1] = pair(a.VUNPCKLPD, a.VUNPCKHPD, s[i], s[i+2])
		q[i+2], q[i+3] = pair(a.VUNPCKLPD, a.VUNPCKHPD, s[i+1], s[i+3])
	}
	for i := range 8 {
		v := a.YMM()
		half := uint8(0x20)
		if i >= 4 {
			half = 0x31
		}
		a.VPERM2F128(operand.U8(half), q[4+i%4], q[i%4], v)
		a.VMOVUPS(v, operand.Mem{Base: dst})
		a.ADDQ(ldd, dst)
	}
	a.ADDQ(operand.U8(32), src)
	a.DECQ(blocks)
	a.JNZ(operand.LabelRef("block"))
	a.end()
}
