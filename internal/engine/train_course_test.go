package engine

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/nanteos/nanteos/grail/grpo"
)

// heldTo loads the model that a training is held near.
func heldTo(t testing.TB, dir string) Held {
	t.Helper()
	n, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return Held{n}
}

// epochs makes so many epochs and returns the metrics of the last.
func epochs(t testing.TB, c grpo.Config, tr Trainer, reference grpo.Reference, g grpo.Group, n int) (m grpo.Metrics) {
	t.Helper()
	for range n {
		var err error
		if m, err = c.Epoch(t.Context(), tr, reference, []grpo.Group{g}, 5e-4, nil); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestTrainerIsHeld: the distance to a reference counts, and holds the training back; entropy is kept up where it is paid for.
func TestTrainerIsHeld(t *testing.T) {
	dir := baseFolder(t)
	g, reference := sampled(t, dir, shortSampling), heldTo(t, dir)
	c := grpo.DefaultConfig()
	c.MicroBatch, c.Accumulation, c.KL, c.Entropy = 8, 1, 0, 0
	free := openTrainer(t, dir, TrainOptions{})
	if m := epochs(t, c, free, reference, g, 4); m.Divergence != 0 || m.KL != 0 {
		t.Errorf("a reference without a weight is asked: %+v", m)
	}
	c.KL = 1e-6 // looks and hardly holds
	loose := epochs(t, c, free, reference, g, 1)
	if !(loose.Divergence > 0) || math.Abs(loose.KL-c.KL*loose.Divergence) > 1e-12 {
		t.Errorf("a training that moved is %g from where it began, which costs %g", loose.Divergence, loose.KL)
	}
	c.KL = 10
	tight := openTrainer(t, dir, TrainOptions{})
	if m := epochs(t, c, tight, reference, g, 5); !(m.Divergence < loose.Divergence/2) {
		t.Errorf("held, it is %g away; free, %g", m.Divergence, loose.Divergence)
	}
	c.KL = 0
	dull, lively := openTrainer(t, dir, TrainOptions{}), openTrainer(t, dir, TrainOptions{})
	before := epochs(t, c, dull, nil, g, 5)
	c.Entropy = 0.5
	if after := epochs(t, c, lively, nil, g, 5); !(after.EntropyMean > before.EntropyMean) || !(after.Entropy < 0) {
		t.Errorf("paid for, entropy is %g (%g of the loss), unpaid %g", after.EntropyMean, after.Entropy, before.EntropyMean)
	}
}

// TestTrainerSkipsWhatIsNotFinite: a gradient beyond f32 costs its step and nothing else.
func TestTrainerSkipsWhatIsNotFinite(t *testing.T) {
	dir := baseFolder(t)
	g := sampled(t, dir, shortSampling)
	c := grpo.DefaultConfig()
	c.MicroBatch, c.Accumulation, c.AdvantageClip = 8, 1, 0
	tr, other := openTrainer(t, dir, TrainOptions{}), openTrainer(t, dir, TrainOptions{})
	huge := g
	huge.Rollouts = append([]grpo.Rollout(nil), g.Rollouts...)
	huge.Rollouts[3].Advantage = -1e300
	m, err := c.Epoch(t.Context(), tr, nil, []grpo.Group{huge}, 1e-4, nil)
	if err != nil || m.Steps != 2 || m.SkippedSteps != 1 || tr.Steps() != 1 {
		t.Fatalf("%d of %d steps skipped, %d made: %v", m.SkippedSteps, m.Steps, tr.Steps(), err)
	}
	// The same as the other step alone.
	rest := g
	rest.Rollouts = g.Rollouts[8:]
	if m, err = c.Epoch(t.Context(), other, nil, []grpo.Group{rest}, 1e-4, nil); err != nil || m.Steps != 1 {
		t.Fatalf("%d steps: %v", m.Steps, err)
	}
	x, y := masters(t, tr), masters(t, other)
	for name := range x {
		if length(x[name], y[name]) != 0 {
			t.Errorf("%s is another after a skipped step", name)
		}
	}
}

// interrupting is a reference that ends a context when it is asked the nth time.
type interrupting struct {
	grpo.Reference
	cancel context.CancelFunc
	n      int
}

func (i *interrupting) Score(ctx context.Context, batch []grpo.Sequence) (grpo.Scores, error) {
	if i.n--; i.n == 0 {
		i.cancel()
	}
	return i.Reference.Score(ctx, batch)
}

// TestTrainerIsInterrupted: a context that ends in the middle of a step ends the epoch; with the last state the trainer goes on as if nothing had been.
func TestTrainerIsInterrupted(t *testing.T) {
	dir := baseFolder(t)
	g, reference := sampled(t, dir, shortSampling), heldTo(t, dir)
	c := grpo.DefaultConfig()
	c.MicroBatch, c.Accumulation, c.KL = 4, 3, 0.02 // steps of three micro-batches and of one
	tr, other := openTrainer(t, dir, TrainOptions{WeightDecay: 0.1}), openTrainer(t, dir, TrainOptions{WeightDecay: 0.1})
	epochs(t, c, tr, reference, g, 1)
	epochs(t, c, other, reference, g, 1)
	state := filepath.Join(t.TempDir(), "state.safetensors")
	if err := tr.SaveState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := c.Epoch(ctx, tr, &interrupting{reference, cancel, 2}, []grpo.Group{g}, 1e-3, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if tr.Steps() != 2 {
		t.Fatalf("%d steps, want 2", tr.Steps())
	}
	if err := tr.LoadState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if norm, err := tr.Step(t.Context(), 1, 1); norm != 0 || err != nil || tr.Steps() != 2 {
		t.Errorf("a gradient survives LoadState: norm %g, %d steps, %v", norm, tr.Steps(), err)
	}
	if got, want := epochs(t, c, tr, reference, g, 1), epochs(t, c, other, reference, g, 1); got != want {
		t.Errorf("after an interruption: %+v, want %+v", got, want)
	}
}
