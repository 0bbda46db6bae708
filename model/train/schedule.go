package train

import "math"

// Schedule gives the learning rate of each step: a linear warm-up to Peak, then
// constant, or a cosine down to Floor at step Total.
type Schedule struct {
	Peak   float64
	Warmup int     // steps
	Total  int     // steps of the whole run; 0: constant after the warm-up
	Floor  float64 // rate at and after Total
}

// Rate is the learning rate of step (from 0).
func (s Schedule) Rate(step int) float64 {
	switch {
	case step < s.Warmup:
		return s.Peak * float64(step+1) / float64(s.Warmup)
	case s.Total <= 0:
		return s.Peak
	case step >= s.Total:
		return s.Floor
	}
	done := float64(step-s.Warmup) / float64(s.Total-s.Warmup)
	return s.Floor + float64((s.Peak-s.Floor)*0.5*(1+math.Cos(math.Pi*done)))
}
