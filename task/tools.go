package task

import (
	"context"
	"errors"

	"github.com/nanteos/nanteos/task/dataset"
)

// ErrNoTool says that this machine lacks what an environment needs: a dataset, a sandboxed Python, a GPU. The environment refuses to open, and the
// error has what to do about it. Nothing is graded by guess.
var ErrNoTool = errors.New("environment can't run on this machine")

// Errors of a job that are the foreign program's own doing: it has had its chance, and failed.
var (
	// ErrJobTimeout says that the job was killed at the end of its time.
	ErrJobTimeout = errors.New("job ran out of time")
	// ErrJobDied says that the job's process ended without a result: out of memory, killed by its limits, crashed.
	ErrJobDied = errors.New("job died")
)

// Tools are what environments need beyond arithmetic. The zero value has none of them: then sat alone opens.
type Tools struct {
	// Data finds the problems of environments that take theirs from a dataset.
	Data Datasets
	// Python runs and compiles foreign Python.
	Python Python
	// Kernels runs GPU kernels against their reference. It is nil where kernels are judged by their text alone.
	Kernels Kernels
}

// Datasets finds datasets. It is safe for several goroutines, and keeps what it has read.
type Datasets interface {
	// Open returns the dataset of an environment, complete and checked. Errors wrap ErrNoTool where it isn't here, with the command that
	// gets it.
	Open(ctx context.Context, env string) (*dataset.Set, error)
}

// Python is an interpreter that foreign text can be given to: every job runs in a process of its own inside a sandbox, and leaves nothing behind.
// It is safe for several goroutines; jobs beyond its number of workers wait.
type Python interface {
	// Ready starts what has to be started and says whether jobs can run. Errors wrap ErrNoTool and say what to do.
	Ready(ctx context.Context) error
	// Version is the interpreter's, such as "3.12.1"; empty before Ready.
	Version() string
	// Do runs the operation op of the workers in python/ on the JSON of job and decodes the JSON of its result, strictly. Errors wrap ErrJobTimeout or
	// ErrJobDied where the foreign program is to blame; any other error is the machine's, and no verdict.
	Do(ctx context.Context, op string, job, result any) error
}

// Kernels runs a kernel against its reference on a GPU.
type Kernels interface {
	// Evaluate runs the harness in test on the candidate in kernel (specification, section 11.6). An error is no verdict.
	Evaluate(ctx context.Context, test, kernel string) (KernelResult, error)
}

// KernelResult is what an evaluation found.
type KernelResult struct {
	Correct  bool     `json:"correct"`
	Compiled bool     `json:"compiled"`
	Error    *string  `json:"error"`    // nil where there is none
	MaxDiff  *float64 `json:"max_diff"` // largest absolute difference to the reference; nil where nothing was compared
	Infra    bool     `json:"infra_error"`
}
