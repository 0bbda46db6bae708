package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// shelf has one dataset for every environment, and others by their digests.
type shelf struct {
	set    dataset.Set
	others map[string]*dataset.Set
	opened int
}

func (s *shelf) Open(context.Context, string) (*dataset.Set, error) {
	s.opened++
	return &s.set, nil
}

func (s *shelf) OpenDigest(ctx context.Context, env, digest string) (*dataset.Set, error) {
	if o := s.others[digest]; o != nil {
		return o, nil
	}
	return s.Open(ctx, env)
}

func TestEnvironmentsKeepsWhatIsOpen(t *testing.T) {
	e := &Environments{}
	open := func(rules grail.Rules, p Policy) *Environment {
		t.Helper()
		got, err := e.Open(rules, p)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := open(grail.Hardened(), Policy{Checkpoint: 30, EnvID: "sat", Mode: task.Instructed})
	if open(grail.Hardened(), Policy{Checkpoint: 60, EnvID: "sat", Mode: task.Instructed}) != first {
		t.Error("the next checkpoint opens the environment again")
	}
	if first.Dataset != "" {
		t.Errorf("sat has the dataset %s", first.Dataset)
	}
	for name, other := range map[string]*Environment{
		"another mode": open(grail.Hardened(), Policy{EnvID: "sat", Mode: task.Native}),
		"quirks":       open(grail.Reference(), Policy{EnvID: "sat", Mode: task.Instructed}),
		"parameters": open(grail.Hardened(), Policy{EnvID: "sat", Mode: task.Instructed,
			EnvParams: cpython.ObjectValue([]cpython.Member{{Key: "split", Value: cpython.StringValue("test")}})}),
	} {
		if other == first {
			t.Errorf("%s: the same environment", name)
		}
	}
	if len(e.kept) != keptEnvironments {
		t.Errorf("%d environments stay open", len(e.kept))
	}
	var none *Environments
	if _, err := none.Open(grail.Hardened(), Policy{EnvID: "sat"}); err != nil {
		t.Errorf("without tools: %v", err)
	}
}

// The reference's validators fail every miner in these two, so nobody under its rules shall compute for them.
func TestEnvironmentsOfTheReference(t *testing.T) {
	for _, id := range []string{"affine_trace", "affine_logic"} {
		_, err := new(Environments).Open(grail.Reference(), Policy{EnvID: id})
		if !errors.Is(err, ErrPolicy) || !errors.Is(err, catalog.ErrUnregistered) || !strings.Contains(EnvironmentHint(err), "environment_quirks") {
			t.Errorf("%s: %v, hint %q", id, err, EnvironmentHint(err))
		}
	}
}

func TestChosenDataset(t *testing.T) {
	a, b, c := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	newShelf := func() *shelf {
		return &shelf{set: dataset.Set{Digest: a, Source: "pulled"}, others: map[string]*dataset.Set{b: {Digest: b}}}
	}
	for name, test := range map[string]struct{ want, got string }{
		"the trainer doesn't say": {"", a},
		"the one at hand":         {a, a},
		"another that is here":    {b, b},
		"one that isn't here":     {c, ""},
	} {
		d := &chosen{Datasets: newShelf(), digest: test.want}
		s, err := d.Open(t.Context(), "gsm8k")
		if test.got == "" {
			if !errors.Is(err, ErrDataset) || !strings.Contains(err.Error(), "cccccccc") || !strings.Contains(err.Error(), "pulled") || d.opened() != "" {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.Contains(EnvironmentHint(err), "data pull") {
				t.Errorf("%s: hint %q", name, EnvironmentHint(err))
			}
			continue
		}
		if err != nil || s.Digest != test.got || d.opened() != test.got {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestEnvironmentHint(t *testing.T) {
	if h := EnvironmentHint(task.ErrNoTool); !strings.Contains(h, "doctor") {
		t.Errorf("no tool: %q", h)
	}
	if h := EnvironmentHint(task.ErrUnknownEnvironment); h == "" {
		t.Error("no hint for an environment that isn't known")
	}
	if h := EnvironmentHint(errors.New("other")); h != "" {
		t.Errorf("another error: %q", h)
	}
}

// broken is an environment whose grader's machine fails in the way of the reference: with a grade.
type broken struct{ infra bool }

func (broken) ID() string                       { return "broken" }
func (b broken) Task(uint32) (task.Task, error) { return b, nil }
func (broken) Messages() []task.Message         { return nil }
func (b broken) Grade(context.Context, string) (task.Grade, error) {
	return task.Grade{Reward: 0.25, Info: map[string]any{infraError: b.infra}}, nil
}

// A grade that the machine's own failure has spoilt is not handed in. The reference's validator takes it, and so does ours under its rules.
func TestSpoiltGrades(t *testing.T) {
	for _, infra := range []bool{false, true} {
		e := &Evaluator{env: &Environment{Environment: broken{infra}, Dataset: "d"}, text: letters{}, eos: -1}
		if g, err := e.Evaluate(t.Context(), 1, []int32{65}); err != nil || g.Reward != 0.25 {
			t.Errorf("spoilt %v, as a validator: %+v, %v", infra, g, err)
		}
		g, err := e.Grade(t.Context(), 1, []int32{65})
		if infra != errors.Is(err, verify.ErrUnjudged) || !infra && g.Reward != 0.25 {
			t.Errorf("spoilt %v, as a miner: %+v, %v", infra, g, err)
		}
		if e.Dataset() != "d" {
			t.Errorf("dataset %q", e.Dataset())
		}
	}
}
