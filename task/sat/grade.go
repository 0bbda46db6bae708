package sat

import (
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// Answer is what the parser makes of a completion.
type Answer struct {
	answer.Result
	OnlyBits   bool   // the content is nothing but white space, 0 and 1 (true for an empty content); false without an answer
	Bits       int    // how many ASCII 0 and 1 the content has
	Strict     bool   // one answer block in the whole text, at its end, with exactly one bit for each variable
	Assignment []bool // the first NumVars bits, padded with false; empty without an answer or with an empty one
}

// Parse reads a completion for a problem with numVars variables.
func Parse(completion string, tags task.Tags, numVars int) Answer {
	a := Answer{Result: answer.Scan(completion, tags)}
	if !a.HasAnswer {
		return a
	}
	if a.Content != "" {
		a.Assignment = make([]bool, numVars)
	}
	a.OnlyBits = true
	for _, c := range a.Content {
		if c == '0' || c == '1' {
			if a.Bits < numVars {
				a.Assignment[a.Bits] = c == '1'
			}
			a.Bits++
		} else if !cpython.IsSpace(c) {
			a.OnlyBits = false
		}
	}
	a.Strict = a.Trailing == 0 && a.OnlyBits && a.Bits == numVars &&
		answer.Count(completion, tags.AnswerOpen) == 1 && answer.Count(completion, tags.AnswerClose) == 1
	return a
}

// weights of the components r0 to r5: correctness, strict, soft, shape, no trailing, charset.
var weights = []float64{1.0, 0.15, 0.10, 0.15, 0.10, 0.05}

// Grade judges a completion of the problem.
func (p Problem) Grade(completion string, tags task.Tags) task.Grade {
	a := Parse(completion, tags, p.NumVars)
	satisfied := p.Satisfied(a.Assignment)
	correctness := -0.2
	if a.HasAnswer && a.OnlyBits && a.Trailing == 0 && a.Bits == p.NumVars {
		correctness = 0
		if satisfied == len(p.Clauses) {
			correctness = 1
		}
	}
	g := task.Grade{
		Success: correctness == 1,
		Components: []task.Component{
			{Name: "r0", Value: correctness},
			{Name: "r1", Value: earned(a.Strict, 0.3)},
			{Name: "r2", Value: a.SoftFormat()},
			{Name: "r3", Value: earned(a.Bits == p.NumVars, 0.3)},
			{Name: "r4", Value: a.NoTrailing()},
			{Name: "r5", Value: earned(a.OnlyBits, 0.1)},
		},
	}
	g.Reward = task.WeightedSum(weights, g.Components)
	cause := "final"
	if g.Success {
		cause = "success"
	}
	assignment := make([]int, len(a.Assignment))
	for i, b := range a.Assignment {
		if b {
			assignment[i] = 1
		}
	}
	g.Info = map[string]any{
		"satisfied_clauses": satisfied,
		"total_clauses":     len(p.Clauses),
		"assignment":        assignment,
		"termination_cause": cause,
	}
	return g
}

func earned(ok bool, value float64) float64 {
	if ok {
		return value
	}
	return 0
}
