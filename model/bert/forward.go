package bert

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
)

const (
	block     = kernel.PanelWidth // keys that one panel holds
	queryRows = 64                // queries of one attention task
)

// seq is one text of a step: its rows, and its place in the packed keys and values.
type seq struct{ row, n, at int }

// workspace is the memory of one step. It grows to the largest step seen, which Options.BatchTokens bounds.
type workspace struct {
	tokens           []int32
	seqs             []seq
	padded           int // tokens of the step, each text rounded up to blocks
	h, qkv, att, y   []float32
	act, keys, value []float32
	tasks            []task
	scratch          sync.Pool
}

// task is the attention of some rows of one text in one head.
type task struct{ seq, head, row, n int }

// scratch is the memory of one attention task.
type scratch struct{ scores, out []float32 }

func (w *workspace) clear() { w.tokens, w.seqs, w.padded = w.tokens[:0], w.seqs[:0], 0 }

func (w *workspace) add(ids []int32) {
	w.seqs = append(w.seqs, seq{len(w.tokens), len(ids), w.padded})
	w.tokens = append(w.tokens, ids...)
	w.padded += roundUp(len(ids))
}

// fit makes room for a step.
func (w *workspace) fit(c *Config) {
	grow := func(x *[]float32, n int) {
		if len(*x) < n {
			*x = kernel.Aligned(n)
		}
	}
	rows, wide := len(w.tokens), roundUp(c.Hidden/c.Heads)*c.Heads
	for _, x := range []*[]float32{&w.h, &w.att, &w.y} {
		grow(x, rows*c.Hidden)
	}
	grow(&w.qkv, rows*3*c.Hidden)
	grow(&w.act, rows*c.Intermediate)
	grow(&w.keys, w.padded*c.Hidden)
	grow(&w.value, w.padded*wide)
}

// step runs the model on the tokens of the workspace and leaves their last hidden states in w.h.
func (e *Encoder) step(ctx context.Context, w *workspace) error {
	c, rows := &e.cfg, len(w.tokens)
	d, f, eps := c.Hidden, c.Intermediate, float32(c.NormEps)
	w.fit(c)
	if err := guard(func() error { e.lookUp(w); return nil }); err != nil {
		return err
	}
	e.eachRow(rows, d, func(r int) {
		x := w.h[r*d : (r+1)*d]
		layerNorm(x, x, e.weights.norm, eps, e.weights.ones)
	})
	for i := range e.weights.layers {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l := &e.weights.layers[i]
		kernel.MatMulPool(e.pool, w.qkv, 3*d, w.h, d, rows, l.qkv, false)
		e.eachRow(rows, 3*d, func(r int) {
			row := w.qkv[r*3*d : (r+1)*3*d]
			kernel.Add(row, row, l.qkvBias)
		})
		e.attention(w)
		kernel.MatMulPool(e.pool, w.y, d, w.att, d, rows, l.out, false)
		e.eachRow(rows, d, func(r int) { closeBlock(w, r, d, l.outBias, l.norm1, eps, e.weights.ones) })
		kernel.MatMulPool(e.pool, w.act, f, w.h, d, rows, l.up, false)
		e.eachRow(rows, f, func(r int) {
			row := w.act[r*f : (r+1)*f]
			kernel.Add(row, row, l.upBias)
			gelu(row)
		})
		kernel.MatMulPool(e.pool, w.y, d, w.act, f, rows, l.down, false)
		e.eachRow(rows, d, func(r int) { closeBlock(w, r, d, l.downBias, l.norm2, eps, e.weights.ones) })
	}
	return nil
}

// lookUp sums the embeddings of every token: (word + segment) + position.
func (e *Encoder) lookUp(w *workspace) {
	d := e.cfg.Hidden
	for _, s := range w.seqs {
		for i := range s.n {
			x, y := w.h[(s.row+i)*d:][:d], w.y[(s.row+i)*d:][:d]
			e.weights.words.row(x, int(w.tokens[s.row+i]))
			e.weights.positions.row(y, i)
			kernel.Add(x, x, e.weights.segment)
			kernel.Add(x, x, y)
		}
	}
}

// closeBlock adds bias and residual to row r of the block's result and normalises the sum into w.h.
func closeBlock(w *workspace, r, d int, bias []float32, n norm, eps float32, ones []float32) {
	h, y := w.h[r*d:(r+1)*d], w.y[r*d:(r+1)*d]
	kernel.Add(y, y, bias)
	kernel.Add(y, y, h)
	layerNorm(h, y, n, eps, ones)
}

// layerNorm sets dst = (x-mean)/sqrt(variance+eps)*w + b; it overwrites x, which may be dst:
//
//	mean = Sum(x)/n; x[i] -= mean
//	dst[i] = ((x[i]*inv)*w[i]) + b[i], with inv = 1/sqrt(Dot(x,x)/n + eps)      (kernel.RMSNorm)
func layerNorm(dst, x []float32, n norm, eps float32, ones []float32) {
	mean := kernel.Sum(x) / float32(len(x))
	kernel.Axpy(x, -mean, ones)
	kernel.RMSNorm(dst, x, n.w, eps)
	kernel.Add(dst, dst, n.b)
}

