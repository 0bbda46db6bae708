package grpo

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate of each epoch (B2, step 4).
type Schedule struct {
	// Cosine lets the rate fall to Floor over Total epochs; otherwise it stays at Peak after the warm-up.
	Cosine bool
	// Peak is the learning rate after the warm-up, 1e-6; Floor where a cosine ends, 1e-7.
	Peak, Floor float64
	// Total is the number of epochs (windows, in the reference's words), 100; Warmup is the part of them in which the rate rises, 0.05.
	Total  int
	Warmup float64
	// Quirks begins at 0, so that the first epoch changes nothing.
	Quirks bool
}

// ParseSchedule reads the name of a kind. The error wraps ErrConfig.
func ParseSchedule(kind string) (cosine bool, err error) {
	switch kind {
	case "constant", "cosine":
		return kind == "cosine", nil
	}
	return false, fmt.Errorf("couldn't use learning-rate schedule %.40q: %w: want constant or cosine", kind, ErrConfig)
}

// Rate is the learning rate of an epoch, from 0.
func (s Schedule) Rate(epoch int) float64 {
	w := max(1, int(float64(s.Total)*s.Warmup))
	if epoch < w {
		e := epoch
		if !s.Quirks {
			e++
		}
		return s.Peak * (float64(e) / float64(w))
	}
	if !s.Cosine {
		return s.Peak
	}
	t := max(1, s.Total-w)
	e := epoch - w
	if !s.Quirks {
		e = min(e, t) // past its end, a cosine would rise again
	}
	return s.Floor + float64((s.Peak-s.Floor)*(1+math.Cos(math.Pi*float64(e)/float64(t)))/2)
}
