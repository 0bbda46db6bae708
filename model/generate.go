package model

import (
	"context"
	"errors"
	"fmt"
	"unsafe"
)

// Request asks for one completion of a prompt.
type Request struct {
	Prompt []int32 // at least one token
	Seed   uint64  // of this sequence's generator
}

// FinishReason says why a completion ended.
type FinishReason string

// The reasons.
const (
	FinishStop      FinishReason = "stop"      // a stop token was chosen; it is the last token
	FinishLength    FinishReason = "length"    // MaxTokens were made
	FinishContext   FinishReason = "context"   // the model's context is full
	FinishCancelled FinishReason = "cancelled" // the context of the call ended
)

// Completion is what was generated for one request.
type Completion struct {
	Tokens []int32
	Reason FinishReason
}

// batchSize is the number of sequences decoded together. It bounds the memory of
// a call, and changes no result.
const batchSize = 16

// ErrTokens is wrapped where given tokens can't be a sequence of the model.
var ErrTokens = errors.New("tokens don't fit the model")

// checkTokens says whether the model can process the tokens.
func (m *Model) checkTokens(tokens []int32) error {
	if len(tokens) == 0 {
		return fmt.Errorf("there are none: %w", ErrTokens)
	}
	if len(tokens) > m.cfg.MaxPositions {
		return fmt.Errorf("there are %d, the model's context is %d: %w", len(tokens), m.cfg.MaxPositions, ErrTokens)
	}
	for i, t := range tokens {
		if t < 0 || int(t) >= m.cfg.VocabSize {
			return fmt.Errorf("token %d at position %d is outside the vocabulary of %d: %w", t, i, m.cfg.VocabSize, ErrTokens)
		}
	}
	return nil
}

// sequence is one request being decoded.
type sequence struct {
	index   int
	cache   *cache
	sampler *sampler
	done    bool
}

// Generate samples a completion for each request, up to 16 at a time. A completion
// depends on its prompt, its seed and the parameters, not on the other requests.
// Requests with the same prompt that follow one another share its
// processing. When ctx ends, Generate returns what was made so far, unfinished
// completions having the reason FinishCancelled, and ctx's error.
func (m *Model) Generate(ctx context.Context, requests []Request, p Sampling) ([]Completion, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("couldn't generate: %w", err)
	}
	for i, r := range requests {
		if err := m.checkTokens(r.Prompt); err != nil {
			return nil, fmt.Errorf("couldn't generate: prompt of request %d: %w", i, err)
		}
	}
	if p.Stop == nil {
		for _, t := range m.cfg.EOS {
			p.Stop = append(p.Stop, int32(t))
		}
	}
	g := &generation{m: m, p: p, requests: requests, out: make([]Completion, len(requests))}
	for i := range g.out {
		g.out[i].Reason = FinishCancelled
	}
	err := g.run(ctx)
	if err != nil {
		err = fmt.Errorf("couldn't finish generating: %w", err)
	}
	return g.out, err
}

type generation struct {
	m        *Model
	p        Sampling
	requests []Request
	out      []Completion
	next     int // first request not started
	active   []*sequence
	prefix   *cache // past of prefixOf without its last token
	prefixOf []int32
}

func (g *generation) run(ctx context.Context) error {
	m := g.m
	w := m.workspaces()
	defer m.releaseAll(w)
	for g.next < len(g.requests) || len(g.active) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for len(g.active) < batchSize && g.next < len(g.requests) && g.fits() {
			if err := g.start(ctx, w[0]); err != nil {
				return err
			}
		}
		g.step(w)
	}
	return nil
}

// fits says whether there is room for the next request's longest completion
// beside the active ones.
func (g *generation) fits() bool {
	bytes := int64(0)
	for _, s := range g.active {
		bytes += g.m.cacheBytes(g.longest(s.index))
	}
	return len(g.active) == 0 || bytes+g.m.cacheBytes(g.longest(g.next)) <= g.m.budget
}

