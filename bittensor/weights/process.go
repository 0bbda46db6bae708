package weights

import (
	"fmt"
	"math"
	"slices"
)

// Rules are what process_weights_for_netuid of the SDK's versions 8 to 10 takes from the subnet.
type Rules struct {
	// Neurons is the number of neurons on the subnet (SubnetworkN).
	Neurons int
	// MinAllowed is MinAllowedWeights.
	MinAllowed int
	// MaxWeight is the largest share of the sum that a weight may have, MaxWeightsLimit/65535.
	MaxWeight float64
	// ExcludeQuantile is the part of the weights to drop, the smallest first, in 1/65535. The SDK's default is 0.
	ExcludeQuantile uint16
	// ByPosition reproduces a fault of the reference: where positive weights are fewer than MinAllowed it adds the i-th weight to uid i,
	// whatever uids[i] is. It matters only where uids are not 0, 1, 2, …
	ByPosition bool
}

// Process fits weights to the rules and scales them to the sum 1, in NumPy's arithmetic to the bit (float32, as the SDK casts first):
//
//   - no positive weight, or fewer neurons than MinAllowed: equal weights for all neurons;
//   - fewer positive weights than MinAllowed: 10^-5 for every neuron and the weights on top, then NormalizeMax;
//   - otherwise the positive weights without the lowest quantile, then NormalizeMax.
//
// Errors wrap ErrWeights.
func (r Rules) Process(uids []uint16, w []float64) ([]uint16, []float64, error) {
	if err := check(uids, w); err != nil {
		return nil, nil, fmt.Errorf("couldn't process weights: %w", err)
	}
	if r.Neurons < 0 || r.Neurons > 1<<16 || r.MinAllowed < 0 || !(r.MaxWeight >= 0) {
		return nil, nil, fmt.Errorf("couldn't process weights: %w: %d neurons, at least %d weights of at most %v", ErrWeights, r.Neurons, r.MinAllowed, r.MaxWeight)
	}
	var positive []float32
	var at []int
	for i, v := range w {
		f := float32(v)
		if math.IsInf(float64(f), 1) {
			return nil, nil, fmt.Errorf("couldn't process weights: %w: weight %v of uid %d is beyond float32", ErrWeights, v, uids[i])
		}
		if f > 0 {
			positive, at = append(positive, f), append(at, i)
		}
	}
	if math.IsInf(float64(pairwise(positive)), 1) {
		return nil, nil, fmt.Errorf("couldn't process weights: %w: their sum is beyond float32", ErrWeights)
	}
	switch {
	case len(positive) == 0 || r.Neurons < r.MinAllowed:
		return everyone(r.Neurons), equal(r.Neurons), nil
	case len(positive) < r.MinAllowed:
		filled := make([]float64, r.Neurons)
		for i := range filled {
			filled[i] = 1e-5
		}
		for k, i := range at {
			to := int(uids[i])
			if r.ByPosition {
				to = i
			}
			if to >= r.Neurons {
				return nil, nil, fmt.Errorf("couldn't process weights: %w: uid %d on a subnet of %d neurons", ErrWeights, to, r.Neurons)
			}
			filled[to] += float64(positive[k])
		}
		return everyone(r.Neurons), NormalizeMax(filled, r.MaxWeight), nil
	}
	least := quantile(positive, min(float64(r.ExcludeQuantile)/Max, float64(max(0, len(positive)-r.MinAllowed))/float64(len(positive))))
	kept, rest := make([]uint16, 0, len(positive)), make([]float32, 0, len(positive))
	for k, v := range positive {
		if least <= v {
			kept, rest = append(kept, uids[at[k]]), append(rest, v)
		}
	}
	out := make([]float64, len(rest))
	for i, v := range NormalizeMax(rest, r.MaxWeight) {
		out[i] = float64(v)
	}
	return kept, out, nil
}

// quantile is NumPy's, linear between neighbours, in float32.
func quantile(w []float32, q float64) float32 {
	sorted := slices.Sorted(slices.Values(w))
	at := float32(q) * float32(len(sorted)-1)
	i := int(at)
	if i >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	t := at - float32(i)
	low, high := sorted[i], sorted[i+1]
	diff := high - low
	if t >= 0.5 {
		return high - float32(diff*(1-t))
	}
	return low + float32(diff*t)
}

// everyone lists the uids of a subnet of n neurons.
func everyone(n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(i)
	}
	return out
}
