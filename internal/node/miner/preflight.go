package miner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/node"
)

// Preflight runs the validator's own checks on groups before they are handed in.
type Preflight struct {
	Rules grail.Rules
	// Miner is the address of the own hotkey.
	Miner string
	// Model and Evaluator are those that the group was made with.
	Model     *node.Model
	Evaluator verify.Evaluator
}

// Group checks all rows of one group: every check of a validator, on every row, with positions drawn from public values instead of the challenge
// that nobody knows yet. With replay the model processes the sequences again; without, the proof pass is believed, which leaves all that a bug of
// assembly, prompt, grading, length or signature would break. The error is *Unfit where a validator would fail the miner.
func (p *Preflight) Group(ctx context.Context, w Window, rows []grail.Row, replay bool) error {
	if len(rows) != p.Rules.GroupSize {
		return &Unfit{verify.ReasonGroupSize, fmt.Sprintf("the group has %d rows instead of %d", len(rows), p.Rules.GroupSize), ""}
	}
	info := p.Model.Engine.Info()
	params := p.Model.Policy.Params
	rules := p.Rules
	var replayer verify.Replayer = p.Model.Engine
	if !replay {
		replayer = &claims{rows: rows, params: params, eos: info.EOS}
		if params.Temperature != 1 || params.RepetitionPenalty != 1 {
			rules.DistributionSoftThreshold = 2 // the proof pass knows the probabilities before temperature and penalty only
		}
	}
	all := make([]int64, len(rows))
	for i := range all {
		all[i] = int64(i)
	}
	c := verify.Checker{
		Rules: rules,
		Window: verify.Window{
			Miner: p.Miner, Start: w.Start, Hash: w.Hash, ChallengeRandomness: grail.MixRandomness(w.Hash, "preflight"),
			ExpectedBeacon: w.ExpectedBeacon(), CheckpointWindow: &w.Checkpoint, Params: &params,
			VocabSize: info.VocabSize, MaxLength: info.MaxLength, EOS: info.EOS, Dataset: w.Dataset,
		},
		Evaluator: p.Evaluator,
		Replayer:  replayer,
		Options:   verify.Options{Rows: all},
	}
	rep, err := c.Check(ctx, verify.Rows(windowfile.Metadata{Wallet: p.Miner, WindowStart: w.Start, WindowLength: rules.WindowLength, Dataset: w.Dataset}, rows))
	if err != nil {
		return fmt.Errorf("couldn't check group: %w", err)
	}
	if rep.OK {
		return nil
	}
	_, check, _ := strings.Cut(rep.Reason, ":")
	return &Unfit{check, rep.Cause, rep.Remedy}
}

// claims answers a replay with what the proof pass found, in the order of the rows.
type claims struct {
	rows   []grail.Row
	next   int
	params grail.GenerationParams
	eos    int32
}

var errOrder = errors.New("rows were asked for out of order")

// Replay answers the next requests.
func (c *claims) Replay(_ context.Context, requests []verify.ReplayRequest, _ grail.GenerationParams) ([]verify.Replay, error) {
	out := make([]verify.Replay, len(requests))
	for k, q := range requests {
		for c.next < len(c.rows) && !sameTokens(c.rows[c.next].Commit.Tokens, q.Tokens) {
			c.next++
		}
		if c.next == len(c.rows) {
			return nil, errOrder
		}
		m := &c.rows[c.next].Commit
		c.next++
		r := verify.Replay{Sketches: make([]int64, len(m.Tokens)), LogProbs: m.Rollout.TokenLogprobs, EOSProb: math.NaN()}
		for i := range r.Sketches {
			r.Sketches[i], _ = m.Commitments.Sketch(i)
		}
		if n := len(m.Tokens); n > 0 && m.Tokens[n-1] == c.eos && len(r.LogProbs) == n {
			r.EOSProb = math.Exp(r.LogProbs[n-1])
		}
		for _, lp := range r.LogProbs[min(max(q.PromptLength, 0), len(r.LogProbs)):] {
			r.ChosenProbs = append(r.ChosenProbs, math.Exp(lp))
		}
		out[k] = r
	}
	return out, nil
}

// sameTokens compares by identity: requests carry the rows' own slices.
func sameTokens(a, b []int32) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
