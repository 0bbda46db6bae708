package score

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
)

// Change is one thing that would be different. Fields that are nil stay as they are.
type Change struct {
	// Hotkey is the miner that changes; one that isn't in the metagraph is added to it.
	Hotkey string
	// Unique is the number of unique rollouts in each window looked at, checked in all of them.
	Unique *int64
	// Available is the number of windows with an upload.
	Available *int
	// Failed puts a failure into the last window, or takes all failures away.
	Failed *bool
}

// Outcome is a neuron's weight without and with the changes.
type Outcome struct {
	Before, After Score
}

// WhatIf computes the weights as they are and as they would be with the changes. It leaves in as it is. Neurons that the changes add
// come last, with the lowest UIDs that are free.
func WhatIf(r grail.Rules, in Input, changes []Change) ([]Outcome, error) {
	before, err := Weights(r, in)
	if err != nil {
		return nil, err
	}
	changed := Input{Target: in.Target, Neurons: slices.Clone(in.Neurons), Availability: maps.Clone(in.Availability), Metrics: maps.Clone(in.Metrics)}
	if changed.Availability == nil {
		changed.Availability = map[string]int{}
	}
	if changed.Metrics == nil {
		changed.Metrics = map[string]map[int64]verify.Metrics{}
	}
	windows := Windows(r, in.Target)
	for _, c := range changes {
		if c.Hotkey == "" {
			return nil, fmt.Errorf("couldn't compute what-if: a change without hotkey")
		}
		if !slices.ContainsFunc(changed.Neurons, func(n Neuron) bool { return n.Hotkey == c.Hotkey }) {
			changed.Neurons = append(changed.Neurons, Neuron{UID: freeUID(changed.Neurons), Hotkey: c.Hotkey})
		}
		if c.Available != nil {
			changed.Availability[c.Hotkey] = *c.Available
		}
		byWindow := maps.Clone(changed.Metrics[c.Hotkey])
		if byWindow == nil {
			byWindow = map[int64]verify.Metrics{}
		}
		if c.Unique != nil {
			for _, w := range windows {
				m := byWindow[w]
				m.EstimatedUnique = *c.Unique
				byWindow[w] = m
			}
			if c.Available == nil && changed.Availability[c.Hotkey] == 0 {
				changed.Availability[c.Hotkey] = len(windows)
			}
		}
		if c.Failed != nil {
			for w, m := range byWindow {
				m.HadFailure = 0
				byWindow[w] = m
			}
			if *c.Failed {
				m := byWindow[in.Target]
				m.HadFailure = 1
				byWindow[in.Target] = m
			}
		}
		changed.Metrics[c.Hotkey] = byWindow
	}
	after, err := Weights(r, changed)
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, len(after))
	for i := range after {
		out[i].After = after[i]
		if i < len(before) {
			out[i].Before = before[i]
		} else {
			out[i].Before = Score{UID: after[i].UID, Hotkey: after[i].Hotkey, Why: "not in the metagraph"}
		}
	}
	return out, nil
}

func freeUID(neurons []Neuron) int {
	for uid := 0; ; uid++ {
		if !slices.ContainsFunc(neurons, func(n Neuron) bool { return n.UID == uid }) {
			return uid
		}
	}
}
