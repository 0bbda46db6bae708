package math

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// weights of the components r0 to r3: correctness, format, thinking, no trailing.
var weights = []float64{0.7, 0.15, 0.1, 0.05}

// maxTrailing is how many code points after the answer cost the format component.
const maxTrailing = 50

// Parse returns the answer of a completion: the preferred answer block's content, stripped.
func Parse(completion string, tags task.Tags) (pred string, found answer.Result) {
	found = answer.Scan(completion, tags)
	return cpython.Strip(found.Content), found
}

// Grade judges a completion. It fails when the context has ended, or when the sandbox fails that the reference's rules may need.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	if err := ctx.Err(); err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade MATH problem %s: %w", t.ID, err)
	}
	pred, a := Parse(completion, t.tags)
	gold := t.Gold()
	success, err := t.judge.Equal(ctx, pred, gold)
	if err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade MATH problem %s: %w", t.ID, err)
	}
	// the reference's correctness knows the first box only
	correct := success && (t.Answer != "" || t.judge.Symbolic == nil)
	g := task.Grade{
		Success: success,
		Components: []task.Component{
			{Name: "r0", Value: earned(correct, 1)},
			{Name: "r1", Value: earned(a.HasAnswer && a.Trailing < maxTrailing, 0.3)},
			{Name: "r2", Value: a.ThinkingFormat()},
			{Name: "r3", Value: a.NoTrailing()},
		},
		Info: map[string]any{"gold_answer": gold, "pred_answer": pred, "termination_cause": "final"},
	}
	g.Reward = task.WeightedSum(weights, g.Components)
	return g, nil
}

func earned(ok bool, value float64) float64 {
	if ok {
		return value
	}
	return 0
}
