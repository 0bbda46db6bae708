package train

import (
	"fmt"
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// reduceChunk is the number of parameters summed at a time.
const reduceChunk = 1 << 16

// reduce adds the lanes' gradients in their order and takes the global norm.
func (t *Trainer) reduce(met *Metrics) error {
	n := (t.lay.total + reduceChunk - 1) / reduceChunk
	t.norms = append(t.norms[:0], make([]float64, n)...)
	t.spread(n, func(_ *workspace, i int) {
		from, to := i*reduceChunk, min((i+1)*reduceChunk, t.lay.total)
		g := t.grad[from:to]
		copy(g, t.lanes[0].grad[from:to])
		for _, l := range t.lanes[1:] {
			addTo(g, l.grad[from:to])
		}
		for len(g) > 0 {
			k := min(len(g), 1024)
			t.norms[i] += float64(kernel.Dot(g[:k], g[:k]))
			g = g[k:]
		}
	})
	var sum float64
	for _, x := range t.norms {
		sum += x
	}
	met.GradNorm = math.Sqrt(sum)
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("couldn't make step %d: the gradient's norm is %g: %w", t.steps+1, met.GradNorm, ErrDiverged)
	}
	return nil
}

// update makes the AdamW step from the reduced gradient.
func (t *Trainer) update(met *Metrics, lr float64) error {
	return t.move(met, lr, t.opt.ClipNorm)
}

// move makes the AdamW step; a clip of 0 or less bounds nothing.
func (t *Trainer) move(met *Metrics, lr, clip float64) error {
	o := &t.opt
	t.steps++
	step := kernel.AdamW{
		Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon),
		StepSize:  float32(lr / (1 - power(o.Beta1, t.steps))),
		RootScale: float32(1 / math.Sqrt(1-power(o.Beta2, t.steps))),
		Keep:      1, GradScale: 1,
	}
	if clip > 0 && met.GradNorm > clip {
		step.GradScale = float32(clip / met.GradNorm)
	}
	decayed := step
	decayed.Keep = float32(1 - float64(lr*o.WeightDecay))
	n := (t.lay.total + reduceChunk - 1) / reduceChunk
	t.spread(n, func(_ *workspace, i int) {
		from, to := i*reduceChunk, min((i+1)*reduceChunk, t.lay.total)
		cut := min(max(t.lay.decayedUntil, from), to)
		decayed.Step(t.theta[from:cut], t.grad[from:cut], t.m[from:cut], t.v[from:cut])
		step.Step(t.theta[cut:to], t.grad[cut:to], t.m[cut:to], t.v[cut:to])
	})
	t.repackAll()
	return nil
}

// power is x to the power n by squaring: the same bits on every machine.
func power(x float64, n int) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			y *= x
		}
		x *= x
	}
	return y
}
