package verify

import (
	"math"

	"github.com/nanteos/nanteos/grail"
)

// These are the definitions of what a Replay holds, for engines that hand out logits. All work in single precision, as the reference.

// LogProb is log_softmax(logits)[token] (section 4.4).
func LogProb(logits []float32, token int32) float64 {
	top := maximum(logits)
	var sum float32
	for _, x := range logits {
		sum += float32(math.Exp(float64(x - top)))
	}
	return float64(logits[token] - top - float32(math.Log(float64(sum))))
}

// Prob is softmax(logits)[token].
func Prob(logits []float32, token int32) float64 {
	top := maximum(logits)
	var sum float32
	for _, x := range logits {
		sum += float32(math.Exp(float64(x - top)))
	}
	return float64(float32(math.Exp(float64(logits[token]-top))) / sum)
}

// ChosenProb is the probability of token after the repetition penalty over the tokens before it (prompt included, once an id) and the
// temperature (section 7.13); top-k and top-p don't count. scratch of the length of logits is overwritten.
func ChosenProb(scratch, logits []float32, before []int32, token int32, p grail.GenerationParams) float64 {
	copy(scratch, logits)
	if p.RepetitionPenalty != 1 {
		penalty := float32(p.RepetitionPenalty)
		for _, id := range before {
			if id < 0 || int(id) >= len(logits) {
				continue
			}
			if s := logits[id]; s < 0 {
				scratch[id] = s * penalty
			} else {
				scratch[id] = s / penalty
			}
		}
	}
	if p.Temperature != 1 {
		t := float32(p.Temperature)
		for i := range scratch {
			scratch[i] /= t
		}
	}
	return Prob(scratch, token)
}

func maximum(xs []float32) float32 {
	top := float32(math.Inf(-1))
	for _, x := range xs {
		top = max(top, x)
	}
	return top
}
