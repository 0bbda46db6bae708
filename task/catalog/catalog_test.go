package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
)

// TestOpen holds every environment to the contract: it knows its id, poses one user message, and poses it again.
func TestOpen(t *testing.T) {
	ids := catalog.IDs()
	if !slices.Contains(ids, "sat") {
		t.Errorf("ids %v lack sat", ids)
	}
	for _, id := range ids {
		for _, mode := range []task.Mode{task.Instructed, task.Native} {
			e, err := catalog.Open(id, task.Options{Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			if e.ID() != id {
				t.Errorf("%s calls itself %s", id, e.ID())
			}
			a, err := e.Task(42)
			if err != nil {
				t.Fatal(err)
			}
			b, err := e.Task(42)
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
	}
}

func TestOpenUnknown(t *testing.T) {
	_, err := catalog.Open("chess", task.Options{})
	if !errors.Is(err, task.ErrUnknownEnvironment) || !strings.Contains(err.Error(), "sat") {
		t.Errorf("got %v", err)
	}
}
