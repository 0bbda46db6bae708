package score

import (
	"errors"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
)

// ErrBurn is the sentinel of a burn share that can't be.
var ErrBurn = errors.New("impossible burn share")

// Neuron is a place in the metagraph.
type Neuron struct {
	UID    int
	Hotkey string
}

// Input is what weights are computed from.
type Input struct {
	// Target is the start of the last processed window.
	Target int64
	// Neurons are all of the metagraph, in its order.
	Neurons []Neuron
	// Availability counts the windows in which each hotkey uploaded.
	Availability map[string]int
	// Metrics are the results by hotkey and window.
	Metrics map[string]map[int64]verify.Metrics
}

// Score explains one weight.
type Score struct {
	UID    int    `json:"uid"`
	Hotkey string `json:"hotkey"`
	// Unique is the number of distinct rollouts that counts, extrapolated over the windows and before the cap.
	Unique float64 `json:"unique"`
	// CapShare is Unique over the cap of the period, 0 without a cap.
	CapShare float64 `json:"cap_share"`
	// Available is the number of windows with an upload, Checked those with a result, Failures those with a failure.
	Available int `json:"available"`
	Checked   int `json:"checked"`
	Failures  int `json:"failures"`
	// Share is the part of what isn't burned, Weight the weight.
	Share  float64 `json:"share"`
	Weight float64 `json:"weight"`
	// Why says in plain words what a weight of 0 comes from.
	Why string `json:"why,omitempty"`
}

// Windows lists the windows that weights look at, oldest first: WeightWindows of them up to target, not below block 0.
func Windows(r grail.Rules, target int64) []int64 {
	start := max(0, target-r.WindowLength*int64(r.WeightWindows-1))
	var out []int64
	for w := start; w <= target; w += r.WindowLength {
		out = append(out, w)
	}
	return out
}

// Weights computes the weight of every neuron, in their order (A13). The weights add up to 1 where anything is to be distributed.
func Weights(r grail.Rules, in Input) ([]Score, error) {
	if !(r.BurnPercent >= 0) || math.IsInf(r.BurnPercent, 0) {
		return nil, fmt.Errorf("couldn't compute weights: %w: %v percent", ErrBurn, r.BurnPercent)
	}
	windows := Windows(r, in.Target)
	limit := float64(r.UniqueCap) * float64(r.WeightWindows)
	scores := make([]Score, len(in.Neurons))
	raw := make([]float64, len(in.Neurons))
	for i, n := range in.Neurons {
		s := &scores[i]
		*s = Score{UID: n.UID, Hotkey: n.Hotkey, Available: in.Availability[n.Hotkey]}
		s.Unique, s.Checked, s.Failures, s.Why = uniqueOf(in, n.Hotkey, windows)
		u := s.Unique
		if r.UniqueCapEnabled {
			s.CapShare = u / limit
			u = math.Min(u, limit)
		}
		raw[i] = math.Pow(math.Max(0, u), r.ScoreExponent)
		if u <= 0 {
			raw[i] = 0
		}
	}
	shares, total := distribute(r, raw, limit)
	for i, w := range burn(r, in.Neurons, shares, total) {
		scores[i].Share, scores[i].Weight = shares[i], w
	}
	return scores, nil
}

// uniqueOf extrapolates the unique rollouts of a hotkey.
func uniqueOf(in Input, hotkey string, windows []int64) (unique float64, checked, failures int, why string) {
	var sum int64
	for _, w := range windows {
		m, ok := in.Metrics[hotkey][w]
		if !ok {
			continue
		}
		checked++
		sum += m.EstimatedUnique
		if m.HadFailure == 1 {
			failures++
		}
	}
	available := in.Availability[hotkey]
	switch {
	case available == 0:
		return 0, checked, failures, "no upload in the windows looked at"
	case failures > 0:
		return 0, checked, failures, "a failure in the windows looked at"
	case checked == 0:
		return 0, 0, 0, "never checked in the windows looked at"
	}
	unique = float64(sum) * float64(available) / float64(checked)
	if unique <= 0 {
		return 0, checked, 0, "no unique rollouts"
	}
	return unique, checked, 0, ""
}

// distribute turns scores into shares. total is what they claim together: at most 1 with a cap, where less than 1 leaves a rest to burn.
func distribute(r grail.Rules, raw []float64, limit float64) (shares []float64, total float64) {
	shares = make([]float64, len(raw))
	if !r.UniqueCapEnabled {
		sum := Sum(raw)
		if sum > 0 {
			for i := range raw {
				shares[i] = raw[i] / sum
			}
		}
		return shares, 1
	}
	full := math.Pow(limit, r.ScoreExponent)
	for i := range raw {
		shares[i] = raw[i] / full
	}
	total = Sum(shares)
	if total > 1 {
		for i := range shares {
			shares[i] /= total
		}
	}
	return shares, total
}

// burn gives the burned share and what nobody claims to the burn UID.
func burn(r grail.Rules, neurons []Neuron, shares []float64, total float64) []float64 {
	weights := make([]float64, len(shares))
	at := -1
	for i, n := range neurons {
		if n.UID == r.BurnUID {
			at = i
			break
		}
	}
	if at < 0 || r.BurnPercent == 0 && total >= 1 {
		copy(weights, shares)
		return weights
	}
	if r.UniqueCapEnabled && total <= 0 {
		weights[at] = 1
		return weights
	}
	keep := 1 - math.Min(100, r.BurnPercent)/100
	keep = math.Min(keep, keep*total)
	sum := Sum(shares)
	if sum <= 0 {
		weights[at] = 1
		return weights
	}
	var others []float64
	for i := range shares {
		if i == at {
			continue
		}
		weights[i] = shares[i] * keep / sum
		others = append(others, weights[i])
	}
	weights[at] = 1 - Sum(others)
	return weights
}

// Weights computes the weights of the metagraph after the last processed window. Under AlignAvailability uploads are counted over the
// same windows as results; the reference counts the last processed ones, which pays validators' gaps to miners (F6).
func (s *State) Weights(r grail.Rules, neurons []Neuron) ([]Score, error) {
	return Weights(r, s.Input(r, neurons))
}

// Input is what Weights computes from.
func (s *State) Input(r grail.Rules, neurons []Neuron) Input {
	counts := s.Available.Counts()
	if r.AlignAvailability {
		counts = s.Available.CountsIn(Windows(r, s.LastWindow))
	}
	return Input{Target: s.LastWindow, Neurons: neurons, Availability: counts, Metrics: s.Metrics}
}
