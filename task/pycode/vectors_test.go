package pycode_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/pycode"
)

const file = "environments/python_code.json"

// shared is one pool for all tests of the package: servers start once.
var shared struct {
	once sync.Once
	pool *grader.Pool
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.pool != nil {
		_ = shared.pool.Close()
	}
	os.Exit(code)
}

// python gives a pool, or skips the test. With exact it has to be CPython 3.12, the version that the vectors were recorded with.
func python(t testing.TB, exact bool) *grader.Pool {
	t.Helper()
	shared.once.Do(func() {
		path := os.Getenv("NANTEOS_GRADER_PYTHON")
		if path == "" {
			if home, err := os.UserHomeDir(); err == nil {
				if found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.12*/bin/python3")); len(found) > 0 {
					path = found[len(found)-1]
				}
			}
		}
		shared.pool = grader.New(grader.Config{Interpreter: path})
		shared.err = shared.pool.Ready(context.Background())
	})
	if errors.Is(shared.err, task.ErrNoTool) {
		t.Skipf("no sandboxed Python here: %v (install CPython 3.12 and allow user namespaces, or set NANTEOS_GRADER_PYTHON)", shared.err)
	} else if shared.err != nil {
		t.Fatal(shared.err)
	}
	if exact && !strings.HasPrefix(shared.pool.Version(), "3.12.") {
		t.Skipf("the vectors are of CPython 3.12, this is %s (set NANTEOS_GRADER_PYTHON to a python3.12)", shared.pool.Version())
	}
	return shared.pool
}

// documented says whether a verdict that differs does so as package grader's comment lists for the interpreter at hand. want and
// got are whether all went well.
func documented(version string, want, got bool, wantTimeout bool, code string) bool {
	switch {
	case strings.HasPrefix(version, "3.11."):
		return want && !got // the grammar of 3.12
	case strings.HasPrefix(version, "3.13."):
		return got && !want && (wantTimeout || len(code) > 2000) // timeouts that are caught, deep nesting
	}
	return false
}

// parallel calls f for 0 to n-1, some at a time.
func parallel(n int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			f(i)
			<-slots
		})
	}
	wg.Wait()
}

type vectors struct {
	Meta      json.RawMessage
	Execution []struct {
		Label   string
		Code    string
		Tests   []string
		Timeout *float64
		Result  pycode.Result
	}
	Escaping []struct {
		Code   string
		Tests  []string
		Result struct {
			Raised *string `json:"__raised__"`
			Msg    *string
			pycode.Result
		}
	}
	Parser []struct {
		Mode, Label string
		Completion  *string
		Parsed      parsed
	}
	Prepare []struct {
		Payload payload
		Cases   []string
	}
	Questions []struct{ Text, Code, Signature, Question string }
	Payloads  []payload
	EnvTrials []struct {
		Mode, Label string
		Payload     int
		Completion  *string
		Expect      struct {
			Reward float64
			Info   struct {
				Components map[string]float64 `json:"reward_components"`
				Cause      string             `json:"termination_cause"`
				Success    bool
				Passed     int                 `json:"tests_passed"`
				Total      int                 `json:"tests_total"`
				Tests      []pycode.TestResult `json:"test_results"`
				HasCode    bool                `json:"has_code"`
				Valid      bool                `json:"syntax_valid"`
			}
		}
	} `json:"env_trials"`
	Rubric []struct {
		Parsed struct {
			parsed
			Result *pycode.Result `json:"test_result"`
		}
		Reward     float64
		Components map[string]float64
	}
}

type parsed struct {
	Code     string
	Thinking bool `json:"has_thinking"`
	Solution bool `json:"has_solution"`
	Trailing int  `json:"trailing_after_solution"`
	Valid    bool `json:"syntax_valid"`
}

func (p parsed) answer() pycode.Answer {
	return pycode.Answer{Code: p.Code, HasThinking: p.Thinking, HasSolution: p.Solution, Trailing: p.Trailing, SyntaxValid: p.Valid}
}

