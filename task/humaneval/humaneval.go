// Package humaneval is the environment of OpenAI's HumanEval: the beginning of a program with a function's signature and its documentation; a hidden program
// checks the function.
//
// A problem is a row of the dataset's only split; parameters are ignored. The question is the row's prompt, verbatim. The completion's answer has to be the
// whole program, imports and signature included: the prompt is not put before it. There is one test, so correctness is all or nothing. The grading is
// that of package pycode, which lists what task.Options.Quirks changes.
//
// Specification: grail-environments, sections 10 and 12.4.
package humaneval

import (
	"fmt"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/pycode"
)

// ID is the env_id of this environment.
const ID = "humaneval"

// New opens the environment. Errors wrap task.ErrNoTool where there is no dataset or no sandboxed Python.
func New(o task.Options) (task.Environment, error) {
	e, err := pycode.Open(ID, o, dataset.HumanEval, Problem)
	if err != nil {
		return nil, fmt.Errorf("couldn't open problems: %w", err)
	}
	return e, nil
}

// Problem returns the question of a row and its test.
func Problem(row dataset.Row) (string, pycode.Payload) {
	return row.Text("prompt"), pycode.Payload{Test: row.Text("test"), EntryPoint: row.Text("entry_point")}
}
