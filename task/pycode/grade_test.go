package pycode_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/pycode"
)

// scripted answers ops from a table: a value to encode or an error.
type scripted map[string]any

func (scripted) Ready(context.Context) error { return nil }
func (scripted) Version() string             { return "3.12.0" }
func (s scripted) Do(_ context.Context, op string, _, result any) error {
	switch v := s[op].(type) {
	case nil:
		return fmt.Errorf("no script for %s", op)
	case error:
		return v
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, result)
	}
}

// verdict is a result of op grade_code.
func verdict(check pycode.Check, r *pycode.Result) any {
	return map[string]any{"check": check, "result": r}
}

func TestGrade(t *testing.T) {
	ok, wrong, limits := pycode.Check{OK: true}, pycode.Check{SyntaxError: true}, pycode.Check{}
	text := "x"
	passed := &pycode.Result{Passed: 1, Total: 1, Status: "all_passed", Tests: []pycode.TestResult{{Passed: true}}}
	failed := &pycode.Result{Total: 1, Status: "error", Tests: []pycode.TestResult{{Error: &text}}}
	lies := []*pycode.Result{
		{Passed: 1, Total: 1, Status: "all_passed"},
		{Passed: 5, Total: 5, Status: "all_passed", Tests: []pycode.TestResult{{Passed: true}}},
		{Passed: 1, Total: 1, Status: "all_passed", Tests: []pycode.TestResult{{Error: &text}}},
		{Passed: 1, Total: 1, Status: "all_passed", Tests: []pycode.TestResult{{Index: 3, Passed: true}}},
		{Total: 1, Status: "all_passed", Tests: []pycode.TestResult{{Error: &text}}},
		{Passed: -1, Total: -1, Status: "error"},
	}
	const answer = "</end_working_out><SOLUTION>code</SOLUTION>"
	type test struct {
		name       string
		python     scripted
		completion string
		reward     float64
		status     string
	}
	tests := []test{
		{"passed", scripted{"grade_code": verdict(ok, passed)}, answer, 1, "all_passed"},
		{"failed", scripted{"grade_code": verdict(ok, failed)}, answer, 0.30000000000000004, "error"},
		{"syntax error", scripted{"grade_code": verdict(wrong, nil)}, answer, 0.2, "syntax_error"},
		{"beyond the compiler", scripted{"grade_code": verdict(limits, nil)}, answer + "0123456789012345678901234567890123456789012345678901234567890", 0.2, "no_code"},
		{"no result", scripted{"grade_code": verdict(ok, nil)}, answer, 0.30000000000000004, "error"},
		{"timeout", scripted{"grade_code": task.ErrJobTimeout, "check": ok}, answer, 0.30000000000000004, "timeout"},
		{"died", scripted{"grade_code": task.ErrJobDied, "check": ok}, answer, 0.30000000000000004, "error"},
		{"died of compiling", scripted{"grade_code": task.ErrJobDied, "check": task.ErrJobDied}, answer, 0.2, "no_code"},
		{"wrong, and died", scripted{"grade_code": task.ErrJobDied, "check": wrong}, answer, 0.2, "syntax_error"},
		{"nothing", nil, "", 0, "no_code"},
		{"empty answer", nil, "</end_working_out><SOLUTION> \n</SOLUTION>", 0.2, "no_code"},
		{"fifty after it", scripted{"grade_code": verdict(ok, passed)}, answer + "01234567890123456789012345678901234567890123456789", 0.9, "all_passed"},
	}
	for i, lie := range lies {
		tests = append(tests, test{fmt.Sprint("lie ", i), scripted{"grade_code": verdict(ok, lie), "check": ok}, answer, 0.30000000000000004, "error"})
	}
	for _, c := range tests {
		g := pycode.Grader{Python: c.python, Tags: tags(t, "instructed")}
		got, err := g.Grade(t.Context(), pycode.Payload{TestList: []string{"assert 1"}}, c.completion)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got.Reward-c.reward > 1e-12 || c.reward-got.Reward > 1e-12 || got.Info["status"] != c.status || got.Success != (c.status == "all_passed") {
			t.Errorf("%s: got %v %v, want %v %v", c.name, got.Reward, got.Info, c.reward, c.status)
		}
	}
	broken := errors.New("machine")
	for name, p := range map[string]scripted{"machine": {"grade_code": broken}, "machine at the second look": {"grade_code": task.ErrJobDied, "check": broken}} {
		g := pycode.Grader{Python: p, Tags: tags(t, "instructed")}
		if _, err := g.Grade(t.Context(), pycode.Payload{TestList: []string{"assert 1"}}, answer); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoTests(t *testing.T) {
	p := scripted{"grade_code": verdict(pycode.Check{OK: true}, nil)}
	g, err := pycode.Grader{Python: p, Tags: tags(t, "native")}.Grade(t.Context(), pycode.Payload{}, "</think><SOLUTION>x</SOLUTION>")
	if err != nil || g.Success || g.Info["tests_total"] != 0 || g.Info["has_code"] != true {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestJobLimit(t *testing.T) {
	for _, c := range []struct {
		job  pycode.Job
		want time.Duration
	}{
		{pycode.Job{Timeout: 5, Tests: make([]string, 3)}, 45 * time.Second},
		{pycode.Job{Timeout: 5, Tests: make([]string, 3), Hardened: true}, 17 * time.Second},
		{pycode.Job{Timeout: 0.5, Hardened: true}, 2500 * time.Millisecond},
	} {
		if got := c.job.Limit(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.job, got, c.want)
		}
	}
}

// Hardened rules against the reference's, on the real interpreter: the same answer under both.
func TestQuirks(t *testing.T) {
	p := python(t, false)
	payload := pycode.Payload{TestList: []string{"assert f(1) == 2", "assert f(2) == 3"}}
	for _, c := range []struct {
		name, code       string
		quirks, hardened float64 // correctness
	}{
		{"plain", "def f(x): return x + 1", 1, 1},
		{"class", "class A:\n    one = 1\ndef f(x): return x + A.one", 0, 1},
		{"typing", "from typing import List\ndef f(x): return x + 1", 0, 1},
		{"main guard", "def f(x): return x + 1\nif __name__ == '__main__':\n    print(f(1))", 0, 1},
		{"next", "def f(x): return next(iter([x + 1]))", 0, 1},
		{"wrong half the time", "def f(x): return 2", 0.5, 0.5},
		{"raises past Exception", "def f(x): raise BaseException('x')", 0, 0},
		{"os", "import os\ndef f(x): return x + 1", 0, 0},
	} {
		for quirks, want := range map[bool]float64{true: c.quirks, false: c.hardened} {
			g := pycode.Grader{Python: p, Tags: tags(t, "instructed"), Quirks: quirks}
			got, err := g.Grade(t.Context(), payload, "<SOLUTION>"+c.code+"</SOLUTION>")
			if err != nil {
				t.Fatal(err)
			}
			if got.Components[0].Value != want {
				t.Errorf("%s, quirks %v: got %v (%v), want %v", c.name, quirks, got.Components[0].Value, got.Info, want)
			}
		}
	}
}

// A timeout that lands where the program catches it. The reference has no more to say then; without quirks the test has failed.
func TestCaughtTimeout(t *testing.T) {
	p := python(t, false)
	code := "def f(x):\n    try:\n        while True:\n            len([])\n    except Exception:\n        return x + 1"
	for quirks, want := range map[bool]string{true: "all_passed", false: "timeout"} {
		g := pycode.Grader{Python: p, Tags: tags(t, "instructed"), Quirks: quirks, TestTime: time.Second}
		got, err := g.Grade(t.Context(), pycode.Payload{TestList: []string{"assert f(1) == 2"}}, "<SOLUTION>"+code+"</SOLUTION>")
		if err != nil || got.Info["status"] != want {
			t.Errorf("quirks %v: got %v, %v, want %s", quirks, got.Info, err, want)
		}
	}
}
