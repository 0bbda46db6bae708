package model

import (
	"context"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// Sequence is a prompt with its completion, to be replayed.
type Sequence struct {
	Tokens       []int32
	PromptLength int // 0 to len(Tokens)
}

// ReplayOptions say what to compute besides log-probabilities.
type ReplayOptions struct {
	// Hidden, if not nil, receives the normalised final hidden state h[HiddenSize]
	// after token pos of sequence seq, once for every position of every sequence. It is
	// called from several goroutines, in no fixed order; h is valid until it returns.
	Hidden func(seq, pos int, h []float32)
	// Temperature and RepetitionPenalty of the ChosenProbs; 0 counts as 1.
	Temperature, RepetitionPenalty float64
	// EOS is the token of EOSProb; below 0: none.
	EOS int
	// SkipLogits leaves out everything but Hidden.
	SkipLogits bool
}

// ReplayResult is what checks and proofs need of one sequence of N tokens, P
// of them the prompt.
type ReplayResult struct {
	// LogProbs[i], for P <= i < N, is the float32 log-softmax of the logits after
	// token i-1 at Tokens[i], no temperature, no penalty; 0 in the prompt;
	// -Inf for i = 0 (GRAIL specification, 4.4). Length N.
	LogProbs []float64
	// EOSProb is the float32 softmax of the logits after token N-2 at EOS (7.9);
	// NaN without an EOS or such a token.
	EOSProb float64
	// ChosenProbs are the float32 probabilities of the completion's tokens after repetition
	// penalty and temperature, without top k and top p (7.13). A first token
	// at position 0 has none. Length N - max(P,1).
	ChosenProbs []float64
}

// headRows is how many rows of logits exist at a time.
const headRows = 64

// Replay processes whole sequences as Generate does, bit for bit, and returns
// the figures of every one. Neighbours with the same prompt share its
// processing. Memory: the pasts of up to 16 sequences (Options.CacheBytes) and 64
// rows of logits. When ctx ends, Replay returns its error and no result.
func (m *Model) Replay(ctx context.Context, seqs []Sequence, opt ReplayOptions) ([]ReplayResult, error) {
	if opt.Temperature == 0 {
		opt.Temperature = 1
	}
	if opt.RepetitionPenalty == 0 {
		opt.RepetitionPenalty = 1
	}
	if !(opt.Temperature > 0) || !(opt.RepetitionPenalty > 0) || opt.EOS >= m.cfg.VocabSize {
		return nil, fmt.Errorf("couldn't replay: temperature %g, repetition penalty %g, eos %d; want positive numbers and a token of the vocabulary of %d",
			opt.Temperature, opt.RepetitionPenalty, opt.EOS, m.cfg.VocabSize)
	}
	for i, s := range seqs {
		if err := m.checkTokens(s.Tokens); err != nil {
			return nil, fmt.Errorf("couldn't replay sequence %d: %w", i, err)
		}
		if s.PromptLength < 0 || s.PromptLength > len(s.Tokens) {
			return nil, fmt.Errorf("couldn't replay sequence %d: prompt length %d of %d tokens: %w", i, s.PromptLength, len(s.Tokens), ErrTokens)
		}
	}
	r := &replay{m: m, opt: opt, seqs: seqs, out: make([]ReplayResult, len(seqs))}
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("couldn't finish replaying: %w", err)
	}
	return r.out, nil
}

type replay struct {
	m        *Model
	opt      ReplayOptions
	seqs     []Sequence
	out      []ReplayResult
	prefix   *cache
	prefixOf []int32
	last     []float32 // hidden states of the prefix, kept when several share it
}

// track is one sequence of the wave in progress.
type track struct {
	index int
	cache *cache
	past  *history
}

// history knows the distinct tokens before any position.
type history struct {
	distinct []int32
	count    []int32 // count[i]: how many of distinct occur in tokens[:i]
}

func newHistory(tokens []int32, vocab int) *history {
	bits := make([]uint64, (vocab+63)/64)
	h := &history{count: make([]int32, len(tokens)+1)}
	for i, t := range tokens {
		if bits[t/64]&(1<<(t%64)) == 0 {
			bits[t/64] |= 1 << (t % 64)
			h.distinct = append(h.distinct, t)
		}
		h.count[i+1] = int32(len(h.distinct))
	}
	return h
}

// shared is the number of prompt tokens whose logits nobody asks for: the part
// that sequences of one prompt can share.
func (s *Sequence) shared() int {
	return max(0, min(s.PromptLength-1, len(s.Tokens)-2))
}

func (r *replay) run(ctx context.Context) error {
	m := r.m
	w := m.workspaces()
	defer m.releaseAll(w)
	for next := 0; next < len(r.seqs); {
		var wave []*track
		bytes := int64(0)
		for ; next < len(r.seqs) && len(wave) < batchSize; next++ {
			bytes += m.cacheBytes(len(r.seqs[next].Tokens))
			if len(wave) > 0 && bytes > m.budget {
				break
			}
			t, err := r.start(ctx, w[0], next)
			if err != nil {
				return err
			}
			wave = append(wave, t)
		}
		if err := r.finish(ctx, w, wave); err != nil {
			return err
		}
	}
	return nil
}

