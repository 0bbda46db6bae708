package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// client is a stream of a test with what it got.
type client struct {
	r      BatchRequest
	s      *Stream
	got    Completion
	logs   []float64
	leaves int // tokens after which it goes away; 0: never
	gone   bool
}

// alone is what Generate gives for a request.
func alone(t testing.TB, m *Model, r BatchRequest) Completion {
	t.Helper()
	out, err := m.Generate(context.Background(), []Request{r.Request}, r.Sampling)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func randomRequest(rng *rand.Rand, vocab int, prefixes [][]int32) BatchRequest {
	prompt := slices.Clone(prefixes[rng.IntN(len(prefixes))])
	prompt = append(prompt, randomTokens(rng, 1+rng.IntN(60), vocab)...)
	r := BatchRequest{Request: Request{Prompt: prompt, Seed: rng.Uint64()}, LogProbs: rng.IntN(2) == 0, Top: rng.IntN(3)}
	r.Sampling = Sampling{MaxTokens: 1 + rng.IntN(70), Temperature: 0.5 + rng.Float64(), TopK: rng.IntN(20), TopP: 0.9, RepetitionPenalty: 1 + float64(rng.IntN(2))*0.1}
	r.Greedy = rng.IntN(4) == 0
	if rng.IntN(2) == 0 {
		r.Stop = randomTokens(rng, 2, vocab)
	}
	return r
}

// drive lets clients arrive at random steps, and returns when all have ended.
func drive(t *testing.T, rng *rand.Rand, b *Batch, clients []*client) {
	t.Helper()
	next := 0
	by := map[*Stream]*client{}
	for step := 0; next < len(clients) || !b.Idle(); step++ {
		for next < len(clients) && (b.Idle() || rng.IntN(3) == 0) {
			c := clients[next]
			s, err := b.Join(c.r)
			if err != nil {
				t.Fatal(err)
			}
			c.s, by[s] = s, c
			next++
		}
		out := b.Step()
		for _, x := range out {
			c := by[x.Stream]
			if c.gone || c.got.Reason != "" {
				t.Fatal("a stream that has ended got a token")
			}
			c.got.Tokens, c.got.Reason = append(c.got.Tokens, x.ID), x.Reason
			c.logs = append(c.logs, x.LogProb)
			if len(x.Top) != c.r.Top && c.r.LogProbs {
				t.Fatalf("%d most likely tokens, want %d", len(x.Top), c.r.Top)
			}
		}
		for _, x := range out {
			if c := by[x.Stream]; len(c.got.Tokens) == c.leaves {
				b.Leave(c.s)
				c.gone = true
			}
		}
		checkPages(t, b)
		if step > 1_000_000 {
			t.Fatal("the batch doesn't end")
		}
	}
}

// checkPages holds the pool's books against the streams.
func checkPages(t *testing.T, b *Batch) {
	t.Helper()
	refs := map[*slot]int{}
	for _, s := range append(slices.Clone(b.active), b.waiting...) {
		if len(s.held) != len(s.cache.pages) || len(s.held)*block < s.cache.n {
			t.Fatalf("stream has %d pages, %d in the cache, for %d tokens", len(s.held), len(s.cache.pages), s.cache.n)
		}
		for _, p := range s.held {
			refs[p]++
		}
	}
	for p, n := range refs {
		if p.refs != n || p.place != nil {
			t.Fatalf("page has %d references, counted %d", p.refs, n)
		}
	}
	l := b.Load()
	if l.PagesHeld != len(refs) || l.PagesHeld+l.PagesCached > l.Pages || b.pool.made > l.Pages {
		t.Fatalf("books %+v, counted %d pages", l, len(refs))
	}
	for k, p := range b.pool.known {
		if p.key != k || p.id == 0 || !p.ready {
			t.Fatal("a known page is not what it says")
		}
	}
}

// TestBatch lets random requests join at random times, with memory from just
// enough for one to plenty: each gets what Generate gives it alone.
func TestBatch(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			m := randomModel(t, rng, 1+int(seed%3))
			v := m.cfg.VocabSize
			prefixes := [][]int32{nil, randomTokens(rng, 40, v), randomTokens(rng, 129, v)}
			var clients []*client
			longest := 0
			for range 24 {
				c := &client{r: randomRequest(rng, v, prefixes)}
				longest = max(longest, len(c.r.Prompt)+c.r.MaxTokens)
				if rng.IntN(5) == 0 {
					c.leaves = 1 + rng.IntN(10)
				}
				clients = append(clients, c)
			}
			o := BatchOptions{Sequences: 1 + rng.IntN(12), CacheBytes: m.cacheBytes(longest) * int64(1+rng.IntN(4))}
			b, err := m.NewBatch(o)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			drive(t, rng, b, clients)
			for i, c := range clients {
				want := alone(t, m, c.r)
				if c.gone {
					want = Completion{Tokens: want.Tokens[:min(c.leaves, len(want.Tokens))], Reason: c.got.Reason}
				}
				if !slices.Equal(c.got.Tokens, want.Tokens) || c.got.Reason != want.Reason {
					t.Fatalf("request %d: got %v %s, alone %v %s", i, c.got.Tokens, c.got.Reason, want.Tokens, want.Reason)
				}
				if c.r.LogProbs {
					all := append(slices.Clone(c.r.Prompt), c.got.Tokens...)
					r, err := m.Replay(context.Background(), []Sequence{{all, len(c.r.Prompt)}}, ReplayOptions{EOS: -1})
					if err != nil {
						t.Fatal(err)
					}
					if got := r[0].LogProbs[len(c.r.Prompt):]; !slices.Equal(got, c.logs) {
						t.Fatalf("request %d: log-probabilities %v, replay %v", i, c.logs, got)
					}
				}
			}
			l := b.Load()
			if l.PagesHeld != 0 || l.Running+l.Waiting != 0 {
				t.Errorf("pages are left: %+v", l)
			}
			t.Logf("%d sequences, %d pages: %+v", o.Sequences, l.Pages, l)
		})
	}
}

