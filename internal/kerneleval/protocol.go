package kerneleval

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/nanteos/nanteos/task"
)

// The forms of headers. The programs are in python/kernel_eval.py.
type (
	// hello is the first frame of a program.
	hello struct {
		Python, Torch string
		Triton        *string
		Devices       int
		Name          *string
		Healthy       bool
		Failed        string
	}
	// wireVerdict has the largest difference as text, since JSON has no infinity.
	wireVerdict struct {
		Correct  bool    `json:"correct"`
		Compiled bool    `json:"compiled"`
		Error    *string `json:"error"`
		MaxDiff  *string `json:"max_diff"`
	}
	wholeJob struct {
		Test   string `json:"test"`
		Kernel string `json:"kernel"`
	}
	wholeReply struct {
		Verdict   *wireVerdict
		Corrupted bool
	}
	// refJob goes to the reference half: open, trial, compare, close.
	refJob struct {
		Op     string      `json:"op"`
		Test   string      `json:"test,omitempty"`
		Trial  int         `json:"trial"`
		Output *outputForm `json:"output,omitempty"`
	}
	refReply struct {
		Verdict   *wireVerdict
		Later     *wireVerdict // the verdict on every candidate that loads
		Refused   string
		Standard  bool
		Init      json.RawMessage
		Inputs    json.RawMessage
		Corrupted bool
	}
	// candJob goes to the candidate half: begin, load, build, run, end.
	candJob struct {
		Op     string          `json:"op"`
		Kernel string          `json:"kernel,omitempty"`
		Init   json.RawMessage `json:"init,omitempty"`
		Inputs json.RawMessage `json:"inputs,omitempty"`
	}
	// candReply is the nursery's; Reply is the candidate's own, and may say anything.
	candReply struct {
		Warm  bool
		Died  string
		Reply struct {
			HasClass bool        `json:"has_class"`
			Raised   *raisedForm `json:"raised"`
			Output   *outputForm `json:"output"`
		}
	}
	raisedForm struct{ Type, Message, Trace string }
	outputForm struct {
		Dtype string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	}
)

// trials is how many inputs a candidate is tried on.
const trials = 3

// result reads a verdict of a program.
func (v *wireVerdict) result() (task.KernelResult, error) {
	r := task.KernelResult{Correct: v.Correct, Compiled: v.Compiled, Error: v.Error}
	if v.MaxDiff != nil {
		d, err := strconv.ParseFloat(*v.MaxDiff, 64)
		if err != nil {
			return r, fmt.Errorf("%w: difference %.40q", errFrame, *v.MaxDiff)
		}
		r.MaxDiff = &d
	}
	return r, nil
}

// failed is a verdict without a comparison.
func failed(compiled bool, text string) task.KernelResult {
	return task.KernelResult{Compiled: compiled, Error: &text}
}

// infra is the reference's verdict where its machinery failed.
func infra(text string) task.KernelResult {
	return task.KernelResult{Error: &text, Infra: true}
}

// result is the verdict on an exception of the candidate: the standard check reports it, without one it is the worker's own.
func (r *raisedForm) result(standard bool) task.KernelResult {
	if standard {
		return failed(true, "check_correctness_error: "+r.Message)
	}
	return failed(false, r.Type+": "+r.Message+"\n"+r.Trace)
}
