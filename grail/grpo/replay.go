package grpo

import (
	"iter"
	"math"
	"math/big"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Replay keeps the groups of the newest windows and samples epochs from them, newer windows more (B6).
type Replay struct {
	// Windows is how many windows are kept: 2.
	Windows int
	// Recent is the part of an epoch that comes from the newest window: 0.5. Decay is what an older window counts for less than the next: 0.7.
	Recent, Decay float64

	kept []replayWindow // oldest first
}

type replayWindow struct {
	window int64
	groups []Group
}

// DefaultReplay returns a buffer with the reference's settings.
func DefaultReplay() *Replay { return &Replay{Windows: 2, Recent: 0.5, Decay: 0.7} }

// Add takes the groups of a window, in place of those it had. Above capacity the window with the smallest number goes.
func (r *Replay) Add(window int64, groups []Group) {
	if i := slices.IndexFunc(r.kept, func(w replayWindow) bool { return w.window == window }); i >= 0 {
		r.kept[i].groups = groups
		return
	}
	r.kept = append(r.kept, replayWindow{window, groups})
	slices.SortFunc(r.kept, func(a, b replayWindow) int { return int(max(-1, min(1, a.window-b.window))) })
	for len(r.kept) > max(r.Windows, 1) {
		r.kept = r.kept[1:]
	}
}

// All yields the windows in the buffer with their groups, oldest first.
func (r *Replay) All() iter.Seq2[int64, []Group] {
	return func(yield func(int64, []Group) bool) {
		for _, w := range r.kept {
			if !yield(w.window, w.groups) {
				return
			}
		}
	}
}

// Contents lists the windows in the buffer with their number of groups, oldest first.
func (r *Replay) Contents() (windows []int64, groups []int) {
	for _, w := range r.kept {
		windows, groups = append(windows, w.window), append(groups, len(w.groups))
	}
	return windows, groups
}

// Allocation returns how many of n groups are asked of each window, oldest first.
func (r *Replay) Allocation(n int) []int {
	k := len(r.kept)
	if k == 0 {
		return nil
	}
	out := make([]int, k)
	if k == 1 {
		out[0] = n
		return out
	}
	out[k-1] = int(float64(n) * r.Recent)
	rest := n - out[k-1]
	weights, total := make([]float64, k-1), make([]float64, 0, k-1)
	for i := range weights {
		weights[i] = math.Pow(r.Decay, float64(k-1-i))
		total = append(total, weights[i])
	}
	sum := cpython.Sum(total)
	for i, w := range weights {
		if sum > 0 {
			out[i] = int(float64(rest) * w / sum)
		}
	}
	return out
}

// Sample returns up to n groups, drawn with the generator of a seed: from each window its share, and what is missing then from the newest.
func (r *Replay) Sample(n int, seed int64) []Group {
	rng := cpython.NewRandFromInt(big.NewInt(seed))
	var out []Group
	newest := len(r.kept) - 1
	used := map[int]bool{}
	for i, want := range r.Allocation(n) {
		groups := r.kept[i].groups
		for _, j := range rng.Sample(len(groups), min(want, len(groups))) {
			out = append(out, groups[j])
			if i == newest {
				used[j] = true
			}
		}
	}
	if newest < 0 || len(out) >= n {
		return out
	}
	var unused []Group
	for j, g := range r.kept[newest].groups {
		if !used[j] {
			unused = append(unused, g)
		}
	}
	for _, j := range rng.Sample(len(unused), min(n-len(out), len(unused))) {
		out = append(out, unused[j])
	}
	return out
}
