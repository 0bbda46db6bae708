package sandbox

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A classic BPF program, as much of it as seccomp filters need. go-seccomp-bpf's own assembler is not used: after a condition on an
// argument has failed, it compares the argument, which is still in the accumulator, with the numbers of the calls that follow, so that
// an attacker who picks the argument picks the verdict. Its tables of system calls are used.

// instruction is a struct sock_filter.
type instruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

const (
	opLoad = 0x20 // A = the word at k of struct seccomp_data
	opAnd  = 0x54 // A &= k
	opEq   = 0x15 // skip jt if A == k, else jf
	opGt   = 0x25
	opGe   = 0x35
	opRet  = 0x06

	offNumber = 0
	offArch   = 4
	offArgs   = 16

	retKill  = 0x80000000 // SECCOMP_RET_KILL_PROCESS
	retErrno = 0x00050000
	retAllow = 0x7fff0000

	errnoPerm  = retErrno | 1  // EPERM
	errnoAcces = retErrno | 13 // EACCES
	errnoNosys = retErrno | 38 // ENOSYS

	maxInstructions = 4096 // BPF_MAXINSNS
	x32Bit          = 0x40000000
)

// condition holds where the bits of the lower half of an argument that are in mask equal value. Most arguments are ints for
// the kernel, which ignores their upper half as well; wide demands that the upper half is zero (pointers, unsigned longs).
type condition struct {
	arg         int
	mask, value uint32
	wide        bool
}

// call decides one system call: it gets verdict if all conditions of one alternative hold, else otherwise.
type call struct {
	number             uint32
	verdict, otherwise uint32
	alternatives       [][]condition
}

// policy is what a filter decides. A number may be named once.
type policy struct {
	arch     uint32            // AUDIT_ARCH_...
	x32      bool              // whether numbers from x32Bit up are another architecture's
	plain    map[uint32]uint32 // number -> verdict
	calls    []call            // numbers whose verdict depends on arguments
	fallback uint32            // verdict for all other numbers
}

// assemble gives the program. The architecture is checked first, then single numbers and ranges of them with one verdict, then calls with arguments,
// each of which ends in a return of its own.
func (p policy) assemble() ([]instruction, error) {
	prog := []instruction{
		{opLoad, 0, 0, offArch},
		{opEq, 1, 0, p.arch},
		{opRet, 0, 0, retKill},
		{opLoad, 0, 0, offNumber},
	}
	if p.x32 {
		prog = append(prog, instruction{opGe, 0, 1, x32Bit}, instruction{opRet, 0, 0, retKill})
	}
	numbers := make([]uint32, 0, len(p.plain))
	for n := range p.plain {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for i := 0; i < len(numbers); {
		j := i + 1
		for j < len(numbers) && numbers[j] == numbers[j-1]+1 && p.plain[numbers[j]] == p.plain[numbers[i]] {
			j++
		}
		lo, hi, verdict := numbers[i], numbers[j-1], p.plain[numbers[i]]
		if lo == hi {
			prog = append(prog, instruction{opEq, 0, 1, lo}, instruction{opRet, 0, 0, verdict})
		} else {
			prog = append(prog, instruction{opGe, 0, 2, lo}, instruction{opGt, 1, 0, hi}, instruction{opRet, 0, 0, verdict})
		}
		i = j
	}
	for _, c := range p.calls {
		if _, twice := p.plain[c.number]; twice {
			return nil, fmt.Errorf("couldn't assemble filter: call %d has two rules", c.number)
		}
		body := c.body()
		if len(body) > 255 {
			return nil, fmt.Errorf("couldn't assemble filter: call %d has too many conditions", c.number)
		}
		prog = append(prog, instruction{opEq, 0, uint8(len(body)), c.number})
		prog = append(prog, body...)
	}
	prog = append(prog, instruction{opRet, 0, 0, p.fallback})
	if len(prog) > maxInstructions {
		return nil, fmt.Errorf("couldn't assemble filter: %d instructions of at most %d", len(prog), maxInstructions)
	}
	return prog, nil
}

// body is the part of the program that decides one call once its number is known.
func (c call) body() []instruction {
	var out []instruction
	for _, alternative := range c.alternatives {
		// All of an alternative, so that a failed condition knows how far the next one is.
		var tests []instruction
		var fails []int // indexes in tests whose jf leads to the next alternative
		for _, t := range alternative {
			low := uint32(offArgs + 8*t.arg)
			if t.wide {
				fails = append(fails, len(tests)+1)
				tests = append(tests, instruction{opLoad, 0, 0, low + 4}, instruction{opEq, 0, 0, 0})
			}
			tests = append(tests, instruction{opLoad, 0, 0, low})
			if t.mask != 0xffffffff {
				tests = append(tests, instruction{opAnd, 0, 0, t.mask})
			}
			fails = append(fails, len(tests))
			tests = append(tests, instruction{opEq, 0, 0, t.value})
		}
		tests = append(tests, instruction{opRet, 0, 0, c.verdict})
		for _, i := range fails {
			tests[i].jf = uint8(len(tests) - i - 1)
		}
		out = append(out, tests...)
	}
	return append(out, instruction{opRet, 0, 0, c.otherwise})
}

// encode gives the program as the kernel reads it: an array of struct sock_filter, little endian (as are both architectures), 8 bytes each.
func encode(prog []instruction) []byte {
	out := make([]byte, 0, 8*len(prog))
	for _, i := range prog {
		out = binary.LittleEndian.AppendUint16(out, i.code)
		out = append(out, i.jt, i.jf)
		out = binary.LittleEndian.AppendUint32(out, i.k)
	}
	return out
}
