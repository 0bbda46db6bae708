package model

import (
	"slices"

	"github.com/nanteos/nanteos/model/kernel"
)

// mixedRows is the most prompt tokens of a step in which others decode, so that
// long prompts hold nobody up for long.
const mixedRows = 64

// Step makes up to one token for each stream and processes a stretch of the
// prompts that wait. The result is valid until the next call. Streams whose
// token has a Reason have left.
func (b *Batch) Step() []Token {
	b.admit()
	b.schedule()
	if len(b.plan) == 0 {
		return nil
	}
	b.load.Steps++
	parts := b.parts()
	if len(parts) == 1 {
		b.compute(b.w[0], b.m.pool, parts[0])
	} else {
		b.m.pool.Run(len(parts), func(i int) { b.compute(b.w[i], nil, parts[i]) })
	}
	for i := range b.plan {
		for _, p := range b.plan[i].s.held {
			p.ready = p.id != 0
		}
	}
	for i := range b.out {
		b.load.Generated++
		s := b.out[i].Stream
		if b.out[i].Reason = b.reason(s); b.out[i].Reason != "" {
			b.Leave(s)
		}
	}
	return b.out
}

// admit lets the streams that wait run, in order, while there is room.
func (b *Batch) admit() {
	for len(b.waiting) > 0 && len(b.active) < b.limit {
		s := b.waiting[0]
		// A page more for each stream that runs keeps the newcomer from being sent back at once.
		if need := (len(s.tokens)+block)/block + len(b.active); len(b.active) > 0 && need > b.pool.free() {
			return
		}
		b.active = append(b.active, s)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// schedule decides which tokens of which streams the step processes, and gives
// the streams the pages for them. Older streams come first.
func (b *Batch) schedule() {
	b.plan, b.out = b.plan[:0], b.out[:0]
	decoding := 0
	for _, s := range b.active {
		if s.pending() == 1 {
			decoding++
		}
	}
	budget := stepRows
	if decoding > 0 {
		budget = mixedRows
	}
	for i := 0; i < len(b.active); i++ { // streams from the end may leave meanwhile
		s := b.active[i]
		if s.pending() > 1 && !b.adopt(s) {
			continue
		}
		n := s.pending()
		if n > 1 {
			if n = min(n, budget); n == 0 {
				continue
			}
		}
		if n = min(n, b.provide(i, s.cache.n+n)-s.cache.n); n <= 0 {
			continue
		}
		if s.pending() > 1 {
			budget -= n
		}
		b.load.Prefilled += int64(max(0, min(s.cache.n+n, len(s.request.Prompt))-s.cache.n))
		for end := s.cache.n/block + 1; end*block <= s.cache.n+n; end++ {
			key := s.key(end - 1)
			s.chain = b.pool.name(s.held[end-1], &key)
		}
		p := planned{s, n, -1}
		if n == s.pending() {
			p.out = len(b.out)
			b.out = append(b.out, Token{Stream: s})
		}
		b.plan = append(b.plan, p)
	}
}

// key names the content of a stream's page.
func (s *Stream) key(page int) pageKey {
	return pageKey{s.chain, [block]int32(s.tokens[page*block : (page+1)*block])}
}

// adopt takes known pages for the stream's next tokens. False: another stream is
// computing what this one needs, which had better wait.
func (b *Batch) adopt(s *Stream) bool {
	for s.cache.n%block == 0 && s.pending() > block {
		key := s.key(s.cache.n / block)
		p, ok := b.pool.find(&key)
		if !ok {
			return true
		}
		if !p.ready {
			return false
		}
		if at := s.cache.n / block; at < len(s.held) { // a page was provided before the stream had to wait
			b.pool.drop(s.held[at])
			s.held[at], s.cache.pages[at] = p, &p.page
		} else {
			s.held, s.cache.pages = append(s.held, p), append(s.cache.pages, &p.page)
		}
		s.cache.n += block
		s.chain = p.id
		b.load.Adopted += block
	}
	return true
}

// provide gives stream number i pages for up to n tokens, taking them from
// the youngest streams where need be, and returns for how many tokens it has room.
func (b *Batch) provide(i, n int) int {
	s := b.active[i]
	for len(s.held)*block < n {
		p := b.pool.take()
		if p == nil {
			if i == len(b.active)-1 {
				break
			}
			b.preempt()
			continue
		}
		s.held, s.cache.pages = append(s.held, p), append(s.cache.pages, &p.page)
	}
	return min(n, len(s.held)*block)
}

// preempt puts the youngest stream back among those that wait.
func (b *Batch) preempt() {
	s := b.active[len(b.active)-1]
	b.active[len(b.active)-1] = nil
	b.active = b.active[:len(b.active)-1]
	b.load.Preemptions++
	b.load.Repeat += int64(s.cache.n)
	b.release(s)
	b.waiting = slices.Insert(b.waiting, 0, s)
}

// parts shares the plan among threads: a small model's by streams, if they
// come out about even; a large one's products are cut instead.
func (b *Batch) parts() [][]planned {
	rows, longest := 0, 0
	for _, p := range b.plan {
		rows, longest = rows+p.n, max(longest, p.n)
	}
	n := min(len(b.w), (len(b.plan)+1)/2)
	if n < 2 || longest > max(4, rows/n) {
		return [][]planned{b.plan}
	}
	var parts [][]planned
	rest := b.plan
	for i := n; i > 1; i-- {
		at, n := 1, rest[0].n
		for n < rows/i && len(rest)-at >= i {
			n += rest[at].n
			at++
		}
		rows -= n
		parts, rest = append(parts, rest[:at]), rest[at:]
	}
	return append(parts, rest)
}

// compute processes planned tokens and makes the tokens that follow.
func (b *Batch) compute(w *workspace, pool *kernel.Pool, plan []planned) {
	m := b.m
	w.runs = w.runs[:0]
	for _, p := range plan {
		w.runs = append(w.runs, run{cache: &p.s.cache, tokens: p.s.tokens[p.s.cache.n : p.s.cache.n+p.n]})
	}
	m.forward(w, pool, w.runs)
	d, v := m.cfg.HiddenSize, m.cfg.VocabSize
	if len(w.gathered) < headRows*d {
		w.gathered = kernel.Aligned(headRows * d)
	}
	var wanted [headRows]int
	n := 0
	flush := func() {
		logits := m.logits(w, pool, w.gathered, n)
		pool.Run(n, func(i int) { b.out[wanted[i]].choose(logits[i*v : (i+1)*v]) })
		n = 0
	}
	for i, p := range plan {
		if p.out < 0 {
			continue
		}
		row := w.runs[i].at + p.n - 1
		copy(w.gathered[n*d:(n+1)*d], w.hidden[row*d:(row+1)*d])
		wanted[n] = p.out
		if n++; n == headRows {
			flush()
		}
	}
	if n > 0 {
		flush()
	}
}

// choose samples the stream's next token from logits[vocab], which it overwrites.
func (t *Token) choose(logits []float32) {
	s := t.Stream
	var lse float64
	if s.request.LogProbs {
		lse = kernel.LogSumExp(logits, 1)
		t.Top = mostLikely(logits, s.request.Top)
		for i := range t.Top {
			t.Top[i].LogProb = logProb(logits[t.Top[i].ID], lse)
		}
		// The logits are gone after sampling; the chosen one may be needed.
		s.kept = append(s.kept[:0], logits...)
	}
	t.ID = s.sampler.next(logits)
	if s.request.LogProbs {
		t.LogProb = logProb(s.kept[t.ID], lse)
	}
	s.sampler.note(t.ID)
	s.tokens = append(s.tokens, t.ID)
}

// logProb is the float32 log-softmax of a logit.
func logProb(logit float32, lse float64) float64 { return float64(float32(float64(logit) - lse)) }

// mostLikely gives the k tokens of the largest logits.
func mostLikely(logits []float32, k int) []Candidate {
	top := make([]Candidate, 0, k)
	for i, v := range logits {
		if k == 0 || len(top) == k && !(v > logits[top[k-1].ID]) {
			continue
		}
		if len(top) == k {
			top = top[:k-1]
		}
		at := len(top)
		for at > 0 && v > logits[top[at-1].ID] {
			at--
		}
		top = slices.Insert(top, at, Candidate{ID: int32(i)})
	}
	return top
}

// reason says why a stream ends with the token that it just got, if it does.
func (b *Batch) reason(s *Stream) FinishReason {
	switch {
	case slices.Contains(s.request.Stop, s.tokens[len(s.tokens)-1]):
		return FinishStop
	case s.Made() == s.request.MaxTokens:
		return FinishLength
	case len(s.tokens) >= b.Context():
		return FinishContext
	}
	return ""
}
