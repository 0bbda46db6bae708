package patch

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Stats is what delta_metadata.json says about a patch.
type Stats struct {
	Total     int     // numbers compared
	Changed   int     // numbers stored
	Threshold float64 // 0: every change
}

// Sparsity is 1 - changed/total, 1 where nothing was compared.
func (s Stats) Sparsity() float64 {
	if s.Total == 0 {
		return 1
	}
	return 1 - float64(s.Changed)/float64(s.Total)
}

// Kind is why a change is hard to carry.
type Kind string

// The kinds of obstacles. Those up to Large stop everybody: publish the whole checkpoint. The others stop peers that run the reference.
const (
	Missing  Kind = "missing"  // the new weights lack a tensor: peers would keep the old one
	Added    Kind = "added"    // the new weights have a tensor that the old ones lack
	Reshaped Kind = "reshaped" // a tensor has another shape
	Retyped  Kind = "retyped"  // a tensor has another kind of number
	Scalar   Kind = "scalar"   // a changed scalar, which no version can carry (QUIRK 37)
	Lossy    Kind = "lossy"    // a changed number of a kind that travels as float32 and isn't one
	Large    Kind = "large"    // a row, column or flat position beyond 32 bits: for flat ones take V3 or V31
	Dense    Kind = "dense"    // the patch is larger than Options.MaxPayload
	Unhashed Kind = "unhashed" // the reference can't hash a state with a scalar of more than one byte (QUIRK 37)
	Mixed    Kind = "mixed"    // the reference converts all tensors to the kind of the first one (QUIRK 38)
)

// Everybody says whether the obstacle stops every peer, not only those that run the reference.
func (k Kind) Everybody() bool { return k != Unhashed && k != Mixed }

// Obstacle is one reason, at one tensor.
type Obstacle struct {
	Kind   Kind
	Tensor string
	Detail string
}

func (o Obstacle) String() string {
	return fmt.Sprintf("%s: tensor %q: %s", o.Kind, o.Tensor, o.Detail)
}

// Report says what Compute found besides the changes.
type Report struct {
	Stats
	// SignOnly counts changes between +0 and -0, which the reference's own publisher leaves out although its hash sees them (QUIRK 36). Every
	// peer can apply them.
	SignOnly int
	// Obstacles lists the first reason of each kind.
	Obstacles []Obstacle
}

// Possible says whether peers that run this program arrive at the new weights by the patch.
func (r *Report) Possible() bool {
	return !slices.ContainsFunc(r.Obstacles, func(o Obstacle) bool { return o.Kind.Everybody() })
}

// ForReference says whether peers that run the reference arrive there, too. Otherwise publish the whole checkpoint, or the patch for others.
func (r *Report) ForReference() bool { return len(r.Obstacles) == 0 }

func (r *Report) add(k Kind, tensor, format string, args ...any) {
	if !slices.ContainsFunc(r.Obstacles, func(o Obstacle) bool { return o.Kind == k }) {
		r.Obstacles = append(r.Obstacles, Obstacle{k, tensor, fmt.Sprintf(format, args...)})
	}
}

// Compute makes the patch from base to current, comparing bits. base in file order: the reference takes the kind of the first tensor for all.
// Where the report names an obstacle for everybody, the patch is nil and the error wraps ErrFull; an obstacle for the reference alone is only in
// the report. The patch doesn't share memory with the tensors. Memory: the patch itself.
func Compute(ctx context.Context, base, current []Tensor, version Version, o Options) (*Patch, Report, error) {
	p, r, err := compute(ctx, base, current, version, o)
	if err == nil && !r.Possible() {
		i := slices.IndexFunc(r.Obstacles, func(o Obstacle) bool { return o.Kind.Everybody() })
		err = fmt.Errorf("%s: %w", r.Obstacles[i], ErrFull)
	}
	if err != nil {
		return nil, r, fmt.Errorf("couldn't make patch: %w", err)
	}
	return p, r, nil
}

