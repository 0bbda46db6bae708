package math_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/math"
)

// fake is a Python that has a sympy and answers every job in one way.
type fake struct {
	version string
	equal   bool
	err     error
	asked   int
}

func (f *fake) Ready(context.Context) error { return nil }
func (f *fake) Version() string             { return "3.12.1" }
func (f *fake) Do(_ context.Context, op string, _, result any) error {
	text := "null"
	switch {
	case op == "equal":
		f.asked++
		if f.err != nil {
			return fmt.Errorf("couldn't run the job: %w", f.err)
		}
		text = fmt.Sprintf(`{"equal": %v}`, f.equal)
	case op == "sympy" && f.version == "":
		text = `{"version": null}`
	case op == "sympy":
		text = fmt.Sprintf(`{"version": %q}`, f.version)
	}
	return json.Unmarshal([]byte(text), result)
}

func TestSymbolic(t *testing.T) {
	const open = "zeta(2)" // Go leaves it to sympy
	for _, test := range []struct {
		name string
		fake fake
		want bool
		err  error
	}{
		{"equal", fake{version: "1.14.0", equal: true}, true, nil},
		{"different", fake{version: "1.14.0"}, false, nil},
		{"out of time", fake{version: "1.14.0", err: task.ErrJobTimeout}, false, nil},
		{"out of memory", fake{version: "1.14.0", err: task.ErrJobDied}, false, nil},
		{"sandbox broken", fake{version: "1.14.0", err: errBroken}, false, errBroken},
		{"no sympy", fake{}, false, task.ErrNoTool},
		{"another sympy", fake{version: "1.13.3"}, false, task.ErrNoTool},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask, err := math.NewSymbolic(t.Context(), &test.fake)
			got := false
			if err == nil {
				got, err = math.Judge{Symbolic: ask}.Equal(t.Context(), open, "1")
			}
			if got != test.want || !errors.Is(err, test.err) || test.err == nil && err != nil {
				t.Errorf("got %v, %v, want %v, %v", got, err, test.want, test.err)
			}
		})
	}
	if _, err := math.NewSymbolic(t.Context(), nil); !errors.Is(err, task.ErrNoTool) || !strings.Contains(err.Error(), "pip install sympy") {
		t.Errorf("without Python: got %v", err)
	}
}

var errBroken = errors.New("broken")

