package pycode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/task"
)

// testTime is how long a test may run.
const testTime = 5 * time.Second

// Grader grades completions with an interpreter.
type Grader struct {
	Python task.Python
	Tags   task.Tags
	Quirks bool // the reference's verdicts to the letter
	// TestTime is how long a test may run; 0: five seconds, which is the rule.
	TestTime time.Duration
}

// Job is a job of op grade_code.
type Job struct {
	Code     string   `json:"code"`
	Tests    []string `json:"tests"`
	Timeout  float64  `json:"timeout"` // seconds for each test
	Hardened bool     `json:"hardened"`
}

// Limit is the wall time of the whole job. In the reference a job has half a minute more than its tests together.
func (j Job) Limit() time.Duration {
	all := time.Duration(j.Timeout * float64(max(1, len(j.Tests))) * float64(time.Second))
	if j.Hardened {
		return all + 2*time.Second
	}
	return all + 30*time.Second
}

// verdict is the result of op grade_code.
type verdict struct {
	Check  Check   `json:"check"`
	Result *Result `json:"result"` // nil where the code doesn't compile or there are no tests
}

// Grade judges a completion. Errors mean that there is no verdict.
func (g Grader) Grade(ctx context.Context, p Payload, completion string) (task.Grade, error) {
	a := Parse(completion, g.Tags)
	r := Result{Status: "no_code"}
	if a.Code != "" {
		var err error
		if r, err = g.run(ctx, &a, p.Tests()); err != nil {
			return task.Grade{}, fmt.Errorf("couldn't grade code: %w", err)
		}
	}
	return grade(a, r), nil
}

// run compiles the code of an answer and runs it with the tests. An answer that is beyond the compiler loses its code.
func (g Grader) run(ctx context.Context, a *Answer, tests []string) (Result, error) {
	limit := g.TestTime
	if limit == 0 {
		limit = testTime
	}
	job := Job{Code: a.Code, Tests: tests, Timeout: limit.Seconds(), Hardened: !g.Quirks}
	if job.Tests == nil {
		job.Tests = []string{}
	}
	var v verdict
	err := g.Python.Do(ctx, "grade_code", job, &v)
	if err == nil && v.Result != nil && v.Result.plausible(len(tests)) != nil {
		err = fmt.Errorf("%w: %w", task.ErrJobDied, v.Result.plausible(len(tests)))
	}
	switch {
	case err == nil:
		a.Apply(v.Check)
	case errors.Is(err, task.ErrJobTimeout), errors.Is(err, task.ErrJobDied):
		// The program took its process with it. Whether it compiles is a question of its own.
		c, errCheck := g.check(ctx, a.Code)
		if errCheck != nil {
			return Result{}, errCheck
		}
		a.Apply(c)
		r := Result{Total: len(tests), Status: "error"}
		if errors.Is(err, task.ErrJobTimeout) {
			r.Status = "timeout"
		}
		v.Result = &r
	default:
		return Result{}, err
	}
	switch {
	case a.Code == "":
		return Result{Status: "no_code"}, nil
	case len(tests) == 0:
		return Result{Status: "no_tests"}, nil
	case !a.SyntaxValid:
		return Result{Total: len(tests), Status: "syntax_error", Error: v.Check.Error}, nil
	case v.Result == nil:
		return Result{Total: len(tests), Status: "error"}, nil
	}
	return *v.Result, nil
}

// check compiles a text and does nothing else. A compiler that dies of it has met its limits.
func (g Grader) check(ctx context.Context, code string) (Check, error) {
	var c Check
	err := g.Python.Do(ctx, "check", map[string]any{"code": code, "timeout": testTime.Seconds()}, &c)
	if errors.Is(err, task.ErrJobTimeout) || errors.Is(err, task.ErrJobDied) {
		return Check{}, nil
	}
	return c, err
}

// grade puts a grade together.
func grade(a Answer, r Result) task.Grade {
	reward, components := Rubric(a, r)
	errs := make([]string, len(r.Tests))
	for i, t := range r.Tests {
		if t.Error != nil {
			errs[i] = *t.Error
		}
	}
	g := task.Grade{Reward: reward, Success: r.Status == "all_passed", Components: components, Info: map[string]any{
		"tests_passed": r.Passed, "tests_total": r.Total, "test_errors": errs, "status": r.Status,
		"has_code": a.Code != "", "syntax_valid": a.SyntaxValid, "termination_cause": "final",
	}}
	if r.Error != nil {
		g.Info["error"] = *r.Error
	}
	return g
}
