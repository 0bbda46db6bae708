package mbpp_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/mbpp"
	"github.com/nanteos/nanteos/task/pycode"
)

func TestVectorsQuestions(t *testing.T) {
	const file = "environments/python_code.json"
	var v struct {
		Questions []struct{ Text, Code, Signature, Question string }
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	for i, c := range v.Questions {
		if got := mbpp.Question(c.Text, c.Code); got != c.Question {
			t.Errorf("%d: got %q, want %q", i, got, c.Question)
		}
	}
	vectortest.Count(t, file, len(v.Questions))
}

func TestVectorsPrompt(t *testing.T) {
	const file = "environments/prompts.json"
	var v struct {
		MBPP struct {
			Parts []string `json:"question_parts"`
			Note  string
		}
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	p := v.MBPP.Parts
	if want, got := p[0]+"text"+p[1]+"def f():"+p[2], mbpp.Question("text", "def f():\n    return 1"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	vectortest.Count(t, file, 1)
}

// fake stands for an interpreter that says that all is well.
type fake struct{ err error }

func (f fake) Ready(context.Context) error { return f.err }
func (fake) Version() string               { return "3.12.0" }
func (fake) Do(_ context.Context, _ string, job, result any) error {
	n := len(job.(pycode.Job).Tests)
	r := pycode.Result{Passed: n, Total: n, Status: "all_passed"}
	for i := range n {
		r.Tests = append(r.Tests, pycode.TestResult{Index: i, Passed: true})
	}
	b, err := json.Marshal(map[string]any{"check": pycode.Check{OK: true}, "result": r})
	if err != nil {
		return err
	}
	return json.Unmarshal(b, result)
}

// data is a dataset in memory.
type data struct{ set *dataset.Set }

func (d data) Open(_ context.Context, env string) (*dataset.Set, error) {
	if d.set == nil || env != d.set.Env {
		return nil, task.ErrNoTool
	}
	return d.set, nil
}

func options(t *testing.T, params string) task.Options {
	set, err := dataset.Sample("mbpp")
	if err != nil {
		t.Fatal(err)
	}
	v, err := cpython.ParseJSON([]byte(params), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return task.Options{Params: v, Tools: task.Tools{Data: data{set}, Python: fake{}}}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		params string
		id     string // of seed 1
		err    error
	}{
		{`null`, "train_1", nil},
		{`{}`, "train_1", nil},
		{`{"split": "validation"}`, "validation_1", nil},
		{`{"split": "val"}`, "validation_1", nil},
		{`{"split": "test"}`, "", dataset.ErrSplit},
		{`{"split": 3}`, "", dataset.ErrSplit},
	} {
		env, err := mbpp.New(options(t, c.params))
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v", c.params, err)
		}
		if err != nil {
			continue
		}
		tk, err := env.Task(1)
		if err != nil {
			t.Fatal(err)
		}
		if got := tk.(task.Described).Metadata()["task_id"]; got != c.id {
			t.Errorf("%s: got %v, want %s", c.params, got, c.id)
		}
		g, err := tk.Grade(t.Context(), "</end_working_out><SOLUTION>x = 1</SOLUTION>")
		if err != nil || g.Reward != 1 || !g.Success {
			t.Errorf("%s: %+v %v", c.params, g, err)
		}
		if m := tk.Messages(); len(m) != 1 || m[0].Role != "user" || m[0].Content == "" {
			t.Errorf("%s: messages %v", c.params, m)
		}
	}
}

func TestAliasAndTools(t *testing.T) {
	o := options(t, `null`)
	env, err := mbpp.NewAlias(o)
	if err != nil || env.ID() != "python_code" {
		t.Errorf("alias: %v %v", env, err)
	}
	for name, tools := range map[string]task.Tools{
		"nothing": {}, "no data": {Python: fake{}}, "no dataset": {Python: fake{}, Data: data{}}, "no Python": {Data: o.Tools.Data},
		"Python that isn't ready": {Data: o.Tools.Data, Python: fake{task.ErrNoTool}},
	} {
		if _, err := mbpp.New(task.Options{Tools: tools}); !errors.Is(err, task.ErrNoTool) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
