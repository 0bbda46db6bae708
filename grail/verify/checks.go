package verify

import (
	"fmt"
	"math"
	"slices"

	"github.com/nanteos/nanteos/grail"
)

// checkSchema is check 1 (section 7.5).
func checkSchema(r grail.Rules, row *grail.Row) Verdict {
	if err := r.CheckSchema(row); err != nil {
		v := refuse(CheckSchema, Hard, err.Error(), "write the fields of section 5.2 in their types and ranges")
		v.Err = err
		return v
	}
	return pass(CheckSchema, Hard, "fields are there, in range and add up")
}

// checkTokens is check 2 (section 7.6).
func checkTokens(r grail.Rules, w *Window, tokens []int32) Verdict {
	if len(tokens) == 0 {
		return refuse(CheckTokens, Hard, "there are no tokens", "write the ids of prompt and completion")
	}
	if w.VocabSize > 0 {
		for i, t := range tokens {
			if t < 0 || int(t) >= w.VocabSize {
				return refuse(CheckTokens, Hard, fmt.Sprintf("id %d at position %d is outside the vocabulary of %d", t, i, w.VocabSize),
					"use the tokenizer of the window's checkpoint").atMost(float64(t), float64(w.VocabSize-1), "token id")
			}
		}
	}
	limit := w.MaxLength
	if limit <= 0 {
		limit = r.DefaultContext
	}
	if len(tokens) > limit {
		return refuse(CheckTokens, Hard, fmt.Sprintf("%d tokens don't fit in the model's context of %d", len(tokens), limit),
			"stop completions at the context's end").atMost(float64(len(tokens)), float64(limit), "tokens")
	}
	return pass(CheckTokens, Hard, "ids are in the vocabulary and fit in the context").atMost(float64(len(tokens)), float64(limit), "tokens")
}

// checkPrompt is check 3 (section 7.7) against the canonical prompt.
func checkPrompt(c *grail.Commit, prompt []int32) Verdict {
	const remedy = "render the prompt of this group's seed: hotkey, window hash with 0x and rollout_group, with the checkpoint's template"
	p, n := int(c.Rollout.PromptLength), len(c.Tokens)
	switch {
	case p != len(prompt):
		return refuse(CheckPrompt, Hard, fmt.Sprintf("prompt_length is %d, the prompt has %d tokens", p, len(prompt)), remedy).
			atMost(math.Abs(float64(p-len(prompt))), 0, "tokens of difference in length")
	case int64(p)+int64(c.Rollout.CompletionLength) != int64(n):
		return refuse(CheckPrompt, Hard, fmt.Sprintf("prompt and completion add up to %d for %d tokens", int64(p)+int64(c.Rollout.CompletionLength), n), remedy)
	case len(prompt) > n:
		return refuse(CheckPrompt, Hard, fmt.Sprintf("the prompt has %d tokens, the rollout only %d", len(prompt), n), remedy)
	}
	var at []Position
	differ := 0
	for i, t := range prompt {
		if c.Tokens[i] != t {
			differ++
			if len(at) < 8 {
				at = append(at, Position{Index: i, Own: float64(t), Claimed: float64(c.Tokens[i]), Deviation: 1})
			}
		}
	}
	if differ > 0 {
		v := refuse(CheckPrompt, Hard, fmt.Sprintf("%d of %d prompt tokens differ, the first at position %d", differ, len(prompt), at[0].Index), remedy).
			atMost(float64(differ), 0, "tokens that differ")
		v.Positions = at
		return v
	}
	return pass(CheckPrompt, Hard, "the prompt is the one of this group's seed").atMost(0, 0, "tokens that differ")
}

// completionLimit is the length at which a completion may end without end token.
func completionLimit(r grail.Rules, w *Window) int {
	if w.Params != nil && w.Params.MaxTokens > 0 {
		return min(w.Params.MaxTokens, r.MaxCompletionTokens)
	}
	return r.MaxCompletionTokens
}

