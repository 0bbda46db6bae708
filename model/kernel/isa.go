package kernel

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// Names of the instruction sets for SetISA, fastest first.
const (
	AVX512  = "avx512"  // AVX-512 F, BW, DQ and VL
	AVX2    = "avx2"    // AVX2, FMA3 and F16C
	Generic = "generic" // portable Go, exact and slow
)

// ErrISA says that the processor lacks the instruction set, or that there is
// none of that name; choose one of ISAs.
var ErrISA = errors.New("instruction set not available")

type isaLevel = int32

const (
	levelGeneric isaLevel = iota
	levelAVX2
	levelAVX512
)

var levelNames = [...]string{levelGeneric: Generic, levelAVX2: AVX2, levelAVX512: AVX512}

// active is the level in use; every kernel reads it once a call.
var active atomic.Int32

func init() { active.Store(detect()) }

// ISAs lists the instruction sets that this processor and build can run,
// fastest first. Generic is always the last.
func ISAs() []string {
	var names []string
	for l := detect(); l >= levelGeneric; l-- {
		names = append(names, levelNames[l])
	}
	return names
}

// ISA returns the name of the instruction set in use.
func ISA() string { return levelNames[active.Load()] }

// SetISA chooses the instruction set: one of ISAs, or "" for the fastest. It
// changes speed, never a bit. Call it at the start of the program; a
// call while kernels run is safe, and takes effect from the next kernel on.
// The error wraps ErrISA.
func SetISA(name string) error {
	if name == "" {
		active.Store(detect())
		return nil
	}
	for l := detect(); l >= levelGeneric; l-- {
		if levelNames[l] == name {
			active.Store(l)
			return nil
		}
	}
	return fmt.Errorf("couldn't use instruction set %q: %w: use one of %s", name, ErrISA, strings.Join(ISAs(), ", "))
}
