package patch

import (
	"fmt"
	"math"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Version is a form of patches by the number in its header.
type Version int

// The versions (section 9).
const (
	V2  Version = 2  // flat positions
	V3  Version = 3  // rows and columns
	V31 Version = 31 // rows and columns of 1, 2 or 4 bytes
)

// Format gives the name in delta_metadata.json, such as "sparse_codec_v3.1".
func (v Version) Format() string {
	switch v {
	case V2:
		return "sparse_codec_v2"
	case V3:
		return "sparse_codec_v3"
	case V31:
		return "sparse_codec_v3.1"
	}
	return "sparse_codec_" + strconv.Itoa(int(v))
}

// ParseFormat reads the name in delta_metadata.json; an unknown one gives ErrPatch.
func ParseFormat(s string) (Version, error) {
	for _, v := range []Version{V2, V3, V31} {
		if v.Format() == s {
			return v, nil
		}
	}
	return 0, fmt.Errorf("couldn't read patch: %w", refuse("", RuleVersion, "its format is %q", s))
}

// Bounds of a header: forty thousand tensors, forty megabytes of memory.
const (
	maxHeader = 16 << 20
	maxValues = 1 << 19
	maxDims   = 16
)

// entry is a tensor as the header describes it. Numbers that Python would accept as any integer are cut to the range of int64.
type entry struct {
	name                 string
	shape                []int
	kind                 string
	count                int64 // -1: absent or not a number
	rowKind, colKind     string
	indexOffset          int64
	indexSize            int64 // version 2, else -1 if absent
	rowSize, colSize     int64
	valueOffset, valueLn int64
}

// readHeader reads the JSON header of a payload and gives its entries and where the data begin.
func readHeader(payload []byte, v Version) (entries []entry, base int, err error) {
	if len(payload) < 4 {
		return nil, 0, refuse("", RuleHeader, "its payload of %d bytes has no room for the header's length", len(payload))
	}
	n := u32(payload)
	if uint64(n) > uint64(len(payload)-4) {
		return nil, 0, refuse("", RuleHeader, "its header of %d bytes reaches past the payload of %d", n, len(payload))
	}
	base = 4 + int(n)
	h, err := cpython.ParseJSON(payload[4:base], cpython.Limits{MaxBytes: maxHeader, MaxDepth: 32, MaxValues: maxValues})
	if err != nil {
		return nil, 0, refuse("", RuleHeader, "%v", err)
	}
	if h.Kind() != cpython.Object {
		return nil, 0, refuse("", RuleHeader, "its header is of type %s", h.Kind())
	}
	version, _ := h.Get("version")
	if !equals(version, int64(v)) {
		return nil, 0, refuse("", RuleVersion, "its version is %s, not %d", version, v)
	}
	list, _ := h.Get("tensors")
	if !list.Truth() {
		return nil, base, nil
	}
	if list.Kind() != cpython.Array {
		return nil, 0, refuse("", RuleMember, "tensors is of type %s", list.Kind())
	}
	entries = make([]entry, 0, list.Len())
	for i, e := range list.Elements() {
		x, err := readEntry(e, i, v)
		if err != nil {
			return nil, 0, err
		}
		entries = append(entries, x)
	}
	return entries, base, nil
}

// equals compares a number as Python does: 31.0 is 31.
func equals(v cpython.Value, n int64) bool {
	if i, ok := v.Int64(); ok {
		return i == n
	}
	f, ok := v.Float()
	return ok && f == float64(n)
}

func readEntry(v cpython.Value, i int, version Version) (e entry, err error) {
	if v.Kind() != cpython.Object {
		return e, refuse("", RuleMember, "entry %d of tensors is of type %s", i, v.Kind())
	}
	name, _ := v.Get("name")
	var ok bool
	if e.name, ok = name.Text(); !ok {
		return e, refuse("", RuleMember, "entry %d of tensors has no name", i)
	}
	shape, _ := v.Get("shape")
	if shape.Kind() != cpython.Array {
		return e, refuse(e.name, RuleMember, "it has no shape")
	}
	if shape.Len() > maxDims {
		return e, refuse(e.name, RuleShape, "its shape has %d dimensions", shape.Len())
	}
	e.shape = make([]int, shape.Len())
	for k, d := range shape.Elements() {
		n, ok := d.Int64()
		if !ok {
			return e, refuse(e.name, RuleShape, "a dimension is %s", d)
		}
		e.shape[k] = int(n)
	}
	kind, ok := v.Get("value_dtype")
	if !ok {
		return e, refuse(e.name, RuleMember, "it has no value_dtype")
	}
	e.kind, _ = kind.Text()
	for _, m := range []struct {
		key  string
		to   *int64
		need bool
	}{
		{"indices_offset", &e.indexOffset, true}, {"values_offset", &e.valueOffset, true}, {"values_size", &e.valueLn, true},
		{"indices_size", &e.indexSize, version == V2}, {"rows_size", &e.rowSize, version != V2}, {"cols_size", &e.colSize, version != V2},
		{"num_nonzero", &e.count, false},
	} {
		n, present := v.Get(m.key)
		got, ok := clamp(n)
		switch {
		case ok:
			*m.to = got
		case m.need && present:
			return e, refuse(e.name, RuleMember, "its %s is %s", m.key, n)
		case m.need:
			return e, refuse(e.name, RuleMember, "it has no %s", m.key)
		default:
			*m.to = -1
		}
	}
	e.rowKind, e.colKind = "int32", "int32"
	if version == V31 {
		for key, to := range map[string]*string{"row_dtype": &e.rowKind, "col_dtype": &e.colKind} {
			if kind, ok := v.Get(key); ok {
				*to, _ = kind.Text()
			}
		}
	}
	return e, nil
}

// clamp cuts an integer to a quarter of the range of int64, so that sums of them don't overflow. Nothing real is that large.
func clamp(v cpython.Value) (n int64, ok bool) {
	const most = math.MaxInt64 / 4
	if b, ok := v.Bool(); ok { // a bool is an int in Python
		if b {
			return 1, true
		}
		return 0, true
	}
	if n, ok := v.Int64(); ok {
		return min(max(n, -most), most), true
	}
	if b, ok := v.BigInt(); ok {
		return int64(b.Sign()) * most, true
	}
	return 0, false
}

// appendHeader writes the header of the changes and gives the length of the data behind it.
func appendHeader(b []byte, v Version, changes []Change) (header []byte, data int64) {
	b = append(b, `{"version":`...)
	b = strconv.AppendInt(b, int64(v), 10)
	b = append(b, `,"tensors":[`...)
	number := func(key string, n int64) {
		b = append(b, key...)
		b = strconv.AppendInt(b, n, 10)
	}
	for i := range changes {
		c := &changes[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = cpython.AppendString(b, c.Name)
		b = append(b, `,"shape":[`...)
		for k, d := range c.Shape {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(d), 10)
		}
		number(`],"num_nonzero":`, int64(c.Count))
		b = append(b, `,"value_dtype":"`...)
		b = append(b, c.DType...)
		b = append(b, '"')
		if v == V31 {
			b = append(b, `,"row_dtype":"`...)
			b = append(b, kindOf(c.rows.width)...)
			b = append(b, `","col_dtype":"`...)
			b = append(b, kindOf(c.cols.width)...)
			b = append(b, '"')
		}
		rows, cols := int64(len(c.rows.data)), int64(len(c.cols.data))
		number(`,"indices_offset":`, data)
		number(`,"indices_size":`, rows+cols)
		if v != V2 {
			number(`,"rows_size":`, rows)
			number(`,"cols_size":`, cols)
		}
		number(`,"values_offset":`, data+rows+cols)
		number(`,"values_size":`, int64(len(c.Values)))
		b = append(b, '}')
		data += rows + cols + int64(len(c.Values))
	}
	return append(b, "]}"...), data
}
