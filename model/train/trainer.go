// Package train fits the weights of a decoder: a hand-written backward pass
// for every layer that package model computes, a log-softmax loss that never
// holds all logits, and AdamW with clipping.
//
// # Reproducible
//
// A step gives the same bits for every number of threads and every
// instruction set. The sequences of a batch are cut into micro-batches, the
// micro-batches are dealt to a fixed number of lanes, each lane adds up its own
// gradient in order, and the lanes are added in order. Threads only decide who
// computes a lane. Changing Options.Lanes or Options.MicroTokens changes the
// order of sums and so the last bits.
//
// # Losses
//
// The loss of a batch is a sum over target tokens. Step uses the weights of
// the examples, normalised by their sum: the mean cross-entropy where all are
// 1. StepFunc asks a LossFunc for the derivative of every target's
// log-probability, which is all that a policy-gradient loss needs.
package train

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

// ErrDiverged is wrapped by the error of a step whose loss or gradient is not
// finite. The weights are unchanged: lower the learning rate or skip the batch.
var ErrDiverged = errors.New("training diverged")

// Example is one sequence. Weights[i] is the weight of predicting Tokens[i]
// from the tokens before it; Weights[0] has no effect. nil Weights are ones.
type Example struct {
	Tokens  []int32
	Weights []float32
}

// Options are the constants of a run. The zero value of a field means its default.
type Options struct {
	Threads     int     // 0: 2. No effect on results.
	Lanes       int     // 0: 4 (2 above 20 million parameters). Gradient memory: 4 bytes a parameter each.
	MicroTokens int     // 0: 1024. Tokens that a lane processes at a time.
	Beta1       float64 // 0: 0.9
	Beta2       float64 // 0: 0.95
	Epsilon     float64 // 0: 1e-8
	WeightDecay float64 // on matrices only; 0: none
	ClipNorm    float64 // 0: 1. Negative: no clipping.
	KeepProbs   int     // 0: 64 MiB. Bytes of attention probabilities kept a layer instead of recomputed; no effect on results.
}

func (o Options) withDefaults(parameters int) Options {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	setF := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Threads, 2)
	if parameters > 20e6 {
		set(&o.Lanes, 2)
	}
	set(&o.Lanes, 4)
	set(&o.MicroTokens, 1024)
	setF(&o.Beta1, 0.9)
	setF(&o.Beta2, 0.95)
	setF(&o.Epsilon, 1e-8)
	setF(&o.ClipNorm, 1)
	set(&o.KeepProbs, 64<<20)
	return o
}

// Metrics describe one step.
type Metrics struct {
	Loss     float64 // Step: weighted mean of -log p in nats; StepFunc: the sum of the losses
	Targets  int     // tokens with a nonzero weight
	Tokens   int     // tokens processed
	GradNorm float64 // before clipping
}

// Trainer holds the f32 master weights, the optimiser's moments and the
// working memory. One goroutine uses it at a time.
type Trainer struct {
	cfg   model.Config
	opt   Options
	lay   *layout
	rope  *model.Rope
	ropeN int

	theta, m, v, grad []float32
	steps             int

	packs   packedWeights
	repack  []func()
	lanes   []*lane
	spaces  []*workspace
	batches [][]piece
	targets [][]target
	norms   []float64
}

// New starts a model of configuration cfg from random weights; one seed, one model.
func New(cfg model.Config, seed uint64, opt Options) (*Trainer, error) {
	t, err := newTrainer(cfg, opt)
	if err != nil {
		return nil, err
	}
	t.lay.initialise(&t.cfg, t.theta, seed)
	t.repackAll()
	return t, nil
}

// FromWeights starts from existing weights under their canonical names.
func FromWeights(cfg model.Config, weights map[string]model.Tensor, opt Options) (*Trainer, error) {
	t, err := newTrainer(cfg, opt)
	if err != nil {
		return nil, err
	}
	for _, w := range t.lay.list {
		src, ok := weights[w.spec.Name]
		if !ok {
			return nil, fmt.Errorf("couldn't start training: weight %s is missing", w.spec.Name)
		}
		dst := w.at.of(t.theta)
		switch {
		case len(src.F32) == len(dst):
			copy(dst, src.F32)
		case len(src.BF16) == len(dst):
			kernel.BF16ToF32(dst, src.BF16)
		default:
			return nil, fmt.Errorf("couldn't start training: weight %s has shape %v, want %v", w.spec.Name, src.Shape, w.spec.Shape)
		}
	}
	t.repackAll()
	return t, nil
}