// TestBatchPreempts makes memory so short that streams must give theirs up.
func TestBatchPreempts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomModel(t, rng, 2)
	b, err := m.NewBatch(BatchOptions{Sequences: 8, CacheBytes: m.cacheBytes(200)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var clients []*client
	for range 8 {
		r := BatchRequest{Request: Request{randomTokens(rng, 5, m.cfg.VocabSize), rng.Uint64()}, Sampling: Sampling{Temperature: 1, MaxTokens: 150, Stop: []int32{}}}
		clients = append(clients, &client{r: r})
	}
	drive(t, rng, b, clients)
	for i, c := range clients {
		if want := alone(t, m, c.r); !slices.Equal(c.got.Tokens, want.Tokens) {
			t.Fatalf("request %d differs", i)
		}
	}
	if l := b.Load(); l.Preemptions == 0 || l.Repeat == 0 {
		t.Errorf("nobody was preempted: %+v", l)
	}
}

// TestBatchShares samples one prompt 16 times: it is processed once.
func TestBatchShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := randomModel(t, rng, 2)
	b, err := m.NewBatch(BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	prompt := randomTokens(rng, 300, m.cfg.VocabSize)
	var clients []*client
	for i := range 16 {
		c := &client{r: BatchRequest{Request: Request{prompt, uint64(i)}, Sampling: Sampling{Temperature: 1, MaxTokens: 3, Stop: []int32{}}}}
		if _, err := b.Join(c.r); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	for !b.Idle() {
		b.Step()
		checkPages(t, b)
	}
	l := b.Load()
	if want := int64(300 + 15*(300-9*block)); l.Prefilled != want || l.Adopted != 15*9*block {
		t.Errorf("%d prompt tokens processed and %d adopted, want %d and %d", l.Prefilled, l.Adopted, want, 15*9*block)
	}
	// Later requests find what is left.
	if _, err := b.Join(clients[0].r); err != nil {
		t.Fatal(err)
	}
	for !b.Idle() {
		b.Step()
	}
	if got := b.Load().Adopted - l.Adopted; got != 9*block {
		t.Errorf("a later request adopted %d tokens, want %d", got, 9*block)
	}
}

func TestBatchRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	m := randomModel(t, rng, 1)
	if _, err := m.NewBatch(BatchOptions{CacheBytes: 1}); !errors.Is(err, ErrNoMemory) {
		t.Errorf("a batch without memory: %v", err)
	}
	if _, err := m.NewBatch(BatchOptions{Sequences: -1}); err == nil {
		t.Error("a batch of -1 sequences")
	}
	b, err := m.NewBatch(BatchOptions{CacheBytes: m.cacheBytes(64)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ok := Sampling{Temperature: 1, MaxTokens: 10}
	for _, c := range []struct {
		name string
		r    BatchRequest
		want error
	}{
		{"no prompt", BatchRequest{Sampling: ok}, ErrTokens},
		{"foreign token", BatchRequest{Request: Request{Prompt: []int32{int32(m.cfg.VocabSize)}}, Sampling: ok}, ErrTokens},
		{"longer than the context", BatchRequest{Request: Request{Prompt: make([]int32, 513)}, Sampling: ok}, ErrTokens},
		{"longer than the memory", BatchRequest{Request: Request{Prompt: make([]int32, 55)}, Sampling: ok}, ErrNoMemory},
		{"temperature", BatchRequest{Request: Request{Prompt: []int32{1}}, Sampling: Sampling{Temperature: math.NaN()}}, nil},
		{"most likely", BatchRequest{Request: Request{Prompt: []int32{1}}, Sampling: ok, Top: -1}, nil},
	} {
		if _, err := b.Join(c.r); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	// Without MaxTokens a stream ends where the memory does.
	if _, err := b.Join(BatchRequest{Request: Request{Prompt: []int32{1}}, Sampling: Sampling{Temperature: 1, Stop: []int32{}}}); err != nil {
		t.Fatal(err)
	}
	var last Token
	for !b.Idle() {
		for _, x := range b.Step() {
			last = x
		}
	}
	if last.Reason != FinishContext || last.Stream.Made() != 63 {
		t.Errorf("ended by %q after %d tokens, want %q and 63", last.Reason, last.Stream.Made(), FinishContext)
	}
}

func TestMostLikely(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		logits := make([]float32, 1+rng.IntN(50))
		for i := range logits {
			logits[i] = float32(rng.IntN(12))
		}
		order := make([]int32, len(logits))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return int(logits[b] - logits[a]) })
		k := rng.IntN(len(logits) + 1)
		var got []int32
		for _, c := range mostLikely(logits, k) {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, order[:k]) {
			t.Fatalf("%v: got %v, want %v", logits, got, order[:k])
		}
	}
}
