package humaneval_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/humaneval"
	"github.com/nanteos/nanteos/task/mbpp"
)

// samples are the program's own datasets.
type samples struct{}

func (samples) Open(_ context.Context, env string) (*dataset.Set, error) { return dataset.Sample(env) }

// Every solution of our own datasets passes its tests, under both rules' graders that can run it; an answer that does nothing doesn't.
func TestSamples(t *testing.T) {
	path := os.Getenv("NANTEOS_GRADER_PYTHON")
	if home, err := os.UserHomeDir(); err == nil && path == "" {
		if found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.12*/bin/python3")); len(found) > 0 {
			path = found[len(found)-1]
		}
	}
	p := grader.New(grader.Config{Interpreter: path})
	defer p.Close()
	for _, open := range []task.Factory{mbpp.New, humaneval.New} {
		env, err := open(task.Options{Tools: task.Tools{Data: samples{}, Python: p}})
		if errors.Is(err, task.ErrNoTool) {
			t.Skipf("no sandboxed Python here: %v (install CPython 3.12 and allow user namespaces, or set NANTEOS_GRADER_PYTHON)", err)
		} else if err != nil {
			t.Fatal(err)
		}
		for seed := range uint32(40) {
			tk, err := env.Task(seed)
			if err != nil {
				t.Fatal(err)
			}
			solution := tk.(task.Described).Metadata()["reference_solution"].(string)
			if env.ID() == humaneval.ID {
				solution = tk.Messages()[0].Content + solution
			}
			for code, want := range map[string]bool{solution: true, "x = 1": false} {
				g, err := tk.Grade(t.Context(), "</end_working_out><SOLUTION>\n"+code+"\n</SOLUTION>")
				if err != nil {
					t.Fatal(err)
				}
				if g.Success != want || want && g.Reward != 1 {
					t.Errorf("%s %d: reward %v, %v, of\n%s", env.ID(), seed, g.Reward, g.Info, code)
				}
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, tools := range map[string]task.Tools{"nothing": {}, "no Python": {Data: samples{}}} {
		if _, err := humaneval.New(task.Options{Tools: tools}); !errors.Is(err, task.ErrNoTool) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProblem(t *testing.T) {
	question, payload := humaneval.Problem(dataset.Row{"prompt": "def f():\n", "test": "def check(c):\n    pass\n", "entry_point": "f"})
	if tests := payload.Tests(); question != "def f():\n" || len(tests) != 1 || tests[0] != "def check(c):\n    pass\n\ncheck(f)" {
		t.Errorf("got %q, %q", question, tests)
	}
}
