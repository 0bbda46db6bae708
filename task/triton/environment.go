// Package triton is the environment triton_kernel: rewrite a PyTorch module with Triton kernels.
//
// A problem is a row of KernelBench: the source of a class Model, inserted into a fixed prompt. A completion's answer block is Python source with a class ModelNew.
// It is judged by its text, and where the network evaluates on GPUs also by running it:
//
//	component        value                                                                                              weight
//	compilation      1 where the answer compiles as Python 3.12                                                         0.05
//	structure        0.25 each: class ModelNew(, @triton.jit, an import of triton, one of torch (comments count)         0.10
//	gpu_compilation  always 0                                                                                           0.00
//	correctness      1 where the outputs agree with the reference's on a GPU                                            0.65
//	format           1 where there is an answer block with less than 50 code points after it                            0.10
//	thinking         1 where thinking is closed                                                                         0.10
//
// The sum is CPython's compensated one. Without a GPU nobody gets more than 0.35; speed is not rewarded.
//
// Whether there is a GPU step: where the checkpoint's env_params.gpu_eval says so, or this machine does (GRAIL_GPU_EVAL: task.Tools.Kernels is set). A false
// in the checkpoint can't switch off the machine's true. A true that this machine can't serve is an error: it would judge everybody
// wrongly by 0.65.
//
// The quirks of the reference, and what happens without task.Options.Quirks:
//
//	what                                   reference                                       without quirks
//	infra_error of the backend (timeout,   the miner drops the group, the validator        no verdict: Grade fails, and nobody is blamed
//	  broken worker)                         judges as not correct
//	NaN outputs                            correct                                         not correct (internal/kerneleval)
//	candidate beside its judge             can forge any verdict                           in a sandbox of its own (internal/kerneleval)
//	dataset_path in env_params             a file of the trainer's choice is opened        refused under both: a checkpoint doesn't name files here
//
// Specification: grail-environments, sections 10.2, 11, 12.5.
package triton

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// ID is the env_id of this environment.
const ID = "triton_kernel"

// MinReward and MaxReward bound the reward; MaxWithoutGPU is the most that text alone gets.
const (
	MinReward     = 0.0
	MaxReward     = 1.0
	MaxWithoutGPU = 0.35000000000000003
)

// StandardCheck ends the harness of a problem: internal/kerneleval knows by it that outputs are compared in the standard way.
const StandardCheck = "# nanteos: standard check\n"

// Errors of New and Grade.
var (
	// ErrParams says that the checkpoint's env_params can't be served.
	ErrParams = errors.New("bad env_params")
	// ErrInfra says that a kernel's evaluation failed for reasons that are not the kernel's. There is no verdict.
	ErrInfra = errors.New("kernel evaluation failed")
)

// Environment is KernelBench in one split and one thinking mode.
type Environment struct {
	judge
	rows  *dataset.Selection
	set   *dataset.Set
	split string
}

// judge is what judging needs.
type judge struct {
	python  task.Python
	kernels task.Kernels // nil: no GPU step
	tags    task.Tags
	quirks  bool
}

// New opens the environment. Parameters: split (train, the default, val or all), gpu_eval; level has no effect, as in the reference. Errors wrap ErrParams,
// dataset.ErrSplit, and task.ErrNoTool where the dataset, a Python or a GPU that the checkpoint asks for is missing.
func New(o task.Options) (task.Environment, error) {
	split, err := Split(o.Params)
	if err != nil {
		return nil, err
	}
	if GPUEval(o.Params, false) && o.Tools.Kernels == nil {
		return nil, fmt.Errorf("couldn't open %s: %w: the checkpoint's gpu_eval asks for kernels to be run, and no GPU is set up for it. Set GRAIL_GPU_EVAL=true, "+
			"KERNEL_EVAL_GPU_IDS to a GPU that serves nothing else, and NANTEOS_KERNEL_PYTHON to a Python with torch and triton", ID, task.ErrNoTool)
	}
	if o.Tools.Python == nil {
		return nil, fmt.Errorf("couldn't open %s: %w: whether an answer compiles is a part of its reward, and only Python can tell. "+
			"Install python3 (3.12 is the network's)", ID, task.ErrNoTool)
	}
	if o.Tools.Data == nil {
		return nil, fmt.Errorf("couldn't open %s: %w: it takes its problems from a dataset, and none can be opened here. Try: nanteos data pull %[1]s", ID, task.ErrNoTool)
	}
	set, err := o.Tools.Data.Open(context.Background(), ID)
	if err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", ID, err)
	}
	rows, err := dataset.KernelBench(set, split, dataset.AllLevels)
	if err != nil {
		return nil, fmt.Errorf("couldn't open %s: %w", ID, err)
	}
	g := judge{python: o.Tools.Python, kernels: o.Tools.Kernels, tags: o.Mode.Tags(), quirks: o.Quirks}
	return &Environment{judge: g, rows: rows, set: set, split: split}, nil
}

// Split reads the split that env_params name: train where they name none. Errors wrap ErrParams. A dataset_path, which the reference would open, is refused.
func Split(params cpython.Value) (string, error) {
	if path, ok := params.Get("dataset_path"); ok && path.Truth() {
		return "", fmt.Errorf("couldn't open %s: %w: dataset_path names a local file, and a checkpoint doesn't choose files of this machine", ID, ErrParams)
	}
	v, ok := params.Get("split")
	if !ok {
		return "train", nil
	}
	split, ok := v.Text()
	if !ok {
		return "", fmt.Errorf("couldn't open %s: %w: split is %.40s, want a text", ID, ErrParams, v.String())
	}
	return split, nil
}

// GPUEval says whether kernels are run: where env_params.gpu_eval is true in Python's sense, or this machine says so (GRAIL_GPU_EVAL).
func GPUEval(params cpython.Value, local bool) bool {
	v, _ := params.Get("gpu_eval")
	return v.Truth() || local
}

// ID returns "triton_kernel".
func (e *Environment) ID() string { return ID }

// Task returns the problem of a seed, a *Task. It never fails.
func (e *Environment) Task(seed uint32) (task.Task, error) {
	row, id, index := e.rows.At(int64(seed))
	return &Task{env: e, id: id, index: index, name: row.Text("name"), code: row.Text("code"), level: row.Int("level"), problem: row.Int("problem_id")}, nil
}

// Task is one problem.
type Task struct {
	env            *Environment
	id, name, code string
	index          int
	level, problem int64
}

// TaskID is the problem's name among all, such as kernelbench_train_l1_17.
func (t *Task) TaskID() string { return t.id }

// Messages returns the one user message.
func (t *Task) Messages() []task.Message {
	return []task.Message{{Role: "user", Content: Prompt(t.code)}}
}

// Grade judges a completion. Errors wrap ErrInfra where a kernel couldn't be evaluated, task.ErrNoTool where something is missing, or are the interpreter's or
// the context's.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	g, err := t.env.grade(ctx, completion, t.code+"\n\n"+StandardCheck)
	if err != nil {
		return task.Grade{}, fmt.Errorf("couldn't grade %s: %w", t.id, err)
	}
	return g, nil
}

// Metadata describes the problem for people.
func (t *Task) Metadata() map[string]any {
	return map[string]any{
		"task_id": t.id, "index": t.index, "split": t.env.split, "level": t.level, "problem_id": t.problem, "problem_name": t.name,
		"dataset": t.env.set.Source, "dataset_digest": t.env.set.Digest, "gpu_eval": t.env.kernels != nil,
	}
}
