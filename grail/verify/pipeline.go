package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/grail"
)

// pipeline runs the checks of the planned rows. The model runs on sixteen rows at a time, and on no row behind one that is known to fail:
// which row fails first, and by which check, is the same as when one row is finished after the other.
type pipeline struct {
	c       *Checker
	rows    []grail.Row
	state   []rowState
	nonces  map[int64]bool
	null    bool
	next    int // rows before it are prepared
	prompts map[int64]promptResult
	signed  func(*grail.Row) error // grail.VerifyRow
	dataset string                 // FileReport.Dataset
}

type promptResult struct {
	tokens []int32
	err    error
}

// rowState is how far a row has come.
type rowState struct {
	res    rowResult
	plan   proofPlan
	wants  bool // the model has to run on it
	stop   bool // a hard failure before the model runs
	replay *Replay
	err    error // why it didn't run
}

func newPipeline(c *Checker, rows []grail.Row) *pipeline {
	return &pipeline{c: c, rows: rows, state: make([]rowState, len(rows)), nonces: map[int64]bool{}, prompts: map[int64]promptResult{}, signed: grail.VerifyRow}
}

// row finishes planned row i.
func (p *pipeline) row(ctx context.Context, i int) (rowResult, error) {
	if err := p.prepare(ctx, i); err != nil {
		return rowResult{}, err
	}
	s := &p.state[i]
	if s.wants && s.replay == nil && s.err == nil {
		if err := p.replayFrom(ctx, i); err != nil {
			return rowResult{}, err
		}
	}
	if s.res.skipped == "" && (!s.stop || p.c.Options.All) {
		if err := p.finish(ctx, i); err != nil {
			return rowResult{}, err
		}
	}
	s.replay = nil
	return s.res, nil
}

// prepare runs what comes before the model on rows up to i.
func (p *pipeline) prepare(ctx context.Context, i int) error {
	for ; p.next <= i; p.next++ {
		if err := p.before(ctx, p.next); err != nil {
			return err
		}
	}
	return nil
}

// before checks the row's place and signature (section 7.3) and runs checks 1 to 4 as far as the model isn't needed.
func (p *pipeline) before(ctx context.Context, i int) error {
	row, s, all := &p.rows[i], &p.state[i], p.c.Options.All
	add := func(v Verdict) bool { // whether the row goes on
		s.res.verdicts = append(s.res.verdicts, v)
		if !v.OK && v.Severity == Hard {
			s.stop = true
		}
		return all || !s.stop
	}
	if row.Null.Has(grail.NullCommit) {
		s.res.skipped = "the commit is null"
		s.stop = true
		return nil
	}
	for _, v := range p.place(row) {
		if !add(v) {
			return nil
		}
	}
	if !add(checkSchema(p.c.Rules, row)) || !add(checkTokens(p.c.Rules, &p.c.Window, row.Commit.Tokens)) {
		return nil
	}
	v, err := p.prompt(ctx, row)
	if err != nil {
		return err
	}
	if !add(v) {
		return nil
	}
	plan, v, ok := planProof(p.c.Rules, &p.c.Window, row)
	if !ok {
		add(v)
		// Explaining runs the model all the same, where the sequence allows it.
		s.wants = all && plan.coefficients != (grail.Coefficients{}) && len(plan.indices) > 0
		s.plan = plan
		return nil
	}
	s.plan, s.wants = plan, true
	return nil
}

// place is what section 7.3 asks of a row before the checks. With Options.All every failure is listed.
func (p *pipeline) place(row *grail.Row) (bad []Verdict) {
	w, r := &p.c.Window, p.c.Rules
	if w.CheckpointWindow != nil && (row.Null.Has(grail.NullCheckpointWindow) || row.CheckpointWindow != *w.CheckpointWindow) {
		bad = append(bad, rowVerdict("checkpoint_window", fmt.Sprintf("checkpoint_window is %d, the window's checkpoint is %d", row.CheckpointWindow, *w.CheckpointWindow),
			"load the newest checkpoint that was ready at the window's start"))
	}
	if reason, detail := w.place(row); reason != "" {
		bad = append(bad, rowVerdict(reason, detail, "write the row for this window, with the block hash as the chain gives it"))
	}
	dup := p.nonces[row.Nonce]
	if row.Null.Has(grail.NullNonce) {
		dup, p.null = p.null, true
	} else {
		p.nonces[row.Nonce] = true
	}
	if dup {
		bad = append(bad, rowVerdict(ReasonNonce, fmt.Sprintf("nonce %d was used before", row.Nonce), "take nonces as group·16 + index"))
	}
	if err := p.signed(row); err != nil {
		v := rowVerdict("signature", err.Error(), "sign the challenge text with the miner's hotkey")
		v.Err = err
		bad = append(bad, v)
	}
	if row.Null.Has(grail.NullRolloutGroup) {
		bad = append(bad, rowVerdict(ReasonNullGroup, "rollout_group is null", "write the problem index"))
	}
	if err := r.CheckRowBinding(row, w.Miner); err != nil {
		v := rowVerdict("binding", err.Error(), "sign |block hash|nonce as the miner, with nonce = group·16 + index")
		v.Err = err
		bad = append(bad, v)
	}
	return bad
}

// prompt is check 3. The prompts of a group are rendered once.
func (p *pipeline) prompt(ctx context.Context, row *grail.Row) (Verdict, error) {
	got, ok := p.prompts[row.RolloutGroup]
	if !ok {
		got.tokens, got.err = p.c.Evaluator.PromptTokens(ctx, p.seed(row))
		p.prompts[row.RolloutGroup] = got
	}
	if got.err != nil {
		if err := ctx.Err(); err != nil {
			return Verdict{}, err
		}
		// A prompt depends on hotkey, window and group only, so a failure to render it is never the miner's.
		return cannotTell(CheckPrompt, got.err.Error()), nil
	}
	return p.explain(checkPrompt(&row.Commit, got.tokens)), nil
}

