package environments

import (
	"context"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/kerneleval"
)

// exactPython is the version of Python that the reference runs: its arithmetic, its compiler's errors.
const exactPython = "3.12."

// examinePython starts the grader and asks it for its versions.
func (k *Kit) examinePython(ctx context.Context) (python, sympy Part) {
	const sympyHint = "pip install sympy==1.14.0 for that Python, or name a folder that has it with NANTEOS_SYMPY"
	if err := k.python.Ready(ctx); err != nil {
		return Part{Note: err.Error(), Hint: "install Python 3.12, or name one from 3.11 on with NANTEOS_GRADER_PYTHON; 3.12 computes what the reference does"}, Part{Note: "needs python"}
	}
	python = Part{OK: true, Version: k.python.Version()}
	if python.Exact = strings.HasPrefix(python.Version, exactPython); !python.Exact {
		python.Note = "the reference runs 3.12: programs that other versions compile or compute otherwise get other rewards"
		python.Hint = "name a Python 3.12 with NANTEOS_GRADER_PYTHON"
	}
	var answer struct {
		Version string `json:"version"`
	}
	if err := k.python.Do(ctx, "sympy", struct{}{}, &answer); err != nil {
		return python, Part{Note: "not found by " + python.Version, Hint: sympyHint}
	}
	sympy = Part{OK: answer.Version != "", Version: answer.Version}
	if !sympy.OK {
		sympy.Note, sympy.Hint = "not found by "+python.Version, sympyHint
	} else if sympy.Exact = sympy.Version == "1.14.0"; !sympy.Exact {
		sympy.Note = "the reference has 1.14.0: others may simplify otherwise"
	}
	return python, sympy
}

// examineKernels tells whether kernels can run on a GPU. Where a GPU is named, it runs one.
func (k *Kit) examineKernels(context.Context) Part {
	const hint = "set GRAIL_GPU_EVAL=true, KERNEL_EVAL_GPU_IDS to GPUs that serve nothing else, and NANTEOS_KERNEL_PYTHON to a Python with torch and triton"
	on := kerneleval.ParseGPUEval(k.cfg.GPUEval)
	if !on && len(kerneleval.ParseGPUs(k.cfg.KernelGPUs)) == 0 {
		return Part{Note: "off", Hint: hint}
	}
	c := k.kernelConfig(false)
	if _, err := k.pool(false); err != nil {
		return Part{Path: c.Python, Note: err.Error(), Hint: hint}
	}
	p := Part{OK: true, Path: c.Python, Note: fmt.Sprintf("%d of GPUs run kernels", len(c.GPUs))}
	if !on {
		p.Note += "; only for checkpoints with gpu_eval"
	}
	return p
}
