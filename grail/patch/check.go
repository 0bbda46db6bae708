package patch

import (
	"context"
	"encoding/binary"
	"unicode/utf8"
)

// cursor is where the positions of a range of a tensor begin in its change: the number of the entry, and row and column of the entry before it
// (a flat position is a row of one column), both 0 before the first.
type cursor struct {
	entry    int
	row, col int
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
	cols, rowCount := columns(c.Shape), rows(c.Shape)
	if c.flat {
		cols, rowCount = 1, min(n, 1<<31) // flat positions are rows of one column, of 32 bits
	}
	s := checker{cols: cols, rowCount: rowCount, cursors: make([]cursor, 0, n/rangeElements+1)}
	if c.Count > 0 {
		s.first(c)
		if c.rows.width == 1 && c.cols.width == 2 {
			s.narrow(c.rows.data, c.cols.data)
		} else {
			s.wide(c)
		}
	}
	if s.bad < 0 {
		return c.explain()
	}
	for len(s.cursors) <= (n-1)/rangeElements && n > 0 {
		s.cursors = append(s.cursors, cursor{entry: c.Count})
	}
	c.cursors = s.cursors
	return nil
}

// checker runs through the positions of a change. Its loops don't branch: what is wrong makes bad negative, and explain finds it again.
type checker struct {
	cols, rowCount int
	row, col       int
	next           int // where the next range begins
	bad            int
	cursors        []cursor
}

// first takes the first position, which no other one precedes.
func (s *checker) first(c *Change) {
	var r, k [batch]int32
	c.widen(&r, &k, 0, 1)
	s.row, s.col = int(r[0]), int(k[0])
	if s.bad = s.row | s.col | (s.rowCount - 1 - s.row) | (s.cols - 1 - s.col); s.bad >= 0 {
		s.mark(0, 0, 0, s.row*s.cols+s.col)
	}
}

// mark notes that the ranges up to position pos begin with this entry; row and col are of the entry before.
func (s *checker) mark(entry, row, col, pos int) {
	for pos >= s.next {
		s.cursors = append(s.cursors, cursor{entry, row, col})
		s.next += rangeElements
	}
}

// narrow takes all positions behind the first, with rows of 1 byte and columns of 2.
func (s *checker) narrow(rs, cs []byte) {
	row, col, cols, bad, next := s.row, s.col, s.cols, s.bad, s.next
	cs = cs[:2*len(rs)]
	for i := 1; i < len(rs); i++ {
		d := int(rs[i])
		from, before := col, col
		if d != 0 {
			from, before = 0, -1
		}
		now := from + int(binary.LittleEndian.Uint16(cs[2*i:]))
		bad |= (now - before - 1) | (cols - 1 - now)
		if pos := (row+d)*cols + now; pos >= next {
			if bad |= s.rowCount - 1 - row - d; bad < 0 {
				break
			}
			s.mark(i, row, col, pos)
			next = s.next
		}
		row, col = row+d, now
	}
	s.bad = bad | (s.rowCount - 1 - row) // rows only grow
}

// wide takes all positions behind the first.
func (s *checker) wide(c *Change) {
	var r, k [batch]int32
	row, col, cols, last := s.row, s.col, s.cols, s.rowCount-1
	for at := 0; at < c.Count && s.bad >= 0; at += batch {
		n := min(batch, c.Count-at)
		c.widen(&r, &k, at, n)
		for i := range n {
			if at+i == 0 {
				continue
			}
			d := int(r[i])
			from, before := col, col
			if d != 0 {
				from, before = 0, -1
			}
			now := from + int(k[i])
			s.bad |= d | (now - before - 1) | (cols - 1 - now) | (last - row - d)
			if s.bad < 0 {
				return
			}
			if pos := (row+d)*cols + now; pos >= s.next {
				s.mark(at+i, row, col, pos)
			}
			row, col = row+d, now
		}
	}
}

// widen gives n steps of rows and columns from entry at on; the columns of a flat change are 0.
func (c *Change) widen(r, k *[batch]int32, at, n int) {
	c.rows.widen(r[:n], at)
	if !c.flat {
		c.cols.widen(k[:n], at)
	}
}

// explain finds the first position that is wrong.
func (c *Change) explain() error {
	n, _ := elements(c.Shape)
	cols, rowCount := columns(c.Shape), rows(c.Shape)
	if c.flat {
		cols, rowCount = 1, min(n, 1<<31)
	}
	var r, k [batch]int32
	row, col := 0, 0
	for from := 0; from < c.Count; from += batch {
		n := min(batch, c.Count-from)
		c.widen(&r, &k, from, n)
		for i := range n {
			d, first := int(r[i]), from+i == 0
			switch {
			case d < 0 && !first:
				return refuse(c.Name, RuleOrder, "position %d goes back by %d rows", from+i, -d)
			case d == 0 && !first && k[i] <= 0:
				return refuse(c.Name, RuleOrder, "position %d isn't behind the one before it", from+i)
			case d == 0 && !first:
				col += int(k[i])
			default:
				row, col = row+d, int(k[i])
			}
			switch {
			case row >= 0 && row < rowCount && col >= 0 && col < cols:
			case c.flat:
				return refuse(c.Name, RuleRange, "position %d, flat %d, isn't inside its shape %v and 31 bits", from+i, row, c.Shape)
			default:
				return refuse(c.Name, RuleRange, "position %d, row %d and column %d, isn't inside its shape %v", from+i, row, col, c.Shape)
			}
		}
	}
	return refuse(c.Name, RuleRange, "its positions aren't inside its shape %v", c.Shape)
}
