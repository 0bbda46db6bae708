package patch

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// Result is what applying patches gives besides the weights.
type Result struct {
	// Hash is that of the new weights (see [Hash]) if Options.Hash asked for it.
	Hash string
	// Written counts the numbers that the patches assigned, of all patches together.
	Written int
}

// Apply writes the weights that the patches, oldest first, make of base to dst. dst has the tensors of base in the same order, with the same
// shapes and kinds; the Data of a tensor is either memory of its own or that of base: then the tensor is changed in place, which costs only
// the changed numbers. Other overlaps give wrong weights.
//
// Everything is checked before the first byte is written: a patch that breaks a rule gives ErrPatch, one that names a tensor that base lacks, or another shape
// or kind, ErrMismatch, and dst is as it was. Only a context that ends early leaves dst half written. Whether the patches belong to these weights
// says the hash alone: don't use dst (and, in place, base) before it has been compared.
func Apply(ctx context.Context, dst, base []Tensor, patches []*Patch, o Options) (Result, error) {
	r, err := apply(ctx, dst, base, patches, o)
	if err != nil {
		return Result{}, fmt.Errorf("couldn't apply patch: %w", err)
	}
	return r, nil
}

func apply(ctx context.Context, dst, base []Tensor, patches []*Patch, o Options) (Result, error) {
	order, err := byName(base)
	if err != nil {
		return Result{}, err
	}
	if len(dst) != len(base) {
		return Result{}, fmt.Errorf("%d tensors for the %d of the base: %w", len(dst), len(base), ErrTensors)
	}
	for i := range dst {
		d, b := &dst[i], &base[i]
		if d.Name != b.Name || d.DType != b.DType || !slices.Equal(d.Shape, b.Shape) || len(d.Data) != len(b.Data) {
			return Result{}, fmt.Errorf("tensor %q of the destination isn't like %q of the base: %w", d.Name, b.Name, ErrTensors)
		}
	}
	plans, written, err := plan(ctx, base, patches, o)
	if err != nil {
		return Result{}, err
	}
	ranges := cut(base, order)
	var h *xxh3.Hasher128
	if o.Hash {
		h = xxh3.New128()
	}
	err = ordered(ctx, len(ranges), workers(o.Workers, len(ranges)), func(_, i int) (struct{}, error) {
		r := ranges[i]
		size := base[r.tensor].DType.Size()
		to, from := dst[r.tensor].Data[r.from*size:r.to*size], base[r.tensor].Data[r.from*size:r.to*size]
		if !same(to, from) {
			copy(to, from)
		}
		for _, c := range plans[r.tensor] {
			c.scatter(to, base[r.tensor].DType, r.from)
		}
		return struct{}{}, nil
	}, func(i int, _ struct{}) error {
		if h != nil {
			r := ranges[i]
			size := base[r.tensor].DType.Size()
			_, _ = h.Write(dst[r.tensor].Data[r.from*size : r.to*size])
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	out := Result{Written: written}
	if h != nil {
		out.Hash = sum128(h)
	}
	return out, nil
}

// Stream gives the weights that the patches, oldest first, make of base to emit, in order of the tensors of base and of their bytes, in pieces of
// some hundred kilobytes: what a file of weights is written from without a second model in memory. A piece is valid until emit
// returns; its error ends the call. As in Apply everything has been checked before the first piece. The hash costs no second pass where base is in order of names.
func Stream(ctx context.Context, base []Tensor, patches []*Patch, o Options, emit func(tensor int, piece []byte) error) (Result, error) {
	r, err := stream(ctx, base, patches, o, emit)
	if err != nil {
		return Result{}, fmt.Errorf("couldn't apply patch: %w", err)
	}
	return r, nil
}

func stream(ctx context.Context, base []Tensor, patches []*Patch, o Options, emit func(tensor int, piece []byte) error) (Result, error) {
	order, err := byName(base)
	if err != nil {
		return Result{}, err
	}
	plans, written, err := plan(ctx, base, patches, o)
	if err != nil {
		return Result{}, err
	}
	var h *xxh3.Hasher128
	if o.Hash {
		h = xxh3.New128()
	}
	sorted := inOrder(order)
	given := make([]int, len(base))
	for i := range given {
		given[i] = i
	}
	err = bounce(ctx, base, given, plans, o, func(tensor int, piece []byte) error {
		if h != nil && sorted {
			_, _ = h.Write(piece)
		}
		return emit(tensor, piece)
	})
	if err == nil && h != nil && !sorted {
		err = bounce(ctx, base, order, plans, o, func(_ int, piece []byte) error { _, _ = h.Write(piece); return nil })
	}
	if err != nil {
		return Result{}, err
	}
	out := Result{Written: written}
	if h != nil {
		out.Hash = sum128(h)
	}
	return out, nil
}

// bounce makes the new weights range by range in buffers and gives them to use in order. A range without changes is given where it lies.
func bounce(ctx context.Context, base []Tensor, order []int, plans [][]*Change, o Options, use func(tensor int, piece []byte) error) error {
	ranges := cut(base, order)
	count := workers(o.Workers, len(ranges))
	buffers := make([][]byte, slotsFor(count))
	return ordered(ctx, len(ranges), count, func(slot, i int) ([]byte, error) {
		r := ranges[i]
		t := &base[r.tensor]
		size := t.DType.Size()
		piece := t.Data[r.from*size : r.to*size]
		touched := false
		for _, c := range plans[r.tensor] {
			touched = touched || c.touches(r.from)
		}
		if !touched {
			return piece, nil
		}
		b := append(buffers[slot][:0], piece...)
		buffers[slot] = b
		for _, c := range plans[r.tensor] {
			c.scatter(b, t.DType, r.from)
		}
		return b, nil
	}, func(i int, piece []byte) error { return use(ranges[i].tensor, piece) })
}

// span is a range of the numbers of a tensor: one piece of work.
type span struct{ tensor, from, to int }

func cut(tensors []Tensor, order []int) (ranges []span) {
	for _, i := range order {
		n := len(tensors[i].Data) / tensors[i].DType.Size()
		for at := 0; at < n; at += rangeElements {
			ranges = append(ranges, span{i, at, min(n, at+rangeElements)})
		}
	}
	return ranges
}

// plan checks the patches against the base and gives the changes of each tensor in order of the patches.
func plan(ctx context.Context, base []Tensor, patches []*Patch, o Options) (plans [][]*Change, written int, err error) {
	places := make(map[string]int, len(base))
	for i := range base {
		places[base[i].Name] = i
	}
	plans = make([][]*Change, len(base))
	for _, p := range patches {
		if err := p.check(ctx, o.Workers); err != nil {
			return nil, 0, err
		}
		for k := range p.changes {
			c := &p.changes[k]
			i, ok := places[c.Name]
			if !ok {
				return nil, 0, mismatch(c.Name, "the base doesn't have it")
			}
			t := &base[i]
			if !slices.Equal(c.Shape, t.Shape) {
				return nil, 0, mismatch(c.Name, "its shape is %v and that of the base %v", c.Shape, t.Shape)
			}
			if c.DType != t.DType.carrier() {
				return nil, 0, mismatch(c.Name, "its values are of the kind %s and those of the base %s", c.DType, t.DType)
			}
			if c.DType != t.DType {
				if err := c.convertible(t.DType); err != nil {
					return nil, 0, err
				}
			}
			written += c.Count
			if c.Count > 0 {
				plans[i] = append(plans[i], c)
			}
		}
	}
	return plans, written, nil
}

// convertible refuses float32 values that aren't numbers of the kind.
func (c *Change) convertible(kind DType) error {
	var b [8]byte
	for i := range c.Count {
		x, _ := Float32.number(c.Values[4*i:])
		if !kind.put(b[:], x) {
			return refuse(c.Name, RuleValue, "its value %d, %v, isn't a number of the kind %s", i, x, kind)
		}
	}
	return nil
}

// entries gives the range of entries whose positions lie in the range of rangeElements numbers that begins at from.
func (c *Change) entries(from int) (k cursor, end int) {
	i := from / rangeElements
	end = c.Count
	if i+1 < len(c.cursors) {
		end = c.cursors[i+1].entry
	}
	return c.cursors[i], end
}

func (c *Change) touches(from int) bool {
	k, end := c.entries(from)
	return k.entry < end
}

// scatter assigns the values of one range of the tensor, whose numbers of the given kind are b, the first of them number from. All positions
// have been checked.
func (c *Change) scatter(b []byte, kind DType, from int) {
	start, end := c.entries(from)
	if start.entry >= end {
		return
	}
	cols := columns(c.Shape)
	if c.flat {
		cols = 1
	}
	line, col := int(start.row)*cols-from, int(start.col) // line: place in b of the row's first number
	if c.rows.width == 1 && c.cols.width == 2 && kind == c.DType && kind.Size() == 2 {
		scatterNarrow(b, c.rows.data[start.entry:end], c.cols.data[2*start.entry:2*end], c.Values[2*start.entry:2*end], cols, line, col)
		return
	}
	width, size := kind.Size(), c.DType.Size()
	var r, k [batch]int32
	var at [batch]int
	for entry := start.entry; entry < end; entry += batch {
		n := min(batch, end-entry)
		c.widen(&r, &k, entry, n)
		for i := range n {
			d := int(r[i])
			line += d * cols
			if d != 0 {
				col = 0
			}
			col += int(k[i])
			at[i] = line + col
		}
		values := c.Values[entry*size:][:n*size]
		switch {
		case c.DType != kind:
			for i, p := range at[:n] {
				x, _ := Float32.number(values[4*i:])
				kind.put(b[p*width:][:width], x)
			}
		case size == 2:
			for i, p := range at[:n] {
				binary.LittleEndian.PutUint16(b[2*p:], binary.LittleEndian.Uint16(values[2*i:]))
			}
		default:
			for i, p := range at[:n] {
				binary.LittleEndian.PutUint32(b[4*p:], binary.LittleEndian.Uint32(values[4*i:]))
			}
		}
	}
}

// scatterNarrow is scatter for rows of 1 byte, columns of 2 and values of 2, which is what bfloat16 models have in version 3.1.
func scatterNarrow(b, rows, cs, vs []byte, cols, line, col int) {
	cs, vs = cs[:2*len(rows)], vs[:2*len(rows)]
	for i, d := range rows {
		line += int(d) * cols
		if d != 0 {
			col = 0
		}
		col += int(binary.LittleEndian.Uint16(cs[2*i:]))
		binary.LittleEndian.PutUint16(b[2*(line+col):], binary.LittleEndian.Uint16(vs[2*i:]))
	}
}
