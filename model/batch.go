package model

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNoMemory is wrapped where a sequence can't fit a Batch's memory even when
// it is alone. The caller's decision: ask for fewer tokens, or give the batch more.
var ErrNoMemory = errors.New("not enough memory for keys and values")

// BatchOptions bound a Batch; none changes a result but where the memory is
// less than one whole context.
type BatchOptions struct {
	Sequences  int   // most streams decoded together; 0: 16
	CacheBytes int64 // memory of keys and values, at least one page of 32 tokens; 0: the model's Options.CacheBytes
}

// BatchRequest asks for one completion.
type BatchRequest struct {
	Request
	Sampling
	LogProbs bool // compute the log-probability of each token
	Top      int  // with LogProbs: also the most likely tokens, this many
}

// Stream is one completion in progress.
type Stream struct {
	order   uint64 // of arrival
	request BatchRequest
	tokens  []int32 // the prompt and what was made of it
	sampler *sampler
	cache   cache
	held    []*slot   // the cache's pages
	chain   uint64    // number of the content of the last full page
	kept    []float32 // copy of the logits, for log-probabilities
}

// Made is the number of tokens made so far.
func (s *Stream) Made() int { return len(s.tokens) - len(s.request.Prompt) }

// pending is the number of tokens not yet in the cache; the last of them
// gives the next token.
func (s *Stream) pending() int { return len(s.tokens) - s.cache.n }

// Candidate is a token with its log-probability.
type Candidate struct {
	ID      int32
	LogProb float64
}

// Token is one token that a step made. LogProb is the float32 log-softmax of the
// logits, without penalty and temperature: what Replay gives for it.
type Token struct {
	Stream *Stream
	Candidate
	Top    []Candidate  // most likely first, the lower id on a tie
	Reason FinishReason // empty while the stream goes on
}

// BatchLoad tells what a batch is doing. Counters only grow.
type BatchLoad struct {
	Running, Waiting    int // streams
	Pages               int // all
	PagesHeld           int // by streams
	PagesCached         int // of ended streams, ready to be used again
	Steps               int64
	Prefilled, Adopted  int64 // prompt tokens processed, and those that were found in known pages
	Generated           int64 // tokens
	Preemptions, Repeat int64 // streams put back for want of memory, and tokens processed again because of it
}

// Batch decodes streams that join and leave between any two tokens. What a
// stream gets depends on its own request only, to the bit, and is what Generate gives.
//
// All keys and values lie in pages of 32 tokens of one pool of fixed
// size. Streams with the same beginning share its full pages. When a stream needs a
// page and none is free, the youngest stream gives up its own and is
// processed again later; the same bits come out, so nobody can see it. The oldest
// stream always goes on, so every stream ends.
//
// A Batch belongs to one goroutine.
type Batch struct {
	m       *Model
	limit   int
	pool    *pagePool
	w       []*workspace
	arrived uint64
	waiting []*Stream // by order
	active  []*Stream // by order, all before those that wait
	plan    []planned
	out     []Token
	load    BatchLoad
}

// planned is the share of a stream in a step; out is the index of the token
// that it gives, -1 for none.
type planned struct {
	s      *Stream
	n, out int
}

// NewBatch makes an empty batch. Close it when done.
func (m *Model) NewBatch(o BatchOptions) (*Batch, error) {
	if o.Sequences == 0 {
		o.Sequences = batchSize
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = m.budget
	}
	pages := int(min(o.CacheBytes/m.cacheBytes(1), 1<<31-1))
	if o.Sequences < 1 || pages < 1 {
		return nil, fmt.Errorf("couldn't make a batch of %d sequences with %d bytes, want at least 1 and %d bytes: %w", o.Sequences, o.CacheBytes, m.cacheBytes(1), ErrNoMemory)
	}
	return &Batch{m: m, limit: o.Sequences, pool: newPagePool(m, pages), w: m.workspaces(), load: BatchLoad{Pages: pages}}, nil
}

// Close gives the batch's memory back. Streams in progress are forgotten.
func (b *Batch) Close() {
	b.m.releaseAll(b.w)
	b.w, b.active, b.waiting, b.pool = nil, nil, nil, newPagePool(b.m, 1)
}

// Context is the most tokens of one stream, prompt and completion: the model's
// context, or what the memory holds.
func (b *Batch) Context() int { return min(b.m.cfg.MaxPositions, b.load.Pages*block) }

// Check says whether Join would take a request. Any goroutine may call it.
func (b *Batch) Check(r BatchRequest) error {
	if err := r.validate(); err != nil {
		return err
	}
	if r.Top < 0 || r.Top > b.m.cfg.VocabSize {
		return fmt.Errorf("%d most likely tokens are asked for, want 0 to %d", r.Top, b.m.cfg.VocabSize)
	}
	if err := b.m.checkTokens(r.Prompt); err != nil {
		return err
	}
	if len(r.Prompt)+max(r.MaxTokens, 1) > b.Context() && b.Context() < b.m.cfg.MaxPositions {
		return fmt.Errorf("%d tokens and %d more need more memory than the %d tokens that there is room for: %w", len(r.Prompt), max(r.MaxTokens, 1), b.Context(), ErrNoMemory)
	}
	return nil
}

// Join adds a stream behind those that wait. The prompt must not be changed.
func (b *Batch) Join(r BatchRequest) (*Stream, error) {
	if err := b.Check(r); err != nil {
		return nil, fmt.Errorf("couldn't join the batch: %w", err)
	}
	if r.Stop == nil {
		for _, t := range b.m.cfg.EOS {
			r.Stop = append(r.Stop, int32(t))
		}
	}
	b.arrived++
	s := &Stream{order: b.arrived, request: r, tokens: slices.Clone(r.Prompt), cache: cache{m: b.m}}
	s.sampler = newSampler(r.Sampling, r.Seed, b.m.cfg.VocabSize)
	s.sampler.note(r.Prompt...)
	b.waiting = append(b.waiting, s)
	return s, nil
}

// Leave ends a stream, whatever it is doing, and frees its pages. A stream that
// has ended may leave again.
func (b *Batch) Leave(s *Stream) {
	b.release(s)
	b.active = slices.DeleteFunc(b.active, func(x *Stream) bool { return x == s })
	b.waiting = slices.DeleteFunc(b.waiting, func(x *Stream) bool { return x == s })
}

// Idle says that there is nothing to do.
func (b *Batch) Idle() bool { return len(b.active)+len(b.waiting) == 0 }

// Load tells what the batch is doing.
func (b *Batch) Load() BatchLoad {
	l := b.load
	l.Running, l.Waiting = len(b.active), len(b.waiting)
	l.PagesCached = b.pool.idle.Len()
	l.PagesHeld = b.pool.made - len(b.pool.empty) - l.PagesCached
	return l
}

// release drops a stream's pages; it starts again if it goes on.
func (b *Batch) release(s *Stream) {
	for _, p := range s.held {
		b.pool.drop(p)
	}
	clear(s.held)
	clear(s.cache.pages)
	s.held, s.cache.pages, s.cache.n, s.chain = s.held[:0], s.cache.pages[:0], 0, 0
}
