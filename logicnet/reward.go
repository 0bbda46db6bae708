package logicnet

import (
	"errors"
	"math"
)

// ErrBatch is the sentinel of a batch that cannot be scored at all.
var ErrBatch = errors.New("batch cannot be scored")

// Correctness values with a meaning of their own. Section 7.1.
const (
	Right = 1.0
	Wrong = 0.0
	Cheat = -1.0 // caught trying to talk the judge into something
)

// Reward returns what an answer earns, before the volume's share:
//
//	raw    = 0.3·similarity + 0.7·correctness − 0.05·min(seconds/timeout, 1)
//	reward = raw/2 + 0.5
//
// with the weights of the rules. Unless they say WrongEarns, correctness of 0 or less earns 0. Unless they KeepNaN, the result is in
// [0, 1]: values outside of their range count as its nearest end, values that are no numbers as the worst. Section 7.2.
func (r Rules) Reward(similarity, correctness, seconds, timeout float64) float64 {
	late := seconds / timeout
	if !r.KeepNaN {
		similarity = clamp(similarity, -1, 1)
		correctness = clamp(correctness, Cheat, Right)
		if !(late >= 0) { // NaN too; and nobody answers before it was asked
			late = 1
		}
	}
	if !r.WrongEarns && !(correctness > 0) {
		return 0
	}
	if r.GateSimilarity {
		similarity = float64(similarity * max(correctness, 0))
	}
	raw := float64(r.SimilarityWeight*similarity) + float64(r.CorrectnessWeight*correctness)
	raw += float64(-r.TimePenalty * math.Min(late, 1))
	reward := raw/2 + 0.5
	if !r.KeepNaN {
		reward = clamp(reward, 0, 1)
	}
	return reward
}

// Scaled returns a reward with the share that depends on the miner's volume. Section 7.2.
func (r Rules) Scaled(reward, scale float64) float64 {
	if !r.KeepNaN {
		scale = clamp(scale, 0, 1)
	}
	if reward > 0 {
		return reward * (float64(1-r.VolumeShare) + float64(r.VolumeShare*scale))
	}
	return reward
}

// clamp returns x within its bounds, the lower one for NaN.
func clamp(x, low, high float64) float64 {
	if !(x > low) {
		return low
	}
	return min(x, high)
}

// Response is what there is to say about one miner's answer.
type Response struct {
	UID int
	// Success says that the reply arrived with status 200.
	Success bool
	// Malformed says that the answer is no text (LogicSynapse.AnswerText).
	Malformed bool
	// Unscored says that nobody could tell whether the answer is right, because the judge failed. It earns nothing and costs nothing.
	Unscored bool
	// Similarity is that of the reasoning to the validator's, in [-1, 1]: see Rules.Similarities.
	Similarity float64
	// Correctness is from 0 to 1, or Cheat.
	Correctness float64
	// Seconds is how long the answer took by the validator's clock.
	Seconds float64
}

// Scored is the reward of one response.
type Scored struct {
	UID    int
	Index  int     // which of the responses
	Reward float64 // as it is reported, without the volume's share
	Scaled float64 // what counts for the miner
}

// RewardBatch rewards the responses of a batch: those that succeeded in their order, then the others with 0. Unscored ones are left out.
// scale gives the RewardScale of a uid (Table.RewardScale). The only error is ErrBatch, where the rules say BadAnswerVoidsBatch and an
// answer is malformed. Section 7.2.
func (r Rules) RewardBatch(responses []Response, scale func(uid int) float64) ([]Scored, error) {
	scored := make([]Scored, 0, len(responses))
	for i, a := range responses {
		if !a.Success || a.Unscored {
			continue
		}
		if a.Malformed && r.BadAnswerVoidsBatch {
			return nil, ErrBatch
		}
		if a.Malformed {
			a.Correctness = Wrong
		}
		reward := r.Reward(a.Similarity, a.Correctness, a.Seconds, float64(r.TimeoutSeconds))
		scored = append(scored, Scored{UID: a.UID, Index: i, Reward: reward, Scaled: r.Scaled(reward, scale(a.UID))})
	}
	for i, a := range responses {
		if !a.Success {
			scored = append(scored, Scored{UID: a.UID, Index: i})
		}
	}
	return scored, nil
}
