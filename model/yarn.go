package model

import (
	"fmt"
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// YaRN (Peng et al., 2023) as the transformers library computes it. The dimension that turns n times in the original context is
//
//	d(n) = head_dim * ln(context/(2 pi n)) / (2 ln theta)
//
// Below low = d(BetaFast) a frequency stays, above high = d(BetaSlow) it is divided by the factor, in between it is a blend that is
// linear in the dimension. Cosines and sines are multiplied by the attention factor, which widens the logits of long contexts.

func (r RopeScaling) validateYarn() error {
	positive := func(name string, x float64) error {
		if !(x >= 0) || math.IsInf(x, 0) {
			return fmt.Errorf("config field rope_scaling.%s is %g, want a positive number", name, x)
		}
		return nil
	}
	for _, f := range []struct {
		name string
		x    float64
	}{{"attention_factor", r.AttentionFactor}, {"mscale", r.MScale}, {"mscale_all_dim", r.MScaleAllDim}, {"beta_fast", r.BetaFast}, {"beta_slow", r.BetaSlow}} {
		if err := positive(f.name, f.x); err != nil {
			return err
		}
	}
	if !(r.Factor >= 1) || math.IsInf(r.Factor, 0) {
		return fmt.Errorf("config field rope_scaling.factor is %g, want at least 1", r.Factor)
	}
	if r.OriginalContexts < 1 {
		return fmt.Errorf("config field rope_scaling.original_max_position_embeddings is %d, want at least 1", r.OriginalContexts)
	}
	return nil
}

// attention is the factor on cosines and sines.
func (r RopeScaling) attention() float64 {
	if r.AttentionFactor != 0 {
		return r.AttentionFactor
	}
	scale := func(m float64) float64 {
		if r.Factor <= 1 {
			return 1
		}
		return float64(float64(0.1*m)*kernel.Log(r.Factor)) + 1
	}
	if r.MScale != 0 && r.MScaleAllDim != 0 {
		return scale(r.MScale) / scale(r.MScaleAllDim)
	}
	return scale(1)
}

// yarn blends the frequencies of r, which are unscaled so far, and sets its scale.
func (c *Config) yarn(r *Rope) {
	s := c.RopeScaling
	fast, slow := s.BetaFast, s.BetaSlow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	dim := float64(c.HeadDim)
	at := func(turns float64) float64 {
		return float64(dim*kernel.Log(float64(s.OriginalContexts)/float64(turns*2*math.Pi))) / float64(2*kernel.Log(c.RopeTheta))
	}
	low, high := at(fast), at(slow)
	if !s.NoTruncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, dim-1)
	if low == high {
		high += 0.001 // the reference's guard against division by zero
	}
	for i, f := range r.inv {
		ramp := min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		keep := 1 - ramp
		inner := f / float32(s.Factor)
		r.inv[i] = float32(inner*(1-keep)) + float32(f*keep)
	}
	r.scale = float32(s.attention())
}
