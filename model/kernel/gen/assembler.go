package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type constant = operand.Mem

// group is the number of elements that one iteration handles, and the number
// of lanes of a reduction, whatever the width of a register.
const group = 16

// assembler emits the kernels of one instruction set.
type assembler struct {
	*build.Context
	avx512    bool
	suffix    string // of function names
	file      string // stem of file names
	width     int    // floats in a register
	constants map[string]constant

	index reg.Register // element index of the current loop
}

// function starts a kernel; params is its parameter list in Go.
func (a *assembler) function(name, params, doc string) {
	a.Function(name + a.suffix)
	a.Attributes(attr.NOSPLIT)
	a.Pragma("noescape")
	a.Doc(doc)
	a.SignatureExpr("func(" + params + ")")
}

// end returns to Go with clean upper halves: dirty ones make the scalar code
// that follows a hundred times slower on some processors.
func (a *assembler) end() {
	a.VZEROUPPER()
	a.RET()
}

// word loads a pointer or integer parameter.
func (a *assembler) word(name string) reg.Register {
	return a.Load(a.Param(name), a.GP64())
}

// scalar broadcasts a float32 parameter.
func (a *assembler) scalar(name string) reg.Register {
	basic, err := a.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := a.vector()
	a.VBROADCASTSS(basic.Addr, v)
	return v
}

// vector returns a new full-width register.
func (a *assembler) vector() reg.VecVirtual {
	if a.avx512 {
		return a.ZMM()
	}
	return a.YMM()
}

func (a *assembler) zero(v reg.Register) {
	if a.avx512 {
		a.VPXORD(v, v, v)
		return
	}
	a.VXORPS(v, v, v)
}

// offsets are the positions of a group's registers.
func (a *assembler) offsets() []int {
	if a.avx512 {
		return []int{0}
	}
	return []int{0, 8}
}

// loop emits body for each register of each group of n elements; n is a
// parameter, a positive multiple of 16.
func (a *assembler) loop(body func(off int)) {
	n, i := a.word("n"), a.GP64()
	a.index = i
	a.XORQ(i, i)
	a.Label("loop")
	for _, off := range a.offsets() {
		body(off)
	}
	a.ADDQ(operand.U8(group), i)
	a.CMPQ(i, n)
	a.JLT(operand.LabelRef("loop"))
}

// at addresses element index+off of a float32 array.
func (a *assembler) at(base reg.Register, off int) operand.Mem {
	return operand.Mem{Base: base, Index: a.index, Scale: 4, Disp: off * 4}
}

// at16 addresses element index+off of an array of 16-bit numbers.
func (a *assembler) at16(base reg.Register, off int) operand.Mem {
	return operand.Mem{Base: base, Index: a.index, Scale: 2, Disp: off * 2}
}

func (a *assembler) load(base reg.Register, off int) reg.VecVirtual {
	v := a.vector()
	a.VMOVUPS(a.at(base, off), v)
	return v
}

func (a *assembler) store(v, base reg.Register, off int) { a.VMOVUPS(v, a.at(base, off)) }

// bits returns a constant of 32 bits, repeated to fill a register.
func (a *assembler) bits(name string, u uint32) operand.Mem {
	if c, ok := a.constants[name]; ok {
		return c
	}
	c := a.StaticGlobal(name + a.suffix)
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range group {
		a.AddDatum(4*i, operand.U32(u))
	}
	a.constants[name] = c
	return c
}

func (a *assembler) float(name string, f float32) operand.Mem {
	return a.bits(name, math.Float32bits(f))
}

func (a *assembler) one() operand.Mem { return a.float("one", 1) }

// copyOf returns a new register with the content of v.
func (a *assembler) copyOf(v operand.Op) reg.VecVirtual {
	c := a.vector()
	a.VMOVUPS(v, c)
	return c
}

// op emits a three-operand instruction, dst = x OP y, into a new register.
func (a *assembler) op(emit func(...operand.Op), x reg.Register, y operand.Op) reg.VecVirtual {
	dst := a.vector()
	emit(y, x, dst)
	return dst
}

// exp emits the exponential of x as Exp documents it.
func (a *assembler) exp(x reg.Register) reg.VecVirtual {
	n := a.op(a.VMULPS, x, a.float("log2e", log2e))
	if a.avx512 {
		a.VRNDSCALEPS(operand.U8(8), n, n)
	} else {
		a.VROUNDPS(operand.U8(8), n, n)
	}
	r := a.copyOf(x)
	a.VFMADD231PS(a.float("negLn2High", -ln2High), n, r)
	a.VFMADD231PS(a.float("negLn2Low", -ln2Low), n, r)
	p := a.copyOf(a.float("expPoly6", expPoly[0]))
	for i, c := range expPoly[1:] {
		a.VFMADD213PS(a.float(fmt.Sprintf("expPoly%d", 5-i), c), r, p)
	}
	a.VFMADD213PS(a.one(), r, p)
	a.VFMADD213PS(a.one(), r, p)
	e := a.vector()
	a.VCVTPS2DQ(n, e)
	a.VPSLLD(operand.U8(23), e, e)
	a.VPADDD(e, p, p)

	high, low := a.float("expHigh", expHigh), a.float("expLow", expLow)
	inf := a.float("inf", float32(math.Inf(1)))
	const greater, less, notLess = 0x1e, 0x11, 0x15 // quiet; a NaN is not less
	if a.avx512 {
		k := a.K()
		a.VCMPPS(operand.U8(greater), high, x, k)
		a.VBLENDMPS(inf, p, k, p)
		k = a.K()
		a.VCMPPS(operand.U8(notLess), low, x, k)
		a.VMOVAPS_Z(p, k, p)
		return p
	}
	mask := a.vector()
	a.VCMPPS(operand.U8(greater), high, x, mask)
	a.VBLENDVPS(mask, inf, p, p)
	mask = a.vector()
	a.VCMPPS(operand.U8(less), low, x, mask)
	a.VANDNPS(p, mask, p)
	return p
}

// The constants of exp32 in package kernel; the tests of bit equality hold
// the two together.
const (
	expHigh = 88.72283172607421875
	expLow  = -87.33654022216796875
	log2e   = 1.44269502162933349609
	ln2High = 0.693359375
	ln2Low  = -2.12194440e-4
)

var expPoly = []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
