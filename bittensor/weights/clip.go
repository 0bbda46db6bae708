package weights

import (
	"fmt"
	"math"
	"slices"
)

// epsilon keeps the clipped maximum below the limit after rounding.
const epsilon = 1e-7

// real is a type of number in which the SDKs clip.
type real interface{ float32 | float64 }

// Clip scales weights to the sum 1 with none above limit, as SDK 11 does, in float64. Weights within the limit are only scaled. Otherwise
// everything above a cut is lowered to it, with the cut such that the largest share becomes the limit. A limit that no distribution can
// keep (limit ≤ 1/n) gives equal weights. Errors wrap ErrWeights and, where all weights are zero, ErrNothing.
func Clip(w []float64, limit float64) ([]float64, error) {
	for i, v := range w {
		if err := check([]uint16{0}, []float64{v}); err != nil {
			return nil, fmt.Errorf("%w: weight %d is %v", ErrWeights, i, v)
		}
	}
	if !(limit >= 0) {
		return nil, fmt.Errorf("%w: limit %v", ErrWeights, limit)
	}
	n := len(w)
	total := sum(w)
	if n == 0 || total <= 0 {
		return nil, ErrNothing
	}
	if math.IsInf(total, 1) {
		return nil, fmt.Errorf("%w: their sum is beyond float64", ErrWeights)
	}
	if float64(n)*limit <= 1 {
		return equal(n), nil
	}
	shares := make([]float64, n)
	for i, v := range w {
		shares[i] = v / total
	}
	sorted := slices.Sorted(slices.Values(shares))
	if sorted[n-1] <= limit {
		return shares, nil
	}
	return cutAt(w, cutoff(sorted, limit)*total, sum[float64]), nil
}

// NormalizeMax is the SDK's normalize_max_weight of versions 8 to 10: the same intent as Clip in NumPy's order of operations, which sums in
// pairs. All-zero weights give equal ones. T is the type of the array in Python. It does not check its
// input: weights must be finite and not negative, and so must their sum.
func NormalizeMax[T real](w []T, limit float64) []T {
	n := len(w)
	sorted := slices.Clone(w)
	slices.Sort(sorted)
	total, sortedTotal := pairwise(w), pairwise(sorted)
	if total == 0 || float64(n)*limit <= 1 {
		out := make([]T, n)
		for i := range out {
			out[i] = 1 / T(n)
		}
		return out
	}
	shares := make([]T, n)
	for i, v := range sorted {
		shares[i] = v / sortedTotal
	}
	if shares[n-1] <= T(limit) {
		out := make([]T, n)
		for i, v := range w {
			out[i] = v / total
		}
		return out
	}
	// The scale is a float64 in NumPy, for the count of kept weights is an int64 there; the cut weights are T again.
	return cutAt(w, T(cutoff(shares, limit)*float64(sortedTotal)), pairwise[T])
}

// cutoff finds the cut, as a share, for shares in rising order: the largest number of weights that can stay as they are is counted, and the
// others share what the limit gives them.
func cutoff[T real](sorted []T, limit float64) float64 {
	n := len(sorted)
	cum := make([]T, n)
	var run T
	kept := 0
	for i, e := range sorted {
		run += e
		cum[i] = run
		above := T(n-i-1) * e
		if e/(above+run+T(epsilon)) < T(limit) {
			kept++
		}
	}
	below := cum[n-1] // Python's index -1
	if kept > 0 {
		below = cum[kept-1]
	}
	numerator := float64(T(T(limit)*below) - T(epsilon))
	return numerator / (1 - float64(limit*float64(n-kept)))
}

// cutAt lowers weights above cut to it and scales to the sum 1.
func cutAt[T real](w []T, cut T, total func([]T) T) []T {
	out := make([]T, len(w))
	for i, v := range w {
		out[i] = min(v, cut)
	}
	t := total(out)
	for i := range out {
		out[i] /= t
	}
	return out
}

func equal(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1 / float64(n)
	}
	return out
}

// sum adds from left to right, as Python's sum does (before 3.12, which compensates).
func sum[T real](w []T) (s T) {
	for _, v := range w {
		s += v
	}
	return s
}

// pairwise adds as NumPy does: up to 8 terms in order, up to 128 in eight lanes, more by halves.
func pairwise[T real](w []T) T {
	n := len(w)
	switch {
	case n < 8:
		return sum(w)
	case n <= 128:
		var lane [8]T
		copy(lane[:], w)
		i := 8
		for ; i+8 <= n; i += 8 {
			for k := range lane {
				lane[k] += w[i+k]
			}
		}
		s := ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
		for ; i < n; i++ {
			s += w[i]
		}
		return s
	}
	half := n / 2
	half -= half % 8
	return pairwise(w[:half]) + pairwise(w[half:])
}
