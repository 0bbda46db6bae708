package grail

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrSketch is the sentinel of a commitment that holds no number to compare: the reference raises, which fails the proof.
var ErrSketch = errors.New("commitment without a sketch")

// ErrPosition is the sentinel of a position, range or count that cannot be.
var ErrPosition = errors.New("invalid position")

// SketchTolerance returns the largest distance of two sketches at an absolute position (prompt included):
// trunc(base + growth·sqrt(position)), section 3.7. A negative position is an error that wraps ErrPosition.
func (r Rules) SketchTolerance(position int) (int64, error) {
	if position < 0 {
		return 0, fmt.Errorf("couldn't compute tolerance: %w: %d", ErrPosition, position)
	}
	return int64(r.SketchToleranceBase + float64(r.SketchToleranceGrowth*math.Sqrt(float64(position)))), nil
}

// SketchDistance returns the circular distance of two sketches in [0,Q).
func SketchDistance(a, b int64) int64 {
	d := a - b
	if d < 0 {
		d = -d
	}
	return min(d, Q-d)
}

// SketchVerdict is the outcome of comparing one sketch.
type SketchVerdict struct {
	// OK tells whether the miner's value passes.
	OK bool
	// OutOfRange tells that the miner's value is not an integer in [0,Q).
	OutOfRange bool
	// Distance is what was compared with the tolerance. Out of range it may be negative, infinite or NaN, and such beyond 2^53 is rounded.
	Distance float64
	// Tolerance is the limit: 0 under ProofEquality.
	Tolerance int64
}

// CompareSketch compares the validator's own sketch at a position, in [0,Q), with the miner's at the same place (section 3.8).
//
// Under the rules of the reference the miner's value may be any number, and one far out of range passes, because its distance goes
// negative. StrictSketchRange refuses all that is not an integer in [0,Q). ProofEquality wants the very same integer. An entry
// without a number is an error that wraps ErrSketch.
func (r Rules) CompareSketch(position int, own int64, miner Commitments) (SketchVerdict, error) {
	tolerance, err := r.SketchTolerance(position)
	if err != nil {
		return SketchVerdict{}, err
	}
	if r.Proof == ProofEquality {
		tolerance = 0
	}
	v, integer := miner.Sketch(position)
	if integer && v >= 0 && v < Q {
		d := SketchDistance(own, v)
		return SketchVerdict{OK: d <= tolerance, Distance: float64(d), Tolerance: tolerance}, nil
	}
	entry, err := miner.Number(position)
	if err != nil {
		return SketchVerdict{}, err
	}
	d, err := referenceDistance(own, entry)
	if err != nil {
		return SketchVerdict{}, err
	}
	out := SketchVerdict{OutOfRange: true, Tolerance: tolerance}
	if n, ok := d.BigInt(); ok {
		out.Distance, _ = new(big.Float).SetInt(n).Float64()
		out.OK = n.Cmp(big.NewInt(tolerance)) <= 0
	} else {
		out.Distance, _ = d.Float()
		out.OK = out.Distance <= float64(tolerance)
	}
	if r.StrictSketchRange || r.Proof == ProofEquality {
		out.OK = false
	}
	return out, nil
}

// referenceDistance is min(|own-m|, Q-|own-m|) with Python's numbers: integers of any size, floats, and booleans as 0 and 1.
func referenceDistance(own int64, miner cpython.Value) (cpython.Value, error) {
	if truth, ok := miner.Bool(); ok {
		miner = cpython.IntValue(0)
		if truth {
			miner = cpython.IntValue(1)
		}
	}
	if m, ok := miner.BigInt(); ok {
		d := new(big.Int).Sub(big.NewInt(own), m)
		d.Abs(d)
		if other := new(big.Int).Sub(big.NewInt(Q), d); other.Cmp(d) < 0 {
			d = other
		}
		return cpython.BigValue(d), nil
	}
	if m, ok := miner.Float(); ok {
		d := math.Abs(float64(own) - m)
		if other := Q - d; other < d {
			d = other
		}
		return cpython.FloatValue(d), nil
	}
	return cpython.Value{}, fmt.Errorf("couldn't compare sketch: %w: it is %s", ErrSketch, miner.Kind())
}
