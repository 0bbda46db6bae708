package model

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model/kernel"
)

// randomModel makes a tiny model of a random shape and rotary scaling.
func randomModel(t testing.TB, rng *rand.Rand, threads int) *Model {
	t.Helper()
	c := randomConfig(rng)
	c.RopeScaling = randomScaling(rng)
	return randomModelOf(t, rng, c, threads)
}

// randomScaling is yarn as often as all else, with original contexts that the tests' sequences stay within, cross and leave far behind.
func randomScaling(rng *rand.Rand) RopeScaling {
	pick := func(x ...float64) float64 { return x[rng.IntN(len(x))] }
	context := int(pick(4, 16, 64, 256))
	switch rng.IntN(6) {
	case 0:
		return RopeScaling{}
	case 1:
		return RopeScaling{Type: "linear", Factor: pick(1, 2.5, 8)}
	case 2:
		return RopeScaling{Type: "llama3", Factor: pick(1, 8, 32), LowFreqFactor: 1, HighFreqFactor: pick(2, 4), OriginalContexts: context}
	}
	s := RopeScaling{Type: "yarn", Factor: pick(1, 2, 4, 7.5), OriginalContexts: context, NoTruncate: rng.IntN(2) == 0}
	switch rng.IntN(4) {
	case 0:
		s.AttentionFactor = pick(0.8, 1, 1.3)
	case 1:
		s.MScale, s.MScaleAllDim = pick(0.7, 1), pick(0.4, 1)
	case 2:
		s.BetaFast, s.BetaSlow = pick(8, 16), pick(0.5, 2)
	}
	return s
}

