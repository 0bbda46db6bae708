// Package gsm8k is the environment of grade-school word problems whose answers are numbers.
//
// A problem is a row of the dataset: its question is the prompt, verbatim, and the gold answer is what follows the last "####" of its solution. Of a
// completion the answer block counts, and of that the first number: "x = 18 apples" answers 18. The reward has five parts (weights in parentheses):
//
//	r0 correctness  1 where the number is the gold answer (0.6)
//	r1 strict       0.3 where the answer block holds nothing but a number and ends the text (0.15)
//	r2 thinking     0.5 where thinking is closed (0.1)
//	r3 answer       0.3 where there is an answer block (0.1)
//	r4 no trailing  0.2 less 0.001 for each code point after the answer block (0.05)
//
// The reference compares texts, not numbers, and reads golds and predictions by different rules. With task.Options.Quirks that is reproduced; without,
// it is put right:
//
//	what                               reference                          without quirks
//	gold "1,234" (79 rows of train)    keeps its comma: can't be answered  1234
//	answer "1,234,567"                 read as 1234                       1234567
//	answer "1,23" or "3,5"             read as 123 and 35                 1 and 3: such a comma separates, it doesn't group
//	answer ".5"                        read as 5                          0.5
//	"18.0", "018", "+18" for 18        wrong                              right: numbers are compared
//	"١٨" for 18                        wrong                              right: digits of any script have their value
//	gold "$18" or "18 apples"          can't be answered                  18
//	answer "18." or ",,18" as strict   pass for a bare number             must be one number, a final full stop aside
//
// The end-of-sequence token's text counts as trailing text, here as in all environments, unless the caller strips it (the rule grade_eos).
//
// Specification: grail-environments, sections 8 and 12.1.
package gsm8k

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// ID is the env_id of this environment.
const ID = "gsm8k"

// MinReward and MaxReward bound the reward.
const (
	MinReward = 0.0
	MaxReward = 0.7350000000000001
)

// Environment is GSM8K in one split and one thinking mode.
type Environment struct {
	rows   *dataset.Selection
	set    *dataset.Set
	tags   task.Tags
	split  string
	quirks bool
}

// New opens the environment on the split that the parameter "split" names: train (the default), val or test. Errors wrap task.ErrNoTool where the dataset
// isn't here, and dataset.ErrSplit where there is no such split.
func New(o task.Options) (task.Environment, error) {
	split, err := Split(o.Params)
	if err != nil {
		return nil, err
	}
	if o.Tools.Data == nil {
		return nil, fmt.Errorf("%w: it takes its problems from a dataset, and none can be opened here", task.ErrNoTool)
	}
	set, err := o.Tools.Data.Open(context.Background(), ID)
	if err != nil {
		return nil, err
	}
	rows, err := dataset.GSM8K(set, split)
	if err != nil {
		return nil, err
	}
	return &Environment{rows: rows, set: set, tags: o.Mode.Tags(), split: split, quirks: o.Quirks}, nil
}

// Split reads the split of env_params, "train" where they name none.
func Split(params cpython.Value) (string, error) {
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

// ID returns "gsm8k".
func (e *Environment) ID() string { return ID }

// Dataset returns the set that the problems come from: networks agree on its digest.
func (e *Environment) Dataset() *dataset.Set { return e.set }

// Task returns the problem of a seed, a *Task.
func (e *Environment) Task(seed uint32) (task.Task, error) {
	row, id, index := e.rows.At(int64(seed))
	return &Task{Problem: Problem{ID: id, Index: index, Question: row.Text("question"), Answer: row.Text("answer")},
		tags: e.tags, split: e.split, quirks: e.quirks}, nil
}

// Problem is a row of the dataset.
type Problem struct {
	ID       string // such as "train_17"
	Index    int    // its place in the list of the split
	Question string
	Answer   string // the worked solution, which ends in #### and the number
}

// Task is one problem with the rules to grade it by.
type Task struct {
	Problem
	tags   task.Tags
	split  string
	quirks bool
}

// Messages returns the one user message: the question as it is.
func (t *Task) Messages() []task.Message { return []task.Message{{Role: "user", Content: t.Question}} }

// Metadata tells people which problem this is, and its gold answer.
func (t *Task) Metadata() map[string]any {
	return map[string]any{"task_id": t.ID, "index": t.Index, "split": t.split, "gold_answer": t.gold()}
}

func (t *Task) gold() string {
	if t.quirks {
		return Gold(t.Answer)
	}
	return goldNumber(t.Answer)
}

// errEnded says which problem's grading a context ended.
func (t *Task) errEnded(err error) error {
	return fmt.Errorf("couldn't grade GSM8K problem %s: %w", t.ID, err)
}
