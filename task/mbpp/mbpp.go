// Package mbpp is the environment of Mostly Basic Python Problems: a task in a sentence, the signature of the function that is wanted, three tests. Its
// other id is python_code.
//
// A problem is a row of the dataset's split train (the default) or validation; "val" means validation, and every other name is an error, as in
// the reference. The question is the row's text and, after an empty line, the first line of its solution that begins a function, with a body of pass.
// The grading is that of package pycode, which lists what task.Options.Quirks changes.
//
// Specification: grail-environments, sections 10 and 12.3.
package mbpp

import (
	"fmt"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/pycode"
)

// ID is the env_id of this environment, Alias its other one.
const (
	ID    = "mbpp"
	Alias = "python_code"
)

// New opens the environment. Errors wrap task.ErrNoTool where there is no dataset or no sandboxed Python, and dataset.ErrSplit where the split is none of
// its own.
func New(o task.Options) (task.Environment, error) { return open(ID, o) }

// NewAlias opens the same environment under its other id.
func NewAlias(o task.Options) (task.Environment, error) { return open(Alias, o) }

func open(id string, o task.Options) (task.Environment, error) {
	split, err := pycode.Split(o.Params)
	if err != nil {
		return nil, err
	}
	e, err := pycode.Open(ID, o, func(s *dataset.Set) (*dataset.Selection, error) { return dataset.MBPP(s, dataset.MBPPSplit(split)) }, Problem)
	if err != nil {
		return nil, fmt.Errorf("couldn't open problems: %w", err)
	}
	if id == ID {
		return e, nil
	}
	return alias{e}, nil
}

// alias is the environment under its other id.
type alias struct{ *pycode.Environment }

// ID returns "python_code".
func (alias) ID() string { return Alias }

// Problem returns the question of a row and its tests.
func Problem(row dataset.Row) (string, pycode.Payload) {
	p := pycode.Payload{TestList: row.Texts("test_list"), SetupCode: row.Text("test_setup_code"), Imports: row.Texts("test_imports")}
	if p.TestList == nil {
		p.TestList = []string{}
	}
	return Question(row.Text("text"), row.Text("code")), p
}

// Question is the prompt of a problem with this text and this solution.
func Question(text, code string) string {
	if s := pycode.Signature(code); s != "" {
		return text + "\n\n" + s + "\n    pass"
	}
	return text
}
