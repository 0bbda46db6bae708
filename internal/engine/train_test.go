package engine

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/model/safetensors"
)

func baseFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "base")
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sampled is a group that the engine of a folder sampled: members with an even number are rewarded.
func sampled(t testing.TB, dir string, params grail.GenerationParams) grpo.Group {
	t.Helper()
	n, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	prompt := []int32{258, 70, 71, 72, 73}
	var requests []Request
	for i := range 16 {
		requests = append(requests, Request{Prompt: prompt, Seed: uint64(i)})
	}
	made, err := n.Generate(t.Context(), requests, params)
	if err != nil {
		t.Fatal(err)
	}
	var sequences []Sequence
	for _, c := range made {
		sequences = append(sequences, Sequence{Tokens: slices.Concat(prompt, c.Tokens), PromptLength: len(prompt)})
	}
	r, err := grail.NewCoefficients("aa")
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := n.Prove(t.Context(), sequences, r)
	if err != nil {
		t.Fatal(err)
	}
	g := grpo.Group{Key: "m/0"}
	for i, p := range proofs {
		reward := float64(1 - i%2)
		g.Rollouts = append(g.Rollouts, grpo.Rollout{Nonce: int64(i), Tokens: sequences[i].Tokens, Prompt: len(prompt), Completion: len(made[i].Tokens),
			Reward: reward, Advantage: 2*reward - 1, LogProbs: p.LogProbs})
	}
	return g
}

var shortSampling = grail.GenerationParams{MaxTokens: 24, Temperature: 1, TopP: 1, RepetitionPenalty: 1}

func openTrainer(t testing.TB, dir string, opt TrainOptions) *NativeTrainer {
	t.Helper()
	n, err := OpenTrainer(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestTrainerAgreesWithTheEngine: before the first step, ratios are 1: the trainer computes with the weights that were sampled from.
func TestTrainerAgreesWithTheEngine(t *testing.T) {
	dir := baseFolder(t)
	g := sampled(t, dir, shortSampling)
	tr := openTrainer(t, dir, TrainOptions{})
	c := grpo.DefaultConfig()
	e := c.Plan([]grpo.Group{g})
	s, err := tr.Score(t.Context(), e.Sequences)
	if err != nil {
		t.Fatal(err)
	}
	held, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	reference, err := Held{held}.Score(t.Context(), e.Sequences)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range e.Sequences {
		for k := range q.Completion {
			if math.Abs(s.LogProbs[i][k]-q.Behaviour[k]) > 1e-4 || reference.LogProbs[i][k] != q.Behaviour[k] {
				t.Fatalf("sequence %d token %d: trainer %v, sampled %v, replayed %v", i, k, s.LogProbs[i][k], q.Behaviour[k], reference.LogProbs[i][k])
			}
		}
		if s.Entropy[i] <= 0 || s.Entropy[i] > math.Log(420) {
			t.Errorf("sequence %d has an entropy of %v", i, s.Entropy[i])
		}
	}
}

// likely is the mean log-probability of the rewarded members less that of the others.
func likely(t *testing.T, tr *NativeTrainer, c grpo.Config, g grpo.Group) float64 {
	t.Helper()
	e := c.Plan([]grpo.Group{g})
	s, err := tr.Score(t.Context(), e.Sequences)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for i, q := range e.Sequences {
		for _, x := range s.LogProbs[i] {
			sum += x * q.Advantage / float64(q.Completion)
		}
	}
	return sum
}

// TestTrainerLearns: an epoch makes what was rewarded likelier. Threads and an interruption change no bit.
func TestTrainerLearns(t *testing.T) {
	dir := baseFolder(t)
	g := sampled(t, dir, shortSampling)
	c := grpo.DefaultConfig()
	c.MicroBatch, c.Accumulation = 4, 2
	one, two := openTrainer(t, dir, TrainOptions{Threads: 1}), openTrainer(t, dir, TrainOptions{Threads: 2, Library: NewLibrary(Config{})})
	before := likely(t, one, c, g)
	state := filepath.Join(t.TempDir(), "state.safetensors")
	epoch := func(tr *NativeTrainer) grpo.Metrics {
		t.Helper()
		m, err := c.Epoch(t.Context(), tr, nil, []grpo.Group{g}, 1e-4, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := epoch(one), epoch(two)
	if a != b || a.Steps != 2 || one.Steps() != 2 {
		t.Errorf("threads change the epoch: %+v and %+v", a, b)
	}
	if after := likely(t, one, c, g); after <= before {
		t.Errorf("what was rewarded is no likelier: %v before, %v after", before, after)
	}
	if err := one.SaveState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	again := openTrainer(t, dir, TrainOptions{Threads: 2})
	if err := again.LoadState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	if x, y := epoch(one), epoch(again); x != y || again.Steps() != 4 {
		t.Errorf("an interruption changes the epoch: %+v and %+v", x, y)
	}
	for i, tr := range []*NativeTrainer{one, again} {
		if err := tr.Save(t.Context(), filepath.Join(filepath.Dir(state), string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	x, err := Digest(t.Context(), filepath.Join(filepath.Dir(state), "a"))
	if err != nil {
		t.Fatal(err)
	}
	if y, err := Digest(t.Context(), filepath.Join(filepath.Dir(state), "b")); err != nil || x != y {
		t.Errorf("saved models differ after an interruption: %v", err)
	}
}

// TestTrainerSaves: the folder keeps its other files and the form of its weights, and is whole or not there.
func TestTrainerSaves(t *testing.T) {
	dir := baseFolder(t)
	tr := openTrainer(t, dir, TrainOptions{})
	out := filepath.Join(t.TempDir(), "saved")
	for range 2 { // the second replaces the first
		if err := tr.Save(t.Context(), out); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != "model.safetensors" && !slices.Equal(got, want) {
			t.Errorf("%s is another file", name)
		}
	}
	f, err := safetensors.OpenDir(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	for _, name := range before.Names() {
		x, err := before.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		y, err := f.Tensor(name)
		if err != nil || x.DType != y.DType || !slices.Equal(x.Data, y.Data) {
			t.Errorf("weight %s is not what was loaded: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.Save(ctx, filepath.Join(t.TempDir(), "never")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTrainerRefuses(t *testing.T) {
	if _, err := OpenTrainer(t.Context(), t.TempDir(), TrainOptions{}); !errors.Is(err, ErrModel) {
		t.Errorf("an empty folder: %v", err)
	}
	tr := openTrainer(t, baseFolder(t), TrainOptions{})
	if _, err := tr.Score(t.Context(), []grpo.Sequence{{Tokens: []int32{1}, Completion: 1}}); !errors.Is(err, ErrTokens) {
		t.Errorf("a completion without a prompt: %v", err)
	}
	batch := []grpo.Sequence{{Tokens: []int32{1, 2}, Prompt: 1, Completion: 1}}
	if err := tr.Backward(t.Context(), batch, grpo.Loss{ByLogProb: [][]float64{{math.Inf(1)}}, ByEntropy: []float64{0}}); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Step(t.Context(), 1e-3, 1); !errors.Is(err, grpo.ErrNotFinite) || tr.Steps() != 0 {
		t.Errorf("an infinite gradient: %v after %d steps", err, tr.Steps())
	}
	if err := tr.LoadState(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a state that is not there is taken up")
	}
}