func compute(ctx context.Context, base, current []Tensor, version Version, o Options) (*Patch, Report, error) {
	var report Report
	if version != V2 && version != V3 && version != V31 {
		return nil, report, refuse("", RuleVersion, "there is no version %d", version)
	}
	oldOrder, err := byName(base)
	if err != nil {
		return nil, report, err
	}
	newOrder, err := byName(current)
	if err != nil {
		return nil, report, err
	}
	pairs := match(base, current, oldOrder, newOrder, &report)
	if !report.Possible() {
		return nil, report, nil
	}
	tensors := make([]Tensor, len(pairs))
	order := make([]int, len(pairs))
	for i, p := range pairs {
		tensors[i], order[i] = current[p.new], i
	}
	ranges := cut(tensors, order)
	p := &Patch{Version: version}
	m := &merger{version: version, report: &report, limit: o.limit()}
	count := workers(o.Workers, len(ranges))
	found := make([]difference, slotsFor(count))
	err = ordered(ctx, len(ranges), count, func(slot, i int) (*difference, error) {
		r := ranges[i]
		d := &found[slot]
		size := tensors[r.tensor].DType.Size()
		d.compare(base[pairs[r.tensor].old].Data[r.from*size:r.to*size], tensors[r.tensor].Data[r.from*size:r.to*size], tensors[r.tensor].DType)
		return d, nil
	}, func(i int, d *difference) error {
		r := ranges[i]
		report.Total += r.to - r.from
		report.SignOnly += d.signOnly
		if r.from == 0 {
			m.begin(&tensors[r.tensor])
		}
		m.take(d, r.from)
		if i+1 == len(ranges) || ranges[i+1].tensor != r.tensor {
			if c, ok := m.end(); ok {
				p.changes = append(p.changes, c)
			}
		}
		if !report.Possible() {
			return errStop
		}
		return nil
	})
	if err != nil && err != errStop {
		return nil, report, err
	}
	report.Changed = p.Positions()
	head, data := p.header()
	p.size = int64(len(head)) + data
	return p, report, nil
}

var errStop = fmt.Errorf("an obstacle: %w", ErrFull)

// pair is a tensor that both states have, by its places.
type pair struct{ old, new int }

// match pairs the tensors in order of names and notes what keeps the states from having a patch between them.
func match(base, current []Tensor, oldOrder, newOrder []int, report *Report) (pairs []pair) {
	places := make(map[string]int, len(base))
	for i := range base {
		places[base[i].Name] = i
		if len(base[i].Shape) == 0 && base[i].DType.Size() > 1 {
			report.add(Unhashed, base[i].Name, "a scalar of %d bytes", base[i].DType.Size())
		}
		if base[i].DType != base[0].DType {
			report.add(Mixed, base[i].Name, "kind %s, and the first tensor %q has %s", base[i].DType, base[0].Name, base[0].DType)
		}
	}
	seen := 0
	for _, n := range newOrder {
		t := &current[n]
		k, ok := places[t.Name]
		if !ok {
			report.add(Added, t.Name, "the base doesn't have it")
			continue
		}
		seen++
		switch b := &base[k]; {
		case !slices.Equal(b.Shape, t.Shape):
			report.add(Reshaped, t.Name, "shape %v instead of %v", t.Shape, b.Shape)
		case b.DType != t.DType:
			report.add(Retyped, t.Name, "kind %s instead of %s", t.DType, b.DType)
		default:
			pairs = append(pairs, pair{k, n})
		}
	}
	if seen < len(base) {
		have := make(map[string]bool, len(current))
		for i := range current {
			have[current[i].Name] = true
		}
		for _, k := range oldOrder {
			if !have[base[k].Name] {
				report.add(Missing, base[k].Name, "the new weights don't have it")
				break
			}
		}
	}
	return pairs
}

// difference is what differs in one range: places counted from its start, and the new numbers as they travel.
type difference struct {
	at       []uint32
	values   []byte
	signOnly int
	lossy    int // place of the first number that doesn't travel, or -1
}

// compare finds the numbers whose bits differ, eight bytes at a time.
func (d *difference) compare(old, now []byte, kind DType) {
	d.at, d.values, d.signOnly, d.lossy = d.at[:0], d.values[:0], 0, -1
	if same(old, now) {
		return
	}
	size := kind.Size()
	n := len(now) &^ 31
	old = old[:len(now)]
	for i := 0; i < n; i += 32 {
		a, b := old[i:i+32:i+32], now[i:i+32:i+32]
		x0 := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
		x1 := binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])
		x2 := binary.LittleEndian.Uint64(a[16:]) ^ binary.LittleEndian.Uint64(b[16:])
		x3 := binary.LittleEndian.Uint64(a[24:]) ^ binary.LittleEndian.Uint64(b[24:])
		if x0|x1|x2|x3 == 0 {
			continue
		}
		d.word(x0, old, now, i, size, kind)
		d.word(x1, old, now, i+8, size, kind)
		d.word(x2, old, now, i+16, size, kind)
		d.word(x3, old, now, i+24, size, kind)
	}
	for i := n; i < len(now); i += size {
		if string(old[i:i+size]) != string(now[i:i+size]) {
			d.add(old, now, i, size, kind)
		}
	}
}

