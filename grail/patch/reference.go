package patch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
)

// ComputeReference finds the changes as the reference does (section 8.1): numbers are compared, not bits, so that NaN differs from itself and +0 not from
// -0; with a threshold, those that differ by more than it in float32. Tensors that one state lacks are left out. The entries come in order of
// names.
func ComputeReference(base, current []Tensor, threshold float64) ([]Entry, Stats, error) {
	stats := Stats{Threshold: threshold}
	if _, err := byName(base); err != nil {
		return nil, stats, fmt.Errorf("couldn't make patch: %w", err)
	}
	order, err := byName(current)
	if err != nil {
		return nil, stats, fmt.Errorf("couldn't make patch: %w", err)
	}
	places := make(map[string]*Tensor, len(base))
	for i := range base {
		places[base[i].Name] = &base[i]
	}
	var out []Entry
	for _, i := range order {
		t := &current[i]
		b := places[t.Name]
		if b == nil {
			continue
		}
		n, _ := elements(t.Shape)
		if m, _ := elements(b.Shape); m != n {
			return nil, stats, fmt.Errorf("couldn't make patch: %w", refuse(t.Name, RulePython, "it has %d numbers and the base %d", n, m))
		}
		stats.Total += n
		at, err := referenceDiffers(b, t, n, float32(threshold))
		if err != nil {
			return nil, stats, fmt.Errorf("couldn't make patch: %w", err)
		}
		stats.Changed += len(at)
		if len(at) == 0 {
			continue
		}
		size, cols := t.DType.Size(), columns(t.Shape)
		index := make([]byte, 8*len(at))
		values := make([]byte, 0, len(at)*size)
		for k, pos := range at {
			binary.LittleEndian.PutUint32(index[4*k:], uint32(pos/cols))
			binary.LittleEndian.PutUint32(index[4*(len(at)+k):], uint32(pos%cols))
			values = append(values, t.Data[pos*size:(pos+1)*size]...)
		}
		shape := slices.Clone(t.Shape)
		if shape == nil {
			shape = []int{}
		}
		out = append(out, Entry{t.Name, shape, &Array{Int32, []int{2, len(at)}, index}, &Array{t.DType, []int{len(at)}, values}})
	}
	return out, stats, nil
}

func referenceDiffers(b, t *Tensor, n int, threshold float32) (at []int, err error) {
	bs, ts := b.DType.Size(), t.DType.Size()
	for i := range n {
		x, y := b.Data[i*bs:(i+1)*bs], t.Data[i*ts:(i+1)*ts]
		var differs bool
		switch {
		case threshold == 0 && b.DType == t.DType && !isFloat(b.DType):
			differs = string(x) != string(y)
		case threshold == 0 && (b.DType == Float64 || t.DType == Float64):
			differs = wide(b.DType, x) != wide(t.DType, y)
		default:
			v, ok := b.DType.number(x)
			w, also := t.DType.number(y)
			if !ok || !also {
				return nil, refuse(t.Name, RuleDType, "kinds %s and %s can't be compared", b.DType, t.DType)
			}
			if threshold == 0 {
				differs = v != w
			} else {
				d := w - v
				differs = float32(math.Abs(float64(d))) > threshold
			}
		}
		if differs {
			at = append(at, i)
		}
	}
	return at, nil
}

func isFloat(d DType) bool { return d.travels() || d == Float64 }

func wide(d DType, b []byte) float64 {
	if d == Float64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	x, _ := d.number(b)
	return float64(x)
}

// ApplyReference assigns loose entries to copies of the base's tensors as the reference does (section 8.2): all tensors become the target kind, or that of the
// first tensor where it is empty (QUIRK 38); shapes of the patch win; negative positions count from the end; one value may stand for many flat
// positions; entries that the base lacks are ignored. shapes may name tensors without an entry. base is not changed.
func ApplyReference(base []Tensor, entries []Entry, shapes map[string][]int, target DType) ([]Tensor, error) {
	out, err := applyReference(base, entries, shapes, target)
	if err != nil {
		return nil, fmt.Errorf("couldn't apply patch: %w", err)
	}
	return out, nil
}

