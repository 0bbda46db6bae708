package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

// exact is the distribution that the parameters give, computed in float64 by
// the definitions.
func exact(logits []float64, seen []int32, p Sampling) []float64 {
	x := slices.Clone(logits)
	if p.RepetitionPenalty != 0 {
		done := map[int32]bool{}
		for _, t := range seen {
			if !done[t] {
				done[t] = true
				if x[t] < 0 {
					x[t] *= p.RepetitionPenalty
				} else {
					x[t] /= p.RepetitionPenalty
				}
			}
		}
	}
	for i := range x {
		x[i] /= p.Temperature
	}
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return x[order[a]] > x[order[b]] })
	if p.TopK > 0 {
		for _, i := range order[min(p.TopK, len(order)):] {
			x[i] = math.Inf(-1)
		}
	}
	soft := func() []float64 {
		var sum float64
		q := make([]float64, len(x))
		for i, v := range x {
			q[i] = math.Exp(v)
			sum += q[i]
		}
		for i := range q {
			q[i] /= sum
		}
		return q
	}
	if p.TopP > 0 && p.TopP < 1 {
		q := soft()
		var before float64
		for rank, i := range order {
			if rank > 0 && before >= p.TopP {
				x[i] = math.Inf(-1)
			}
			before += q[i]
		}
	}
	return soft()
}

// TestSamplerDistribution draws many tokens and compares their frequencies with
// the exact distribution: within five standard deviations, and never a token of
// probability 0.
func TestSamplerDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float64, 20)
	for i := range logits {
		logits[i] = float64(float32(rng.NormFloat64() * 2))
	}
	seen := []int32{3, 3, 7, 12, 0}
	for name, p := range map[string]Sampling{
		"plain":       {Temperature: 1},
		"hot":         {Temperature: 1.7},
		"cold":        {Temperature: 0.3},
		"top k":       {Temperature: 1, TopK: 4},
		"top k of 1":  {Temperature: 1, TopK: 1},
		"top k large": {Temperature: 1, TopK: 99},
		"top p":       {Temperature: 1.2, TopP: 0.7},
		"tiny top p":  {Temperature: 1, TopP: 1e-9},
		"penalty":     {Temperature: 1, RepetitionPenalty: 1.5},
		"reward":      {Temperature: 1, RepetitionPenalty: 0.6},
		"all":         {Temperature: 0.8, RepetitionPenalty: 1.2, TopK: 9, TopP: 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			want := exact(logits, seen, p)
			const draws = 20000
			counts := make([]int, len(logits))
			s := newSampler(p, 42, len(logits))
			s.note(seen...)
			row := make([]float32, len(logits))
			for range draws {
				for i, v := range logits {
					row[i] = float32(v)
				}
				counts[s.next(row)]++
			}
			for i, c := range counts {
				sigma := math.Sqrt(draws * want[i] * (1 - want[i]))
				if d := math.Abs(float64(c) - draws*want[i]); d > 5*sigma+0.01 {
					t.Errorf("token %d drawn %d times, want %.1f ± %.1f", i, c, draws*want[i], sigma)
				}
			}
		})
	}
}

func TestGreedy(t *testing.T) {
	s := newSampler(Sampling{Greedy: true, RepetitionPenalty: 4}, 1, 4)
	if got := s.next([]float32{1, 3, 3, 2}); got != 1 {
		t.Errorf("greedy took %d, want the lower id 1", got)
	}
	s.note(1)
	if got := s.next([]float32{1, 3, 2.5, 2}); got != 2 {
		t.Errorf("greedy took %d after the penalty, want 2", got)
	}
}

func TestKthLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for range 300 {
		x := make([]float32, 1+rng.IntN(40))
		for i := range x {
			x[i] = float32(rng.IntN(8))
		}
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		k := 1 + rng.IntN(len(x))
		if got := kthLargest(x, k); got != sorted[len(x)-k] {
			t.Fatalf("%v: %d-th largest is %g, want %g", x, k, got, sorted[len(x)-k])
		}
	}
}

func TestSamplingParameters(t *testing.T) {
	m := randomModel(t, rand.New(rand.NewPCG(1, 1)), 1)
	good := []Request{{Prompt: []int32{1, 2}}}
	for name, p := range map[string]Sampling{
		"no temperature": {}, "negative temperature": {Temperature: -1}, "NaN temperature": {Temperature: math.NaN()},
		"top p above 1": {Temperature: 1, TopP: 1.1}, "negative penalty": {Temperature: 1, RepetitionPenalty: -1}, "max tokens": {Temperature: 1, MaxTokens: -1},
	} {
		if _, err := m.Generate(context.Background(), good, p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, prompt := range map[string][]int32{"empty": {}, "outside": {1000}, "negative": {-1}, "too long": make([]int32, 513)} {
		if _, err := m.Generate(context.Background(), []Request{{Prompt: prompt}}, Sampling{Temperature: 1}); err == nil {
			t.Errorf("prompt %s: no error", name)
		}
	}
}

// TestFinish sees every reason for which a completion ends.
func TestFinish(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cfg := randomConfig(rng)
	cfg.MaxPositions = 40
	m := randomModelOf(t, rng, cfg, 2)
	prompt := []int32{1, 2, 3}
	reason := func(p Sampling) Completion {
		p.Temperature = 1
		out, err := m.Generate(context.Background(), []Request{{Prompt: prompt, Seed: 3}}, p)
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	if c := reason(Sampling{MaxTokens: 5}); c.Reason != FinishLength || len(c.Tokens) != 5 {
		t.Errorf("%d tokens, %s; want 5, length", len(c.Tokens), c.Reason)
	}
	if c := reason(Sampling{}); c.Reason != FinishContext || len(c.Tokens) != 37 {
		t.Errorf("%d tokens, %s; want 37, context", len(c.Tokens), c.Reason)
	}
	free := reason(Sampling{MaxTokens: 30})
	stop := free.Tokens[4]
	at := slices.Index(free.Tokens, stop)
	if c := reason(Sampling{Stop: []int32{stop}}); c.Reason != FinishStop || !slices.Equal(c.Tokens, free.Tokens[:at+1]) {
		t.Errorf("%v, %s; want %v, stop", c.Tokens, c.Reason, free.Tokens[:at+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	<-ctx.Done()
	out, err := m.Generate(ctx, []Request{{Prompt: prompt}}, Sampling{Temperature: 1})
	if err == nil || out[0].Reason != FinishCancelled {
		t.Errorf("after the deadline: %v, error %v", out[0], err)
	}
}

// TestCacheBudget decodes under a budget that allows one sequence at a time and
// wants the completions of a free run.
func TestCacheBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	cfg := randomConfig(rng)
	weights := randomWeights(rng, cfg)
	var outs [][]Completion
	for _, budget := range []int64{0, 1} {
		m, err := New(cfg, weights, Options{Threads: 2, CacheBytes: budget})
		if err != nil {
			t.Fatal(err)
		}
		var reqs []Request
		for i := range 7 {
			reqs = append(reqs, Request{Prompt: []int32{4, int32(i / 3)}, Seed: uint64(i)})
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		out, err := m.Generate(ctx, reqs, Sampling{Temperature: 1, MaxTokens: 40})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
		m.Close()
	}
	for i := range outs[0] {
		if !slices.Equal(outs[0][i].Tokens, outs[1][i].Tokens) {
			t.Errorf("completion %d depends on the budget", i)
		}
	}
}
