// Package pycode grades Python that a model wrote: what the environments mbpp and humaneval share.
//
// Of a completion the answer block counts, trimmed: that is the code (Markdown fences are part of it, and no Python). It is compiled, and run with each
// test of the problem in turn: the code, an empty line and the test are one program, which passes if it ends without an exception. The
// reward has four parts (weights in parentheses), added with compensation as CPython 3.12's sum does:
//
//	correctness  the share of tests that pass (0.7)
//	syntax       1 where the code compiles (0.1)
//	format       1 where there is an answer block and fewer than 50 code points after it (0.1)
//	thinking     1 where thinking is closed (0.1)
//
// Programs run in a task.Python: a process of its own for each completion, in a sandbox. With task.Options.Quirks the verdicts are those of the
// reference's pooled workers, whose restrictions most programs trip over; without, they are put right:
//
//	what                                     reference                                 without quirks
//	class statements                         NameError: __name__ is missing            run
//	if __name__ == "__main__":               NameError: every test fails               false: the program is a module "solution"
//	next, iter, getattr, super, property,    NameError                                 all of Python's but open, input, breakpoint, help, exit, quit
//	  RuntimeError and other built-ins
//	import typing, dataclasses, random, ...  ImportError: nine modules are allowed     every module of the standard library that only computes; sys is a
//	                                                                                  small stand-in. No file, network, process, thread or clock
//	timeout caught by except Exception       passes, or holds a worker for 45 s        Timeout, whatever the program does after it
//	time for a test                          whole seconds; 30 s more for the job      to the millisecond; 2 s more for the job
//	what a program leaves in math and co.    is there for the worker's next 50 jobs    gone with its process (with quirks too)
//	raise BaseException, SystemExit          ends the validator                        a failed test (with quirks too)
//	os._exit, a crash, no memory left        breaks the pool, tried three times        all tests failed (with quirks too)
//	sets of strings                          another order in every process            one order everywhere (with quirks too)
//
// A test that plain Python can fool (an object that is equal to everything) is fooled in both.
//
// Specification: grail-environments, section 10.
package pycode

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// MinReward and MaxReward bound the reward.
const (
	MinReward = 0.0
	MaxReward = 1.0
)

// Answer is what the parser makes of a completion.
type Answer struct {
	Code        string // trimmed; empty where there is no answer block, where it is empty, and where the compiler gives up on it
	HasThinking bool
	HasSolution bool // there is an answer block
	Trailing    int  // code points after it
	SyntaxValid bool // the code compiles; known after a Check only
}

// Parse reads a completion. Whether the code compiles is left open.
func Parse(completion string, tags task.Tags) Answer {
	r := answer.Scan(completion, tags)
	return Answer{Code: cpython.Strip(r.Content), HasThinking: r.HasThinking, HasSolution: r.HasAnswer, Trailing: r.Trailing}
}

// Check is what the compiler says: op check of python/code.py.
type Check struct {
	OK          bool    `json:"ok"`
	SyntaxError bool    `json:"syntax_error"` // the text is wrong; where neither is set the compiler met its limits
	Error       *string `json:"error"`
}

// Apply notes what the compiler says. A text beyond the compiler's limits counts as no code, and nothing follows it.
func (a *Answer) Apply(c Check) {
	a.SyntaxValid = c.OK
	if !c.OK && !c.SyntaxError {
		a.Code, a.Trailing = "", 0
	}
}

// Payload is what a problem brings for its tests. MBPP has a list of tests, HumanEval a function that checks an entry point.
type Payload struct {
	TestList   []string // nil where the problem has no such column, which is not the same as an empty one
	SetupCode  string   // before each test of the list
	Imports    []string // before the setup code
	Test       string   // a program that defines check(candidate)
	EntryPoint string   // the name of the candidate
}

// Tests are the tests' programs, each complete but for the code.
func (p Payload) Tests() []string {
	if p.TestList == nil {
		if p.Test == "" || p.EntryPoint == "" {
			return nil
		}
		return []string{p.Test + "\ncheck(" + p.EntryPoint + ")"}
	}
	setup := strings.Join(p.Imports, "\n")
	if p.SetupCode != "" {
		setup += "\n" + p.SetupCode // with no imports the setup begins with an empty line, as in the reference
	}
	tests := make([]string, len(p.TestList))
	for i, t := range p.TestList {
		if setup != "" {
			t = setup + "\n" + t
		}
		tests[i] = t
	}
	return tests
}

// Signature is the first line of a program that is a function's beginning, trimmed; empty where there is none. Methods count, async functions don't, and
// what a signature has on its next line is lost.
func Signature(code string) string {
	for line := range strings.SplitSeq(code, "\n") {
		if line = cpython.Strip(line); strings.HasPrefix(line, "def ") {
			return line
		}
	}
	return ""
}

// Result is what the tests came to: op execute of python/code.py.
type Result struct {
	Passed int          `json:"passed"`
	Total  int          `json:"total"`
	Status string       `json:"status"` // all_passed, some_failed, timeout, error, syntax_error; no_code
	Error  *string      `json:"error"`
	Tests  []TestResult `json:"test_results"` // empty where no test was run
}

// TestResult is one test's.
type TestResult struct {
	Index  int     `json:"test_idx"`
	Passed bool    `json:"passed"`
	Error  *string `json:"error"` // "Timeout", or the exception as "TypeName: message"; nil where it passed
}

// plausible says whether a result can be one of so many tests: it comes from a process in which foreign code has run.
func (r Result) plausible(tests int) error {
	passed := 0
	for i, t := range r.Tests {
		if t.Index != i || t.Passed != (t.Error == nil) {
			return fmt.Errorf("test %d contradicts itself", i)
		}
		if t.Passed {
			passed++
		}
	}
	if r.Total != tests || r.Passed != passed || len(r.Tests) != tests && len(r.Tests) != 0 || (r.Status == "all_passed") != (passed == tests) {
		return fmt.Errorf("%s with %d of %d tests, where %d of %d are listed as passed", r.Status, r.Passed, r.Total, passed, tests)
	}
	return nil
}

// Weights of the components, in their order.
var weights = []float64{0.7, 0.1, 0.1, 0.1}

// Rubric returns the reward and its components.
func Rubric(a Answer, r Result) (float64, []task.Component) {
	c := []task.Component{
		{Name: "correctness"}, {Name: "syntax", Value: one(a.SyntaxValid)}, {Name: "format", Value: one(a.HasSolution && a.Trailing < 50)},
		{Name: "thinking", Value: one(a.HasThinking)},
	}
	if r.Total > 0 {
		c[0].Value = float64(r.Passed) / float64(r.Total)
	}
	products := make([]float64, len(c))
	for i := range c {
		c[i].Weight = weights[i]
		products[i] = float64(c[i].Value * weights[i])
	}
	return cpython.Sum(products), c
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
