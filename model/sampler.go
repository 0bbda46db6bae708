package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/nanteos/nanteos/model/kernel"
)

// Sampling are the parameters of generation. The zero value of a field other
// than Temperature turns its effect off.
type Sampling struct {
	MaxTokens         int     // most tokens of a completion; 0: up to the model's context
	Temperature       float64 // divides the logits; 0 with Greedy false is an error
	Greedy            bool    // take the most likely token (lowest id on a tie) after the penalty
	TopK              int     // keep the k most likely tokens (all that tie with the last); 0 or below: all
	TopP              float64 // keep the smallest set of likely tokens with this much probability; 0 or 1: all
	RepetitionPenalty float64 // divides positive and multiplies negative logits of tokens seen before; 0 or 1: none
	Stop              []int32 // tokens that end a completion and belong to it; nil: the configuration's EOS
}

func (p *Sampling) validate() error {
	bad := func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) || x < 0 }
	switch {
	case p.MaxTokens < 0:
		return fmt.Errorf("max tokens is %d, want 0 or more", p.MaxTokens)
	case bad(p.Temperature) || (p.Temperature == 0 && !p.Greedy):
		return fmt.Errorf("temperature is %g, want a positive number (or greedy)", p.Temperature)
	case bad(p.TopP) || p.TopP > 1:
		return fmt.Errorf("top p is %g, want 0 to 1", p.TopP)
	case bad(p.RepetitionPenalty):
		return fmt.Errorf("repetition penalty is %g, want a positive number", p.RepetitionPenalty)
	}
	return nil
}

// sampler chooses the tokens of one sequence. What it does depends on the
// seed, the parameters and the logits only.
type sampler struct {
	p     Sampling
	rng   *rand.Rand
	seen  []int32 // distinct tokens so far
	bits  []uint64
	order []int32
}

// newSampler starts a sampler: its generator is PCG with the seed as state.
func newSampler(p Sampling, seed uint64, vocab int) *sampler {
	s := &sampler{p: p, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	if p.RepetitionPenalty != 0 && p.RepetitionPenalty != 1 {
		s.bits = make([]uint64, (vocab+63)/64)
	}
	return s
}

// note records tokens for the repetition penalty.
func (s *sampler) note(tokens ...int32) {
	if s.bits == nil {
		return
	}
	for _, t := range tokens {
		if s.bits[t/64]&(1<<(t%64)) == 0 {
			s.bits[t/64] |= 1 << (t % 64)
			s.seen = append(s.seen, t)
		}
	}
}

// penalise applies the repetition penalty to the logits of the given distinct tokens.
func penalise(logits []float32, seen []int32, penalty float32) {
	for _, t := range seen {
		if logits[t] < 0 {
			logits[t] *= penalty
		} else {
			logits[t] /= penalty
		}
	}
}

// next chooses a token from logits[vocab], which it overwrites. The order of the
// steps is that of Hugging Face and vLLM: penalty, temperature, top k, top p.
func (s *sampler) next(logits []float32) int32 {
	if s.bits != nil {
		penalise(logits, s.seen, float32(s.p.RepetitionPenalty))
	}
	if s.p.Greedy {
		best := 0
		for i, v := range logits {
			if v > logits[best] {
				best = i
			}
		}
		return int32(best)
	}
	if s.p.Temperature != 1 {
		divide(logits, float32(s.p.Temperature))
	}
	s.filter(logits)
	top := kernel.Max(logits)
	for i, v := range logits {
		logits[i] = v - top
	}
	kernel.Exp(logits, logits)
	var sum float64
	for _, v := range logits {
		sum += float64(v)
	}
	at := float64(s.rng.Float64() * sum)
	last := int32(0)
	for i, v := range logits {
		if v > 0 {
			last = int32(i)
			at -= float64(v)
			if at < 0 {
				return last
			}
		}
	}
	return last
}

func divide(x []float32, by float32) {
	for i := range x {
		x[i] /= by
	}
}

// filter sets the logits that top k and top p exclude to -Inf.
func (s *sampler) filter(logits []float32) {
	k, p := s.p.TopK, s.p.TopP
	topK := k > 0 && k < len(logits)
	if !topK && (p == 0 || p == 1) {
		return
	}
	if s.order == nil {
		s.order = make([]int32, len(logits))
	}
	order := s.order[:len(logits)]
	for i := range order {
		order[i] = int32(i)
	}
	// Descending, the lower id first on a tie.
	compare := func(a, b int32) int {
		switch x, y := logits[a], logits[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return int(a - b)
	}
	none := float32(math.Inf(-1))
	if topK {
		limit := kthLargest(logits, k)
		kept := order[:0]
		for i, v := range logits {
			if v < limit {
				logits[i] = none
			} else {
				kept = append(kept, int32(i))
			}
		}
		order = kept
	}
	if p == 0 || p == 1 {
		return
	}
	slices.SortFunc(order, compare)
	top := logits[order[0]]
	probs := make([]float32, len(order))
	for i, t := range order {
		probs[i] = logits[t] - top
	}
	kernel.Exp(probs, probs)
	var sum float64
	for _, v := range probs {
		sum += float64(v)
	}
	var before float64
	for i, t := range order {
		if i > 0 && before >= p*sum {
			logits[t] = none
		}
		before += float64(probs[i])
	}
}

// kthLargest returns the k-th largest value (k from 1), by quickselect with a
// fixed choice of pivots on a copy.
func kthLargest(x []float32, k int) float32 {
	v := append([]float32(nil), x...)
	lo, hi := 0, len(v)-1
	for lo < hi {
		a, b, c := v[lo], v[(lo+hi)/2], v[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for v[i] > pivot {
				i++
			}
			for v[j] < pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return v[k-1]
		}
	}
	return v[lo]
}
