package weights

import (
	"fmt"
	"math"
)

// Max is the largest weight on chain, which stands for 1.
const Max = math.MaxUint16

// Scheme is whose arithmetic normalises weights. The zero Scheme is SDK10.
type Scheme struct {
	wide  bool   // stay in float64
	clip  bool   // to limit
	limit uint16 // share of the sum, in 1/65535
}

var (
	// SDK10 is the arithmetic of the Python SDK's versions 8, 9 and 10.
	SDK10 = Scheme{}
	// SDK11 is that of version 11. On a subnet with a MaxWeightsLimit it clips first: see WithLimit.
	SDK11 = Scheme{wide: true}
)

// WithLimit returns the scheme for a subnet with that MaxWeightsLimit. Only SDK11 heeds it, and not at all at 65,535, which is no limit. A
// single weight of the validator for itself is exempt on chain; use SDK11 without a limit for it.
func (s Scheme) WithLimit(limit uint16) Scheme {
	s.clip, s.limit = s.wide && limit < Max, limit
	return s
}

// String names the scheme.
func (s Scheme) String() string {
	switch {
	case s.clip:
		return fmt.Sprintf("SDK 11 with limit %d", s.limit)
	case s.wide:
		return "SDK 11"
	}
	return "SDK 10"
}

// Normalize scales weights so that the largest is 65,535, rounds half to even and drops those that become zero. The order is kept. When
// all weights are zero both results are empty: submit nothing then. Errors wrap ErrWeights.
//
// The results belong to the caller. uids are not checked for duplicates (Limits does).
func Normalize(uids []uint16, w []float64, scheme Scheme) (kept, values []uint16, err error) {
	if err := check(uids, w); err != nil {
		return nil, nil, fmt.Errorf("couldn't normalise weights: %w", err)
	}
	scaled := make([]float64, len(w))
	copy(scaled, w)
	if !scheme.wide {
		for i, v := range w {
			f := float32(v)
			if math.IsInf(float64(f), 1) {
				return nil, nil, fmt.Errorf("couldn't normalise weights: %w: weight %v of uid %d is beyond float32", ErrWeights, v, uids[i])
			}
			scaled[i] = float64(f)
		}
	}
	top := largest(scaled)
	if top == 0 {
		return []uint16{}, []uint16{}, nil
	}
	if scheme.clip {
		if scaled, err = Clip(scaled, float64(scheme.limit)/Max); err != nil {
			return nil, nil, fmt.Errorf("couldn't normalise weights: %w", err)
		}
		top = largest(scaled)
	}
	kept, values = make([]uint16, 0, len(w)), make([]uint16, 0, len(w))
	for i, v := range scaled {
		// Both SDKs divide and multiply in float64.
		if q := math.RoundToEven(float64(v/top) * Max); q != 0 {
			kept, values = append(kept, uids[i]), append(values, uint16(q))
		}
	}
	return kept, values, nil
}

func largest(w []float64) float64 {
	top := 0.0
	for _, v := range w {
		top = max(top, v)
	}
	return top
}

// Upscale is what the chain does to the values of a weight transaction before it stores them: it scales them so that the largest is
// 65,535. Its numbers have 32 bits behind the point and are cut off there; the result is rounded, halves up.
func Upscale(values []uint16) []uint16 {
	out := make([]uint16, len(values))
	var top uint64
	for _, v := range values {
		top = max(top, uint64(v))
	}
	if top == 0 {
		return out
	}
	const half = 1 << 31
	for i, v := range values {
		var q uint64 // 32.32
		if top > 32768 {
			q = uint64(v) * ((Max << 32) / top) // the ratio first, so that the product stays in range
		} else {
			q = (uint64(v) * Max << 32) / top
		}
		out[i] = uint16((q + half) >> 32)
	}
	return out
}

// Version returns the SDK's way of writing a version as a number: major·10^6 + minor·10^3 + patch. SDK 9 and 10 send their own as the
// version key of weights; the chain asks for at least the subnet's WeightsVersionKey.
func Version(major, minor, patch uint64) uint64 { return major*1_000_000 + minor*1_000 + patch }
