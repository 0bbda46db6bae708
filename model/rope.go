package model

import (
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// Rope holds the cosines and sines of the rotary embedding for positions
// 0..n-1: row p has HeadDim/2 values. Angles are formed in float32 as the
// reference implementation does, so that long positions agree with it.
type Rope struct {
	half     int
	inv      []float32
	scale    float32 // of cosines and sines; 1 but for yarn
	cos, sin []float32
}

// NewRope prepares the tables for n positions.
func NewRope(c *Config, n int) *Rope {
	r := &Rope{half: c.HeadDim / 2, scale: 1}
	r.inv = make([]float32, r.half)
	for i := range r.inv {
		f := 1 / power(c.RopeTheta, float64(2*i)/float64(c.HeadDim))
		r.inv[i] = float32(c.RopeScaling.frequency(f))
	}
	if c.RopeScaling.Type == "yarn" {
		c.yarn(r)
	}
	r.Grow(n)
	return r
}

// frequency applies the scaling to one inverse frequency.
func (s RopeScaling) frequency(f float64) float64 {
	switch s.Type {
	case "linear":
		return f / s.Factor
	case "llama3":
		wave := 2 * math.Pi / f
		low := float64(s.OriginalContexts) / s.LowFreqFactor
		high := float64(s.OriginalContexts) / s.HighFreqFactor
		switch {
		case wave > low:
			return f / s.Factor
		case wave < high:
			return f
		}
		smooth := (float64(s.OriginalContexts)/wave - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
		return float64((1-smooth)*f/s.Factor) + float64(smooth*f)
	}
	return f
}

// Positions is the number of positions that the tables cover.
func (r *Rope) Positions() int { return len(r.cos) / r.half }

// Grow extends the tables to n positions. It must not run beside Apply.
func (r *Rope) Grow(n int) {
	for p := r.Positions(); p < n; p++ {
		for _, inv := range r.inv {
			angle := float64(float32(p) * inv)
			sin, cos := sinCos(angle)
			r.cos = append(r.cos, float32(cos)*r.scale)
			r.sin = append(r.sin, float32(sin)*r.scale)
		}
	}
}

// Apply rotates x[heads][HeadDim] at position p in place: the first half of a
// head is paired with the second half (the "rotate half" convention).
func (r *Rope) Apply(x []float32, heads, p int) {
	h := r.half
	kernel.RoPE(x, heads, 2*h, r.cos[p*h:p*h+h], r.sin[p*h:p*h+h])
}

// Unapply rotates back: the transpose of Apply, which the backward pass needs.
func (r *Rope) Unapply(x []float32, heads, p int) {
	h := r.half
	kernel.RoPEInverse(x, heads, 2*h, r.cos[p*h:p*h+h], r.sin[p*h:p*h+h])
}
