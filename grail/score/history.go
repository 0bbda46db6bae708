package score

import (
	"fmt"
	"slices"
)

// Roll is the set of hotkeys of one processed window.
type Roll struct {
	Window  int64    `json:"window"`
	Hotkeys []string `json:"hotkeys"` // ascending, without repetition
}

// History is a rolling history over processed windows: who was there, checked, or failed (A3). The count of a hotkey is the number of
// rolls that hold it.
type History struct {
	Rolls []Roll `json:"rolls"` // oldest first
}

// Add appends the set of a window and drops what exceeds capacity. A window that is there already is replaced: it was tried again.
func (h *History) Add(capacity int, window int64, hotkeys []string) {
	set := slices.Clone(hotkeys)
	slices.Sort(set)
	roll := Roll{window, slices.Compact(set)}
	if n := len(h.Rolls); n > 0 && h.Rolls[n-1].Window == window {
		h.Rolls[n-1] = roll
	} else {
		h.Rolls = append(h.Rolls, roll)
	}
	if extra := len(h.Rolls) - capacity; extra > 0 {
		h.Rolls = slices.Clone(h.Rolls[extra:])
	}
}

// Counts returns the count of every hotkey that has one.
func (h *History) Counts() map[string]int {
	counts := map[string]int{}
	for _, r := range h.Rolls {
		for _, k := range r.Hotkeys {
			counts[k]++
		}
	}
	return counts
}

// CountsIn is Counts over the rolls of the given windows only.
func (h *History) CountsIn(windows []int64) map[string]int {
	counts := map[string]int{}
	for _, r := range h.Rolls {
		if slices.Contains(windows, r.Window) {
			for _, k := range r.Hotkeys {
				counts[k]++
			}
		}
	}
	return counts
}

func (h *History) validate(name string) error {
	last := int64(-1)
	for _, r := range h.Rolls {
		if r.Window <= last {
			return fmt.Errorf("%w: %s history has window %d after %d", ErrState, name, r.Window, last)
		}
		last = r.Window
		if !slices.IsSorted(r.Hotkeys) || len(slices.Compact(slices.Clone(r.Hotkeys))) != len(r.Hotkeys) {
			return fmt.Errorf("%w: %s history of window %d is not a sorted set", ErrState, name, r.Window)
		}
	}
	return nil
}
