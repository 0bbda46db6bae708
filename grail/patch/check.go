package patch

import (
	"context"
	"math"
	"unicode/utf8"
)

// cursor is where the positions of a range of a tensor begin in its change: the number of the entry, and row and column (or flat position) of the
// entry before it.
type cursor struct {
	entry    int
	row, col int64
}

func checkName(name string) error {
	if name == "" || !utf8.ValidString(name) {
		return refuse(name, RuleName, "it isn't a name")
	}
	return nil
}

// check holds all positions of the patch against shape and order and remembers where each range of a tensor begins. Once is enough.
func (p *Patch) check(ctx context.Context, asked int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checked {
		return nil
	}
	seen := make(map[string]bool, len(p.changes))
	for i := range p.changes {
		c := &p.changes[i]
		if err := checkName(c.Name); err != nil {
			return err
		}
		if seen[c.Name] {
			return refuse(c.Name, RuleName, "it comes twice")
		}
		seen[c.Name] = true
		if n, ok := elements(c.Shape); len(c.Shape) == 0 || !ok || c.Count > n {
			return refuse(c.Name, RuleShape, "its shape is %v and it has %d positions", c.Shape, c.Count)
		}
		if len(c.Values) != c.Count*c.DType.Size() || !c.flat && c.cols.count() != c.Count {
			return refuse(c.Name, RuleCount, "it has %d rows, %d columns and %d bytes of values", c.Count, c.cols.count(), len(c.Values))
		}
	}
	err := ordered(ctx, len(p.changes), workers(asked, len(p.changes)), func(_, i int) (struct{}, error) {
		return struct{}{}, p.changes[i].check()
	}, func(int, struct{}) error { return nil })
	p.checked = err == nil
	return err
}

func (c *Change) check() error {
	n, _ := elements(c.Shape)
	c.cursors = make([]cursor, 0, n/rangeElements+1)
	w := walk{c: c}
	last := int64(-1)
	cols, rowCount := int64(columns(c.Shape)), int64(rows(c.Shape))
	limit := int64(n)
	var buf [batch]int64
	for at := 0; at < c.Count; {
		before := w
		part := buf[:min(batch, c.Count-at)]
		if !w.next(part, cols, rowCount) {
			return c.explain(at, before, cols, rowCount)
		}
		for _, v := range part {
			if v <= last || v >= limit {
				return c.explain(at, before, cols, rowCount)
			}
			last = v
		}
		for last >= int64(len(c.cursors))*rangeElements { // a range begins in this batch
			start := int64(len(c.cursors)) * rangeElements
			k := 0
			for part[k] < start {
				k++
			}
			here := before
			var skip [batch]int64
			here.next(skip[:k], cols, rowCount)
			c.cursors = append(c.cursors, cursor{at + k, here.row, here.col})
		}
		at += len(part)
	}
	for len(c.cursors) <= (n-1)/rangeElements && n > 0 {
		c.cursors = append(c.cursors, cursor{entry: c.Count})
	}
	return nil
}

// explain finds the first position of a bad batch that breaks a rule. at is the number of its first entry, w the walk before it.
func (c *Change) explain(at int, w walk, cols, rowCount int64) error {
	last := int64(-1)
	if at > 0 {
		last = w.row*cols + w.col
		if c.flat {
			last = w.row
		}
	}
	var one [1]int64
	for ; at < c.Count; at++ {
		ok := w.next(one[:], cols, rowCount)
		n, _ := elements(c.Shape)
		switch {
		case !ok && !c.flat:
			return refuse(c.Name, RuleRange, "position %d, row %d and column %d, isn't inside its shape %v", at, w.row, w.col, c.Shape)
		case !ok || one[0] < 0 || one[0] >= int64(n):
			return refuse(c.Name, RuleRange, "position %d, flat %d, isn't inside its shape %v", at, w.row, c.Shape)
		case one[0] <= last:
			return refuse(c.Name, RuleOrder, "position %d isn't behind the one before it", at)
		}
		last = one[0]
	}
	return refuse(c.Name, RuleRange, "its positions aren't inside its shape %v", c.Shape)
}

// walk runs through the positions of a change in order.
type walk struct {
	c        *Change
	entry    int
	row, col int64 // of the entry before; version 2: row is the flat position
}

// at starts a walk at a cursor.
func (c *Change) at(k cursor) walk { return walk{c: c, entry: k.entry, row: k.row, col: k.col} }

// next gives the flat positions of the next len(out) entries, at most batch. false: a row or column isn't inside the matrix, and out is undefined; with one entry
// row and column tell where.
func (w *walk) next(out []int64, cols, rowCount int64) bool {
	var r, k [batch]int32
	c := w.c
	n := len(out)
	if n == 0 {
		return true
	}
	c.rows.widen(r[:n], w.entry)
	first := w.entry == 0
	w.entry += n
	if c.flat {
		pos := w.row
		for i, d := range r[:n] {
			pos += int64(d)
			out[i] = pos
		}
		w.row = pos
		return pos >= 0 && pos <= math.MaxInt32
	}
	c.cols.widen(k[:n], w.entry-n)
	row, col := w.row, w.col
	base := row * cols
	bad := int64(0)
	if first {
		row, base, col = int64(r[0]), int64(r[0])*cols, int64(k[0])
		out[0] = base + col
		bad = row | col | cols - 1 - col | rowCount - 1 - row
		r[0], k[0] = 0, 0
		if n == 1 {
			w.row, w.col = row, col
			return bad >= 0
		}
		if bad < 0 {
			return false
		}
	}
	from := 0
	if first {
		from = 1
	}
	kk := k[:n]
	for i := from; i < n; i++ {
		d := int64(r[i])
		if d != 0 {
			row += d
			base = row * cols
			col = 0
		}
		col += int64(kk[i])
		bad |= row | col | cols - 1 - col | rowCount - 1 - row
		out[i] = base + col
	}
	w.row, w.col = row, col
	return bad >= 0
}