// longest is the most tokens that request i can come to.
func (g *generation) longest(i int) int {
	n := g.m.cfg.MaxPositions
	if g.p.MaxTokens > 0 {
		n = min(n, len(g.requests[i].Prompt)+g.p.MaxTokens)
	}
	return n
}

// start takes the next request: its prompt is processed up to the last
// token, unless the request before it had the same prompt.
func (g *generation) start(ctx context.Context, w *workspace) error {
	r := &g.requests[g.next]
	if !sameTokens(g.prefixOf, r.Prompt) {
		g.prefixOf, g.prefix = r.Prompt, &cache{m: g.m}
		if err := g.m.prefill(ctx, w, g.prefix, r.Prompt[:len(r.Prompt)-1], nil); err != nil {
			return err
		}
	}
	s := &sequence{index: g.next, cache: g.prefix.fork(), sampler: newSampler(g.p, r.Seed, g.m.cfg.VocabSize)}
	s.sampler.note(r.Prompt...)
	g.active = append(g.active, s)
	g.next++
	if g.next == len(g.requests) {
		g.prefix, g.prefixOf = nil, nil
	}
	return nil
}

// prefill appends tokens to a cache in steps; each, if not nil, sees the hidden
// states of each step ([n][hidden], the first at position pos).
func (m *Model) prefill(ctx context.Context, w *workspace, c *cache, tokens []int32, each func(pos, n int, hidden []float32) error) error {
	for len(tokens) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(tokens), stepRows)
		pos := c.n
		w.runs = append(w.runs[:0], run{cache: c, tokens: tokens[:n]})
		m.forward(w, m.pool, w.runs)
		if each != nil {
			if err := each(pos, n, w.hidden); err != nil {
				return err
			}
		}
		tokens = tokens[n:]
	}
	return nil
}

// step makes one token for every active sequence.
func (g *generation) step(w []*workspace) {
	m := g.m
	parts := 1
	if m.small {
		parts = min(len(w), (len(g.active)+1)/2)
	}
	each := func(part int) {
		from, to := part*len(g.active)/parts, (part+1)*len(g.active)/parts
		pool := m.pool
		if parts > 1 {
			pool = nil
		}
		ws := w[part]
		ws.runs = ws.runs[:0]
		for _, s := range g.active[from:to] {
			ws.runs = append(ws.runs, run{cache: s.cache, tokens: g.lastToken(s)})
		}
		rows := m.forward(ws, pool, ws.runs)
		logits := m.logits(ws, pool, ws.hidden, rows)
		v := m.cfg.VocabSize
		pool.Run(rows, func(i int) { g.choose(g.active[from+i], logits[i*v:(i+1)*v]) })
	}
	if parts == 1 {
		each(0)
	} else {
		m.pool.Run(parts, each)
	}
	kept := g.active[:0]
	for _, s := range g.active {
		if !s.done {
			kept = append(kept, s)
		}
	}
	clear(g.active[len(kept):])
	g.active = kept
}

func (g *generation) lastToken(s *sequence) []int32 {
	if t := g.out[s.index].Tokens; len(t) > 0 {
		return t[len(t)-1:]
	}
	p := g.requests[s.index].Prompt
	return p[len(p)-1:]
}

// choose samples the next token of one sequence and decides whether it ends.
func (g *generation) choose(s *sequence, logits []float32) {
	o := &g.out[s.index]
	t := s.sampler.next(logits)
	s.sampler.note(t)
	o.Tokens = append(o.Tokens, t)
	s.done = true
	for _, stop := range g.p.Stop {
		if t == stop {
			o.Reason = FinishStop
			return
		}
	}
	switch {
	case len(o.Tokens) == g.p.MaxTokens:
		o.Reason = FinishLength
	case len(g.requests[s.index].Prompt)+len(o.Tokens) >= g.m.cfg.MaxPositions:
		o.Reason = FinishContext
	default:
		s.done = false
	}
}

func sameTokens(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) > 0 && unsafe.SliceData(a) == unsafe.SliceData(b) {
		return true
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
