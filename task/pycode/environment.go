package pycode

import (
	"context"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// openTime bounds what opening an environment may wait for: a dataset to be read, an interpreter to start.
const openTime = 2 * time.Minute

// Environment is a list of problems with the grader of their solutions.
type Environment struct {
	id      string
	rows    *dataset.Selection
	problem func(dataset.Row) (question string, p Payload)
	grader  Grader
}

// Open opens the dataset of env, and checks that programs can be run. Errors wrap task.ErrNoTool where one of the two can't be had here.
func Open(env string, o task.Options, choose func(*dataset.Set) (*dataset.Selection, error), problem func(dataset.Row) (string, Payload)) (*Environment, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if o.Tools.Python == nil {
		return nil, fmt.Errorf("%w: it runs the programs that it judges, and there is no sandboxed Python", task.ErrNoTool)
	}
	if o.Tools.Data == nil {
		return nil, fmt.Errorf("%w: it takes its problems from a dataset, and none can be opened here", task.ErrNoTool)
	}
	set, err := o.Tools.Data.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	rows, err := choose(set)
	if err != nil {
		return nil, err
	}
	if err := o.Tools.Python.Ready(ctx); err != nil {
		return nil, err
	}
	return &Environment{env, rows, problem, Grader{Python: o.Tools.Python, Tags: o.Mode.Tags(), Quirks: o.Quirks}}, nil
}

// ID is the environment's id.
func (e *Environment) ID() string { return e.id }

// Task returns the problem of a seed, a *Task.
func (e *Environment) Task(seed uint32) (task.Task, error) {
	row, id, index := e.rows.At(int64(seed))
	question, payload := e.problem(row)
	return &Task{ID: id, Index: index, Question: question, Payload: payload, grader: e.grader, row: row}, nil
}

// Task is one problem.
type Task struct {
	ID       string // such as train_17
	Index    int    // in the split's list
	Question string // the prompt
	Payload  Payload

	grader Grader
	row    dataset.Row
}

// Messages returns the one user message.
func (t *Task) Messages() []task.Message { return []task.Message{{Role: "user", Content: t.Question}} }

// Grade judges a completion.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	g, err := t.grader.Grade(ctx, t.Payload, completion)
	if err != nil {
		return task.Grade{}, fmt.Errorf("couldn't judge %s: %w", t.ID, err)
	}
	return g, nil
}

// Metadata are the row's number, its tests and the dataset's own solution.
func (t *Task) Metadata() map[string]any {
	solution := t.row.Text("code")
	if solution == "" {
		solution = t.row.Text("canonical_solution")
	}
	tests := t.Payload.Tests()
	return map[string]any{"task_id": t.ID, "index": t.Index, "tests": tests, "tests_total": len(tests), "reference_solution": solution}
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
