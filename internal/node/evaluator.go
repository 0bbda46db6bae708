package node

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/task"
)

// Evaluator poses and grades the problems of a window. Miner and validator use the same one. It is safe for several goroutines.
type Evaluator struct {
	env      *Environment
	mode     task.Mode
	text     Text
	eos      int32
	gradeEOS bool
}

// NewEvaluator makes the evaluator of a model. The error wraps ErrPolicy where its environment can't be opened here, see Environments.Open.
func NewEvaluator(rules grail.Rules, m *Model) (*Evaluator, error) {
	env, err := m.Environments.Open(rules, m.Policy)
	if err != nil {
		return nil, fmt.Errorf("couldn't evaluate with checkpoint %d: %w", m.Policy.Checkpoint, err)
	}
	return &Evaluator{env: env, mode: m.Policy.Mode, text: m.Text, eos: m.Engine.Info().EOS, gradeEOS: rules.GradeEOS}, nil
}

// Dataset is the digest of the dataset that the problems are drawn from, empty where the environment has none.
func (e *Evaluator) Dataset() string { return e.env.Dataset }

// PromptTokens returns the prompt of a seed's problem: the token ids that every rollout of the group begins with.
func (e *Evaluator) PromptTokens(ctx context.Context, seed uint32) ([]int32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, err := e.env.Task(seed)
	if err != nil {
		return nil, fmt.Errorf("couldn't pose problem of seed %d: %w", seed, err)
	}
	ids, err := e.text.Render(e.mode.Prepare(t.Messages()), e.mode.EnableThinking())
	if err != nil {
		return nil, fmt.Errorf("couldn't render problem of seed %d: %w", seed, err)
	}
	return ids, nil
}

// Evaluate grades a completion as it is given, which is how verify asks. The error wraps verify.ErrUnjudged: an environment that can't grade says
// nothing about the completion.
func (e *Evaluator) Evaluate(ctx context.Context, seed uint32, completion []int32) (verify.Grade, error) {
	g, _, err := e.evaluate(ctx, seed, completion)
	return g, err
}

// infraError is the member of Grade.Info that says that a grade is worth nothing because the grader's own machine failed. The reference's validator takes it
// all the same, its miner drops the group (specification grail-environments, section 11.3).
const infraError = "eval_infra_error"

func (e *Evaluator) evaluate(ctx context.Context, seed uint32, completion []int32) (_ verify.Grade, infra bool, err error) {
	t, err := e.env.Task(seed)
	if err != nil {
		return verify.Grade{}, false, fmt.Errorf("couldn't pose problem of seed %d: %w: %w", seed, verify.ErrUnjudged, err)
	}
	g, err := t.Grade(ctx, e.text.Decode(completion, true))
	if err != nil {
		return verify.Grade{}, false, fmt.Errorf("couldn't grade problem of seed %d: %w: %w", seed, verify.ErrUnjudged, err)
	}
	out := verify.Grade{Success: g.Success, Reward: g.Reward}
	if len(g.Components) > 0 {
		out.Components = make(map[string]float64, len(g.Components))
		for _, c := range g.Components {
			out.Components[c.Name] = c.Value
		}
	}
	infra, _ = g.Info[infraError].(bool)
	return out, infra, nil
}

// Grade grades a completion as it was generated: its end token counts only where the rules say GradeEOS. A grade that the machine's own failure has
// spoilt is an error that wraps verify.ErrUnjudged: a miner doesn't hand it in.
func (e *Evaluator) Grade(ctx context.Context, seed uint32, completion []int32) (verify.Grade, error) {
	if n := len(completion); n > 0 && e.eos >= 0 && completion[n-1] == e.eos && !e.gradeEOS {
		completion = completion[:n-1]
	}
	g, infra, err := e.evaluate(ctx, seed, completion)
	if err == nil && infra {
		err = fmt.Errorf("couldn't grade problem of seed %d: %w: the evaluation broke down", seed, verify.ErrUnjudged)
	}
	return g, err
}

var _ verify.Evaluator = (*Evaluator)(nil)
