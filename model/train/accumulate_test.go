package train

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// whole gives all targets of a batch the same derivatives.
func whole(batch []Example, byLogProb, byEntropy float64) Predictions {
	_, count := places(batch)
	var p Predictions
	for _, n := range count {
		p.LogProbs = append(p.LogProbs, slices.Repeat([]float64{byLogProb}, n))
		p.Entropies = append(p.Entropies, slices.Repeat([]float64{byEntropy}, n))
	}
	return p
}

func begin(t *testing.T, threads int) *Trainer {
	t.Helper()
	tr, err := New(shapes["qwen3 tied"], 7, Options{MicroTokens: 60, Lanes: 2, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestScore holds log-probabilities and entropies against the loss and against a sum over the vocabulary.
func TestScore(t *testing.T) {
	tr := begin(t, 2)
	rng := rand.New(rand.NewPCG(1, 2))
	batch := randomBatch(rng, 37, 5, 39, 2, 33)
	for i := range batch {
		batch[i].Weights = nil
	}
	p, err := tr.Score(batch)
	if err != nil {
		t.Fatal(err)
	}
	m, err := tr.Loss(batch)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	n := 0
	for _, xs := range p.LogProbs {
		for _, x := range xs {
			sum -= x
			n++
		}
	}
	if math.Abs(sum/float64(n)-m.Loss) > 1e-9 || n != m.Targets {
		t.Errorf("mean of %d scores %v, loss %v over %d", n, sum/float64(n), m.Loss, m.Targets)
	}
	// The entropy after a prefix, from the log-probability of every token that could follow.
	prefix := batch[1].Tokens[:7]
	var all []Example
	for v := range 37 {
		all = append(all, Example{Tokens: append(slices.Clone(prefix), int32(v)), Weights: []float32{0, 0, 0, 0, 0, 0, 0, 1}})
	}
	q, err := tr.Score(all)
	if err != nil {
		t.Fatal(err)
	}
	var entropy float64
	for _, xs := range q.LogProbs {
		entropy -= math.Exp(xs[0]) * xs[0]
	}
	if got := p.Entropies[1][6]; math.Abs(got-entropy) > 1e-5 {
		t.Errorf("entropy %v, sum over the vocabulary %v", got, entropy)
	}
	empty, err := tr.Score([]Example{{Tokens: []int32{1}}, {Tokens: []int32{1, 2}, Weights: []float32{0, 0}}})
	if err != nil || len(empty.LogProbs) != 2 || len(empty.LogProbs[0])+len(empty.LogProbs[1]) != 0 {
		t.Errorf("without targets: %v, %v", empty, err)
	}
}

// TestAccumulate: parts add up to the whole, threads change no bit, and the gradient of log-probabilities is StepFunc's.
func TestAccumulate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	batch := randomBatch(rng, 37, 12, 39, 20, 33)
	one, two, other := begin(t, 1), begin(t, 2), begin(t, 2)
	for _, tr := range []*Trainer{one, two} {
		for i := range batch {
			if err := tr.Accumulate(batch[i:i+1], whole(batch[i:i+1], 0.3, -0.1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := one.Apply(1e-3, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := two.Apply(1e-3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if a != b || !slices.Equal(one.theta, two.theta) {
		t.Errorf("threads change the step: norms %v and %v", a, b)
	}
	if err := two.Accumulate(batch, whole(batch, 0.3, 0)); err != nil {
		t.Fatal(err)
	}
	copy(other.theta, two.theta)
	copy(other.m, two.m)
	copy(other.v, two.v)
	other.steps = two.steps
	other.repackAll()
	m, err := other.StepFunc(batch, 1e-3, func(_, _ int, logp float64) (float64, float64) { return 0.3 * logp, 0.3 })
	if err != nil {
		t.Fatal(err)
	}
	norm, err := two.Apply(1e-3, 1)
	if err != nil || norm != m.GradNorm || !slices.Equal(two.theta, other.theta) {
		t.Errorf("norm %v, want %v: %v", norm, m.GradNorm, err)
	}
	if norm, err := two.Apply(1e-3, 1); norm != 0 || err != nil || two.Steps() != 2 {
		t.Errorf("an empty gradient made step %d: %v, %v", two.Steps(), norm, err)
	}
}

// TestEntropyGradient compares the derivative by entropies with differences along the gradient.
func TestEntropyGradient(t *testing.T) {
	tr := begin(t, 2)
	batch := randomBatch(rand.New(rand.NewPCG(5, 6)), 37, 12, 30)
	sum := func() (s float64) {
		p, err := tr.Score(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, xs := range p.Entropies {
			for _, x := range xs {
				s += x
			}
		}
		return s
	}
	if err := tr.Accumulate(batch, whole(batch, 0, 1)); err != nil {
		t.Fatal(err)
	}
	var m Metrics
	if err := tr.reduce(&m); err != nil {
		t.Fatal(err)
	}
	old := slices.Clone(tr.theta)
	move := func(by float64) float64 {
		for i := range tr.theta {
			tr.theta[i] = old[i] + float32(by*float64(tr.grad[i])/m.GradNorm)
		}
		tr.repackAll()
		return sum()
	}
	const h = 1e-3
	if got := (move(h) - move(-h)) / (2 * h); math.Abs(got-m.GradNorm) > 0.01*m.GradNorm {
		t.Errorf("the entropy rises by %v along its gradient of norm %v", got, m.GradNorm)
	}
}

func TestAccumulateRefuses(t *testing.T) {
	tr := begin(t, 1)
	batch := randomBatch(rand.New(rand.NewPCG(5, 6)), 37, 12, 30)
	if err := tr.Accumulate(batch, whole(batch[:1], 1, 0)); err == nil {
		t.Error("derivatives of another batch are taken")
	}
	p := whole(batch, 1, 0)
	p.LogProbs[1] = p.LogProbs[1][1:]
	if err := tr.Accumulate(batch, p); err == nil {
		t.Error("derivatives that are too few are taken")
	}
	if err := tr.Accumulate(batch, whole(batch, math.NaN(), 0)); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(tr.theta)
	if _, err := tr.Apply(1e-3, 1); !errors.Is(err, ErrDiverged) || !slices.Equal(before, tr.theta) {
		t.Errorf("a gradient of NaN: %v", err)
	}
}