type payload struct {
	Question          string
	TestList          []string `json:"test_list"`
	SetupCode         string   `json:"test_setup_code"`
	Imports           []string `json:"test_imports"`
	Test              string
	EntryPoint        string `json:"entry_point"`
	ReferenceSolution string `json:"reference_solution"`
}

func (p payload) payload() pycode.Payload {
	return pycode.Payload{TestList: p.TestList, SetupCode: p.SetupCode, Imports: p.Imports, Test: p.Test, EntryPoint: p.EntryPoint}
}

func load(t *testing.T) vectors {
	var v vectors
	vectortest.Decode(t, file, &v)
	return v
}

func tags(t *testing.T, mode string) task.Tags {
	m, err := task.ParseMode(mode)
	if err != nil {
		t.Error(err)
	}
	return m.Tags()
}

// text is a completion; null is the empty one.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func components(cs []task.Component) map[string]float64 {
	out := map[string]float64{}
	for _, c := range cs {
		out[c.Name] = c.Value
	}
	return out
}

func TestVectorsExecution(t *testing.T) {
	v, p := load(t), python(t, false)
	parallel(len(v.Execution), func(i int) {
		c := v.Execution[i]
		job := pycode.Job{Code: c.Code, Tests: c.Tests, Timeout: 5}
		if c.Timeout != nil {
			job.Timeout = *c.Timeout
		}
		var got pycode.Result
		if err := p.Do(t.Context(), "execute", job, &got); err != nil {
			t.Errorf("%s: %v", c.Label, err)
			return
		}
		want := c.Result
		if got.Passed != want.Passed || got.Total != want.Total || got.Status != want.Status {
			if documented(p.Version(), want.Passed > 0, got.Passed > 0, want.Status == "timeout", c.Code) {
				t.Logf("%s: differs as documented for Python %s", c.Label, p.Version())
				return
			}
			t.Errorf("%s: got %d of %d %s, want %d of %d %s", c.Label, got.Passed, got.Total, got.Status, want.Passed, want.Total, want.Status)
		} else if !reflect.DeepEqual(got, want) {
			t.Logf("%s: texts differ: %v, %v", c.Label, got, want)
		}
	})
	vectortest.Count(t, file, len(v.Execution))
}

// The reference passes the exception on, which ends a validator; here the test has failed.
func TestVectorsEscaping(t *testing.T) {
	v, p := load(t), python(t, false)
	for i, c := range v.Escaping {
		var got pycode.Result
		if err := p.Do(t.Context(), "execute", pycode.Job{Code: c.Code, Tests: c.Tests, Timeout: 5}, &got); err != nil {
			t.Fatal(err)
		}
		want := c.Result.Passed // 0 where it has been raised
		if got.Passed != want || got.Total != len(c.Tests) {
			t.Errorf("%d: got %+v, want %+v", i, got, c.Result)
		}
	}
	vectortest.Count(t, file, len(v.Escaping))
}

