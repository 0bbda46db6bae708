package grpo

import (
	"math"
	"slices"
)

// Scores are what a model says of a micro-batch: one list a sequence, one value a token of its completion.
type Scores struct {
	LogProbs [][]float64
	// Entropy is the mean entropy in nats of the predictions of a sequence's completion, 0 for an empty one.
	Entropy []float64
}

// Loss is the loss of a micro-batch with its derivatives.
type Loss struct {
	// Total is Policy + KL + Entropy.
	Total, Policy, KL, Entropy float64
	// ByLogProb are the derivatives of Total by Scores.LogProbs, ByEntropy by Scores.Entropy.
	ByLogProb [][]float64
	ByEntropy []float64
	// Divergence is the mean ½(c − f)² over tokens. ClipFraction and CeilingFraction are the parts of the ratios beyond the clip and beyond RatioMax.
	Divergence, ClipFraction, CeilingFraction float64
	// Ratios are those of the sequences, for people.
	Ratios []float64
	// Advantages are those used, clipped.
	Advantages []float64
	// Finite says that all numbers that went in and came out are finite. An epoch learns nothing from a micro-batch where they are not.
	Finite bool
	// byPolicy and byKL are the parts of ByLogProb.
	byPolicy, byKL [][]float64
	// poisoned: the reference would make the whole step not a number.
	poisoned bool
}

// Divisor is what variants divide by.
type Divisor struct {
	// Tokens is dapo's: the completion tokens of the micro-batch in the reference, of the optimizer step otherwise, where bnpo has it too.
	Tokens int
	// Width is dr_grpo's: the longest completion.
	Width int
}

// Loss computes the loss of a micro-batch (B7). current are the scores of the model in training, reference those of the model to stay close to (nil
// LogProbs: none).
func (c Config) Loss(batch []Sequence, current, reference Scores, by Divisor) Loss {
	n := len(batch)
	l := Loss{ByLogProb: make([][]float64, n), ByEntropy: make([]float64, n), Ratios: make([]float64, n), Finite: true}
	advantages := make([]float64, n)
	own := 0
	for i, s := range batch {
		advantages[i] = s.Advantage
		l.byPolicy = append(l.byPolicy, make([]float64, len(current.LogProbs[i])))
		l.byKL = append(l.byKL, make([]float64, len(current.LogProbs[i])))
		l.ByLogProb[i] = make([]float64, len(current.LogProbs[i]))
		own += len(current.LogProbs[i])
		l.Finite = l.Finite && finite(s.Behaviour) && finite(current.LogProbs[i])
		l.poisoned = l.poisoned || !finite(current.LogProbs[i])
		if reference.LogProbs != nil {
			l.Finite = l.Finite && finite(reference.LogProbs[i])
		}
	}
	l.Advantages = clipByQuantile(advantages, c.AdvantageClip)
	if c.NoRatio {
		c.plain(&l, batch, current)
	} else {
		c.ratios(&l, batch, current, own, by)
	}
	if c.KL > 0 && reference.LogProbs != nil {
		var sum float64
		for i := range batch {
			for t, x := range current.LogProbs[i] {
				d := x - reference.LogProbs[i][t]
				sum += float64(0.5 * d * d)
				l.byKL[i][t] = c.KL * d / float64(max(1, own))
			}
		}
		l.Divergence = sum / float64(max(1, own))
		l.KL = c.KL * l.Divergence
	}
	if c.Entropy != 0 && len(current.Entropy) == n && n > 0 {
		var sum float64
		for i, h := range current.Entropy {
			sum += h
			l.ByEntropy[i] = -c.Entropy / float64(n)
		}
		l.Entropy = -c.Entropy * sum / float64(n)
	}
	l.Total = l.Policy + l.KL + l.Entropy
	l.Finite = l.Finite && !math.IsNaN(l.Total) && !math.IsInf(l.Total, 0)
	for i, d := range l.byPolicy {
		for t := range d {
			l.ByLogProb[i][t] = d[t] + l.byKL[i][t]
		}
	}
	return l
}

// silence makes a loss that can't be used one that teaches nothing.
func (l *Loss) silence() {
	for i := range l.byPolicy {
		clear(l.byPolicy[i])
		clear(l.byKL[i])
		clear(l.ByLogProb[i])
	}
	clear(l.ByEntropy)
	l.Total, l.Policy, l.KL, l.Entropy = 0, 0, 0, 0
}

// plain is the policy gradient without ratios: −mean(A·Σc).
func (c Config) plain(l *Loss, batch []Sequence, current Scores) {
	n := float64(len(current.LogProbs))
	for i, xs := range current.LogProbs {
		l.Ratios[i] = c.ratio(c.moved(batch[i], xs), 0).raw
		for t, x := range xs {
			l.Policy -= l.Advantages[i] * x / n
			l.byPolicy[i][t] = -l.Advantages[i] / n
		}
	}
}

