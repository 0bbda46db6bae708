package llm

import (
	"slices"
	"time"
)

// ring keeps the last times.
type ring struct {
	times []time.Duration
	next  int
}

const ringSize = 64

func (r *ring) add(d time.Duration) {
	if len(r.times) < ringSize {
		r.times = append(r.times, d)
		return
	}
	r.times[r.next] = d
	r.next = (r.next + 1) % ringSize
}

func (r *ring) mean() time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range r.times {
		sum += d
	}
	return sum / time.Duration(len(r.times))
}

// slow is the 95th percentile.
func (r *ring) slow() time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	s := slices.Clone(r.times)
	slices.Sort(s)
	return s[(len(s)*95+99)/100-1]
}