// Hardened rules forgive what the reference trips over; they take nothing from a program that does not live by the reference's faults.
func TestHardenedForgives(t *testing.T) {
	v, p := load(t), python(t, true)
	var mu sync.Mutex
	worse, better := []string{}, 0
	parallel(len(v.Execution), func(i int) {
		c := v.Execution[i]
		if c.Timeout != nil || c.Result.Status == "syntax_error" {
			return
		}
		var got pycode.Result
		if err := p.Do(t.Context(), "execute", pycode.Job{Code: c.Code, Tests: c.Tests, Timeout: 5, Hardened: true}, &got); err != nil {
			t.Errorf("%s: %v", c.Label, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if got.Passed < c.Result.Passed {
			worse = append(worse, c.Label)
		} else if got.Passed > c.Result.Passed {
			better++
		}
	})
	if len(worse)*50 > len(v.Execution) || better == 0 {
		t.Errorf("worse than the reference: %v; better: %d", worse, better)
	}
	t.Logf("worse than the reference: %v; better: %d", worse, better)
}

func TestVectorsParser(t *testing.T) {
	v, p := load(t), python(t, false)
	parallel(len(v.Parser), func(i int) {
		c := v.Parser[i]
		a := pycode.Parse(text(c.Completion), tags(t, c.Mode))
		if a.Code != "" {
			var check pycode.Check
			if err := p.Do(t.Context(), "check", map[string]string{"code": a.Code}, &check); err != nil {
				t.Errorf("%s: %v", c.Label, err)
				return
			}
			a.Apply(check)
		}
		if want := c.Parsed.answer(); a != want {
			if documented(p.Version(), want.SyntaxValid, a.SyntaxValid, false, text(c.Completion)) {
				t.Logf("%d %s: differs as documented for Python %s", i, c.Label, p.Version())
				return
			}
			t.Errorf("%d %s: got %.200v, want %.200v", i, c.Label, a, want)
		}
	})
	vectortest.Count(t, file, len(v.Parser))
}

func TestVectorsPrepare(t *testing.T) {
	v := load(t)
	for i, c := range v.Prepare {
		if got := c.Payload.payload().Tests(); !slices.Equal(got, c.Cases) {
			t.Errorf("%d: got %q, want %q", i, got, c.Cases)
		}
	}
	vectortest.Count(t, file, len(v.Prepare))
}

func TestVectorsSignature(t *testing.T) {
	v := load(t)
	for i, c := range v.Questions {
		if got := pycode.Signature(c.Code); got != c.Signature {
			t.Errorf("%d: got %q, want %q", i, got, c.Signature)
		}
	}
	vectortest.Count(t, file, len(v.Questions))
}

func TestVectorsRubric(t *testing.T) {
	v := load(t)
	for i, c := range v.Rubric {
		var r pycode.Result
		if c.Parsed.Result != nil {
			r = *c.Parsed.Result
		}
		reward, got := pycode.Rubric(c.Parsed.answer(), r)
		if reward != c.Reward || !maps.Equal(components(got), c.Components) {
			t.Errorf("%d: got %v %v, want %v %v", i, reward, got, c.Reward, c.Components)
		}
	}
	vectortest.Count(t, file, len(v.Rubric))
}

func TestVectorsTrials(t *testing.T) {
	v, p := load(t), python(t, false)
	parallel(len(v.EnvTrials), func(i int) {
		c := v.EnvTrials[i]
		g := pycode.Grader{Python: p, Tags: tags(t, c.Mode), Quirks: true}
		got, err := g.Grade(t.Context(), v.Payloads[c.Payload].payload(), text(c.Completion))
		if err != nil {
			t.Errorf("%s: %v", c.Label, err)
			return
		}
		want := c.Expect.Info
		if got.Success != want.Success && documented(p.Version(), want.Success, got.Success, false, text(c.Completion)) {
			t.Logf("%d %s: differs as documented for Python %s", i, c.Label, p.Version())
			return
		}
		if math.Float64bits(got.Reward) != math.Float64bits(c.Expect.Reward) || got.Success != want.Success ||
			!maps.Equal(components(got.Components), want.Components) {
			t.Errorf("%d %s: got %v %v %v, want %v %v %v", i, c.Label, got.Reward, got.Success, got.Components, c.Expect.Reward, want.Success, want.Components)
		}
		errs := make([]string, len(want.Tests))
		for i, r := range want.Tests {
			errs[i] = text(r.Error)
		}
		for name, want := range map[string]any{"tests_passed": want.Passed, "tests_total": want.Total, "has_code": want.HasCode, "syntax_valid": want.Valid,
			"termination_cause": want.Cause, "test_errors": errs} {
			if !reflect.DeepEqual(got.Info[name], want) {
				t.Errorf("%d %s: %s is %v, want %v", i, c.Label, name, got.Info[name], want)
			}
		}
	})
	vectortest.Count(t, file, len(v.EnvTrials))
}