// TestPrograms holds that texts which are programs rather than answers never reach the interpreter.
func TestPrograms(t *testing.T) {
	f := &fake{version: "1.14.0", equal: true}
	ask, err := math.NewSymbolic(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, pred := range []string{"__import__('os').system('id')", "exec('1')", "(lambda:0)()", "x.__class__", "open('f')", "[i for i in range(9)]", "sympify('1')", "9**9**9",
		"().__class__.__bases__", "print(1)", strings.Repeat("zeta(", 2000)} {
		if got, err := (math.Judge{Symbolic: ask}).Equal(t.Context(), pred, "1"); got || err != nil {
			t.Errorf("%q: got %v, %v", pred, got, err)
		}
	}
	if f.asked != 0 {
		t.Errorf("the interpreter was asked %d times", f.asked)
	}
}

// TestQuirks holds the table of the package's comment.
func TestQuirks(t *testing.T) {
	never := math.Judge{Symbolic: func(context.Context, string, string) (bool, error) { return false, nil }}
	for _, test := range []struct {
		pred, answer, solution string
		reference, fixed       [2]bool // correctness and success
	}{
		{"5", "", `so \boxed{5}`, [2]bool{false, true}, [2]bool{true, true}},
		{"5", "", "none", [2]bool{}, [2]bool{}},
		{"5", "5", "s", [2]bool{true, true}, [2]bool{true, true}},
		{"1/2", `\frac{1}{2}`, "s", [2]bool{}, [2]bool{true, true}},
		{"0.5", `\frac{1}{2}`, "s", [2]bool{}, [2]bool{true, true}},
		{"8", "2^3", "s", [2]bool{}, [2]bool{true, true}},
		{"1", "2^3", "s", [2]bool{true, true}, [2]bool{}},
		{"2*x", "2x", "s", [2]bool{}, [2]bool{true, true}},
		{"1000", "1,000", "s", [2]bool{}, [2]bool{true, true}},
		{"x=5", "5", "s", [2]bool{}, [2]bool{true, true}},
		{"50", `50\%`, "s", [2]bool{}, [2]bool{true, true}},
		{"0.1+0.2", "0.3", "s", [2]bool{}, [2]bool{true, true}},
		{"(1.0,2)", "(1,2)", "s", [2]bool{}, [2]bool{true, true}},
		{"-2", "(-8)**(1/3)", "s", [2]bool{}, [2]bool{}},
		{"3.0000001", "3", "s", [2]bool{true, true}, [2]bool{true, true}},
		{"3.1", "3", "s", [2]bool{}, [2]bool{}},
		{"", "", "", [2]bool{}, [2]bool{}},
		{"inf", "infinity", "s", [2]bool{}, [2]bool{}},
		{"İ", "i̇", "s", [2]bool{true, true}, [2]bool{true, true}},
	} {
		for _, judge := range []math.Judge{never, {}} {
			want := test.reference
			if judge.Symbolic == nil {
				want = test.fixed
			}
			tk := math.NewTask(math.Problem{Answer: test.answer, Solution: test.solution}, task.Native, judge)
			g, err := tk.Grade(t.Context(), "</think><SOLUTION>"+test.pred+"</SOLUTION>")
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]bool{g.Components[0].Value == 1, g.Success}; got != want {
				t.Errorf("%q for %q, %q (quirks %v): got %v, want %v", test.pred, test.answer, test.solution, judge.Symbolic != nil, got, want)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	params := func(v cpython.Value) cpython.Value {
		return cpython.ObjectValue([]cpython.Member{{Key: "split", Value: v}})
	}
	for _, bad := range []cpython.Value{cpython.StringValue("validation"), cpython.IntValue(1), {}} {
		if _, err := math.New(task.Options{Params: params(bad), Tools: task.Tools{Data: sample{}}}); !errors.Is(err, dataset.ErrSplit) {
			t.Errorf("split %v: got %v", bad, err)
		}
	}
	e, err := math.New(task.Options{Quirks: true, Tools: task.Tools{Data: sample{}, Python: &fake{version: "1.14.0"}}})
	if err != nil || e.ID() != math.ID {
		t.Fatalf("got %v, %v", e, err)
	}
	tk, err := e.Task(1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tk.Grade(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{` \dfrac{1}{2} `, `\frac{1}{2}`},
		{`\left(1,\,2\right)`, "(1,2)"},
		{`\leftarrow \left_a \left3 \lefté \left`, `\leftarrow\left_a\left3\lefté`},
		{"A\u00a0B\x1cC", "abc"},
		{`\\,!`, ""},
		{"AΣ", "aς"},
	} {
		if got := math.Normalize(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzGrade(f *testing.F) {
	f.Add(`a \boxed{\frac{1}{2}} \boxed{`, `</think><SOLUTION>\left( 0.5 \right)</SOLUTION><|im_end|>`)
	f.Add(`\boxed{2^{x}}`, "<SOLUTION>exec('1')</SOLUTION>")
	f.Fuzz(func(t *testing.T, solution, completion string) {
		first := math.FirstBoxed(solution)
		if last, ok := math.LastBoxed(solution); ok && !strings.Contains(solution, `\boxed{`+last+"}") {
			t.Fatalf("%q has no box with %q", solution, last)
		}
		for _, judge := range []math.Judge{{}, {Symbolic: func(context.Context, string, string) (bool, error) { return false, nil }}} {
			g, err := math.NewTask(math.Problem{Answer: first, Solution: solution}, task.Native, judge).Grade(t.Context(), completion)
			if err != nil {
				t.Fatal(err)
			}
			if g.Reward < math.MinReward || g.Reward > math.MaxReward {
				t.Fatalf("got %+v", g)
			}
		}
		if n := math.Normalize(solution); strings.ContainsFunc(n, cpython.IsSpace) {
			t.Fatalf("%q keeps white space: %q", solution, n)
		}
	})
}
