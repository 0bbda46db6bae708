package model

import (
	"math"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
)

// run is a stretch of new tokens of one sequence; its cache holds the tokens
// before them. The forward pass appends them to the cache.
type run struct {
	cache  *cache
	tokens []int32
	at     int // row of the first token in the step
}

// stepRows is the most tokens of one step: enough to keep the kernels busy,
// few enough to keep the activations in cache.
const stepRows = 256

// workspace is the memory of one step of up to rows tokens.
type workspace struct {
	rows                       int
	x, h, qkv, att, y, gu, act []float32
	hidden                     []float32 // result [rows][hidden]
	logits                     []float32
	tokens                     []int32 // of all rows
	tasks                      []task
	scratchLock                sync.Mutex
	scratch                    []*scratch
	zero                       []float32
	gathered                   []float32
	runs                       []run
}

// task is the attention of one key head for the rows of one run whose
// positions lie in one block.
type task struct{ run, head, row, n, pos int }

// scratch is the memory of one attention task.
type scratch struct{ scores, out []float32 }

func (m *Model) workspace(rows int) *workspace {
	m.freeLock.Lock()
	var w *workspace
	if n := len(m.free); n > 0 {
		w, m.free = m.free[n-1], m.free[:n-1]
	}
	m.freeLock.Unlock()
	if w == nil {
		w = &workspace{zero: make([]float32, m.cfg.QDim())}
	}
	m.fit(w, rows)
	return w
}

func (m *Model) release(w *workspace) {
	m.freeLock.Lock()
	if len(m.free) < 4 {
		m.free = append(m.free, w)
	}
	m.freeLock.Unlock()
}

func (m *Model) fit(w *workspace, rows int) {
	if rows <= w.rows {
		return
	}
	rows = (rows + 15) &^ 15
	w.rows = rows
	c := &m.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	a := func(n int) []float32 { return kernel.Aligned(rows * n) }
	w.x, w.h, w.hidden, w.y = a(d), a(d), a(d), a(d)
	w.qkv, w.att, w.gu, w.act = a(q+2*kv), a(q), a(2*f), a(f)
}

// workspaceBytes is the memory of the largest step and what belongs to it: activations of stepRows tokens, headRows rows of logits, the
// rotary tables of the whole context, and for each thread the attention scores of a panel of rows over the whole context.
func (c *Config) workspaceBytes(threads int) int64 {
	context := (c.MaxPositions + block - 1) / block * block
	most := max(c.Heads/c.KVHeads, block)
	n := int64(stepRows) * int64(4*c.HiddenSize+2*c.QDim()+2*c.KVDim()+3*c.IntermediateSize)
	n += int64(headRows) * int64(c.VocabSize)
	n += int64(c.MaxPositions) * int64(c.HeadDim)
	n += int64(threads) * int64(most) * int64(context+c.HeadDim+block)
	return 4 * n
}

