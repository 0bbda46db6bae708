package grpo

import (
	"math"

	"github.com/nanteos/nanteos/internal/cpython"
)

// means gathers what Metrics are the means of: one value a micro-batch, norms one a step.
type means struct {
	loss, policy, kl, entropy, divergence, norm, entropyMean []float64
	advantageMean, advantageSD, ratioMean, ratioSD           []float64
	clip, ceiling, rewardMean, rewardSD                      []float64
	clippedMean, clippedSD                                   []float64
}

func (s *means) add(batch []Sequence, now Scores, l Loss) {
	advantages, rewards := make([]float64, len(batch)), make([]float64, len(batch))
	for i, b := range batch {
		advantages[i], rewards[i] = b.Advantage, b.Reward
	}
	put := func(to *[]float64, x float64) { *to = append(*to, x) }
	put(&s.loss, l.Total)
	put(&s.policy, l.Policy)
	put(&s.kl, l.KL)
	put(&s.entropy, l.Entropy)
	put(&s.divergence, l.Divergence)
	put(&s.entropyMean, mean(now.Entropy))
	put(&s.advantageMean, mean(advantages))
	put(&s.advantageSD, sampleSD(advantages))
	put(&s.clippedMean, mean(l.Advantages))
	put(&s.clippedSD, sampleSD(l.Advantages))
	put(&s.ratioMean, mean(l.Ratios))
	put(&s.ratioSD, sampleSD(l.Ratios))
	put(&s.clip, l.ClipFraction)
	put(&s.ceiling, l.CeilingFraction)
	put(&s.rewardMean, mean(rewards))
	put(&s.rewardSD, sampleSD(rewards))
}

func (s *means) into(m *Metrics) {
	m.Loss, m.Policy, m.KL, m.Entropy, m.Divergence, m.Norm = mean(s.loss), mean(s.policy), mean(s.kl), mean(s.entropy), mean(s.divergence), mean(s.norm)
	m.EntropyMean, m.AdvantageMean, m.AdvantageSD = mean(s.entropyMean), mean(s.advantageMean), mean(s.advantageSD)
	m.RatioMean, m.RatioSD, m.ClipFraction, m.CeilingFraction = mean(s.ratioMean), mean(s.ratioSD), mean(s.clip), mean(s.ceiling)
	m.ClippedMean, m.ClippedSD = mean(s.clippedMean), mean(s.clippedSD)
	m.RewardMean, m.RewardSD = mean(s.rewardMean), mean(s.rewardSD)
}

func mean(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	return cpython.Sum(xs) / float64(len(xs))
}

// sampleSD is the standard deviation of a sample, 0 for fewer than two values.
func sampleSD(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m := mean(xs)
	squares := make([]float64, len(xs))
	for i, x := range xs {
		squares[i] = float64((x - m) * (x - m))
	}
	return math.Sqrt(cpython.Sum(squares) / float64(len(xs)-1))
}