func newTrainer(cfg model.Config, opt Options) (*Trainer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("couldn't start training: %w", err)
	}
	lay := newLayout(&cfg)
	t := &Trainer{cfg: cfg, opt: opt.withDefaults(lay.total), lay: lay, rope: model.NewRope(&cfg, 0)}
	if t.opt.Threads < 1 || t.opt.Lanes < 1 || t.opt.Lanes > 1024 || t.opt.MicroTokens < 1 {
		return nil, fmt.Errorf("couldn't start training: %d threads, %d lanes, %d micro-batch tokens; want at least 1 of each and at most 1024 lanes",
			t.opt.Threads, t.opt.Lanes, t.opt.MicroTokens)
	}
	f := func() []float32 { return kernel.Aligned(lay.total) }
	t.theta, t.m, t.v, t.grad = f(), f(), f(), f()
	for range t.opt.Lanes {
		t.lanes = append(t.lanes, &lane{cfg: &t.cfg, lay: lay, rope: t.rope, grad: f()})
	}
	for range min(t.opt.Threads, t.opt.Lanes) {
		t.spaces = append(t.spaces, newWorkspace(&t.cfg))
	}
	t.repack = t.packJobs()
	return t, nil
}

// Config returns the shape of the model in training.
func (t *Trainer) Config() model.Config { return t.cfg }

// Steps returns how many optimiser steps were made.
func (t *Trainer) Steps() int { return t.steps }

// Step makes one AdamW step on the weighted mean cross-entropy of a batch.
func (t *Trainer) Step(batch []Example, lr float64) (Metrics, error) {
	m, err := t.Gradient(batch, nil)
	if err != nil {
		return m, err
	}
	return m, t.update(&m, lr)
}

// StepFunc makes one AdamW step on the sum of loss over all targets (tokens with
// a nonzero weight; the weight itself has no other effect).
func (t *Trainer) StepFunc(batch []Example, lr float64, loss LossFunc) (Metrics, error) {
	m, err := t.Gradient(batch, loss)
	if err != nil {
		return m, err
	}
	return m, t.update(&m, lr)
}

// Gradient computes the loss and its gradient without a step; loss nil means
// the weighted mean cross-entropy. The next call overwrites the gradient.
func (t *Trainer) Gradient(batch []Example, loss LossFunc) (Metrics, error) {
	return t.evaluate(batch, loss, true)
}

// Loss computes the weighted mean cross-entropy of a batch, without a gradient.
func (t *Trainer) Loss(batch []Example) (Metrics, error) { return t.evaluate(batch, nil, false) }

func (t *Trainer) evaluate(batch []Example, loss LossFunc, backward bool) (Metrics, error) {
	var met Metrics
	if err := t.plan(batch, &met); err != nil {
		return met, err
	}
	if loss == nil {
		loss = t.crossEntropy(batch)
	}
	work := func(space *workspace, j int) {
		l := t.lanes[j]
		l.loss, l.targets = 0, 0
		if backward {
			clear(l.grad)
		}
		for b := j; b < len(t.batches); b += len(t.lanes) {
			pieces := t.batches[b]
			rows, longest, probs := 0, 0, 0
			for i := range pieces {
				lp := roundUp(pieces[i].n)
				rows += pieces[i].n
				longest = max(longest, pieces[i].n)
				pieces[i].pAt = -1
				if need := lp * lp * t.cfg.Heads; backward && (probs+need)*4 <= t.opt.KeepProbs {
					pieces[i].pAt = probs
					probs += need
				}
			}
			space.fit(rows, longest, probs)
			space.forward(l, t.theta, &t.packs, pieces, batch, rows)
			space.headLoss(l, &t.packs, t.targets[b], rows, loss, backward)
			if backward {
				space.backward(l, t.theta, &t.packs, pieces, batch, rows)
			}
		}
	}
	t.spread(len(t.lanes), work)
	for _, l := range t.lanes {
		met.Loss += l.loss
		met.Targets += l.targets
	}
	if math.IsNaN(met.Loss) || math.IsInf(met.Loss, 0) {
		return met, fmt.Errorf("couldn't make step %d: the loss is %g: %w", t.steps+1, met.Loss, ErrDiverged)
	}
	if backward {
		return met, t.reduce(&met)
	}
	return met, nil
}

