package engine_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model/base"
)

var basePolicy = grail.GenerationParams{MaxTokens: 256, Temperature: 1, TopP: 1, RepetitionPenalty: 1}

func loadBase(t testing.TB, l *engine.Library) *engine.Native {
	t.Helper()
	dir := t.TempDir()
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	return load(t, l, dir)
}

func baseRequests(t testing.TB, n *engine.Native) []engine.Request {
	t.Helper()
	prompt, err := n.Render([]engine.Message{{Role: "system", Content: "Think, then answer."}, {Role: "user", Content: "12 + 30 = ?"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	requests := make([]engine.Request, 16)
	for i := range requests {
		requests[i] = engine.Request{Prompt: prompt, Seed: uint64(i) + 1}
	}
	return requests
}

// The embedded model goes the whole way of a group: prompt, completions, proofs, replay.
func TestBaseModel(t *testing.T) {
	n := loadBase(t, engine.NewLibrary(engine.Config{}))
	requests := baseRequests(t, n)
	if got := n.Decode(requests[0].Prompt, true); !strings.Contains(got, "12 + 30 = ?") {
		t.Errorf("prompt reads %q", got)
	}
	made, err := n.Generate(t.Context(), requests, basePolicy)
	if err != nil {
		t.Fatal(err)
	}
	r := coefficients(t, "beef")
	var sequences []engine.Sequence
	var replay []verify.ReplayRequest
	for i, c := range made {
		tokens := append(slices.Clone(requests[i].Prompt), c.Tokens...)
		sequences = append(sequences, engine.Sequence{Tokens: tokens, PromptLength: len(requests[i].Prompt)})
		replay = append(replay, verify.ReplayRequest{Tokens: tokens, PromptLength: len(requests[i].Prompt), Coefficients: r})
	}
	proofs, err := n.Prove(t.Context(), sequences, r)
	if err != nil {
		t.Fatal(err)
	}
	replays, err := n.Replay(t.Context(), replay[3:7], basePolicy)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range replays {
		want := proofs[i+3]
		if !slices.Equal(got.Sketches, want.Sketches) || !slices.Equal(got.LogProbs, want.LogProbs) {
			t.Errorf("sequence %d: proof and replay differ", i+3)
		}
	}
	nonzero := 0
	for _, s := range proofs[0].Sketches {
		if s != 0 {
			nonzero++
		}
	}
	if nonzero < len(proofs[0].Sketches)/2 {
		t.Errorf("%d of %d sketches tell anything: the hidden states are too small", nonzero, len(proofs[0].Sketches))
	}
	t.Logf("a completion of %d tokens: %q", len(made[0].Tokens), n.Decode(made[0].Tokens, true))
}

// BenchmarkNodes lets nodes of one process work at once, each on groups of its own, and gives tokens made and proven a second.
func BenchmarkNodes(b *testing.B) {
	for _, c := range []struct {
		name  string
		nodes int
		cfg   engine.Config
	}{
		{"one node, shared threads", 1, engine.Config{}},
		{"four nodes, shared threads", 4, engine.Config{}},
		{"four nodes, two turns of shared threads", 4, engine.Config{Turns: 2}},
		{"four nodes, two turns of one thread", 4, engine.Config{Turns: 2, Threads: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := engine.NewLibrary(c.cfg)
			nodes := make([]*engine.Native, c.nodes)
			for i := range nodes {
				nodes[i] = loadBase(b, l)
			}
			requests := baseRequests(b, nodes[0])
			b.ReportAllocs()
			var mu sync.Mutex
			tokens := 0
			for b.Loop() {
				var wg sync.WaitGroup
				for _, n := range nodes {
					wg.Go(func() {
						made, err := n.Generate(b.Context(), requests, basePolicy)
						if err != nil {
							b.Error(err)
							return
						}
						var sequences []engine.Sequence
						count := 0
						for i, m := range made {
							count += len(m.Tokens)
							sequences = append(sequences, engine.Sequence{Tokens: append(slices.Clone(requests[i].Prompt), m.Tokens...), PromptLength: len(requests[i].Prompt)})
						}
						if _, err := n.Prove(b.Context(), sequences, grail.Coefficients{1}); err != nil {
							b.Error(err)
						}
						mu.Lock()
						defer mu.Unlock()
						tokens += count
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
