package verify

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/grail"
)

// Distribution describes the probabilities of the chosen tokens (section 7.13). Fractions and the bimodality coefficient are for
// display only. With a NaN in the list, quantiles, mean and minimum are NaN and the coefficient is 0.
type Distribution struct {
	Mean       float64 // arithmetic
	Median     float64
	Q10        float64 // 10 % quantile, linear interpolation
	Min        float64
	LowFrac    float64 // share at most 0.10
	HighFrac   float64 // share at least 0.90
	MidFrac    float64 // the rest
	Bimodality float64 // (skewness²+1)/kurtosis from population moments
}

// Describe computes the figures of a list that is not empty.
func Describe(probs []float64) Distribution {
	n := float64(len(probs))
	var sum float64
	low, high, nan := 0, 0, false
	for _, p := range probs {
		sum += p
		nan = nan || math.IsNaN(p)
		if p <= 0.10 {
			low++
		}
		if p >= 0.90 {
			high++
		}
	}
	d := Distribution{Mean: sum / n, LowFrac: float64(low) / n, HighFrac: float64(high) / n}
	d.MidFrac = math.Max(0, 1-d.LowFrac-d.HighFrac)
	if nan {
		d.Median, d.Q10, d.Min = math.NaN(), math.NaN(), math.NaN()
		return d
	}
	s := slices.Clone(probs)
	slices.Sort(s)
	d.Min = s[0]
	if m := len(s) / 2; len(s)%2 == 1 {
		d.Median = s[m]
	} else {
		d.Median = (s[m-1] + s[m]) / 2
	}
	d.Q10 = quantile(s, 0.1)
	var m2, m3, m4 float64
	for _, p := range probs {
		x := p - d.Mean
		xx := float64(x * x)
		m2 += xx
		m3 += float64(xx * x)
		m4 += float64(xx * xx)
	}
	m2, m3, m4 = m2/n, m3/n, m4/n
	if m2 > 1e-12 { // a constant list has no shape
		const eps = 1e-12
		skew := m3 / (math.Pow(m2, 1.5) + eps)
		kurtosis := m4 / (float64(m2*m2) + eps)
		d.Bimodality = (float64(skew*skew) + 1) / math.Max(kurtosis, 1e-6)
	}
	return d
}

// quantile of a sorted list by linear interpolation as NumPy does it.
func quantile(s []float64, q float64) float64 {
	h := float64(q * float64(len(s)-1))
	lo := int(math.Floor(h))
	if lo+1 >= len(s) {
		return s[len(s)-1]
	}
	g := h - float64(lo)
	a, b := s[lo], s[lo+1]
	if g >= 0.5 {
		return b - float64((b-a)*(1-g))
	}
	return a + float64((b-a)*g)
}

// Suspicion says which figures of a distribution are suspicious.
type Suspicion struct {
	MedianLow     bool // median at most 0.30
	MinLow        bool // minimum at most 1e-5
	Q10Low        bool // 10 % quantile at most 0.025
	Q10LowInitial bool // the same of the first 50 values
}

// Any tells whether one of them holds.
func (s Suspicion) Any() bool { return s.MedianLow || s.MinLow || s.Q10Low || s.Q10LowInitial }

// JudgeDistribution computes the figures of the whole list and of its start, and what is suspicious. enough is false for a list
// shorter than the rules' minimum; then there are no figures.
func JudgeDistribution(r grail.Rules, probs []float64) (all, initial Distribution, s Suspicion, enough bool) {
	if len(probs) < max(1, r.DistributionMinSteps) {
		return all, initial, s, false
	}
	all = Describe(probs)
	initial = Describe(probs[:min(len(probs), max(1, r.DistributionInitialSteps))])
	s = Suspicion{
		MedianLow:     all.Median <= r.DistributionMedianMax,
		MinLow:        all.Min <= r.DistributionMinProbability,
		Q10Low:        all.Q10 <= r.DistributionLowQuantileMax,
		Q10LowInitial: initial.Q10 <= r.DistributionLowQuantileMax,
	}
	return all, initial, s, true
}

// checkDistribution is check 9.
func checkDistribution(r grail.Rules, probs []float64) Verdict {
	const remedy = "sample with the checkpoint's temperature and parameters; higher temperatures, other models and edited tokens look like this"
	all, initial, s, enough := JudgeDistribution(r, probs)
	if !enough {
		return refuse(CheckDistribution, Soft, fmt.Sprintf("insufficient: %d probabilities, at least %d are needed", len(probs), r.DistributionMinSteps), remedy).
			atLeast(float64(len(probs)), float64(r.DistributionMinSteps), "probabilities")
	}
	var why []string
	type figures struct {
		bad            bool
		what           string
		measured, most float64
	}
	list := []figures{
		{s.MedianLow, "median", all.Median, r.DistributionMedianMax},
		{s.MinLow, "minimum", all.Min, r.DistributionMinProbability},
		{s.Q10Low, "10 % quantile", all.Q10, r.DistributionLowQuantileMax},
		{s.Q10LowInitial, fmt.Sprintf("10 %% quantile of the first %d", r.DistributionInitialSteps), initial.Q10, r.DistributionLowQuantileMax},
	}
	shown := list[0]
	for _, f := range list {
		if !f.bad {
			continue
		}
		if len(why) == 0 {
			shown = f
		}
		why = append(why, fmt.Sprintf("%s %.3g (suspicious up to %.3g)", f.what, f.measured, f.most))
	}
	unit := shown.what + " of the chosen tokens' probabilities"
	if r.RefuseNaN && math.IsNaN(all.Mean) {
		return refuse(CheckDistribution, Soft, "a probability is not a number", remedy).atLeast(math.NaN(), r.DistributionMedianMax, unit)
	}
	if len(why) > 0 {
		return refuse(CheckDistribution, Soft, "the chosen tokens look picked, not sampled: "+strings.Join(why, ", "), remedy).
			atLeast(shown.measured, shown.most, unit)
	}
	return pass(CheckDistribution, Soft, "the chosen tokens look sampled").atLeast(shown.measured, shown.most, unit)
}

// SoftCutoff is the number of soft failures at which a miner fails, of planned rows (section 7.13).
func SoftCutoff(threshold float64, planned int) int {
	return max(1, int(math.Ceil(threshold*float64(max(1, planned)))))
}
