package affinetrace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affine"
	"github.com/nanteos/nanteos/task/dataset"
)

// ID is the env_id of this environment.
const ID = "affine_trace"

const (
	openTime    = 2 * time.Minute  // for reading the dataset and starting Python
	taskTime    = 2 * time.Minute  // for making a task, waiting for a worker included
	injectTime  = 10 * time.Second // for putting prints into a program
	runTime     = 10 * time.Second // for the program, as in the reference
	cachedTasks = 128              // tasks that an environment remembers
	oldestMinor = 11               // of Python 3
)

// ErrNoTruth says that a program doesn't end, prints too much or breaks the sandbox's limits, so that nobody can say what it prints.
var ErrNoTruth = errors.New("program has no output to predict")

// The prompt, byte for byte that of affinetes (MIT, revision 5b30f90b) as the specification records it: before the program, before its input, after it.
var prompt = [3]string{
	"Predict the exact and complete standard output (stdout) of the following Python program, including every single print statement.\n\n" +
		"The program contains several injected debug print statements starting with '__DBG_'. You must include these in your prediction exactly as they would" +
		" appear in the output, along with any other output the program produces.\n\nProgram:\n```python\n",
	"\n```\n\nInput (stdin):\n```\n",
	"\n```\n\nProvide the full stdout content. Do not provide any explanations or commentary outside of the predicted output.",
}

// Environment is the environment of traces in one thinking mode. It is safe for several goroutines.
type Environment struct {
	tags     task.Tags
	quirks   bool
	python   task.Python
	programs *dataset.Selection
	digest   string
	tasks    cache
}

// New opens the dataset, starts Python and returns the environment. It takes no parameters. Errors wrap task.ErrNoTool where this machine lacks one of the two, and
// say what to do.
func New(o task.Options) (task.Environment, error) {
	if o.Tools.Data == nil || o.Tools.Python == nil {
		return nil, fmt.Errorf("couldn't open the environment of traces: %w: it needs a dataset and a sandboxed Python", task.ErrNoTool)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	set, err := o.Tools.Data.Open(ctx, ID)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the programs to trace: %w", err)
	}
	programs, err := dataset.Trace(set)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the programs to trace: %w", err)
	}
	if programs.Len() == 0 {
		return nil, fmt.Errorf("couldn't open the programs to trace: %w: the dataset has none", task.ErrNoTool)
	}
	if err := o.Tools.Python.Ready(ctx); err != nil {
		return nil, fmt.Errorf("couldn't start Python for traces: %w", err)
	}
	if err := supported(o.Tools.Python.Version()); err != nil {
		return nil, err
	}
	return &Environment{tags: o.Mode.Tags(), quirks: o.Quirks, python: o.Tools.Python, programs: programs, digest: set.Digest}, nil
}

// supported says whether a version of Python writes programs as the reference's does, or nearly.
func supported(version string) error {
	rest, three := strings.CutPrefix(version, "3.")
	minor, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(minor); !three || err != nil || n < oldestMinor {
		return fmt.Errorf("couldn't use Python %.20q for traces: %w: it writes programs differently from 3.12, install Python 3.12 (3.%d or later will mostly do)",
			version, task.ErrNoTool, oldestMinor)
	}
	return nil
}

// ID returns "affine_trace".
func (e *Environment) ID() string { return ID }

// Task returns the program of a seed, a *Task. It runs Python, within two minutes. Errors wrap ErrNoTruth where the program is to blame.
func (e *Environment) Task(seed uint32) (task.Task, error) {
	t, err := e.tasks.get(seed, func() (*Task, error) {
		ctx, cancel := context.WithTimeout(context.Background(), taskTime)
		defer cancel()
		return e.make(ctx, seed)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Jobs of python/trace.py. Limit is the wall time that the pool gives them.
type (
	injectJob struct {
		Source string `json:"source"`
		Seed   uint32 `json:"seed"`
	}
	injected struct {
		Transformed string  `json:"transformed"`
		Error       *string `json:"error"`
	}
	runJob struct {
		Program string  `json:"program"`
		Stdin   string  `json:"stdin"`
		Timeout float64 `json:"timeout"` // seconds
	}
	ran struct {
		Stdout string `json:"stdout"`
		Failed bool   `json:"failed"`
		Reason string `json:"reason"`
	}
)

// Limit returns how long a job of its kind may take.
func (injectJob) Limit() time.Duration { return injectTime }

// make makes the task of a seed.
func (e *Environment) make(ctx context.Context, seed uint32) (*Task, error) {
	row, _, index := e.programs.At(int64(seed))
	t := &Task{env: e, seed: seed, index: index, inputs: row.Text("inputs"), python: e.python.Version()}
	var in injected
	if err := e.python.Do(ctx, "trace_inject", injectJob{row.Text("program"), seed}, &in); err != nil {
		return nil, t.failed("put prints into", err)
	}
	if in.Error != nil {
		return nil, t.failed("put prints into", fmt.Errorf("%w: %.200s", ErrNoTruth, *in.Error))
	}
	t.program = in.Transformed
	if e.quirks {
		return t, nil
	}
	var out ran
	err := e.python.Do(ctx, "trace_run", runJob{t.program, t.inputs, runTime.Seconds()}, &out)
	switch {
	case errors.Is(err, task.ErrJobTimeout) || errors.Is(err, task.ErrJobDied):
		return nil, t.failed("run", fmt.Errorf("%w: %w", ErrNoTruth, err))
	case err != nil:
		return nil, t.failed("run", err)
	case out.Reason == "timeout" || out.Reason == "output":
		return nil, t.failed("run", fmt.Errorf("%w: it ran into the limit of %s", ErrNoTruth, out.Reason))
	}
	t.truth, t.ended = cpython.Strip(out.Stdout), out.Reason
	return t, nil
}

// Task is one program with what it prints. It is immutable.
type Task struct {
	env             *Environment
	seed            uint32
	index           int    // of the program in the dataset
	program, inputs string // the program with prints in it
	truth           string // what it prints, trimmed; empty with quirks
	ended           string // why the program ended badly, empty if it didn't
	python          string // version
}

func (t *Task) failed(doing string, err error) error {
	return fmt.Errorf("couldn't %s program %d of seed %d: %w", doing, t.index, t.seed, err)
}

// Messages returns the one user message.
func (t *Task) Messages() []task.Message {
	return []task.Message{{Role: "user", Content: prompt[0] + t.program + prompt[1] + t.inputs + prompt[2]}}
}

// Metadata returns facts about the task under the reference's names, the truth among them where the program was run, with the version of Python that
// made it and the digest of the dataset that it is from.
func (t *Task) Metadata() map[string]any {
	m := map[string]any{
		"task_id": t.seed, "seed": t.seed, "dataset_index": t.index, "inputs": t.inputs, "transformed_code": t.program,
		"python": t.python, "dataset_digest": t.env.digest,
	}
	if !t.env.quirks {
		m["ground_truth"] = t.truth
		m["program_error"] = t.ended
	}
	return m
}

// Grade judges a completion. It fails only when the context has ended.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	if err := ctx.Err(); err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade trace of seed %d: %w", t.seed, err)
	}
	return affine.Grade(completion, t.env.tags, t.env.quirks, func(answer string) bool { return SameWords(answer, t.truth) }), nil
}

// SameWords says whether two texts have the same words: what stands between white space of Python's.
func SameWords(a, b string) bool {
	return slices.Equal(strings.FieldsFunc(a, cpython.IsSpace), strings.FieldsFunc(b, cpython.IsSpace))
}