// start prepares a sequence: its shared prompt part is processed unless the
// sequence before it had the same.
func (r *replay) start(ctx context.Context, w *workspace, i int) (*track, error) {
	s := &r.seqs[i]
	n := len(s.Tokens)
	o := &r.out[i]
	o.EOSProb = math.NaN()
	if !r.opt.SkipLogits {
		o.LogProbs = make([]float64, n)
		o.ChosenProbs = make([]float64, max(0, n-max(s.PromptLength, 1)))
		if s.PromptLength == 0 {
			o.LogProbs[0] = math.Inf(-1)
		}
	}
	head := s.Tokens[:s.shared()]
	d := r.m.cfg.HiddenSize
	if r.prefix == nil || !sameTokens(r.prefixOf, head) {
		r.prefixOf, r.prefix, r.last = head, &cache{m: r.m}, r.last[:0]
		err := r.m.prefill(ctx, w, r.prefix, head, func(pos, n int, hidden []float32) error {
			if r.opt.Hidden != nil {
				r.last = append(r.last, hidden[:n*d]...)
			}
			return nil
		})
		if err != nil {
			r.prefix = nil
			return nil, err
		}
	}
	if r.opt.Hidden != nil {
		eachRow(r.m.pool, len(head), 1<<15, func(p int) { r.opt.Hidden(i, p, r.last[p*d:(p+1)*d]) })
	}
	t := &track{index: i, cache: r.prefix.fork()}
	if r.opt.RepetitionPenalty != 1 && !r.opt.SkipLogits {
		t.past = newHistory(s.Tokens, r.m.cfg.VocabSize)
	}
	return t, nil
}

// finish runs the rest of a wave's sequences. A small model's sequences are
// spread over the threads; a large one's products are.
func (r *replay) finish(ctx context.Context, w []*workspace, wave []*track) error {
	if len(w) == 1 {
		return r.steps(ctx, w[0], r.m.pool, wave)
	}
	errs := make([]error, len(wave))
	var free = make(chan *workspace, len(w))
	for _, x := range w {
		free <- x
	}
	r.m.pool.Run(len(wave), func(i int) {
		x := <-free
		errs[i] = r.steps(ctx, x, nil, wave[i:i+1])
		free <- x
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// steps processes the sequences' remaining tokens, up to stepRows at a time.
func (r *replay) steps(ctx context.Context, w *workspace, pool *kernel.Pool, wave []*track) error {
	m := r.m
	d := m.cfg.HiddenSize
	for len(wave) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows []row
		w.runs = w.runs[:0]
		done := 0
		for _, t := range wave {
			left := r.seqs[t.index].Tokens[t.cache.n:]
			n := min(len(left), stepRows-len(rows))
			if n == 0 && len(left) > 0 {
				break
			}
			for j := range n {
				rows = append(rows, row{t, t.cache.n + j})
			}
			if n > 0 {
				w.runs = append(w.runs, run{cache: t.cache, tokens: left[:n]})
			}
			if n < len(left) {
				break
			}
			done++
		}
		m.forward(w, pool, w.runs)
		if r.opt.Hidden != nil {
			eachRow(pool, len(rows), 1<<15, func(i int) { r.opt.Hidden(rows[i].track.index, rows[i].pos, w.hidden[i*d:(i+1)*d]) })
		}
		if !r.opt.SkipLogits {
			r.head(w, pool, rows)
		}
		wave = wave[done:]
	}
	return nil
}

// row is the hidden state after one token of one sequence.
type row struct {
	track *track
	pos   int
}

// head computes the logits of the rows that are asked for, a chunk at a time.
func (r *replay) head(w *workspace, pool *kernel.Pool, rows []row) {
	d, v := r.m.cfg.HiddenSize, r.m.cfg.VocabSize
	var wanted []int
	flush := func() {
		if len(w.gathered) < headRows*d {
			w.gathered = kernel.Aligned(headRows * d)
		}
		for i, k := range wanted {
			copy(w.gathered[i*d:(i+1)*d], w.hidden[k*d:(k+1)*d])
		}
		logits := r.m.logits(w, pool, w.gathered, len(wanted))
		pool.Run(len(wanted), func(i int) { r.figures(rows[wanted[i]], logits[i*v:(i+1)*v]) })
		wanted = wanted[:0]
	}
	for i, x := range rows {
		s := &r.seqs[x.track.index]
		chosen := x.pos+1 < len(s.Tokens) && x.pos+1 >= s.PromptLength
		if !chosen && x.pos != len(s.Tokens)-2 {
			continue
		}
		if wanted = append(wanted, i); len(wanted) == headRows {
			flush()
		}
	}
	if len(wanted) > 0 {
		flush()
	}
}

// figures fills in what the logits after one token say; it overwrites them.
func (r *replay) figures(x row, logits []float32) {
	s, o := &r.seqs[x.track.index], &r.out[x.track.index]
	next := x.pos + 1
	lse := kernel.LogSumExp(logits, 1)
	if x.pos == len(s.Tokens)-2 && r.opt.EOS >= 0 {
		o.EOSProb = probability(logits[r.opt.EOS], lse)
	}
	if next < s.PromptLength || next >= len(s.Tokens) {
		return
	}
	token := int(s.Tokens[next])
	o.LogProbs[next] = float64(float32(float64(logits[token]) - lse))
	if r.opt.Temperature == 1 && x.track.past == nil {
		o.ChosenProbs[next-max(s.PromptLength, 1)] = probability(logits[token], lse)
		return
	}
	if h := x.track.past; h != nil {
		penalise(logits, h.distinct[:h.count[next]], float32(r.opt.RepetitionPenalty))
	}
	if r.opt.Temperature != 1 {
		divide(logits, float32(r.opt.Temperature))
	}
	o.ChosenProbs[next-max(s.PromptLength, 1)] = probability(logits[token], kernel.LogSumExp(logits, 1))
}

// probability is the softmax of logits at one token, from their LogSumExp.
func probability(logit float32, lse float64) float64 {
	p := [1]float32{float32(float64(logit) - lse)}
	kernel.Exp(p[:], p[:])
	return float64(p[0])
}
