package verify

import (
	"fmt"
	"math"

	"github.com/nanteos/nanteos/grail"
)

// proofPlan is what the proof check knows before the model runs.
type proofPlan struct {
	indices      []int // challenged positions, ascending
	coefficients grail.Coefficients
}

// planProof is the part of check 4 before the model runs (section 7.8, steps 1 to 9). The verdict counts when ok is false.
func planProof(r grail.Rules, w *Window, row *grail.Row) (plan proofPlan, v Verdict, ok bool) {
	c := &row.Commit
	no := func(reason, remedy string) (proofPlan, Verdict, bool) {
		return plan, refuse(CheckProof, Hard, reason, remedy), false
	}
	n := len(c.Tokens)
	switch {
	case n == 0:
		return no("there are no tokens", "write the ids of prompt and completion")
	case !r.Accepts(c.ProofVersion):
		return no(fmt.Sprintf("proof version %.20q is not among %q", c.ProofVersion, r.AcceptedVersions), "write "+r.ProofVersion)
	case row.Null.Has(grail.NullCommitments) || c.Commitments.Len() == 0:
		return no("there are no commitments", "write one sketch a token")
	case c.Commitments.Len() != n:
		return no(fmt.Sprintf("%d commitments for %d tokens", c.Commitments.Len(), n), "write one sketch a token, prompt included")
	case int(c.Rollout.CompletionLength) < r.MinCompletionTokens:
		_, v, _ := no(fmt.Sprintf("the completion has %d tokens, at least %d are needed", c.Rollout.CompletionLength, r.MinCompletionTokens),
			"drop groups with shorter completions")
		return plan, v.atLeast(float64(c.Rollout.CompletionLength), float64(r.MinCompletionTokens), "tokens"), false
	}
	if err := r.VerifyCommit(c, w.Miner); err != nil {
		_, v, _ := no(err.Error(), "sign the commit binding with the miner's hotkey after the last change of tokens, beacon, model or commitments")
		v.Err = err
		return plan, v, false
	}
	claim := c.Model.CheckpointWindow
	if claim == nil && !row.Null.Has(grail.NullCheckpointWindow) {
		claim = &row.CheckpointWindow
	}
	if w.CheckpointWindow != nil && claim != nil && *claim != *w.CheckpointWindow {
		return no(fmt.Sprintf("the commit is of checkpoint %d, the window's is %d", *claim, *w.CheckpointWindow), "load the window's checkpoint before generating")
	}
	if c.Model.LayerIndex != r.LayerIndex {
		return no(fmt.Sprintf("layer_index is %d instead of %d", c.Model.LayerIndex, r.LayerIndex), "sketch the last hidden state, after the final norm")
	}
	text, isText := c.Beacon.Text()
	if !isText || text == "" {
		return no("beacon.randomness is missing", "write the window's randomness")
	}
	if r.BindBeacon {
		if w.ExpectedBeacon == "" {
			return plan, cannotTell(CheckProof, "the window's beacon value isn't known"), false
		}
		if text != w.ExpectedBeacon {
			return no(fmt.Sprintf("the beacon randomness %.16s… is not the window's %.16s…", text, w.ExpectedBeacon),
				"use the beacon round of the window's first block; this network compares it")
		}
	}
	var err error
	if plan.coefficients, err = grail.NewCoefficients(text); err != nil {
		return no(err.Error(), "write the window's randomness in hex")
	}
	p, e := int(c.Rollout.PromptLength), int(c.Rollout.PromptLength)+int(c.Rollout.CompletionLength)
	plan.indices, err = grail.ChallengeIndicesInRange(c.Tokens, w.ChallengeRandomness, p, e, r.ChallengePositions)
	if err != nil {
		if p < 0 || e < p {
			return no(err.Error(), "write the lengths of prompt and completion")
		}
		return plan, cannotTell(CheckProof, err.Error()), false
	}
	if len(plan.indices) > 0 && plan.indices[len(plan.indices)-1] >= n {
		return no(fmt.Sprintf("the claimed lengths reach position %d of %d", e, n), "write the lengths of prompt and completion")
	}
	return plan, pass(CheckProof, Hard, ""), true
}

// checkSketches is the rest of check 4: the miner's sketches against those of the validator's model.
func checkSketches(r grail.Rules, c *grail.Commit, plan proofPlan, own []int64, keep int) Verdict {
	positions := plan.indices
	unit, remedy := "distance of sketches", "sketch with the window's checkpoint, bf16 or better, at every position, with the beacon that the commit names"
	if r.Proof == grail.ProofEquality {
		positions = make([]int, len(c.Tokens))
		for i := range positions {
			positions[i] = i
		}
		remedy = "run the network's engine with the window's checkpoint; this network compares for equality"
	}
	at := make([]Position, 0, len(positions))
	bad, worst := 0, -1
	for _, i := range positions {
		if i >= len(own) {
			return cannotTell(CheckProof, fmt.Sprintf("the replay has %d positions, position %d is asked", len(own), i))
		}
		s, err := r.CompareSketch(i, own[i], c.Commitments)
		if err != nil {
			v := refuse(CheckProof, Hard, err.Error(), "write an integer sketch at every position")
			v.Err = err
			return v
		}
		claimed := math.NaN()
		if x, ok := c.Commitments.Sketch(i); ok {
			claimed = float64(x)
		}
		p := Position{Index: i, Own: float64(own[i]), Claimed: claimed, Deviation: s.Distance, Limit: float64(s.Tolerance), OK: s.OK}
		at = append(at, p)
		if !s.OK {
			bad++
		}
		if worst < 0 || worse(p, at[worst]) {
			worst = len(at) - 1
		}
	}
	v := pass(CheckProof, Hard, fmt.Sprintf("all %d sketches agree with the model", len(at)))
	if len(at) == 0 {
		return refuse(CheckProof, Hard, "no position was drawn", "write a completion")
	}
	if bad > 0 {
		v = refuse(CheckProof, Hard, fmt.Sprintf("%d of %d sketches disagree with the model, the worst at position %d", bad, len(at), at[worst].Index), remedy)
	}
	v = v.atMost(at[worst].Deviation, at[worst].Limit, unit)
	v.Positions = largest(at, keep)
	return v
}

// worse says whether a is further out than b: failed before passed, then by the margin.
func worse(a, b Position) bool {
	if a.OK != b.OK {
		return !a.OK
	}
	return a.Deviation-a.Limit > b.Deviation-b.Limit
}

// cannotTell makes the verdict of a failure on the validator's side.
func cannotTell(check, reason string) Verdict {
	v := refuse(check, Hard, "the validator couldn't check this: "+reason, "nothing: the fault is the validator's")
	v.Unjudged = true
	v.Err = fmt.Errorf("%w: %s: %s", ErrUnjudged, check, reason)
	return v
}
