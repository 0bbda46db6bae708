package triton

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
)

// blamesCode says that a job of Python ended by the code's own doing.
func blamesCode(err error) bool {
	return errors.Is(err, task.ErrJobTimeout) || errors.Is(err, task.ErrJobDied)
}

// missingTest is the verdict where there is nothing to run a kernel against.
var missingTest = "missing_test_code"

// grade judges a completion of the problem with the harness test.
func (g judge) grade(ctx context.Context, completion, test string) (task.Grade, error) {
	p, err := Parse(ctx, g.python, completion, g.tags)
	if err != nil {
		return task.Grade{}, err
	}
	var exec *task.KernelResult
	switch {
	case g.kernels == nil || p.Code == "" || !p.StructureValid():
	case test == "":
		exec = &task.KernelResult{Error: &missingTest}
	default:
		r, err := g.kernels.Evaluate(ctx, test, p.Code)
		if err != nil {
			return task.Grade{}, fmt.Errorf("%w: %w", ErrInfra, err)
		}
		if r.Infra && !g.quirks {
			return task.Grade{}, fmt.Errorf("%w: %s", ErrInfra, text(r.Error))
		}
		exec = &r
	}
	return Judge(p, exec, g.kernels != nil), nil
}

func text(s *string) string {
	if s == nil {
		return "no reason given"
	}
	return *s
}

// weights of the components, in the order in which they are added.
var weights = []float64{0.05, 0.10, 0.00, 0.65, 0.10, 0.10}

// Judge makes the grade of a parsed completion and the result of its run, nil where it wasn't run. gpuEval says whether kernels are run at all.
func Judge(p Parsed, exec *task.KernelResult, gpuEval bool) task.Grade {
	structure := 0.0
	for _, has := range []bool{p.Structure.ModelNew, p.Structure.TritonJIT, p.Structure.TritonImport, p.Structure.TorchImport} {
		if has {
			structure += 0.25
		}
	}
	g := task.Grade{
		Success: p.StructureValid(),
		Components: []task.Component{
			{Name: "compilation", Value: one(p.SyntaxValid)},
			{Name: "structure", Value: structure},
			{Name: "gpu_compilation", Value: 0},
			{Name: "correctness", Value: one(exec != nil && exec.Correct)},
			{Name: "format", Value: one(p.HasSolution && p.Trailing < 50)},
			{Name: "thinking", Value: one(p.HasThinking)},
		},
	}
	products := make([]float64, len(weights))
	for i, w := range weights {
		g.Components[i].Weight = w
		products[i] = float64(g.Components[i].Value * w)
	}
	g.Reward = cpython.Sum(products)
	g.Info = map[string]any{
		"termination_cause": "final",
		"has_code":          p.Code != "",
		"syntax_valid":      p.SyntaxValid,
		"structure_valid":   p.StructureValid(),
		"has_model_new":     p.Structure.ModelNew,
		"has_triton_jit":    p.Structure.TritonJIT,
		"gpu_eval":          gpuEval,
		"eval_infra_error":  exec != nil && exec.Infra,
	}
	if exec != nil {
		g.Success = exec.Correct
		g.Info["exec_correct"], g.Info["exec_compiled"] = exec.Correct, exec.Compiled
		if exec.Error != nil {
			g.Info["exec_error"] = *exec.Error
		}
		if d := exec.MaxDiff; d != nil {
			if g.Info["exec_max_diff"] = *d; math.IsNaN(*d) || math.IsInf(*d, 0) {
				g.Info["exec_max_diff"] = fmt.Sprint(*d) // JSON has no such number
			}
		}
	}
	if p.Code != "" {
		s := FindSignals(p.Code)
		g.Info["forward_calls_triton"] = s.ForwardCallsTriton
		g.Info["has_try_except"] = s.TryExcept
		g.Info["model_is_pass_only"] = s.PassOnly
		g.Info["uses_nn_functional_in_forward"] = s.FunctionalInForward
	}
	return g
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