// word adds the numbers of eight bytes whose difference x isn't zero.
func (d *difference) word(x uint64, old, now []byte, at, size int, kind DType) {
	for x != 0 {
		k := bits.TrailingZeros64(x) / (8 * size)
		d.add(old, now, at+k*size, size, kind)
		if size == 8 {
			return
		}
		x &^= (1<<(8*size) - 1) << (8 * size * k)
	}
}

func (d *difference) add(old, now []byte, at, size int, kind DType) {
	switch kind {
	case BFloat16, Float16:
		d.at = append(d.at, uint32(at/2))
		o, n := binary.LittleEndian.Uint16(old[at:]), binary.LittleEndian.Uint16(now[at:])
		d.values = append(d.values, byte(n), byte(n>>8))
		if (o|n)&0x7fff == 0 {
			d.signOnly++
		}
	case Float32:
		d.at = append(d.at, uint32(at/4))
		d.values = append(d.values, now[at:at+4]...)
		if (u32(old[at:])|u32(now[at:]))&0x7fffffff == 0 {
			d.signOnly++
		}
	default:
		d.at = append(d.at, uint32(at/size))
		if kind == Float64 && (binary.LittleEndian.Uint64(old[at:])|binary.LittleEndian.Uint64(now[at:]))<<1 == 0 {
			d.signOnly++
		}
		x, ok := kind.number(now[at:])
		var back [8]byte
		if ok {
			kind.put(back[:size], x)
			ok = string(back[:size]) == string(now[at:at+size])
		}
		if !ok && d.lossy < 0 {
			d.lossy = at / size
		}
		d.values = binary.LittleEndian.AppendUint32(d.values, math.Float32bits(x))
	}
}

// merger joins the differences of a tensor's ranges to a change.
type merger struct {
	version Version
	report  *Report
	limit   int64
	used    int64

	t        *Tensor
	c        Change
	cols     int
	row      int // of the change before; version 2: flat position
	col      int
	rowStart int // flat position of the row's first number
}

func (m *merger) begin(t *Tensor) {
	m.t = t
	m.c = Change{Name: t.Name, Shape: slices.Clone(t.Shape), DType: t.DType.carrier(), flat: m.version == V2}
	m.c.rows.width, m.c.cols.width = 4, 4
	if m.version == V31 {
		m.c.rows.width, m.c.cols.width = 1, 2
	}
	m.cols, m.row, m.col, m.rowStart = columns(t.Shape), 0, 0, 0
}

// take adds the differences of the range whose first number is number from of the tensor.
func (m *merger) take(d *difference, from int) {
	if len(d.at) == 0 {
		return
	}
	c := &m.c
	switch last := from + int(d.at[len(d.at)-1]); {
	case len(m.t.Shape) == 0:
		m.report.add(Scalar, c.Name, "it changed")
		return
	case c.Name == "":
		m.report.add(Added, c.Name, "a tensor without a name")
		return
	case d.lossy >= 0:
		m.report.add(Lossy, c.Name, "number %d of kind %s is no float32", from+d.lossy, m.t.DType)
		return
	case c.flat && last > math.MaxInt32:
		m.report.add(Large, c.Name, "position %d", last)
		return
	case !c.flat && (last/m.cols > math.MaxInt32 || m.cols > math.MaxInt32):
		m.report.add(Large, c.Name, "position %d in rows of %d", last, m.cols)
		return
	}
	before := len(c.rows.data) + len(c.cols.data) + len(c.Values)
	c.Values = append(c.Values, d.values...)
	if c.flat {
		for _, at := range d.at {
			pos := from + int(at)
			c.rows.add(int32(pos - m.row))
			m.row = pos
		}
	} else {
		m.rowsAndColumns(d, from)
	}
	c.Count += len(d.at)
	m.used += int64(len(c.rows.data) + len(c.cols.data) + len(c.Values) - before)
	if m.used > m.limit {
		m.report.add(Dense, c.Name, "more than %d bytes up to here", m.limit)
	}
}

func (m *merger) rowsAndColumns(d *difference, from int) {
	c, cols := &m.c, m.cols
	row, col, start := m.row, m.col, m.rowStart
	first := c.Count == 0
	for _, at := range d.at {
		pos := from + int(at)
		if k := pos - start; k < cols && !first {
			c.rows.add(0)
			c.cols.add(int32(k - col))
			col = k
			continue
		}
		first = false
		r := pos / cols
		c.rows.add(int32(r - row))
		row, start = r, r*cols
		col = pos - start
		c.cols.add(int32(col))
	}
	m.row, m.col, m.rowStart = row, col, start
}

// end gives the change of the tensor, if it has any.
func (m *merger) end() (Change, bool) { return m.c, m.c.Count > 0 }