// explain adds to a refusal that comes of other problems that the datasets differ.
func (p *pipeline) explain(v Verdict) Verdict {
	if !v.OK && p.dataset != "" {
		v.Reason, v.Remedy = v.Reason+": "+p.dataset, datasetRemedy
	}
	return v
}

func (p *pipeline) seed(row *grail.Row) uint32 {
	return grail.EnvSeed(p.c.Window.Miner, p.c.Window.Hash, row.RolloutGroup)
}

// replayFrom runs the model on row i and those after it that will be needed too, a batch at most.
func (p *pipeline) replayFrom(ctx context.Context, i int) error {
	var batch []int
	var requests []ReplayRequest
	for j := i; j < len(p.rows) && len(batch) < max(1, p.c.Rules.ProofBatch); j++ {
		if err := p.prepare(ctx, j); err != nil {
			return err
		}
		s := &p.state[j]
		if s.stop && !p.c.Options.All {
			break
		}
		if !s.wants || s.replay != nil || s.err != nil {
			continue
		}
		c := &p.rows[j].Commit
		batch = append(batch, j)
		requests = append(requests, ReplayRequest{Tokens: c.Tokens, PromptLength: int(c.Rollout.PromptLength), Coefficients: s.plan.coefficients})
	}
	params := grail.GenerationParams{Temperature: 1, RepetitionPenalty: 1}
	if p.c.Window.Params != nil {
		params = *p.c.Window.Params
	}
	replays, err := p.c.Replayer.Replay(ctx, requests, params)
	if err == nil && len(replays) != len(requests) {
		err = fmt.Errorf("the model answered %d of %d sequences", len(replays), len(requests))
	}
	if err != nil {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		for _, j := range batch {
			p.state[j].err = err
		}
		return nil
	}
	for k, j := range batch {
		r := replays[k]
		if n := len(requests[k].Tokens); len(r.Sketches) != n || len(r.LogProbs) != n {
			p.state[j].err = fmt.Errorf("the model answered %d sketches and %d log-probabilities for %d tokens", len(r.Sketches), len(r.LogProbs), n)
			continue
		}
		p.state[j].replay = &r
	}
	return nil
}

// finish runs the checks from the comparison of sketches on.
func (p *pipeline) finish(ctx context.Context, i int) error {
	row, s, r, w := &p.rows[i], &p.state[i], p.c.Rules, &p.c.Window
	c, keep := &row.Commit, p.c.Options.Positions
	add := func(v Verdict) bool {
		s.res.verdicts = append(s.res.verdicts, v)
		return v.OK || v.Severity == Soft || p.c.Options.All
	}
	if s.err != nil {
		add(cannotTell(CheckProof, s.err.Error()))
		if !p.c.Options.All {
			return nil
		}
	}
	if s.replay != nil && !hasVerdict(s.res.verdicts, CheckProof) {
		if !add(checkSketches(r, c, s.plan, s.replay.Sketches, keep)) {
			return nil
		}
	}
	eos := func() (float64, bool) {
		if s.replay == nil || len(c.Tokens) < 2 {
			return 0, false
		}
		return s.replay.EOSProb, true
	}
	if !add(checkTermination(r, w, c, eos)) {
		return nil
	}
	grade, v, err := p.evaluate(ctx, row)
	if err != nil {
		return err
	}
	s.res.grade = grade
	if !add(v) {
		return nil
	}
	if grade != nil {
		add(p.explain(checkReward(r, c.Rollout.TotalReward, grade.Reward)))
	} else {
		add(refuse(CheckReward, Soft, "there is no grade to compare with", ""))
	}
	if s.replay == nil {
		return nil
	}
	if !add(checkLogProbs(r, c, s.plan.indices, s.replay.LogProbs, keep)) {
		return nil
	}
	var probs []float64
	if w.Params != nil {
		probs = s.replay.ChosenProbs
	}
	add(checkDistribution(r, probs))
	return nil
}

// evaluate is check 6 (section 7.10).
func (p *pipeline) evaluate(ctx context.Context, row *grail.Row) (*Grade, Verdict, error) {
	completion := p.graded(&row.Commit)
	grade, err := p.c.Evaluator.Evaluate(ctx, p.seed(row), completion)
	if err == nil {
		return &grade, pass(CheckEvaluation, Hard, fmt.Sprintf("the environment gives reward %.6g", grade.Reward)), nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, Verdict{}, ctxErr
	}
	if errors.Is(err, ErrUnjudged) {
		return nil, cannotTell(CheckEvaluation, err.Error()), nil
	}
	v := refuse(CheckEvaluation, Hard, "the environment couldn't grade the completion: "+err.Error(), "drop groups that your own environment can't grade")
	v.Err = err
	return nil, v, nil
}

// graded is the completion as the environment sees it: tokens[P:P+C], without the end token unless the rules grade that too.
func (p *pipeline) graded(c *grail.Commit) []int32 {
	completion := c.Completion()
	if n := int(c.Rollout.CompletionLength); n >= 0 && n < len(completion) {
		completion = completion[:n]
	}
	if n := len(completion); !p.c.Rules.GradeEOS && n > 0 && p.c.Window.EOS >= 0 && completion[n-1] == p.c.Window.EOS {
		completion = completion[:n-1]
	}
	return completion
}

func hasVerdict(verdicts []Verdict, name string) bool {
	for _, v := range verdicts {
		if v.Check == name {
			return true
		}
	}
	return false
}
