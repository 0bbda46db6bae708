package math_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/math"
	"github.com/nanteos/nanteos/task/math/expr"
)

// sympyPython is an interpreter with sympy, that of the graders; empty where none is named.
func sympyPython() string { return os.Getenv("NANTEOS_GRADER_PYTHON") }

// sympy returns the sandboxed Python, ok is false where it isn't here or has no sympy 1.14.
func sympy(t testing.TB) (python task.Python, ok bool) {
	t.Helper()
	p := grader.New(grader.Config{Interpreter: sympyPython()})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	err := p.Ready(t.Context())
	if err == nil {
		_, err = math.NewSymbolic(t.Context(), p)
	}
	if errors.Is(err, task.ErrNoTool) {
		t.Logf("sympy isn't asked: %v (set NANTEOS_GRADER_PYTHON to a Python 3.12 with sympy 1.14.0)", err)
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, true
}

// errAsked says that Go alone leaves a pair open.
var errAsked = errors.New("sympy is asked")

func noSympy(context.Context, string, string) (bool, error) { return false, errAsked }

type vectors struct {
	Meta     json.RawMessage
	Bounds   [2]float64
	Equality []struct {
		Pred, Gold string
		PredNorm   string `json:"pred_norm"`
		GoldNorm   string `json:"gold_norm"`
		Equal      bool
	}
	Boxed []struct {
		Text     string
		Last     *string `json:"env_last"`
		Provider string  `json:"provider_first"`
	}
	Levels []struct {
		Text  string
		Level int
	}
	Trials []struct {
		Mode, Label string
		Completion  string
		Payload     struct{ Answer, Solution string }
		Expect      struct {
			Parsed struct {
				Text        string `json:"answer_text"`
				HasThinking bool   `json:"has_thinking"`
				HasAnswer   bool   `json:"has_answer"`
				Trailing    int    `json:"trailing_after_answer"`
			}
			Reward     float64
			Components map[string]float64
			Success    bool
			Gold       string `json:"gold_answer"`
			Pred       string `json:"pred_answer"`
		}
	}
}

const file = "environments/math.json"

// TestVectorsMATHEquality holds every pair to Go's verdict where it has one, and the rest to sympy's where that is here.
func TestVectorsMATHEquality(t *testing.T) {
	t.Parallel()
	var v vectors
	vectortest.Decode(t, file, &v)
	ask := math.Symbolic(noSympy)
	python, ok := sympy(t)
	if ok {
		var err error
		if ask, err = math.NewSymbolic(t.Context(), python); err != nil {
			t.Fatal(err)
		}
	}
	texts, floats, byGo, refused, bySympy, open := 0, 0, 0, 0, 0, 0
	asked := false
	judge := math.Judge{Symbolic: func(ctx context.Context, pred, gold string) (bool, error) {
		asked = true
		return ask(ctx, pred, gold)
	}}
	for _, c := range v.Equality {
		p, g := math.Normalize(c.Pred), math.Normalize(c.Gold)
		if p != c.PredNorm || g != c.GoldNorm {
			t.Errorf("%q, %q: normalised to %q, %q, want %q, %q", c.Pred, c.Gold, p, g, c.PredNorm, c.GoldNorm)
		}
		asked = false
		got, err := judge.Equal(t.Context(), c.Pred, c.Gold)
		switch {
		case errors.Is(err, errAsked):
			open++
			continue
		case err != nil:
			t.Fatal(err)
		case asked:
			bySympy++
		case p == g || c.Pred == "" || c.Gold == "":
			texts++
		case expr.Compare(p, g).Reference != expr.Undecided:
			byGo++
		case !expr.Evaluable(p) || !expr.Evaluable(g):
			refused++
		default:
			floats++
		}
		if got != c.Equal {
			t.Errorf("%q, %q: got %v, want %v (sympy asked: %v)", c.Pred, c.Gold, got, c.Equal, asked)
		}
	}
	t.Logf("of %d pairs Go decides %d by their expressions, %d by text, %d as floats, %d as programs; sympy decides %d; %d are left open without it",
		len(v.Equality), byGo, texts, floats, refused, bySympy, open)
	vectortest.Count(t, file, len(v.Equality)-open)
}

func TestVectorsMATHBoxed(t *testing.T) {
	var v vectors
	vectortest.Decode(t, file, &v)
	for _, c := range v.Boxed {
		last, ok := math.LastBoxed(c.Text)
		if ok != (c.Last != nil) || ok && last != *c.Last {
			t.Errorf("last box of %q: got %q, %v, want %v", c.Text, last, ok, c.Last)
		}
		if first := math.FirstBoxed(c.Text); first != c.Provider {
			t.Errorf("first box of %q: got %q, want %q", c.Text, first, c.Provider)
		}
	}
	for _, c := range v.Levels {
		if got := dataset.MATHLevel(c.Text); got != c.Level {
			t.Errorf("level %q: got %d, want %d", c.Text, got, c.Level)
		}
	}
	vectortest.Count(t, file, len(v.Boxed)+len(v.Levels))
}

func TestVectorsMATHTrials(t *testing.T) {
	t.Parallel()
	var v vectors
	vectortest.Decode(t, file, &v)
	if v.Bounds != [2]float64{math.MinReward, math.MaxReward} {
		t.Errorf("bounds: got %v and %v, want %v", math.MinReward, math.MaxReward, v.Bounds)
	}
	judge := math.Judge{Symbolic: noSympy}
	if python, ok := sympy(t); ok {
		var err error
		if judge.Symbolic, err = math.NewSymbolic(t.Context(), python); err != nil {
			t.Fatal(err)
		}
	}
	open := 0
	for i, c := range v.Trials {
		mode, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		want := c.Expect
		pred, a := math.Parse(c.Completion, mode.Tags())
		if p := want.Parsed; pred != p.Text || a.HasThinking != p.HasThinking || a.HasAnswer != p.HasAnswer || a.Trailing != p.Trailing {
			t.Errorf("trial %d (%s): %q parsed to %q, %+v, want %+v", i, c.Label, c.Completion, pred, a, p)
		}
		tk := math.NewTask(math.Problem{Answer: c.Payload.Answer, Solution: c.Payload.Solution}, mode, judge)
		g, err := tk.Grade(t.Context(), c.Completion)
		if errors.Is(err, errAsked) {
			open++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if g.Reward != want.Reward || g.Success != want.Success || g.Info["gold_answer"] != want.Gold || g.Info["pred_answer"] != want.Pred ||
			len(g.Components) != len(want.Components) {
			t.Errorf("trial %d (%s): %q for %q got %+v, want %+v", i, c.Label, c.Completion, c.Payload, g, want)
		}
		for _, part := range g.Components {
			if value, ok := want.Components[part.Name]; !ok || value != part.Value {
				t.Errorf("trial %d (%s): got %s = %v, want %v", i, c.Label, part.Name, part.Value, value)
			}
		}
	}
	t.Logf("%d trials are left open without sympy", open)
	vectortest.Count(t, file, len(v.Trials)-open)
}

// TestSample opens the environment without quirks on the dataset that comes with the program.
func TestSample(t *testing.T) {
	e, err := math.New(task.Options{Tools: task.Tools{Data: sample{}}})
	if err != nil {
		t.Fatal(err)
	}
	tk, err := e.Task(12345)
	if err != nil {
		t.Fatal(err)
	}
	gold := tk.(*math.Task).Gold()
	g, err := tk.Grade(t.Context(), "</end_working_out><SOLUTION>"+gold+"</SOLUTION>")
	if err != nil || gold == "" || !g.Success || g.Reward != math.MaxReward {
		t.Errorf("gold %q: got %+v, %v", gold, g, err)
	}
	if m := tk.Messages(); len(m) != 1 || m[0].Role != "user" || m[0].Content == "" {
		t.Errorf("got messages %q", m)
	}
	if meta := tk.(*math.Task).Metadata(); meta["gold_answer"] != gold || meta["split"] != "train" {
		t.Errorf("got %v", meta)
	}
	if _, err := math.New(task.Options{}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("without data: got %v", err)
	}
	if _, err := math.New(task.Options{Quirks: true, Tools: task.Tools{Data: sample{}}}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("without Python: got %v", err)
	}
}

type sample struct{}

func (sample) Open(_ context.Context, env string) (*dataset.Set, error) { return dataset.Sample(env) }
