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
// # Memory
//
// A batch of any size is its micro-batches one after the other: gradients add up
// in the lanes and a step is made of their sum, so memory depends on MicroTokens
// and not on the batch. KeepProbs bounds the attention probabilities that are
// kept, and Recompute keeps only what enters each layer; neither changes a bit.
//
// # Losses
//
// The loss of a batch is a sum over target tokens. Step uses the weights of
// the examples, normalised by their sum: the mean cross-entropy where all are
// 1. StepFunc asks a LossFunc for the derivative of every target's
// log-probability.
//
// A loss that couples the tokens of a sequence, or has entropies in it, takes two passes: Score tells what the model
// says of all targets, Accumulate takes the derivatives by that and adds to the gradient, and Apply makes the step
// when all micro-batches of the caller are in.
package train

import (
	"errors"
	"fmt"
	"math"
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
	Recompute   bool    // keep only the inputs of the layers and compute the rest again on the way back: memory of one layer, a third more work, no effect on results.
	BF16        bool    // compute with copies of the weights that are rounded to bf16, as a bf16 checkpoint has them; steps change the f32 masters, so that no small change is lost. 4 bytes a parameter.
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
	cfg  model.Config
	opt  Options
	lay  *layout
	rope *model.Rope

	theta, m, v, grad []float32
	used              []float32 // what is computed with: theta itself, or its copy rounded to bf16
	steps             int

	packs   packedWeights
	repack  []func()
	lanes   []*lane
	spaces  []*workspace
	batches [][]piece
	targets [][]target
	norms   []float64
	open    bool // the lanes hold gradients that Apply has not taken yet
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
		case len(src.F16) == len(dst):
			kernel.F16ToF32(dst, src.F16)
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
	if t.used = t.theta; t.opt.BF16 {
		t.used = f()
	}
	for range t.opt.Lanes {
		t.lanes = append(t.lanes, &lane{cfg: &t.cfg, lay: lay, rope: t.rope, grad: f()})
	}
	for range min(t.opt.Threads, t.opt.Lanes) {
		t.spaces = append(t.spaces, newWorkspace(&t.cfg, t.opt.Recompute))
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
	t.open = false
	return t.evaluate(batch, objective{loss: loss}, true, true)
}

// Loss computes the weighted mean cross-entropy of a batch, without a gradient.
func (t *Trainer) Loss(batch []Example) (Metrics, error) {
	return t.evaluate(batch, objective{}, false, false)
}

// evaluate runs the model over a batch. With backward the gradient is added to the lanes, which are emptied before unless
// open, and where reduce is set it is summed over them.
func (t *Trainer) evaluate(batch []Example, o objective, backward, reduce bool) (Metrics, error) {
	var met Metrics
	if err := t.plan(batch, &met); err != nil {
		return met, err
	}
	if o.loss == nil && o.note == nil {
		o.loss = t.crossEntropy(batch)
	}
	fresh := backward && !t.open
	work := func(space *workspace, j int) {
		l := t.lanes[j]
		l.loss, l.targets = 0, 0
		if fresh {
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
			space.forward(l, t.used, &t.packs, pieces, batch, rows)
			space.headLoss(l, &t.packs, t.targets[b], rows, &o, backward)
			if backward {
				space.backward(l, t.used, &t.packs, pieces, batch, rows)
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
	if reduce {
		return met, t.reduce(&met)
	}
	return met, nil
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
	if t.opt.BF16 {
		t.round()
	}
	t.spread(len(t.repack), func(_ *workspace, i int) { t.repack[i]() })
}

// round makes the copies that are computed with, a piece a task.
func (t *Trainer) round() {
	const piece = 1 << 16
	n := (len(t.theta) + piece - 1) / piece
	t.spread(n, func(_ *workspace, i int) {
		from, to := i*piece, min((i+1)*piece, len(t.theta))
		var narrow [256]uint16
		for at := from; at < to; at += len(narrow) {
			end := min(at+len(narrow), to)
			kernel.F32ToBF16(narrow[:end-at], t.theta[at:end])
			kernel.BF16ToF32(t.used[at:end], narrow[:end-at])
		}
	})
}
