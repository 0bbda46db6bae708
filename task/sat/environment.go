package sat

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/task"
)

// ID is the env_id of this environment.
const ID = "sat"

// MinReward and MaxReward bound the reward. An empty completion gets the minimum, a solution that ends the text the maximum.
const (
	MinReward = -0.2
	MaxReward = 1.1349999999999998
)

// Environment is the SAT environment in one thinking mode.
type Environment struct{ tags task.Tags }

// New returns the environment. It takes no parameters: whatever env_params holds is ignored, as in the reference.
func New(o task.Options) (task.Environment, error) {
	return Environment{o.Mode.Tags()}, nil
}

// ID returns "sat".
func (e Environment) ID() string { return ID }

// Task returns the problem of a seed, a *Task. It never fails.
func (e Environment) Task(seed uint32) (task.Task, error) {
	return &Task{Problem: FromSeed(seed), tags: e.tags}, nil
}

// Task is one problem with the tags that its answers are searched by.
type Task struct {
	Problem
	tags task.Tags
}

// Messages returns the one user message.
func (t *Task) Messages() []task.Message {
	return []task.Message{{Role: "user", Content: t.Prompt()}}
}

// Grade judges a completion. It fails only when the context has ended.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	if err := ctx.Err(); err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade SAT problem %s: %w", t.Material, err)
	}
	return t.Problem.Grade(completion, t.tags), nil
}

// Metadata tells people how hard the problem is.
func (t *Task) Metadata() map[string]any {
	return map[string]any{"seed": t.Material, "difficulty": t.Difficulty, "variables": t.NumVars, "clauses": len(t.Clauses)}
}
