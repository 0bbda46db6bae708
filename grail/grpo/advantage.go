package grpo

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrConfig says that a setting names nothing that exists.
var ErrConfig = errors.New("unknown setting")

// Estimator says how rewards become advantages (B5).
type Estimator string

// The estimators.
const (
	EstimateGRPO   Estimator = "grpo"    // (r − mean) / standard deviation
	EstimateDrGRPO Estimator = "dr_grpo" // r − mean
	EstimateDAPO   Estimator = "dapo"    // ranks, from −1 to 1
)

// Advantages returns one advantage a reward, by the configured estimator. The error wraps ErrConfig for one that does not exist.
func (c Config) Advantages(rewards []float64) ([]float64, error) {
	e := c.Estimator
	if len(rewards) == 0 && (e == EstimateGRPO || e == EstimateDrGRPO || e == EstimateDAPO) {
		return []float64{}, nil
	}
	switch e {
	case EstimateGRPO:
		if !c.Quirks {
			return grail.Advantages(rewards), nil
		}
		out := centred(rewards, plainSum)
		squares := make([]float64, len(out))
		for i, x := range out {
			squares[i] = float64(x * x)
		}
		sd := max(math.Sqrt(plainSum(squares)/float64(len(out))), 1e-8)
		for i := range out {
			out[i] /= sd
		}
		return out, nil
	case EstimateDrGRPO:
		if c.Quirks {
			return centred(rewards, plainSum), nil
		}
		return centred(rewards, cpython.Sum), nil
	case EstimateDAPO:
		return ranks(rewards), nil
	}
	return nil, fmt.Errorf("couldn't estimate advantages by %.40q: %w: want grpo, dr_grpo or dapo", string(e), ErrConfig)
}

// centred returns the rewards less their mean.
func centred(rewards []float64, sum func([]float64) float64) []float64 {
	mean := sum(rewards) / float64(len(rewards))
	out := make([]float64, len(rewards))
	for i, r := range rewards {
		out[i] = r - mean
	}
	return out
}

// plainSum adds from left to right, which is how the reference's trainer was recorded: equal rewards may leave a residue.
func plainSum(xs []float64) float64 {
	var sum float64
	for _, x := range xs {
		sum += x
	}
	return sum
}

// ranks maps rewards to 2·rank/(n−1) − 1; equal rewards share the mean of their ranks.
func ranks(rewards []float64) []float64 {
	n := len(rewards)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rewards[a], rewards[b]) })
	out := make([]float64, n)
	for i := 0; i < n; {
		j := i
		for j+1 < n && rewards[order[j+1]] == rewards[order[i]] {
			j++
		}
		for k := i; k <= j; k++ {
			out[order[k]] = float64(2*(float64(i+j)/2))/float64(max(n-1, 1)) - 1
		}
		i = j + 1
	}
	return out
}