// checkTermination is check 5 (section 7.9); eosProb gives the probability of the end token at the last position and is asked only
// where that decides.
func checkTermination(r grail.Rules, w *Window, c *grail.Commit, eosProb func() (float64, bool)) Verdict {
	const unit = "probability of the end token"
	if len(c.Tokens) == 0 {
		return refuse(CheckTermination, Hard, "there are no tokens", "write the ids of prompt and completion")
	}
	limit, n := completionLimit(r, w), int(c.Rollout.CompletionLength)
	if n > limit {
		return refuse(CheckTermination, Hard, fmt.Sprintf("the completion has %d tokens, the limit is %d", n, limit),
			"generate with the checkpoint's max_tokens").atMost(float64(n), float64(limit), "tokens")
	}
	if n == limit {
		return pass(CheckTermination, Hard, "the completion is as long as the limit, so it needs no end token").atMost(float64(n), float64(limit), "tokens")
	}
	last := c.Tokens[len(c.Tokens)-1]
	if w.EOS < 0 {
		return refuse(CheckTermination, Hard, "the tokenizer has no end token", "report it to the trainer: no completion below the limit can pass")
	}
	if last != w.EOS {
		return refuse(CheckTermination, Hard, fmt.Sprintf("the last token is %d, not the end token %d, and the completion is shorter than %d", last, w.EOS, limit),
			"keep the end token, and don't cut completions off below max_tokens")
	}
	p, ok := eosProb()
	if !ok {
		return refuse(CheckTermination, Hard, "there is no position before the last token", "write prompt and completion")
	}
	if !(p >= r.MinEOSProbability) {
		return refuse(CheckTermination, Hard, fmt.Sprintf("the model ends here with probability %.3g only, %.3g is the least", p, r.MinEOSProbability),
			"don't append the end token yourself; drop groups whose completions end improbably").atLeast(p, r.MinEOSProbability, unit)
	}
	return pass(CheckTermination, Hard, "the completion ends with a probable end token").atLeast(p, r.MinEOSProbability, unit)
}

// checkReward is check 7 (section 7.11).
func checkReward(r grail.Rules, claimed, own float64) Verdict {
	const unit = "difference of rewards"
	diff := math.Abs(claimed - own)
	limit := math.Max(r.RewardRelTolerance*math.Max(math.Abs(claimed), math.Abs(own)), r.RewardAbsTolerance)
	ok := claimed == own
	if !ok && !math.IsInf(claimed, 0) && !math.IsInf(own, 0) {
		ok = diff <= limit // false for NaN
	}
	if ok {
		if math.IsNaN(diff) { // equal infinities
			diff, limit = 0, 0
		}
		return pass(CheckReward, Soft, fmt.Sprintf("the claimed reward %.6g is the environment's", claimed)).atMost(diff, limit, unit)
	}
	return refuse(CheckReward, Soft, fmt.Sprintf("the claimed reward is %.6g, the environment gives %.6g", claimed, own),
		"grade with the environment and parameters of the window's checkpoint").atMost(diff, limit, unit)
}