// forward runs one step and leaves the normalised final hidden state of every
// token in w.hidden, row by row in the order of the runs. A nil pool is one thread.
func (m *Model) forward(w *workspace, pool *kernel.Pool, runs []run) (rows int) {
	c := &m.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	eps := float32(c.NormEps)
	longest := 0
	for i := range runs {
		r := &runs[i]
		r.at = rows
		rows += len(r.tokens)
		longest = max(longest, r.cache.n+len(r.tokens))
		r.cache.reserve(r.cache.n + len(r.tokens))
	}
	m.fit(w, rows)
	rope := m.ropeFor(longest)
	m.planAttention(w, runs)
	w.tokens = w.tokens[:0]
	for i := range runs {
		w.tokens = append(w.tokens, runs[i].tokens...)
	}
	eachRow(pool, rows, 4*d, func(r int) { m.embed.Row(w.x[r*d:(r+1)*d], int(w.tokens[r])) })
	for i := range m.layers {
		l := &m.layers[i]
		eachRow(pool, rows, d, func(r int) { kernel.RMSNorm(w.h[r*d:(r+1)*d], w.x[r*d:], l.norm1, eps) })
		kernel.MatMulPool(pool, w.qkv, q+2*kv, w.h, d, rows, l.qkv, false)
		m.turnAll(w, pool, runs, i, rope)
		pool.Run(len(w.tasks), func(k int) {
			t := &w.tasks[k]
			if len(runs[t.run].tokens) == 1 {
				m.turn(w, l, runs[t.run].cache, t, i, rope)
			}
			m.attend(w, runs, t, i, longest)
		})
		kernel.MatMulPool(pool, w.y, d, w.att, q, rows, l.o, false)
		eachRow(pool, rows, d, func(r int) {
			x, y := w.x[r*d:(r+1)*d], w.y[r*d:(r+1)*d]
			addBias(y, l.oBias)
			kernel.Add(x, y, x)
			kernel.RMSNorm(w.h[r*d:(r+1)*d], x, l.norm2, eps)
		})
		kernel.MatMulPool(pool, w.gu, 2*f, w.h, d, rows, l.gateUp, false)
		eachRow(pool, rows, f, func(r int) {
			gu := w.gu[r*2*f : (r+1)*2*f]
			addBias(gu, l.gateUpBias)
			kernel.SiLUMul(w.act[r*f:(r+1)*f], gu[:f], gu[f:])
		})
		kernel.MatMulPool(pool, w.y, d, w.act, f, rows, l.down, false)
		eachRow(pool, rows, d, func(r int) {
			x, y := w.x[r*d:(r+1)*d], w.y[r*d:(r+1)*d]
			addBias(y, l.downBias)
			kernel.Add(x, y, x)
		})
	}
	eachRow(pool, rows, d, func(r int) { kernel.RMSNorm(w.hidden[r*d:(r+1)*d], w.x[r*d:], m.norm, eps) })
	for i := range runs {
		runs[i].cache.n += len(runs[i].tokens)
	}
	return rows
}

// eachRow runs f on all rows, on the pool where the work is worth it.
func eachRow(pool *kernel.Pool, rows, width int, f func(r int)) {
	if pool.Threads() == 1 || rows*width < 1<<15 {
		for r := range rows {
			f(r)
		}
		return
	}
	const chunk = 16
	pool.Run((rows+chunk-1)/chunk, func(i int) {
		for r := i * chunk; r < min((i+1)*chunk, rows); r++ {
			f(r)
		}
	})
}

func addBias(y, bias []float32) {
	if len(bias) > 0 {
		kernel.Add(y, y, bias)
	}
}

// turn adds biases to the rows of one task, normalises and rotates its heads of q and k in place, and writes k and v into the
// run's cache.
func (m *Model) turn(w *workspace, l *layer, c *cache, t *task, index int, rope *Rope) {
	hd, group := m.cfg.HeadDim, m.cfg.Heads/m.cfg.KVHeads
	q, kv, n, eps := m.cfg.QDim(), m.cfg.KVDim(), m.cfg.QDim()+2*m.cfg.KVDim(), float32(m.cfg.NormEps)
	parts := [3]struct{ at, heads int }{{t.head * group * hd, group}, {q + t.head*hd, 1}, {q + kv + t.head*hd, 1}} // of q, k and v
	for i := range t.n {
		row := w.qkv[(t.row+i)*n : (t.row+i+1)*n]
		for k, p := range parts {
			x := row[p.at : p.at+p.heads*hd]
			if len(l.qkvBias) > 0 {
				kernel.Add(x, x, l.qkvBias[p.at:])
			}
			if k == 2 {
				continue
			}
			if m.cfg.QKNorm {
				weight := [2][]float32{l.qNorm, l.kNorm}[k]
				for h := range p.heads {
					kernel.RMSNorm(x[h*hd:(h+1)*hd], x[h*hd:], weight, eps)
				}
			}
			rope.Apply(x, p.heads, t.pos+i)
		}
	}
	rows := w.qkv[t.row*n:]
	c.store(index, t.head, t.pos, t.n, rows[parts[1].at:], rows[parts[2].at:], n)
}

// turnAll turns the runs of several tokens: their attention needs the keys of tokens that belong to other tasks. A run of one token
// is turned by its own tasks.
func (m *Model) turnAll(w *workspace, pool *kernel.Pool, runs []run, layer int, rope *Rope) {
	long := false
	for i := range runs {
		long = long || len(runs[i].tokens) > 1
	}
	if !long {
		return
	}
	f := func(i int) {
		if t := &w.tasks[i]; len(runs[t.run].tokens) > 1 {
			m.turn(w, &m.layers[layer], runs[t.run].cache, t, layer, rope)
		}
	}
	if len(w.tasks)*block*m.cfg.HeadDim < 1<<15 {
		pool = nil // not worth waking others
	}
	pool.Run(len(w.tasks), f)
}

