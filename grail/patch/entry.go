package patch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Array is a tensor without a name: positions or values of an [Entry].
type Array struct {
	DType DType
	Shape []int
	Data  []byte
}

// Entry is a change in the loose form that the reference keeps in memory: positions as int32 or int64 of shape [n] (flat), [2,n] (rows and columns) or [1,n]
// (rows, column 0), in any order, and as many new values. A part may be missing.
type Entry struct {
	Name    string
	Shape   []int // nil: absent
	Indices *Array
	Values  *Array
}

// Entries gives the changes in the loose form: flat positions for version 2, rows and columns otherwise, as int32 whose sums wrap.
// It works for patches that were read with Quirks, and copies them.
func (p *Patch) Entries() []Entry {
	out := make([]Entry, len(p.changes))
	for i := range p.changes {
		c := &p.changes[i]
		n := c.Count
		e := Entry{Name: c.Name, Shape: slices.Clone(c.Shape), Values: &Array{c.DType, []int{len(c.Values) / c.DType.Size()}, slices.Clone(c.Values)}}
		if e.Shape == nil {
			e.Shape = []int{}
		}
		r, k := make([]int32, n), []int32(nil)
		c.rows.widen(r, 0)
		shape := []int{n}
		if c.flat {
			for j := 1; j < n; j++ {
				r[j] += r[j-1]
			}
		} else {
			k = make([]int32, n)
			c.cols.widen(k, 0)
			for j := 1; j < n; j++ {
				if r[j] == 0 {
					k[j] += k[j-1]
				}
				r[j] += r[j-1]
			}
			shape = []int{2, n}
		}
		data := make([]byte, 0, 4*(len(r)+len(k)))
		for _, v := range append(r, k...) {
			data = binary.LittleEndian.AppendUint32(data, uint32(v))
		}
		e.Indices = &Array{Int32, shape, data}
		out[i] = e
	}
	return out
}

// Build makes a patch of loose entries as the reference's encoder does: entries without positions or values are left out, the rest is sorted by
// name and position, values of kinds that don't travel become float32. What it refuses gives ErrPatch; whether positions are
// inside the shape is not asked.
func Build(version Version, entries []Entry) (*Patch, error) {
	p, err := build(version, entries)
	if err != nil {
		return nil, fmt.Errorf("couldn't make patch: %w", err)
	}
	return p, nil
}

func build(version Version, entries []Entry) (*Patch, error) {
	if version != V2 && version != V3 && version != V31 {
		return nil, refuse("", RuleVersion, "there is no version %d", version)
	}
	p := &Patch{Version: version}
	for i := range entries {
		e := &entries[i]
		if e.Indices == nil || e.Values == nil {
			continue
		}
		c, err := buildChange(version, e)
		if err != nil {
			return nil, err
		}
		if c.Count > 0 || version == V2 {
			p.changes = append(p.changes, c)
		}
	}
	sort.SliceStable(p.changes, func(a, b int) bool { return p.changes[a].Name < p.changes[b].Name })
	head, data := p.header()
	p.size = int64(len(head)) + data
	return p, nil
}

func buildChange(version Version, e *Entry) (Change, error) {
	c := Change{Name: e.Name, Shape: slices.Clone(e.Shape), DType: e.Values.DType.carrier(), flat: version == V2}
	if len(e.Shape) == 0 {
		return c, refuse(e.Name, RuleShape, "it has no dimensions")
	}
	if _, ok := elements(e.Shape); !ok {
		return c, refuse(e.Name, RuleShape, "its shape is %v", e.Shape)
	}
	pos, err := e.Indices.positions(e.Name, columns(e.Shape))
	if err != nil {
		return c, err
	}
	c.Count = len(pos)
	size := e.Values.DType.Size()
	if size == 0 || len(e.Values.Data) != c.Count*size {
		return c, refuse(e.Name, RuleCount, "it has %d positions and %d bytes of values of the kind %q", c.Count, len(e.Values.Data), e.Values.DType)
	}
	// what to sort by: version 2 sorts flat positions cut to 32 bits
	if c.flat {
		cols := int64(columns(e.Shape))
		for i := range pos {
			flat := pos[i].row*cols + pos[i].col
			if pos[i].flat {
				flat = pos[i].given
			} else if flat > math.MaxInt32 || flat < math.MinInt32 {
				return c, refuse(e.Name, RuleInt32, "flat position %d doesn't fit in 32 bits", flat)
			}
			pos[i].row, pos[i].col = int64(int32(flat)), 0
		}
	}
	order := make([]int, len(pos))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if d := pos[a].row - pos[b].row; d != 0 {
			return int(max(min(d, 1), -1))
		}
		return int(max(min(pos[a].col-pos[b].col, 1), -1))
	})
	c.rows.width, c.cols.width = 4, 4
	if version == V31 {
		c.rows.width, c.cols.width = 1, 2
	}
	c.Values = make([]byte, 0, c.Count*c.DType.Size())
	for i, k := range order {
		row, col := int32(pos[k].row), int32(pos[k].col)
		if i > 0 {
			before := pos[order[i-1]]
			if r := int32(before.row); r == row {
				col -= int32(before.col)
				row = 0
			} else {
				row -= r
			}
		}
		c.rows.add(row)
		if !c.flat {
			c.cols.add(col)
		}
		value := e.Values.Data[k*size:][:size]
		if c.DType == e.Values.DType {
			c.Values = append(c.Values, value...)
			continue
		}
		x, ok := e.Values.DType.number(value)
		if !ok {
			return c, refuse(e.Name, RuleDType, "values of the kind %s can't become float32", e.Values.DType)
		}
		c.Values = binary.LittleEndian.AppendUint32(c.Values, math.Float32bits(x))
	}
	if c.flat {
		c.cols.data = nil
	}
	return c, nil
}

// position is one place of a loose entry.
type position struct {
	row, col int64
	given    int64 // the flat number as it was given
	flat     bool
}

func (a *Array) positions(name string, cols int) ([]position, error) {
	size := a.DType.Size()
	if a.DType != Int32 && a.DType != Int64 {
		return nil, refuse(name, RuleDType, "its positions are of the kind %q", a.DType)
	}
	n, ok := elements(a.Shape)
	if !ok || n*size != len(a.Data) {
		return nil, refuse(name, RuleCount, "its positions of shape %v have %d bytes", a.Shape, len(a.Data))
	}
	read := func(i int) int64 {
		if size == 4 {
			return int64(int32(binary.LittleEndian.Uint32(a.Data[4*i:])))
		}
		return int64(binary.LittleEndian.Uint64(a.Data[8*i:]))
	}
	var out []position
	switch {
	case len(a.Shape) == 2 && a.Shape[0] == 2:
		n /= 2
		out = make([]position, n)
		for i := range out {
			out[i] = position{row: int64(int32(read(i))), col: int64(int32(read(n + i)))}
		}
	case len(a.Shape) == 2 && a.Shape[0] == 1:
		out = make([]position, n)
		for i := range out {
			out[i] = position{row: int64(int32(read(i)))}
		}
	case len(a.Shape) == 1:
		out = make([]position, n)
		w := int64(cols)
		for i := range out {
			v := read(i)
			row := v / w
			if v%w < 0 {
				row--
			}
			out[i] = position{row: int64(int32(row)), col: int64(int32(v - row*w)), given: v, flat: true}
		}
	default:
		return nil, refuse(name, RulePython, "its positions have the shape %v", a.Shape)
	}
	return out, nil
}