func randomConfig(rng *rand.Rand) Config {
	pick := func(x ...int) int { return x[rng.IntN(len(x))] }
	c := Config{Architecture: []string{"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}[rng.IntN(3)],
		VocabSize: pick(33, 64, 100), HiddenSize: pick(16, 24, 48, 64), IntermediateSize: pick(20, 32, 70), Layers: pick(1, 2, 3),
		KVHeads: pick(1, 2), HeadDim: pick(8, 10, 16, 32, 40, 64), NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 512,
		TieEmbeddings: rng.IntN(2) == 0, BOS: -1, Pad: -1}
	c.Heads = c.KVHeads * pick(1, 2, 3)
	c.QKNorm = c.Architecture == "Qwen3ForCausalLM"
	c.AttentionBias = c.Architecture == "Qwen2ForCausalLM" || rng.IntN(3) == 0
	c.OutputBias = c.AttentionBias && c.Architecture != "Qwen2ForCausalLM"
	c.MLPBias = c.Architecture == "LlamaForCausalLM" && rng.IntN(3) == 0
	return c
}

func randomWeights(rng *rand.Rand, c Config) map[string]Tensor {
	weights := map[string]Tensor{}
	form := rng.IntN(3)
	for _, spec := range c.Tensors() {
		x := make([]float32, Tensor{Shape: spec.Shape}.Len())
		for i := range x {
			x[i] = float32(rng.NormFloat64() * 0.3)
			if len(spec.Shape) == 1 {
				x[i]++
			}
		}
		w := Tensor{Shape: spec.Shape, F32: x}
		switch form {
		case 1:
			w.F32, w.BF16 = nil, make([]uint16, len(x))
			kernel.F32ToBF16(w.BF16, x)
		case 2:
			w.F32, w.F16 = nil, make([]uint16, len(x))
			for i := range x {
				w.F16[i] = halfOf(x[i])
			}
		}
		weights[spec.Name] = w
	}
	return weights
}

// halfOf cuts the digits that an IEEE binary16 has no room for, down to zero below its normal numbers.
func halfOf(x float32) uint16 {
	b := math.Float32bits(x)
	sign, exp := uint16(b>>16&0x8000), int(b>>23&0xff)-127+15
	if exp <= 0 {
		return sign
	}
	return sign | uint16(exp)<<10 | uint16(b>>13&0x3ff)
}

// widened gives the values of a tensor in float32.
func widened(t Tensor) []float32 {
	x := make([]float32, t.Len())
	w := Tensor{Shape: []int{len(x)}, F32: t.F32, BF16: t.BF16, F16: t.F16}
	weight := tensorWeight(w)
	weight.widen(x, 0)
	return x
}

func randomModelOf(t testing.TB, rng *rand.Rand, c Config, threads int) *Model {
	t.Helper()
	m, err := New(c, randomWeights(rng, c), Options{Threads: threads, large: rng.IntN(2) == 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func randomTokens(rng *rand.Rand, n, vocab int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(rng.IntN(vocab))
	}
	return x
}

// states are the bits of hidden states and logits of a sequence, a row a token.
type states struct{ hidden, logits [][]uint32 }

func bitsOf(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// stepwise processes sequences in steps whose sizes the generator chooses,
// from one token to all, and the order of sequences in a step too.
func stepwise(m *Model, seqs [][]int32, pool *kernel.Pool, size func(left int) int) []states {
	out := make([]states, len(seqs))
	caches := make([]*cache, len(seqs))
	for i := range caches {
		caches[i] = &cache{m: m}
	}
	w := m.workspace(1)
	defer m.release(w)
	d, v := m.cfg.HiddenSize, m.cfg.VocabSize
	for {
		var runs []run
		var of []int
		for i, s := range seqs {
			if left := len(s) - caches[i].n; left > 0 {
				if n := size(left); n > 0 {
					runs = append(runs, run{cache: caches[i], tokens: s[caches[i].n : caches[i].n+n]})
					of = append(of, i)
				}
			}
		}
		if len(runs) == 0 {
			for i, s := range seqs {
				if caches[i].n < len(s) {
					runs = nil
					of = append(of, i)
				}
			}
			if len(of) == 0 {
				return out
			}
			continue
		}
		rows := m.forward(w, pool, runs)
		logits := m.logits(w, pool, w.hidden, rows)
		for k, r := range runs {
			for j := range r.tokens {
				o := &out[of[k]]
				o.hidden = append(o.hidden, bitsOf(w.hidden[(r.at+j)*d:(r.at+j+1)*d]))
				o.logits = append(o.logits, bitsOf(logits[(r.at+j)*v:(r.at+j+1)*v]))
			}
		}
	}
}

func sameStates(a, b []states) error {
	for i := range a {
		if len(a[i].hidden) != len(b[i].hidden) {
			return fmt.Errorf("sequence %d: %d and %d rows", i, len(a[i].hidden), len(b[i].hidden))
		}
		for p := range a[i].hidden {
			if !slices.Equal(a[i].hidden[p], b[i].hidden[p]) {
				return fmt.Errorf("sequence %d: hidden state %d differs", i, p)
			}
			if !slices.Equal(a[i].logits[p], b[i].logits[p]) {
				return fmt.Errorf("sequence %d: logits %d differ", i, p)
			}
		}
	}
	return nil
}

// TestSameBits is the promise of the package: one sequence at once, token by
// token, in random stretches, alone or in batches of up to 16, on 1 to 8
// threads and on every instruction set give the same bits.
func TestSameBits(t *testing.T) {
	defer kernel.SetISA("")
	cases := 120
	if testing.Short() {
		cases = 6
	}
	scalings, families := map[string]int{}, map[string]int{}
	for i := range cases {
		seed := uint64(i)
		rng := rand.New(rand.NewPCG(seed, 99))
		m := randomModel(t, rng, 2)
		scalings[m.cfg.RopeScaling.Type]++
		families[fmt.Sprintf("%s, tied %v, biases %v", m.cfg.Architecture, m.cfg.TieEmbeddings, m.cfg.AttentionBias)]++
		longest := []int{5, 40, 100, 130}[rng.IntN(4)]
		var seqs [][]int32
		for range []int{1, 3, 16}[rng.IntN(3)] {
			seqs = append(seqs, randomTokens(rng, 1+rng.IntN(longest), m.cfg.VocabSize))
		}
		var want []states
		for _, s := range seqs {
			want = append(want, stepwise(m, [][]int32{s}, nil, func(left int) int { return left })...)
		}
		check := func(isa, how string, pool *kernel.Pool, size func(left int) int) {
			if err := sameStates(want, stepwise(m, seqs, pool, size)); err != nil {
				t.Errorf("seed %d (%+v), %s, %s: %v", seed, m.cfg, isa, how, err)
			}
		}
		for _, isa := range kernel.ISAs() {
			if err := kernel.SetISA(isa); err != nil {
				t.Fatal(err)
			}
			if isa == kernel.Generic && (i%3 != 0 || len(seqs) > 3) {
				continue // slow; the kernel's own tests compare it too
			}
			check(isa, "whole, batch, 2 threads", m.pool, func(left int) int { return left })
			check(isa, "token by token, 1 thread", nil, func(int) int { return 1 })
			pool := kernel.NewPool(3 + i%6)
			check(isa, fmt.Sprintf("stretches, %d threads", pool.Threads()), pool, func(left int) int { return rng.IntN(min(left, 50) + 1) })
			pool.Close()
		}
		kernel.SetISA("")
	}
	t.Logf("%d models, of each rotary scaling: %v, of each family: %v", cases, scalings, families)
	if !testing.Short() && (len(scalings) < 4 || len(families) < 10) {
		t.Error("some scaling or family had no model")
	}
}

// TestForkAndReplay compares what Generate made with what Replay sees: hidden
// states and log-probabilities of completions that shared a prompt.
func TestForkAndReplay(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m := randomModel(t, rng, 2)
		prompts := [][]int32{randomTokens(rng, 1+rng.IntN(70), m.cfg.VocabSize), randomTokens(rng, 1+rng.IntN(40), m.cfg.VocabSize)}
		var reqs []Request
		for i := range 20 {
			reqs = append(reqs, Request{Prompt: prompts[i/16], Seed: uint64(i)})
		}
		p := Sampling{Temperature: 0.9, TopK: 20, TopP: 0.95, RepetitionPenalty: 1.1, MaxTokens: 1 + rng.IntN(40), Stop: []int32{5}}
		out, err := m.Generate(context.Background(), reqs, p)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []Sequence
		var all [][]int32
		for i, c := range out {
			tokens := append(slices.Clone(reqs[i].Prompt), c.Tokens...)
			seqs = append(seqs, Sequence{Tokens: tokens, PromptLength: len(reqs[i].Prompt)})
			all = append(all, tokens)
			// The same request alone.
			if i%5 == 0 {
				one, err := m.Generate(context.Background(), reqs[i:i+1], p)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(one[0].Tokens, c.Tokens) || one[0].Reason != c.Reason {
					t.Fatalf("seed %d: request %d alone gives other tokens", seed, i)
				}
			}
		}
		want := stepwise(m, all, nil, func(left int) int { return left })
		hidden := make([][][]uint32, len(all))
		for i := range hidden {
			hidden[i] = make([][]uint32, len(all[i]))
		}
		got, err := m.Replay(context.Background(), seqs, ReplayOptions{EOS: 5, Temperature: 0.9, RepetitionPenalty: 1.1,
			Hidden: func(s, pos int, h []float32) { hidden[s][pos] = bitsOf(h) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			for p := range all[i] {
				if !slices.Equal(hidden[i][p], want[i].hidden[p]) {
					t.Fatalf("seed %d: hidden state %d of sequence %d differs", seed, p, i)
				}
			}
			checkFigures(t, m, seqs[i], got[i], want[i], 5, 0.9, 1.1)
		}
	}
}

// checkFigures recomputes a result from logits in float64.
func checkFigures(t *testing.T, m *Model, s Sequence, got ReplayResult, want states, eos int, temperature, penalty float64) {
	t.Helper()
	soft := func(x []float64, at int) float64 {
		top, sum := math.Inf(-1), 0.0
		for _, v := range x {
			top = max(top, v)
		}
		for _, v := range x {
			sum += math.Exp(v - top)
		}
		return math.Exp(x[at]-top) / sum
	}
	row := func(p int) []float64 {
		var x []float64
		for _, b := range want.logits[p] {
			x = append(x, float64(math.Float32frombits(b)))
		}
		return x
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= 2e-5*math.Abs(b)+1e-30 }
	n, first := len(s.Tokens), max(s.PromptLength, 1)
	if len(got.LogProbs) != n || len(got.ChosenProbs) != n-first {
		t.Fatalf("%d log-probs and %d probabilities for %d tokens, prompt %d", len(got.LogProbs), len(got.ChosenProbs), n, s.PromptLength)
	}
	if n >= 2 && !near(got.EOSProb, soft(row(n-2), eos)) || n < 2 && !math.IsNaN(got.EOSProb) {
		t.Errorf("EOS probability is %g", got.EOSProb)
	}
	for i := range s.Tokens {
		switch {
		case i < s.PromptLength && got.LogProbs[i] != 0:
			t.Errorf("log-prob %d of the prompt is %g", i, got.LogProbs[i])
		case i >= first:
			x := row(i - 1)
			if lp := math.Log(soft(x, int(s.Tokens[i]))); math.Abs(lp-got.LogProbs[i]) > 1e-5*(1+math.Abs(lp)) {
				t.Errorf("log-prob %d is %g, want %g", i, got.LogProbs[i], lp)
			}
			seen := map[int32]bool{}
			for _, tok := range s.Tokens[:i] {
				if !seen[tok] {
					seen[tok] = true
					if x[tok] < 0 {
						x[tok] *= penalty
					} else {
						x[tok] /= penalty
					}
				}
			}
			for j := range x {
				x[j] /= temperature
			}
			if p := soft(x, int(s.Tokens[i])); !near(got.ChosenProbs[i-first], p) {
				t.Errorf("chosen probability %d is %g, want %g", i, got.ChosenProbs[i-first], p)
			}
		}
	}
}

// TestReplayEdges replays prompts of length 0, all prompt, one token.
func TestReplayEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	m := randomModel(t, rng, 1)
	long := randomTokens(rng, 300, m.cfg.VocabSize)
	seqs := []Sequence{{long[:1], 0}, {long[:1], 1}, {long[:2], 0}, {long[:2], 2}, {long[:50], 0}, {long[:50], 50}, {long, 1}, {long, 299}, {long, 300}}
	for _, s := range seqs {
		got, err := m.Replay(context.Background(), []Sequence{s}, ReplayOptions{EOS: 2})
		if err != nil {
			t.Fatal(err)
		}
		want := stepwise(m, [][]int32{s.Tokens}, nil, func(left int) int { return left })
		checkFigures(t, m, s, got[0], want[0], 2, 1, 1)
		if s.PromptLength == 0 && !math.IsInf(got[0].LogProbs[0], -1) {
			t.Errorf("log-prob without a row before it is %g, want -Inf", got[0].LogProbs[0])
		}
	}
	for _, s := range []Sequence{{}, {long, -1}, {long, 301}, {[]int32{-1}, 0}, {[]int32{1 << 20}, 0}, {make([]int32, 513), 0}} {
		if _, err := m.Replay(context.Background(), []Sequence{s}, ReplayOptions{}); err == nil {
			t.Errorf("%d tokens, prompt %d: no error", len(s.Tokens), s.PromptLength)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Replay(ctx, seqs, ReplayOptions{}); err == nil {
		t.Error("a cancelled replay gave no error")
	}
}
