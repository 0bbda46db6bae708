package math

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/math/expr"
)

// Symbolic decides the pairs that Go leaves open: whether simplify(parse(pred) - parse(gold)) == 0 in sympy 1.14. Both texts are normalised.
type Symbolic func(ctx context.Context, pred, gold string) (bool, error)

// Judge says whether two answers are equal. The zero value judges without the reference's quirks.
type Judge struct {
	// Symbolic, where set, makes the judge keep to the reference's rules.
	Symbolic Symbolic
}

// tolerance is how far two decimal numbers may be apart, exclusively.
const tolerance = 1e-6

// Equal compares a predicted with a gold answer, both as they were written. An empty one equals nothing. Errors are those of Symbolic, and no verdict.
func (j Judge) Equal(ctx context.Context, pred, gold string) (bool, error) {
	if pred == "" || gold == "" {
		return false, nil
	}
	p, g := Normalize(pred), Normalize(gold)
	if p == g {
		return true, nil
	}
	if j.Symbolic == nil {
		return expr.SameAnswer(cpython.Strip(pred), cpython.Strip(gold)) || closeFloats(p, g), nil
	}
	if closeFloats(p, g) { // the third rule is cheaper than the second, and any rule suffices
		return true, nil
	}
	switch expr.Compare(p, g).Reference {
	case expr.Equal:
		return true, nil
	case expr.Different:
		return false, nil
	}
	if !expr.Evaluable(p) || !expr.Evaluable(g) {
		return false, nil
	}
	return j.Symbolic(ctx, p, g)
}

// closeFloats is the reference's third rule: both are Python floats, less than 1e-6 apart. Infinities are never.
func closeFloats(a, b string) bool {
	x, err := cpython.ParseFloat(a)
	if err != nil {
		return false
	}
	y, err := cpython.ParseFloat(b)
	return err == nil && math.Abs(x-y) < tolerance
}

// jobSeconds bounds what sympy may take for one pair; the sandbox allows two more for the process. The reference has no bound.
const jobSeconds = 6

// sympyVersion is the release whose heuristics the network agrees on.
const sympyVersion = "1.14."

// howToGetSympy ends errors about it.
const howToGetSympy = "the reference's rules for math need CPython 3.12 with sympy 1.14.0: pip install sympy==1.14.0 for the interpreter that nanteos doctor shows"

// NewSymbolic checks that the sandboxed Python has sympy and returns the comparison that runs there. Errors wrap task.ErrNoTool and say how to get it.
func NewSymbolic(ctx context.Context, python task.Python) (Symbolic, error) {
	if python == nil {
		return nil, fmt.Errorf("%w: answers are compared by sympy in a sandbox, and there is none here; %s", task.ErrNoTool, howToGetSympy)
	}
	if err := python.Ready(ctx); err != nil {
		return nil, err
	}
	var found struct {
		Version *string `json:"version"`
	}
	if err := python.Do(ctx, "sympy", struct{}{}, &found); err != nil {
		return nil, fmt.Errorf("couldn't ask for sympy: %w", err)
	}
	if found.Version == nil {
		return nil, fmt.Errorf("%w: its Python has no sympy; %s", task.ErrNoTool, howToGetSympy)
	}
	if !strings.HasPrefix(*found.Version, sympyVersion) {
		return nil, fmt.Errorf("%w: its Python has sympy %.20q; %s", task.ErrNoTool, *found.Version, howToGetSympy)
	}
	return func(ctx context.Context, pred, gold string) (bool, error) { return askSympy(ctx, python, pred, gold) }, nil
}

type pair struct {
	Pred    string  `json:"pred"`
	Gold    string  `json:"gold"`
	Timeout float64 `json:"timeout"` // in seconds, from when the job starts
}

// askSympy compares in a sandboxed process. A job that dies or runs out of time has said no.
func askSympy(ctx context.Context, python task.Python, pred, gold string) (bool, error) {
	var result struct {
		Equal bool `json:"equal"`
	}
	err := python.Do(ctx, "equal", pair{pred, gold, jobSeconds}, &result)
	switch {
	case err == nil:
		return result.Equal, nil
	case errors.Is(err, task.ErrJobTimeout), errors.Is(err, task.ErrJobDied):
		return false, nil
	}
	return false, fmt.Errorf("couldn't compare answers by sympy: %w", err)
}
