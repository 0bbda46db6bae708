package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// samples are the program's own datasets.
type samples struct{}

func (samples) Open(_ context.Context, env string) (*dataset.Set, error) { return dataset.Sample(env) }

// python is an interpreter that finds every program in order and every test passed, without running anything.
type python struct{}

func (python) Ready(context.Context) error { return nil }
func (python) Version() string             { return "3.12.1" }
func (python) Do(_ context.Context, op string, _, _ any) error {
	return fmt.Errorf("op %s: %w", op, task.ErrJobDied)
}

// TestOpen holds every environment to the contract: it knows its id, poses one user message, poses it again, and says that it can't where it lacks
// what it needs.
func TestOpen(t *testing.T) {
	ids := catalog.IDs()
	if !slices.Contains(ids, "sat") {
		t.Errorf("ids %v lack sat", ids)
	}
	for _, id := range ids {
		for _, mode := range []task.Mode{task.Instructed, task.Native} {
			o := task.Options{Mode: mode, Tools: task.Tools{Data: samples{}, Python: python{}}}
			e, err := catalog.Open(id, o)
			if err != nil {
				t.Fatal(err)
			}
			if e.ID() != id {
				t.Errorf("%s calls itself %s", id, e.ID())
			}
			seed := uint32(42)
			a, err := e.Task(seed)
			if errors.Is(err, task.ErrJobDied) {
				continue // its problems are made by a program: internal/environments has the test
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := e.Task(seed)
			if err != nil {
				t.Fatal(err)
			}
			m := a.Messages()
			if len(m) != 1 || m[0].Role != "user" || !slices.Equal(m, b.Messages()) {
				t.Errorf("%s: messages %q and %q", id, m, b.Messages())
			}
			if g, err := a.Grade(t.Context(), ""); err != nil || g.Success || len(g.Components) == 0 {
				t.Errorf("%s: an empty completion gets %+v, %v", id, g, err)
			}
		}
		if _, err := catalog.Open(id, task.Options{}); err != nil && !errors.Is(err, task.ErrNoTool) {
			t.Errorf("%s without tools: %v", id, err)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	_, err := catalog.Open("chess", task.Options{})
	if !errors.Is(err, task.ErrUnknownEnvironment) || !strings.Contains(err.Error(), "sat") {
		t.Errorf("got %v", err)
	}
}

func TestRegistered(t *testing.T) {
	for _, id := range []string{"sat", "gsm8k", "mbpp", "triton_kernel"} {
		if err := catalog.Registered(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"affine_trace", "affine_logic"} {
		if err := catalog.Registered(id); !errors.Is(err, catalog.ErrUnregistered) || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