// planAttention cuts the step into tasks, longest pasts first.
func (m *Model) planAttention(w *workspace, runs []run) {
	w.tasks = w.tasks[:0]
	for i := range runs {
		r := &runs[i]
		for j := 0; j < len(r.tokens); {
			pos := r.cache.n + j
			n := min(len(r.tokens)-j, block-pos%block)
			for h := range m.cfg.KVHeads {
				w.tasks = append(w.tasks, task{i, h, r.at + j, n, pos})
			}
			j += n
		}
	}
}

func (w *workspace) take(scores, out int) *scratch {
	w.scratchLock.Lock()
	var s *scratch
	if n := len(w.scratch); n > 0 {
		s, w.scratch = w.scratch[n-1], w.scratch[:n-1]
	} else {
		s = &scratch{}
	}
	w.scratchLock.Unlock()
	if len(s.scores) < scores {
		s.scores = kernel.Aligned(scores)
	}
	if len(s.out) < out {
		s.out = kernel.Aligned(out)
	}
	return s
}

func (w *workspace) give(s *scratch) {
	w.scratchLock.Lock()
	w.scratch = append(w.scratch, s)
	w.scratchLock.Unlock()
}

// attend computes one task into w.att. With one row the query heads that share the
// key head are the rows of the product; with more, the positions are.
func (m *Model) attend(w *workspace, runs []run, t *task, layer, longest int) {
	c := &m.cfg
	q, n, hd := c.QDim(), c.QDim()+2*c.KVDim(), c.HeadDim
	group := c.Heads / c.KVHeads
	blocks := t.pos/block + 1
	width := blocks * block
	most := max(group, block)
	s := w.take((longest+block-1)/block*block*most, most*(hd+block))
	first := t.head * group
	if t.n == 1 {
		m.attendRows(s, runs[t.run].cache, t.head, layer, w.qkv[t.row*n+first*hd:], hd, w.att[t.row*q+first*hd:], hd, group, blocks, width,
			func(int) int { return t.pos + 1 })
	} else {
		for h := first; h < first+group; h++ {
			m.attendRows(s, runs[t.run].cache, t.head, layer, w.qkv[t.row*n+h*hd:], n, w.att[t.row*q+h*hd:], q, t.n, blocks, width,
				func(i int) int { return t.pos + i + 1 })
		}
	}
	w.give(s)
	for i := range t.n {
		// x + 0 turns -0 into +0: the sign of a zero must not depend on masked places.
		out := w.att[(t.row+i)*q+first*hd : (t.row+i)*q+(first+group)*hd]
		kernel.Add(out, out, w.zero)
	}
}

// attendRows is attention of m rows of queries x (stride ldx) over the blocks
// of one key head; row i sees visible(i) positions.
func (m *Model) attendRows(s *scratch, past *cache, head, layer int, x []float32, ldx int, y []float32, ldy, rows, blocks, width int, visible func(i int) int) {
	hd := m.cfg.HeadDim
	scale := float32(1 / math.Sqrt(float64(hd)))
	for b := range blocks {
		kernel.Tile(s.scores[b*block:], width, x, ldx, rows, hd, m.keys(past.pages[b], layer, head), false)
	}
	for i := range rows {
		row := s.scores[i*width : (i+1)*width]
		kernel.Softmax(row, row, visible(i), scale)
	}
	out, ld := y, ldy
	padded := hd%block != 0
	if padded {
		out, ld = s.out, (hd+block-1)/block*block
	}
	for b := range blocks {
		v := m.values(past.pages[b], layer, head)
		for o := 0; o < hd; o += block {
			kernel.Tile(out[o:], ld, s.scores[b*block:], width, rows, block, v[o*block:(o+block)*block], b > 0)
		}
	}
	for i := 0; i < rows && padded; i++ {
		copy(y[i*ldy:i*ldy+hd], out[i*ld:])
	}
}
