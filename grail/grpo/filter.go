package grpo

import (
	"cmp"
	"math"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Reason says why a group was filtered out.
type Reason string

// The filters, in the order in which they are asked (B4, step 7).
const (
	WrongSize        Reason = "size"            // not exactly GroupSize members
	UnevenAdvantages Reason = "advantage_sum"   // the advantages don't cancel out
	EqualRewards     Reason = "equal_rewards"   // nothing to tell good from bad
	TooLong          Reason = "too_long"        // a completion is longer than MaxCompletion
	FewSuccesses     Reason = "few_successes"   // too small a part is solved
	LowReward        Reason = "low_reward"      // too little reward per token
	LowQuantile      Reason = "low_quantile"    // among the worst by reward per token
	TooMany          Reason = "too_many_groups" // MaxGroups better ones are there
)

// Filters decide which groups are trained on. DefaultFilters are the reference's.
type Filters struct {
	GroupSize          int     // members of a group: 16
	AdvantageTolerance float64 // of the sum of advantages: 0.01
	MaxCompletion      int     // tokens; 0: any
	MinSuccess         float64 // part of the members that succeed; 0: any
	MinRewardPerToken  float64 // 0: any
	DropQuantile       float64 // part of the groups dropped, worst first; 0 for none
	MaxGroups          int     // 32
	RewardWeight       float64 // of reward per token in the ranking: 0.7
	VarianceWeight     float64 // of the variance of advantages in the ranking: 0.3
}

// DefaultFilters returns the reference's settings (B11).
func DefaultFilters() Filters {
	return Filters{GroupSize: 16, AdvantageTolerance: 0.01, MaxCompletion: 8192, MaxGroups: 32, RewardWeight: 0.7, VarianceWeight: 0.3}
}

// RewardPerToken is the mean over members of reward / max(1, completion tokens).
func (g Group) RewardPerToken() float64 {
	xs := make([]float64, len(g.Rollouts))
	for i, r := range g.Rollouts {
		xs[i] = r.Reward / float64(max(1, r.Completion))
	}
	return cpython.Sum(xs) / float64(max(1, len(xs)))
}

// Score is what groups are ranked by.
func (f Filters) Score(g Group) float64 {
	return float64(f.RewardWeight*g.RewardPerToken()) + float64(f.VarianceWeight*g.advantageVariance())
}

// advantageVariance is the population variance.
func (g Group) advantageVariance() float64 {
	if len(g.Rollouts) == 0 {
		return 0
	}
	xs := make([]float64, len(g.Rollouts))
	for i, r := range g.Rollouts {
		xs[i] = r.Advantage
	}
	mean := cpython.Sum(xs) / float64(len(xs))
	for i, x := range xs {
		xs[i] = float64((x - mean) * (x - mean))
	}
	return cpython.Sum(xs) / float64(len(xs))
}

// reject says why a group alone is not worth training on, or "".
func (f Filters) reject(g Group) Reason {
	n := len(g.Rollouts)
	if n != f.GroupSize {
		return WrongSize
	}
	sum, equal, successes := make([]float64, n), true, 0
	for i, r := range g.Rollouts {
		sum[i] = r.Advantage
		equal = equal && r.Reward == g.Rollouts[0].Reward
		if r.Success {
			successes++
		}
	}
	if !(math.Abs(cpython.Sum(sum)) < f.AdvantageTolerance) {
		return UnevenAdvantages
	}
	if equal {
		return EqualRewards
	}
	if f.MaxCompletion > 0 && slices.ContainsFunc(g.Rollouts, func(r Rollout) bool { return r.Completion > f.MaxCompletion || r.Completion < 0 }) {
		return TooLong
	}
	if f.MinSuccess > 0 && float64(successes)/float64(n) < f.MinSuccess {
		return FewSuccesses
	}
	if f.MinRewardPerToken > 0 && g.RewardPerToken() < f.MinRewardPerToken {
		return LowReward
	}
	return ""
}

// Apply returns the groups to train on, in the order of their input, or of their rank where there are more than MaxGroups; and how many were left out
// for each reason.
func (f Filters) Apply(groups []Group) ([]Group, map[Reason]int) {
	out, dropped := make([]Group, 0, len(groups)), map[Reason]int{}
	for _, g := range groups {
		if why := f.reject(g); why != "" {
			dropped[why]++
			continue
		}
		out = append(out, g)
	}
	if q := f.DropQuantile; q > 0 && q < 1 && len(out) > 0 {
		slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(a.RewardPerToken(), b.RewardPerToken()) })
		n := int(float64(len(out)) * q)
		dropped[LowQuantile] += n
		out = out[n:]
	}
	if f.MaxGroups > 0 && len(out) > f.MaxGroups {
		slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(f.Score(b), f.Score(a)) })
		dropped[TooMany] += len(out) - f.MaxGroups
		out = out[:f.MaxGroups]
	}
	for r, n := range dropped {
		if n == 0 {
			delete(dropped, r)
		}
	}
	return out, dropped
}
