package validator

import (
	"context"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// library lends out models and counts those that are out.
type library struct {
	shelf
	out int
}

func (l *library) Load(ctx context.Context, label int64) (*node.Model, error) {
	m, err := l.shelf.Load(ctx, label)
	if err == nil {
		l.out++
		m.Policy.Checkpoint, m.Release = label, func() { l.out-- }
	}
	return m, err
}

// TestModelsAreGivenBack: with a trainer there is a new checkpoint in every window; one model stays in memory, and none at the end.
func TestModelsAreGivenBack(t *testing.T) {
	l := &library{shelf: shelf{env: "sat"}}
	v := &Validator{cfg: Config{Rules: grail.Hardened(), Checkpoints: l, Sink: status.Discard, Now: time.Now}}
	for label := int64(0); label < 90; label += 30 {
		if err := v.load(t.Context(), label); err != nil {
			t.Fatal(err)
		}
		if l.out != 1 || v.model.Policy.Checkpoint != label {
			t.Errorf("after checkpoint %d: %d models are out", label, l.out)
		}
	}
	l.env = "chess"
	if err := v.load(t.Context(), 90); err == nil || l.out != 1 || v.model.Policy.Checkpoint != 60 {
		t.Errorf("an unusable checkpoint: %v, %d models are out", err, l.out)
	}
	if v.release(); l.out != 0 {
		t.Errorf("%d models are out at the end", l.out)
	}
}
