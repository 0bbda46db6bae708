package main

import (
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// TestEcho tells a fault that lasts twice a minute, not every second, and a new one at once.
func TestEcho(t *testing.T) {
	start := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	var told echo
	for i, c := range []struct {
		after  time.Duration
		kind   status.Kind
		reason string
		again  bool
	}{
		{0, status.Fault, "no chain", false}, {time.Second, status.Fault, "no chain", true}, {29 * time.Second, status.Fault, "no chain", true},
		{30 * time.Second, status.Fault, "no chain", false}, {31 * time.Second, status.Fault, "no chain", true},
		{32 * time.Second, status.Fault, "no store", false}, {33 * time.Second, status.Fault, "no chain", false},
		{34 * time.Second, status.Upload, "", false}, {35 * time.Second, status.Fault, "no chain", false},
	} {
		if got := told.again(status.Event{Time: start.Add(c.after), Kind: c.kind, Node: "miner", Reason: c.reason}); got != c.again {
			t.Errorf("event %d: %v, want %v", i, got, c.again)
		}
	}
}
