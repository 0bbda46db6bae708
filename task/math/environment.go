// Package math is the environment of competition problems whose answers are expressions.
//
// A problem is a row of the dataset: its text is the prompt, verbatim, and the gold answer is what stands in the first \boxed{} of its solution. The
// reward has four parts (weights in parentheses):
//
//	r0 correctness  1 where the answer equals the gold answer (0.7)
//	r1 format       0.3 where there is an answer block with fewer than 50 code points after it (0.15)
//	r2 thinking     0.5 where thinking is closed (0.1)
//	r3 no trailing  0.2 less 0.001 for each code point after the answer block (0.05)
//
// Two answers are equal if their normal forms are (see Normalize), or if sympy finds their difference to be zero, or if both are decimal numbers less than
// 1e-6 apart. The second rule is the reference's eval of foreign text. Here package task/math/expr decides it wherever it is certain of what sympy
// says; with task.Options.Quirks the rest goes to sympy itself, in the sandbox, where it has a few seconds; running out of them, or of memory, means
// not equal, where the reference would hang. Texts that are programs rather than answers (strings, attributes, exec and the like: see expr.Evaluable)
// are not equal under any rules: the reference would run them, and they could set their own reward. Without quirks nothing but expr is asked: no Python is needed, and what it can't decide is not equal.
//
// What is put right without task.Options.Quirks:
//
//	what                                  reference                      without quirks
//	success and correctness               may differ: only success looks   the same: gold is the first box,
//	                                      at the last box of the solution  else the last one
//	\frac{1}{2} for 1/2 or 0.5            wrong: LaTeX equals itself only  right: fractions, roots, products, powers,
//	                                                                     pi and functions in LaTeX have their value
//	\frac12, \dfrac{1}{2}, \frac{1}{2}    the first differs              the same
//	2^3 for 8                             wrong: ^ is exclusive or, 1    right: a power
//	2^3 for 1                             right                          wrong
//	2x, 2(3), 3\pi                        errors, equal themselves only  products
//	1,000 and 1{,}000 for 1000            wrong                          right; "1,23" stays a pair
//	x=5 for 5 (a sole letter)             wrong                          right
//	50\%, 90^\circ, \$5, 5\text{ cm}      equal themselves only          the sign or unit is dropped where the gold has it too or only
//	                                                                     one of the two has any
//	0.1+0.2 for 0.3                       wrong: binary numbers          right: decimals are exact
//	sqrt(2) for 2**0.5                    wrong                          right
//	(1,2) for (1.0,2), \{1,2\}            wrong                          compared by element
//	7%3, 7//2, 1|2, 0x10, 5#c             Python's operators and comments  not read; equal themselves only
//	identities sympy's heuristics miss    wrong                          right where values agree to 50 digits
//	e, i                                  symbols                        Euler's number and the imaginary unit
//
// The end-of-sequence token's text counts as trailing text, here as in all environments, unless the caller strips it (the rule grade_eos).
//
// Specification: grail-environments, sections 9 and 12.2.
package math

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// ID is the env_id of this environment.
const ID = "math"

// MinReward and MaxReward bound the reward.
const (
	MinReward = 0.0
	MaxReward = 0.805
)

// Environment is MATH in one split and one thinking mode.
type Environment struct {
	rows  *dataset.Selection
	set   *dataset.Set
	tags  task.Tags
	split string
	judge Judge
}

// New opens the environment on the split that the parameter "split" names: train (the default), val or test. Errors wrap task.ErrNoTool where the dataset
// isn't here or, under task.Options.Quirks, no sandboxed Python with sympy 1.14; and dataset.ErrSplit where there is no such split.
func New(o task.Options) (task.Environment, error) {
	split, err := splitOf(o.Params)
	if err != nil {
		return nil, err
	}
	if o.Tools.Data == nil {
		return nil, fmt.Errorf("%w: it takes its problems from a dataset, and none can be opened here", task.ErrNoTool)
	}
	judge := Judge{}
	if o.Quirks {
		if judge.Symbolic, err = NewSymbolic(context.Background(), o.Tools.Python); err != nil {
			return nil, err
		}
	}
	set, err := o.Tools.Data.Open(context.Background(), ID)
	if err != nil {
		return nil, err
	}
	rows, err := dataset.MATH(set, split, dataset.Filter{})
	if err != nil {
		return nil, err
	}
	return &Environment{rows: rows, set: set, tags: o.Mode.Tags(), split: split, judge: judge}, nil
}

// splitOf reads the split of env_params, "train" where they name none.
func splitOf(params cpython.Value) (string, error) {
	v, ok := params.Get("split")
	if !ok {
		return "train", nil
	}
	s, ok := v.Text()
	if !ok {
		return "", fmt.Errorf("couldn't read the split of env_params: %w: it is a %s, no name", dataset.ErrSplit, v.Kind())
	}
	return s, nil
}

// ID returns "math".
func (e *Environment) ID() string { return ID }

// Dataset returns the set that the problems come from: networks agree on its digest.
func (e *Environment) Dataset() *dataset.Set { return e.set }

// Task returns the problem of a seed, a *Task.
func (e *Environment) Task(seed uint32) (task.Task, error) {
	row, id, index := e.rows.At(int64(seed))
	p := Problem{ID: id, Index: index, Question: row.Text("problem"), Solution: row.Text("solution"), Answer: FirstBoxed(row.Text("solution")),
		Level: dataset.MATHLevel(row.Text("level")), Subject: row.Text("type")}
	return &Task{Problem: p, tags: e.tags, split: e.split, judge: e.judge}, nil
}

// Problem is a row of the dataset with its gold answer.
type Problem struct {
	ID       string // such as "train_17"
	Index    int    // its place in the list of the split
	Question string
	Solution string // the worked solution
	Answer   string // the content of the solution's first box; empty where it has none
	Level    int    // 1 to 5, 0 where unknown
	Subject  string // such as "Algebra"
}

// Gold returns the answer, or where that is empty the content of the solution's last box.
func (p Problem) Gold() string {
	if p.Answer != "" {
		return p.Answer
	}
	gold, _ := LastBoxed(p.Solution)
	return gold
}

// Task is one problem with the rules to grade it by.
type Task struct {
	Problem
	tags  task.Tags
	split string
	judge Judge
}

// NewTask poses a problem by itself, outside any dataset.
func NewTask(p Problem, mode task.Mode, judge Judge) *Task {
	return &Task{Problem: p, tags: mode.Tags(), judge: judge}
}

// Messages returns the one user message: the problem as it is.
func (t *Task) Messages() []task.Message { return []task.Message{{Role: "user", Content: t.Question}} }

// Metadata tells people which problem this is, and its gold answer.
func (t *Task) Metadata() map[string]any {
	return map[string]any{"task_id": t.ID, "index": t.Index, "split": t.split, "level": t.Level, "subject": t.Subject, "gold_answer": t.Gold()}
}
