package evaluation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/sat"
)

func baseModel(t *testing.T) *engine.Native {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "base")
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	n, err := engine.Load(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func options(t *testing.T) Options {
	t.Helper()
	env, err := sat.New(task.Options{Mode: task.Instructed})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Environment: env, Tasks: 6, Attempts: 8, Seed: 1,
		Sampling: grail.GenerationParams{MaxTokens: 384, Temperature: 1, TopP: 1, RepetitionPenalty: 1}}
}

// TestRun: the base model earns what it is known to earn, twice the same, and another seed asks other problems.
func TestRun(t *testing.T) {
	n, o := baseModel(t), options(t)
	var told []string
	o.Progress = func(done, tasks int, mean float64) { told = append(told, fmt.Sprintf("%d/%d %.3f", done, tasks, mean)) }
	r, err := Run(t.Context(), n, n.Text(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tasks != 6 || r.Attempts != 48 || len(told) != 6 || !strings.HasPrefix(told[5], "6/6 ") {
		t.Errorf("%d tasks, %d attempts, told %v", r.Tasks, r.Attempts, told)
	}
	if r.SuccessRate < 0.1 || r.SuccessRate > 0.95 || r.Stopped < 0.9 || r.Low >= r.RewardMean || r.High <= r.RewardMean || r.Length < 10 {
		t.Errorf("report %+v", r)
	}
	o.Progress = nil
	again, err := Run(t.Context(), n, n.Text(), o)
	if err != nil || !reflect.DeepEqual(r, again) {
		t.Errorf("a second evaluation differs: %v", err)
	}
	o.Seed = 2
	if other, err := Run(t.Context(), n, n.Text(), o); err != nil || other.RewardMean == r.RewardMean {
		t.Errorf("another seed gives %v too: %v", other.RewardMean, err)
	}
}

// stuck is an environment that can't grade, or whose prompts are too long.
type stuck struct{ long bool }

var errStuck = errors.New("no grader")

func (stuck) ID() string                       { return "stuck" }
func (s stuck) Task(uint32) (task.Task, error) { return s, nil }
func (s stuck) Messages() []task.Message {
	if s.long {
		return []task.Message{{Role: "user", Content: strings.Repeat("words ", 2000)}}
	}
	return []task.Message{{Role: "user", Content: "x"}}
}
func (stuck) Grade(context.Context, string) (task.Grade, error) { return task.Grade{}, errStuck }

func TestRunRefuses(t *testing.T) {
	n, o := baseModel(t), options(t)
	for _, change := range []func(*Options){
		func(o *Options) { o.Tasks = 0 }, func(o *Options) { o.Attempts = 0 }, func(o *Options) { o.Tasks = maxTasks + 1 }, func(o *Options) { o.Attempts = 1 << 20 },
	} {
		bad := o
		change(&bad)
		if _, err := Run(t.Context(), n, n.Text(), bad); !errors.Is(err, ErrOptions) {
			t.Errorf("%d tasks, %d attempts: %v", bad.Tasks, bad.Attempts, err)
		}
	}
	o.Environment = stuck{}
	if _, err := Run(t.Context(), n, n.Text(), o); !errors.Is(err, errStuck) {
		t.Errorf("a grader that is missing: %v", err)
	}
	o.Environment = stuck{long: true}
	if _, err := Run(t.Context(), n, n.Text(), o); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("a prompt that is too long: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, n, n.Text(), options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestInterval(t *testing.T) {
	n, o := baseModel(t), options(t)
	o.Tasks, o.Attempts = 1, 2
	r, err := Run(t.Context(), n, n.Text(), o)
	if err != nil || r.Low != r.High || math.Abs(r.Low-r.RewardMean) > 1e-12 {
		t.Errorf("one task: %v to %v around %v: %v", r.Low, r.High, r.RewardMean, err)
	}
}
