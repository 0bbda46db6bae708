package main

import "github.com/nanteos/nanteos/logicnet/solve"

// exactSolver answers what needs no model.
type exactSolver struct{}

// Solve returns the answer and the steps to it, where it is sure.
func (exactSolver) Solve(question string) (answer, steps string, ok bool) {
	a, ok := solve.Solve(question)
	return a.Value, a.Steps, ok
}
