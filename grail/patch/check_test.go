package patch

import (
	"math/rand/v2"
	"testing"
)

// positionsNaively gives the positions of a change, one after the other, and whether all are inside the shape and ascend.
func positionsNaively(c *Change) (at []int, ok bool) {
	n, _ := elements(c.Shape)
	cols, rowCount := columns(c.Shape), rows(c.Shape)
	r, k := make([]int32, c.Count), make([]int32, c.Count)
	c.rows.widen(r, 0)
	if !c.flat {
		c.cols.widen(k, 0)
	}
	row, col, last := 0, 0, -1
	for i := range r {
		pos := 0
		if c.flat {
			row += int(r[i])
			pos = row
			if pos < 0 || pos >= n {
				return nil, false
			}
		} else {
			row += int(r[i])
			if i == 0 || r[i] != 0 {
				col = 0
			}
			col += int(k[i])
			if row < 0 || row >= rowCount || col < 0 || col >= cols {
				return nil, false
			}
			pos = row*cols + col
		}
		if pos <= last {
			return nil, false
		}
		last = pos
		at = append(at, pos)
	}
	return at, true
}

// TestCheckIsExact compares the check without branches with the plain one, on positions of which few are wrong, in all widths.
func TestCheckIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 1))
	accepted, refused := 0, 0
	for range 30000 {
		shape := []int{1 + rng.IntN(12), 1 + rng.IntN(12)}
		if rng.IntN(4) == 0 {
			shape = []int{1 + rng.IntN(40)}
		}
		c := Change{Name: "w", Shape: shape, DType: BFloat16, flat: rng.IntN(3) == 0}
		c.rows.width, c.cols.width = []int{1, 2, 4}[rng.IntN(3)], []int{1, 2, 4}[rng.IntN(3)]
		if c.flat {
			c.rows.width, c.cols.width = 4, 4
		}
		n, _ := elements(shape)
		pos := 0
		row, col := 0, 0
		for pos += rng.IntN(4); pos < n; pos += 1 + rng.IntN(6) {
			r, k := pos/columns(shape)-row, pos%columns(shape)
			if c.flat {
				c.rows.add(int32(pos - row))
				row = pos
			} else {
				if r == 0 && c.Count > 0 {
					k -= col
				}
				c.rows.add(int32(r))
				c.cols.add(int32(k))
				row, col = row+r, pos%columns(shape)
			}
			c.Count++
		}
		for _, b := range []*block{&c.rows, &c.cols} { // hurt it, or not
			if len(b.data) > 0 && rng.IntN(3) == 0 {
				b.data[rng.IntN(len(b.data))] += byte(rng.IntN(5)) - 2
			}
		}
		want, ok := positionsNaively(&c)
		err := c.check()
		if (err == nil) != ok {
			t.Fatalf("%v rows %v columns %v flat %v: %v, plainly %v", c.Shape, c.rows, c.cols, c.flat, err, ok)
		}
		if err != nil {
			refused++
			continue
		}
		accepted++
		c.Values = make([]byte, 2*c.Count)
		for i := range c.Values {
			c.Values[i] = 1
		}
		b := make([]byte, 2*n)
		if n > 0 {
			c.scatter(b, BFloat16, 0)
		}
		for _, p := range want {
			if b[2*p] != 1 {
				t.Fatalf("position %d isn't assigned", p)
			}
			b[2*p], b[2*p+1] = 0, 0
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("byte %d is assigned", i)
			}
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted < 1000 || refused < 1000 {
		t.Error("one of the two is hardly tried")
	}
}

// TestRangesOfLongTensors holds the cursors: positions around every border of a range, in both forms.
func TestRangesOfLongTensors(t *testing.T) {
	n := 3*rangeElements + 5
	for _, shape := range [][]int{{n}, {1, n}, {(n + 6) / 7, 7}} {
		total, _ := elements(shape)
		base := []Tensor{{"w", UInt8, shape, make([]byte, total)}}
		now := cloneAll(base)
		for _, p := range []int{1, rangeElements - 1, rangeElements, rangeElements + 1, 3*rangeElements - 1, 3 * rangeElements, total - 1} {
			now[0].Data[p] = 7
		}
		for _, v := range versions {
			p, _, err := Compute(t.Context(), base, now, v, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := applied(t, base, p), mustHash(t, now); got != want {
				t.Errorf("%v, version %d: got hash %s, want %s", shape, v, got, want)
			}
		}
	}
}