// ratios is the clipped loss over importance ratios.
func (c Config) ratios(l *Loss, batch []Sequence, current Scores, own int, by Divisor) {
	n := len(batch)
	// weight of a token of sequence i in the mean
	weight := func(i int) float64 {
		switch c.Variant {
		case BNPO:
			if !c.Quirks && by.Tokens > 0 {
				return 1 / float64(by.Tokens)
			}
			return 1 / float64(max(1, own))
		case DrGRPO:
			return 1 / float64(n*max(1, by.Width))
		case DAPO:
			if by.Tokens == 0 {
				if c.Quirks {
					return math.NaN()
				}
				return 0
			}
			return 1 / float64(by.Tokens)
		}
		return 1 / float64(n*max(1, len(current.LogProbs[i])))
	}
	var clipped, ceiling, counted float64
	for i, s := range batch {
		xs := current.LogProbs[i]
		w, count := weight(i), float64(len(xs))
		if c.Level == TokenLevel {
			for t, x := range xs {
				r := c.ratio(x-behaviour(s, t), l.Advantages[i])
				l.Policy += w * r.term
				l.byPolicy[i][t] = w * r.slope
				clipped, ceiling, counted = clipped+r.clipped, ceiling+r.ceiling, counted+1
			}
			l.Ratios[i] = c.ratio(c.moved(s, xs), 0).raw
			continue
		}
		r := c.ratio(c.moved(s, xs), l.Advantages[i])
		l.Ratios[i] = r.raw
		l.Policy += w * r.term * count
		for t := range xs { // the mean over tokens gives each 1/count of the slope, and the term stands count times
			l.byPolicy[i][t] = w * r.slope
		}
		clipped, ceiling, counted = clipped+r.clipped, ceiling+r.ceiling, counted+1
	}
	if len(batch) > 0 && c.Variant == DAPO && by.Tokens == 0 && c.Quirks {
		l.Policy = math.NaN()
	}
	l.ClipFraction, l.CeilingFraction = clipped/max(1, counted), ceiling/max(1, counted)
}

// term is the loss of one ratio: −min(ρA, clip(ρ)A), and its slope by the logarithm of the ratio.
// raw is the ratio
// before it is cut at RatioMax.
type term struct{ raw, term, slope, clipped, ceiling float64 }

func (c Config) ratio(logRatio, advantage float64) term {
	x := max(-c.LogRatioClamp, min(c.LogRatioClamp, logRatio))
	moving := logRatio >= -c.LogRatioClamp && logRatio <= c.LogRatioClamp
	rho := math.Exp(x)
	t := term{raw: rho}
	if c.RatioMax > 0 && rho > c.RatioMax {
		rho, moving, t.ceiling = c.RatioMax, false, 1
	}
	low, high := 1-c.ClipLow, 1+c.ClipHigh
	bounded := max(low, min(high, rho))
	if rho < low || rho > high {
		t.clipped = 1
	}
	free, held := rho*advantage, bounded*advantage
	t.term = -min(free, held)
	if moving && free <= held { // within the clip both are equal, and both move
		t.slope = -advantage * rho
	}
	return t
}

// moved is the mean of the logarithms of a sequence's ratios, or with ratios of tokens their sum; 0 for an empty one.
func (c Config) moved(s Sequence, now []float64) float64 {
	var sum float64
	for t, x := range now {
		sum += x - behaviour(s, t)
	}
	if c.Level == TokenLevel {
		return sum
	}
	return sum / max(1, float64(len(now)))
}

// behaviour is the log-probability of token t when it was sampled, 0 where the miner gave none.
func behaviour(s Sequence, t int) float64 {
	if t < len(s.Behaviour) {
		return s.Behaviour[t]
	}
	return 0
}

// clipByQuantile bounds values by the percentile of their size, interpolated linearly.
func clipByQuantile(xs []float64, percentile float64) []float64 {
	out := slices.Clone(xs)
	if percentile <= 0 || percentile >= 100 || len(xs) == 0 {
		return out
	}
	sizes := make([]float64, len(xs))
	for i, x := range xs {
		sizes[i] = math.Abs(x)
	}
	slices.Sort(sizes)
	at := percentile / 100 * float64(len(sizes)-1)
	i := int(at)
	q := sizes[i]
	if i+1 < len(sizes) {
		q += float64((at - float64(i)) * (sizes[i+1] - sizes[i]))
	}
	for i, x := range out {
		out[i] = max(-q, min(q, x))
	}
	return out
}

func finite(xs []float64) bool {
	return !slices.ContainsFunc(xs, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}