// checkLogProbs is check 8 (section 7.12). own holds the model's log-probability of every position; present says whether it is there.
func checkLogProbs(r grail.Rules, c *grail.Commit, indices []int, own []float64, keep int) Verdict {
	const unit = "median of exp(|difference|)-1"
	claimed := c.Rollout.TokenLogprobs
	switch {
	case int(c.Rollout.CompletionLength) < r.MinCompletionTokens:
		return refuse(CheckLogProbs, Hard, fmt.Sprintf("the completion has %d tokens, at least %d are needed", c.Rollout.CompletionLength, r.MinCompletionTokens),
			"drop groups with shorter completions").atLeast(float64(c.Rollout.CompletionLength), float64(r.MinCompletionTokens), "tokens")
	case len(claimed) != len(c.Tokens):
		return refuse(CheckLogProbs, Hard, fmt.Sprintf("token_logprobs has %d entries for %d tokens", len(claimed), len(c.Tokens)),
			"write one value a token: zeros for the prompt, then the completion's")
	}
	if r.Proof == grail.ProofEquality {
		return equalLogProbs(c, own, keep)
	}
	const remedy = "take log-probabilities from the raw logits of the checkpoint's model (no temperature), position i from row i-1"
	devs := make([]float64, 0, len(indices))
	at := make([]Position, 0, len(indices))
	for _, i := range indices {
		if i < 1 || i >= len(own) || i >= len(claimed) {
			return refuse(CheckLogProbs, Hard, fmt.Sprintf("position %d has no row before it", i), "start completions after a prompt")
		}
		diff := math.Abs(own[i] - claimed[i])
		dev := math.Exp(diff) - 1
		if math.IsInf(dev, 1) && !math.IsInf(diff, 1) {
			v := refuse(CheckLogProbs, Hard, fmt.Sprintf("the claim at position %d is off by %.6g, which overflows", i, diff), remedy).
				atMost(math.Inf(1), r.LogProbTolerance, unit)
			v.Positions = []Position{{Index: i, Own: own[i], Claimed: claimed[i], Deviation: math.Inf(1), Limit: r.LogProbTolerance}}
			return v
		}
		devs = append(devs, dev)
		at = append(at, Position{Index: i, Own: own[i], Claimed: claimed[i], Deviation: dev, Limit: r.LogProbTolerance, OK: dev <= r.LogProbTolerance})
	}
	if len(devs) == 0 {
		return refuse(CheckLogProbs, Hard, "no position was drawn", "write a completion")
	}
	median := pythonMedian(devs)
	v := pass(CheckLogProbs, Hard, "the claimed log-probabilities are the model's")
	if !(median <= r.LogProbTolerance) {
		bad := 0
		for _, p := range at {
			if !p.OK {
				bad++
			}
		}
		v = refuse(CheckLogProbs, Hard, fmt.Sprintf("%d of %d claimed log-probabilities are not the model's", bad, len(at)), remedy)
	}
	v = v.atMost(median, r.LogProbTolerance, unit)
	v.Positions = largest(at, keep)
	return v
}

// equalLogProbs wants every claimed log-probability of the completion to be the engine's, bit for bit as f32.
func equalLogProbs(c *grail.Commit, own []float64, keep int) Verdict {
	const unit = "log-probabilities that differ"
	claimed := c.Rollout.TokenLogprobs
	if len(own) != len(claimed) {
		return refuse(CheckLogProbs, Hard, fmt.Sprintf("%d positions were replayed of %d", len(own), len(claimed)), "")
	}
	var at []Position
	differ := 0
	for i := max(0, int(c.Rollout.PromptLength)); i < len(claimed); i++ {
		a, b := float32(own[i]), float32(claimed[i])
		if a == b {
			continue
		}
		differ++
		at = append(at, Position{Index: i, Own: own[i], Claimed: claimed[i], Deviation: math.Abs(own[i] - claimed[i])})
	}
	if differ > 0 {
		v := refuse(CheckLogProbs, Hard, fmt.Sprintf("%d of %d log-probabilities are not the engine's", differ, c.Rollout.CompletionLength),
			"run the network's engine with the window's checkpoint; this network compares for equality").atMost(float64(differ), 0, unit)
		v.Positions = largest(at, keep)
		return v
	}
	return pass(CheckLogProbs, Hard, "all log-probabilities are the engine's").atMost(0, 0, unit)
}

// largest keeps the n positions with the largest deviations, NaN first, largest first.
func largest(at []Position, n int) []Position {
	if n <= 0 {
		n = defaultPositions
	}
	slices.SortStableFunc(at, func(a, b Position) int {
		switch x, y := a.Deviation, b.Deviation; {
		case math.IsNaN(x) && !math.IsNaN(y), x > y:
			return -1
		case math.IsNaN(y) && !math.IsNaN(x), x < y:
			return 1
		}
		return 0
	})
	return at[:min(n, len(at))]
}

const defaultPositions = 5
