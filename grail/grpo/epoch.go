package grpo

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrNotFinite says that a step was left out because its gradient is not a number. The weights are as they were.
var ErrNotFinite = errors.New("gradient is not finite")

// Policy is a model in training: it scores micro-batches, takes the derivatives of their loss and makes steps. One goroutine uses it.
type Policy interface {
	// Score returns the log-probabilities of the completions' tokens, at temperature 1, and the mean entropies.
	Score(ctx context.Context, batch []Sequence) (Scores, error)
	// Backward adds the gradient of the sum of derivatives times scores to the step's gradient. It is called after Score with the same batch.
	Backward(ctx context.Context, batch []Sequence, l Loss) error
	// Step bounds the norm of the gradient by clip, changes the weights at a learning rate, and begins a new gradient. It returns the norm before
	// clipping. A gradient that is not finite changes nothing; the error then wraps ErrNotFinite.
	Step(ctx context.Context, rate, clip float64) (norm float64, err error)
}

// Reference is the model that a policy is held near.
type Reference interface {
	// Score is that of Policy; entropies are not needed.
	Score(ctx context.Context, batch []Sequence) (Scores, error)
}

// Metrics are the means of an epoch over its micro-batches, of Norm over its steps.
type Metrics struct {
	Loss, Policy, KL, Entropy float64 // the loss and its parts
	Divergence                float64
	Norm                      float64 // of the gradient, before clipping
	EntropyMean               float64 // nats a token
	AdvantageMean             float64
	AdvantageSD               float64 // of the sample
	ClippedMean, ClippedSD    float64 // of the advantages as they were used
	RatioMean, RatioSD        float64
	ClipFraction              float64
	CeilingFraction           float64
	RewardMean, RewardSD      float64
	Steps, SkippedSteps       int
	Sequences, Tokens         int
}

// Observer is told of each step: its number, its loss and the norm of its gradient.
type Observer func(step int, loss, norm float64)

// Epoch trains a policy on groups once (B7). reference is nil for none. rate is the learning rate of the epoch. An error of the policy ends the epoch
// between two steps or in the middle of one; steps that were made stay.
func (c Config) Epoch(ctx context.Context, p Policy, reference Reference, groups []Group, rate float64, observe Observer) (Metrics, error) {
	e := c.Plan(groups)
	m := Metrics{Sequences: len(e.Sequences)}
	var sums means
	for _, step := range e.Steps {
		loss, norm, err := c.step(ctx, p, reference, e, step, rate, &sums)
		m.Steps++
		switch {
		case errors.Is(err, ErrNotFinite):
			m.SkippedSteps++
		case err != nil:
			return m, fmt.Errorf("couldn't make step %d of %d: %w", m.Steps, len(e.Steps), err)
		}
		sums.norm = append(sums.norm, norm)
		if observe != nil {
			observe(m.Steps-1, loss, norm)
		}
	}
	for _, s := range e.Sequences {
		m.Tokens += len(s.Tokens)
	}
	sums.into(&m)
	return m, nil
}

// step makes one optimizer step. The loss is the mean over its micro-batches, or what was minimised, unless Quirks.
func (c Config) step(ctx context.Context, p Policy, reference Reference, e Epoch, micro [][]int, rate float64, sums *means) (loss, norm float64, err error) {
	rollouts, tokens := 0, 0 // tokens of the step, where they are the divisor
	for _, m := range micro {
		rollouts += len(m)
		for _, i := range m {
			if !c.Quirks {
				tokens += e.Sequences[i].Completion
			}
		}
	}
	poisoned := false
	for _, m := range micro {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		batch, by := make([]Sequence, len(m)), Divisor{Tokens: tokens}
		for k, i := range m {
			batch[k] = e.Sequences[i]
			by.Width = max(by.Width, batch[k].Completion)
			if c.Quirks {
				by.Tokens += batch[k].Completion
			}
		}
		now, ref, err := c.score(ctx, p, reference, batch)
		if err != nil {
			return 0, 0, err
		}
		l := c.Loss(batch, now, ref, by)
		if !l.Finite {
			l.silence()
			poisoned = poisoned || c.Quirks && l.poisoned
		}
		sums.add(batch, now, l)
		share := float64(len(m)) / float64(rollouts)
		if c.Quirks {
			loss += l.Total / float64(len(micro))
		}
		c.scale(&l, share)
		if !c.Quirks {
			loss += l.Total
		}
		if err := p.Backward(ctx, batch, l); err != nil {
			return 0, 0, err
		}
	}
	if poisoned {
		_, err = p.Step(ctx, 0, 0)
		return loss, math.NaN(), errors.Join(err, fmt.Errorf("a log-probability is not finite: %w", ErrNotFinite))
	}
	norm, err = p.Step(ctx, rate, c.GradientClip)
	return loss, norm, err
}

// score asks both models.
func (c Config) score(ctx context.Context, p Policy, reference Reference, batch []Sequence) (now, ref Scores, err error) {
	if now, err = p.Score(ctx, batch); err != nil {
		return now, ref, err
	}
	if err := now.fit(batch); err != nil {
		return now, ref, err
	}
	if reference == nil || c.KL <= 0 {
		return now, ref, nil
	}
	if ref, err = reference.Score(ctx, batch); err != nil {
		return now, ref, err
	}
	return now, ref, ref.fit(batch)
}

// fit says whether there is one value for each token.
func (s Scores) fit(batch []Sequence) error {
	if len(s.LogProbs) != len(batch) {
		return fmt.Errorf("couldn't use scores: %d sequences, want %d", len(s.LogProbs), len(batch))
	}
	for i, b := range batch {
		if len(s.LogProbs[i]) != b.Completion {
			return fmt.Errorf("couldn't use scores: sequence %d has %d log-probabilities, want %d", i, len(s.LogProbs[i]), b.Completion)
		}
	}
	return nil
}

// scale weighs a micro-batch by its share of the step's rollouts. What is divided by the tokens of the whole step already is left alone.
func (c Config) scale(l *Loss, share float64) {
	policy := share
	if !c.Quirks && (c.Variant == DAPO || c.Variant == BNPO) && !c.NoRatio {
		policy = 1
	}
	for i, d := range l.byPolicy {
		for t := range d {
			l.ByLogProb[i][t] = float64(policy*d[t]) + float64(share*l.byKL[i][t])
		}
		l.ByEntropy[i] *= share
	}
	l.Policy, l.KL, l.Entropy = l.Policy*policy, l.KL*share, l.Entropy*share
	l.Total = l.Policy + l.KL + l.Entropy
}
