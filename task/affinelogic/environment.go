package affinelogic

import (
	"context"
	"fmt"
	"maps"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affine"
)

// ID is the env_id of this environment.
const ID = "affine_logic"

// Environment is the environment of logic puzzles in one thinking mode.
type Environment struct {
	tags   task.Tags
	quirks bool
}

// New returns the environment. It takes no parameters and needs no tools.
func New(o task.Options) (task.Environment, error) {
	return Environment{o.Mode.Tags(), o.Quirks}, nil
}

// ID returns "affine_logic".
func (e Environment) ID() string { return ID }

// Task returns the puzzle of a seed, a *Task. With quirks the seed is a task id, and errors wrap ErrTaskID where it is none and task.ErrNoTool where only
// the reference's package could make the puzzle. Without, every seed has a puzzle.
func (e Environment) Task(seed uint32) (task.Task, error) {
	id := int64(seed)
	if !e.quirks {
		id = TaskID(seed)
	}
	f, local, err := Decode(id)
	if err != nil {
		return nil, fmt.Errorf("couldn't make logic task of seed %d: %w", seed, err)
	}
	p, err := Generate(f, local, e.quirks)
	if err != nil {
		return nil, fmt.Errorf("couldn't make logic task of seed %d: %w", seed, err)
	}
	return &Task{p, id, e}, nil
}

// Task is one puzzle with how its answers are read.
type Task struct {
	*Puzzle
	id  int64
	env Environment
}

// Messages returns the one user message.
func (t *Task) Messages() []task.Message { return []task.Message{{Role: "user", Content: t.Question}} }

// Metadata returns facts about the puzzle under the reference's names, the solution among them.
func (t *Task) Metadata() map[string]any {
	m := maps.Clone(t.Puzzle.Metadata)
	m["task_id"], m["task_type"], m["answer"] = t.id, t.Family.String(), t.Answer
	return m
}

// Grade judges a completion. It fails only when the context has ended.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	if err := ctx.Err(); err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade %s puzzle %d: %w", t.Family, t.Seed, err)
	}
	g := affine.Grade(completion, t.env.tags, t.env.quirks, func(answer string) bool { return t.Verify(answer, t.env.quirks) })
	g.Info["task_type"] = t.Family.String()
	return g, nil
}
