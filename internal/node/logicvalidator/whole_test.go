package logicvalidator

import (
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/status"
)

// TestRound runs a round with miners of all kinds.
func TestRound(t *testing.T) {
	w := newWorld(t)
	good := []int{w.serve(1, honest("ann")), w.serve(2, honest("ben"))}
	bad := []int{w.serve(3, wrong()), w.serve(4, odd(t))}
	v := run(t, w.config())
	for _, e := range w.told(status.Fault) {
		t.Errorf("fault: %s", e.Reason)
	}
	if len(w.told(status.Graded)) == 0 {
		t.Fatal("nothing was graded")
	}
	for _, uid := range good {
		if w.weights[uint16(uid)] == 0 {
			t.Errorf("uid %d answers right and has no weight: %v", uid, w.weights)
		}
	}
	for _, uid := range bad {
		if w.weights[uint16(uid)] != 0 {
			t.Errorf("uid %d answers wrong and has a weight: %v", uid, w.weights)
		}
	}
	miners := v.Miners()
	if len(miners) != 5 || len(miners[good[0]].Scores) != 1 || miners[good[0]].Scores[0] < 0.9 || miners[bad[0]].Scores[0] > 0.1 {
		t.Errorf("histories: %+v", miners)
	}
	if !slices.ContainsFunc(w.told(status.Weights), func(e status.Event) bool { return len(e.Weights) == 2 }) {
		t.Errorf("weights told: %+v", w.told(status.Weights))
	}
}