func applyReference(base []Tensor, entries []Entry, shapes map[string][]int, target DType) ([]Tensor, error) {
	if _, err := byName(base); err != nil {
		return nil, err
	}
	if len(base) == 0 {
		return nil, refuse("", RulePython, "the base has no tensor whose kind could be taken")
	}
	if target == "" {
		target = base[0].DType
	}
	if target.Size() == 0 {
		return nil, refuse("", RuleDType, "the target kind is %q", target)
	}
	byEntry := make(map[string]*Entry, len(entries))
	for i := range entries {
		byEntry[entries[i].Name] = &entries[i]
	}
	out := make([]Tensor, len(base))
	for i := range base {
		t := &base[i]
		shape := t.Shape
		if s, ok := shapes[t.Name]; ok {
			shape = s
		}
		n, _ := elements(t.Shape)
		if m, ok := elements(shape); !ok || m != n {
			return nil, refuse(t.Name, RulePython, "its shape %v is to become %v", t.Shape, shape)
		}
		x := Tensor{Name: t.Name, DType: target, Shape: slices.Clone(shape), Data: make([]byte, n*target.Size())}
		if err := convert(x.Data, target, t.Data, t.DType); err != nil {
			return nil, err
		}
		if e := byEntry[t.Name]; e != nil && e.Indices != nil {
			if err := assign(&x, n, e); err != nil {
				return nil, err
			}
		}
		out[i] = x
	}
	return out, nil
}

// convert writes the numbers of one kind as those of another.
func convert(to []byte, target DType, from []byte, kind DType) error {
	if target == kind {
		copy(to, from)
		return nil
	}
	a, b := target.Size(), kind.Size()
	for i := range len(from) / b {
		x, ok := kind.number(from[i*b:])
		if !ok {
			return refuse("", RuleDType, "numbers of the kind %s can't become %s", kind, target)
		}
		target.put(to[i*a:(i+1)*a], x)
	}
	return nil
}

// assign puts the values of an entry at its positions.
func assign(t *Tensor, n int, e *Entry) error {
	if e.Values == nil || e.Values.DType.Size() == 0 {
		return refuse(e.Name, RulePython, "it has no values")
	}
	size := t.DType.Size()
	count := len(e.Values.Data) / e.Values.DType.Size()
	values := make([]byte, count*size)
	if err := convert(values, t.DType, e.Values.Data[:count*e.Values.DType.Size()], e.Values.DType); err != nil {
		return err
	}
	if len(e.Indices.Shape) == 2 && e.Indices.Shape[0] != 2 {
		return refuse(e.Name, RulePython, "its positions have the shape %v", e.Indices.Shape)
	}
	cols := columns(t.Shape)
	pos, err := e.Indices.positions(e.Name, cols)
	if err != nil {
		return err
	}
	flat := len(e.Indices.Shape) == 1
	if len(pos) != count && !(flat && count == 1) {
		return refuse(e.Name, RulePython, "it has %d positions and %d values", len(pos), count)
	}
	at := make([]int, len(pos))
	height := 0
	if cols > 0 {
		height = n / cols
	}
	for i, p := range pos {
		var ok bool
		if flat {
			at[i], ok = pythonIndex(p.given, n)
		} else {
			row, inRow := pythonIndex(p.row, height)
			col, inCol := pythonIndex(p.col, cols)
			at[i], ok = row*cols+col, inRow && inCol
		}
		if !ok {
			return refuse(e.Name, RulePython, "position %d is outside its shape %v", i, t.Shape)
		}
	}
	for i, k := range at {
		v := i
		if count == 1 {
			v = 0
		}
		copy(t.Data[k*size:(k+1)*size], values[v*size:])
	}
	return nil
}

// pythonIndex counts negative numbers from the end.
func pythonIndex(i int64, n int) (int, bool) {
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

// ShapesOf gives the shapes of the entries by name, which is what delta_metadata.json lists.
func ShapesOf(entries []Entry) map[string][]int {
	out := make(map[string][]int, len(entries))
	for i := range entries {
		if entries[i].Shape != nil {
			out[entries[i].Name] = entries[i].Shape
		}
	}
	return out
}

// Shapes gives the shapes of the changes by name, which is what delta_metadata.json lists, and the names in order.
func (p *Patch) Shapes() (shapes map[string][]int, names []string) {
	shapes = make(map[string][]int, len(p.changes))
	for i := range p.changes {
		shapes[p.changes[i].Name] = p.changes[i].Shape
		names = append(names, p.changes[i].Name)
	}
	sort.Strings(names)
	return shapes, names
}