// eachRow runs f on all rows, on the pool where the work is worth it.
func (e *Encoder) eachRow(rows, width int, f func(r int)) {
	const chunk = 16
	if e.pool.Threads() == 1 || rows*width < 1<<15 {
		for r := range rows {
			f(r)
		}
		return
	}
	e.pool.Run((rows+chunk-1)/chunk, func(i int) {
		for r := i * chunk; r < min((i+1)*chunk, rows); r++ {
			f(r)
		}
	})
}

// attention computes w.att from w.qkv: every token of a text sees every token of it.
func (e *Encoder) attention(w *workspace) {
	heads := e.cfg.Heads
	e.pool.Run(len(w.seqs)*heads, func(i int) { e.packHead(w, &w.seqs[i/heads], i%heads) })
	w.tasks = w.tasks[:0]
	for i, s := range w.seqs {
		for row := 0; row < s.n; row += queryRows {
			for head := range heads {
				w.tasks = append(w.tasks, task{i, head, row, min(queryRows, s.n-row)})
			}
		}
	}
	e.pool.Run(len(w.tasks), func(i int) { e.attend(w, &w.tasks[i]) })
}

// head gives the places of a text's keys, panels [block of keys][width][32], and values, panels [32 columns][key][32].
func (e *Encoder) head(w *workspace, s *seq, head int) (keys, values []float32) {
	width, n := e.cfg.Hidden/e.cfg.Heads, roundUp(s.n)
	wide := roundUp(width)
	keys = w.keys[(s.at*e.cfg.Heads+n*head)*width:][:n*width]
	values = w.value[(s.at*e.cfg.Heads+n*head)*wide:][:n*wide]
	return keys, values
}

func (e *Encoder) packHead(w *workspace, s *seq, head int) {
	d := e.cfg.Hidden
	width, padded := d/e.cfg.Heads, roundUp(s.n)
	keys, values := e.head(w, s, head)
	for b := 0; b < s.n; b += block {
		panel := keys[b*width:][:block*width]
		n := min(block, s.n-b)
		if n < block {
			clear(panel)
		}
		kernel.TransposeStrided(panel, block, w.qkv[(s.row+b)*3*d+d+head*width:], 3*d, n, width)
	}
	for o := 0; o < width; o += block {
		panel, n := values[o*padded:][:block*padded], min(block, width-o)
		for i := range s.n {
			row := panel[i*block:][:block]
			clear(row[n:])
			copy(row[:n], w.qkv[(s.row+i)*3*d+2*d+head*width+o:])
		}
	}
}

func (e *Encoder) attend(w *workspace, t *task) {
	s, d := &w.seqs[t.seq], e.cfg.Hidden
	width, padded := d/e.cfg.Heads, roundUp(s.n)
	keys, values := e.head(w, s, t.head)
	mem := w.take(queryRows*padded, queryRows*block)
	defer w.scratch.Put(mem)
	scale := float32(1 / math.Sqrt(float64(width)))
	query := w.qkv[(s.row+t.row)*3*d+t.head*width:]
	for b := 0; b < s.n; b += block {
		kernel.Tile(mem.scores[b:], padded, query, 3*d, t.n, width, keys[b*width:][:block*width], false)
	}
	for i := range t.n {
		row := mem.scores[i*padded:][:padded]
		kernel.Softmax(row, row, s.n, scale)
	}
	for o := 0; o < width; o += block {
		n := min(block, width-o)
		kernel.Tile(mem.out, block, mem.scores, padded, t.n, s.n, values[o*padded:][:s.n*block], false)
		for i := range t.n {
			copy(w.att[(s.row+t.row+i)*d+t.head*width+o:][:n], mem.out[i*block:])
		}
	}
}

func (w *workspace) take(scores, out int) *scratch {
	m, _ := w.scratch.Get().(*scratch)
	if m == nil {
		m = &scratch{}
	}
	if len(m.scores) < scores {
		m.scores = kernel.Aligned(scores)
	}
	if len(m.out) < out {
		m.out = kernel.Aligned(out)
	}
	return m
}

// pooled makes the vector of one text: the sum of its rows in their order divided by their number, or its first row;
// then divided by its length, sqrt(Dot(v,v)), but by no less than 1e-12.
func (e *Encoder) pooled(w *workspace, s *seq) ([]float32, error) {
	d := e.cfg.Hidden
	v := make([]float32, d)
	copy(v, w.h[s.row*d:])
	if e.cfg.Pooling == Mean {
		for i := 1; i < s.n; i++ {
			kernel.Add(v, v, w.h[(s.row+i)*d:])
		}
		for i := range v {
			v[i] /= float32(s.n)
		}
	}
	if e.cfg.Normalize {
		length := max(float32(math.Sqrt(float64(kernel.Dot(v, v)))), 1e-12)
		for i := range v {
			v[i] /= length
		}
	}
	for i, x := range v {
		if x-x != 0 {
			return nil, fmt.Errorf("component %d is %g: %w", i, x, ErrNotFinite)
		}
	}
	return v, nil
}
