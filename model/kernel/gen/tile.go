package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unroll is the number of steps of k in one turn of the inner loop.
const unroll = 4

// ahead is how many bytes before its use a panel's cache line is asked for: what memory delivers to both threads while one line is on its
// way, but no multiple of 4 KiB, which would put the two in one set of the first cache. The processor's own prefetcher stops at each page
// of 4 KiB; this one goes on, past the end of a panel into the next one, whose turn comes next.
const ahead = 3840

// storage is how a panel keeps its numbers.
type storage struct {
	suffix, pointer string
	size            int
}

var storages = []storage{{"", "*float32", 4}, {"BF16", "*uint16", 2}, {"F16", "*uint16", 2}}

// widen loads a register of a panel's numbers.
func (a *assembler) widen(s storage, at operand.Mem, v reg.VecVirtual) {
	switch s.suffix {
	case "BF16":
		a.VPMOVZXWD(at, v)
		a.VPSLLD(operand.U8(16), v, v)
	case "F16":
		a.VCVTPH2PS(at, v)
	default:
		a.VMOVUPS(at, v)
	}
}

// tiles emits the matrix kernels, one for each number of rows. Their names tell
// rows and columns: tile12x32AVX512.
//
// AVX-512 has 32 registers: 12 rows of two accumulators, two for the panel, one
// for the broadcast element of x. AVX2 has 16: 6 rows of two accumulators, so
// it takes half a panel at a time, or 2 rows of a whole one.
func (a *assembler) tiles() {
	for _, s := range storages {
		if a.avx512 {
			for rows := 1; rows <= 12; rows++ {
				a.tile(rows, 32, s)
			}
			continue
		}
		for rows := 1; rows <= 2; rows++ {
			a.tile(rows, 32, s)
		}
		for rows := 3; rows <= 6; rows++ {
			a.tile(rows, 16, s)
		}
	}
}

func (a *assembler) tile(rows, columns int, s storage) {
	name, size := fmt.Sprintf("tile%dx%d%s", rows, columns, s.suffix), s.size
	a.function(name, "y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel "+s.pointer+", accumulate int",
		fmt.Sprintf("%s%s computes %d columns of a panel for %d rows; strides are in bytes, k > 0.", name, a.suffix, columns, rows))
	y, ldy := a.word("y"), a.word("ldy")
	step, depth := a.word("rowStep"), a.word("depthStep")
	panel, k := a.word("panel"), a.word("k")
	bases := a.rowBases(a.word("x"), step, rows)

	regs := columns / a.width
	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		for range regs {
			acc[r] = append(acc[r], a.vector())
		}
	}
	accumulate := a.word("accumulate")
	a.TESTQ(accumulate, accumulate)
	a.JZ(operand.LabelRef("zero"))
	a.eachRow(y, ldy, rows, func(row reg.Register, r int) {
		for c, v := range acc[r] {
			a.VMOVUPS(operand.Mem{Base: row, Disp: c * a.width * 4}, v)
		}
	})
	a.JMP(operand.LabelRef("start"))
	a.Label("zero")
	for _, row := range acc {
		for _, v := range row {
			a.zero(v)
		}
	}
	a.Label("start")

	one := func(u int) {
		for line := 0; line < 32*size; line += 64 {
			a.PREFETCHT0(operand.Mem{Base: panel, Disp: u*32*size + line + ahead})
		}
		b := make([]reg.VecVirtual, regs)
		for c := range b {
			b[c] = a.vector()
			a.widen(s, operand.Mem{Base: panel, Disp: (u*32 + c*a.width) * size}, b[c])
		}
		for r := range rows {
			x := a.vector()
			at := operand.Mem{Base: bases[r/3]}
			if r%3 > 0 {
				at.Index, at.Scale = step, uint8(r%3)
			}
			a.VBROADCASTSS(at, x)
			for c, v := range acc[r] {
				a.VFMADD231PS(b[c], x, v)
			}
		}
		for _, base := range bases {
			a.ADDQ(depth, base)
		}
	}
	a.SUBQ(operand.U8(unroll), k)
	a.JLT(operand.LabelRef("rest"))
	a.Label("quad")
	for u := range unroll {
		one(u)
	}
	a.ADDQ(operand.U32(unroll*32*size), panel)
	a.SUBQ(operand.U8(unroll), k)
	a.JGE(operand.LabelRef("quad"))
	a.Label("rest")
	a.ADDQ(operand.U8(unroll), k)
	a.JZ(operand.LabelRef("done"))
	a.Label("single")
	one(0)
	a.ADDQ(operand.U32(32*size), panel)
	a.DECQ(k)
	a.JNZ(operand.LabelRef("single"))
	a.Label("done")
	a.eachRow(y, ldy, rows, func(row reg.Register, r int) {
		for c, v := range acc[r] {
			a.VMOVUPS(v, operand.Mem{Base: row, Disp: c * a.width * 4})
		}
	})
	a.end()
}

// rowBases returns a register for every third row of x; the rows between are
// reached by indexed addressing.
func (a *assembler) rowBases(x, step reg.Register, rows int) []reg.Register {
	bases := []reg.Register{x}
	for r := 3; r < rows; r += 3 {
		next := a.GP64()
		a.LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: step, Scale: 2}, next)
		a.ADDQ(step, next)
		bases = append(bases, next)
	}
	return bases
}

// eachRow walks the rows of y.
func (a *assembler) eachRow(y, ldy reg.Register, rows int, body func(row reg.Register, r int)) {
	row := a.GP64()
	a.MOVQ(y, row)
	for r := range rows {
		body(row, r)
		if r+1 < rows {
			a.ADDQ(ldy, row)
		}
	}
}