func (t *Trainer) crossEntropy(batch []Example) LossFunc {
	var sum float64
	for _, list := range t.targets {
		for _, x := range list {
			sum += math.Abs(weight(&batch[x.example], x.pos))
		}
	}
	inv := 1 / sum
	return func(example, pos int, logp float64) (float64, float64) {
		w := weight(&batch[example], pos) * inv
		return float64(-w * logp), -w
	}
}

func weight(e *Example, pos int) float64 {
	if e.Weights == nil {
		return 1
	}
	return float64(e.Weights[pos])
}

// plan cuts the batch into micro-batches of similar lengths. It depends on the
// batch and the options only, never on threads.
func (t *Trainer) plan(batch []Example, met *Metrics) error {
	t.batches, t.targets = t.batches[:0], t.targets[:0]
	type item struct{ example, n int }
	var items []item
	longest := 0
	for i, e := range batch {
		if e.Weights != nil && len(e.Weights) != len(e.Tokens) {
			return fmt.Errorf("couldn't use example %d: %d weights for %d tokens", i, len(e.Weights), len(e.Tokens))
		}
		if len(e.Tokens) > t.cfg.MaxPositions+1 {
			return fmt.Errorf("couldn't use example %d: %d tokens, the model takes %d", i, len(e.Tokens), t.cfg.MaxPositions)
		}
		n := 0
		for p, tok := range e.Tokens {
			if tok < 0 || int(tok) >= t.cfg.VocabSize {
				return fmt.Errorf("couldn't use example %d: token %d at position %d is outside the vocabulary of %d", i, tok, p, t.cfg.VocabSize)
			}
			if p > 0 && weight(&batch[i], p) != 0 {
				n = p
			}
		}
		if n > 0 { // n input tokens: what follows the last target is not needed
			items = append(items, item{i, n})
			longest = max(longest, n)
		}
	}
	if len(items) == 0 {
		return errors.New("couldn't use the batch: it has no token to predict")
	}
	t.rope.Grow(longest)
	sort.SliceStable(items, func(a, b int) bool { return items[a].n > items[b].n })
	budget := t.opt.MicroTokens
	for len(items) > 0 {
		var pieces []piece
		var targets []target
		rows := 0
		for len(items) > 0 && (rows == 0 || rows+items[0].n <= budget) {
			it := items[0]
			items = items[1:]
			pieces = append(pieces, piece{example: it.example, at: rows, n: it.n})
			for p := 1; p <= it.n; p++ {
				if weight(&batch[it.example], p) != 0 {
					targets = append(targets, target{rows + p - 1, it.example, p, batch[it.example].Tokens[p]})
				}
			}
			rows += it.n
		}
		met.Tokens += rows
		t.batches = append(t.batches, pieces)
		t.targets = append(t.targets, targets)
	}
	return nil
}

// spread runs f(space, 0..n-1) on the trainer's threads, each with its workspace.
func (t *Trainer) spread(n int, f func(space *workspace, i int)) {
	if len(t.spaces) == 1 {
		for i := range n {
			f(t.spaces[0], i)
		}
		return
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for _, s := range t.spaces {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(s, i)
			}
		})
	}
	done.Wait()
}

func (t *Trainer) repackAll() {
	t.spread(len(t.repack), func(_ *workspace, i int) { t.repack[i]() })
}

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
	o := &t.opt
	t.steps++
	step := kernel.AdamW{
		Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon),
		StepSize:  float32(lr / (1 - power(o.Beta1, t.steps))),
		RootScale: float32(1 / math.Sqrt(1-power(o.Beta2, t.steps))),
		Keep:      1, GradScale: 1,
	}
	if o.ClipNorm > 0 && met.GradNorm > o.ClipNorm {
		step.GradScale = float32(o.ClipNorm / met.GradNorm)
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
