package patch

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"
)

// DefaultMaxPayload is how large a decompressed payload may be where Options says nothing: 4 GiB.
const DefaultMaxPayload = 4 << 30

// Options is how a patch is read, made and applied.
type Options struct {
	// Quirks reads patches as the reference does: blocks that are cut off or overlap, positions in any order, inconsistent counts, duplicate names and
	// bytes behind the frame are accepted. Such a patch can be looked at ([Patch.Entries]) and applied by [ApplyReference]; [Apply] checks it again.
	Quirks bool
	// MaxPayload bounds the decompressed bytes of a patch, and of a patch that Compute makes; 0 means DefaultMaxPayload.
	MaxPayload int64
	// Workers is the number of goroutines that share the work; 0 means as many as run at once.
	Workers int
	// Hash makes Apply and Stream compute the hash of the new weights on the way.
	Hash bool
}

func (o Options) limit() int64 {
	if o.MaxPayload <= 0 {
		return DefaultMaxPayload
	}
	return o.MaxPayload
}

// Patch is a set of changes in the form of one version. Its blocks may share the memory of one payload. A patch is safe for concurrent use.
type Patch struct {
	Version Version
	changes []Change
	size    int64

	mu      sync.Mutex
	checked bool
}

// Change is what a patch does to one tensor.
type Change struct {
	Name   string
	Shape  []int
	DType  DType  // of the values
	Count  int    // positions
	Values []byte // new values in order of positions

	rows block // version 2: differences of flat positions
	cols block // version 2: empty
	flat bool

	cursors []cursor // from check
}

// Len is the number of tensors that the patch changes.
func (p *Patch) Len() int { return len(p.changes) }

// Changes gives the changes in order of the header. Don't modify them.
func (p *Patch) Changes() []Change { return p.changes }

// Positions is the number of changed numbers in all tensors.
func (p *Patch) Positions() (n int) {
	for i := range p.changes {
		n += p.changes[i].Count
	}
	return n
}

// PayloadBytes is the length of the patch before compression, and about its size in memory.
func (p *Patch) PayloadBytes() int64 { return p.size }

// Decode reads a patch as it is published: a zstd frame. version comes from the format in the metadata. The result doesn't keep data.
// Without Quirks it has been checked whole: see [Rule]. Errors wrap ErrPatch as *Refusal; only the context's error doesn't.
func Decode(ctx context.Context, data []byte, version Version, o Options) (*Patch, error) {
	p, err := decode(ctx, data, version, o)
	if err != nil {
		return nil, fmt.Errorf("couldn't decode patch: %w", err)
	}
	return p, nil
}

func decode(ctx context.Context, data []byte, version Version, o Options) (*Patch, error) {
	if len(data) == 0 && o.Quirks {
		return &Patch{Version: version}, nil // the reference's "no change"
	}
	payload, err := unpack(data, o.limit(), o.Quirks)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return parse(ctx, payload, version, o)
}

// DecodePayload reads a patch that is decompressed already. The result shares payload.
func DecodePayload(ctx context.Context, payload []byte, version Version, o Options) (*Patch, error) {
	p, err := parse(ctx, payload, version, o)
	if err != nil {
		return nil, fmt.Errorf("couldn't decode patch: %w", err)
	}
	return p, nil
}

func parse(ctx context.Context, payload []byte, version Version, o Options) (*Patch, error) {
	if version != V2 && version != V3 && version != V31 {
		return nil, refuse("", RuleVersion, "there is no version %d", version)
	}
	entries, base, err := readHeader(payload, version)
	if err != nil {
		return nil, err
	}
	p := &Patch{Version: version, size: int64(len(payload)), changes: make([]Change, 0, len(entries))}
	cutter := strict
	if o.Quirks {
		cutter = lenient
	}
	places := make(map[string]int, len(entries))
	for i := range entries {
		e := &entries[i]
		c := Change{Name: e.name, Shape: e.shape, flat: version == V2}
		if err := cutter(&c, e, payload, base); err != nil {
			return nil, err
		}
		if at, twice := places[e.name]; twice {
			if !o.Quirks {
				return nil, refuse(e.name, RuleName, "it comes twice")
			}
			p.changes[at] = c // the last one wins, at the place of the first
			continue
		}
		places[e.name] = len(p.changes)
		p.changes = append(p.changes, c)
	}
	if o.Quirks {
		return p, nil
	}
	if err := apart(entries); err != nil {
		return nil, err
	}
	return p, p.check(ctx, o.Workers)
}

// apart refuses blocks that share bytes: a small payload can't stand for a large patch.
func apart(entries []entry) error {
	type place struct {
		from, to int64
		name     string
	}
	var spans []place
	for i := range entries {
		e := &entries[i]
		for _, s := range []place{{e.indexOffset, e.indexOffset + e.indexSize, e.name}, {e.valueOffset, e.valueOffset + e.valueLn, e.name}} {
			if s.to > s.from {
				spans = append(spans, s)
			}
		}
	}
	sort.Slice(spans, func(a, b int) bool { return spans[a].from < spans[b].from })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return refuse(spans[i].name, RuleBlocks, "its block at %d overlaps that of %q", spans[i].from, spans[i-1].name)
		}
	}
	return nil
}

// strict cuts a change out of the payload and holds the entry against all rules but those on positions.
func strict(c *Change, e *entry, payload []byte, base int) error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	n, ok := elements(c.Shape)
	if len(c.Shape) == 0 || !ok {
		return refuse(c.Name, RuleShape, "its shape is %v", c.Shape)
	}
	c.DType = DType(e.kind)
	if !c.DType.travels() {
		return refuse(c.Name, RuleDType, "its values are of the kind %q", e.kind)
	}
	if c.flat {
		c.rows.width, c.cols.width = 4, 4
		e.rowSize, e.colSize = e.indexSize, 0
	} else {
		var known, both bool
		c.rows.width, known = widthOf(e.rowKind)
		c.cols.width, both = widthOf(e.colKind)
		if !known || !both {
			return refuse(c.Name, RuleDType, "its rows and columns are of the kinds %q and %q", e.rowKind, e.colKind)
		}
		e.indexSize = e.rowSize + e.colSize
	}
	cut := func(what string, at, size int64, width int) ([]byte, error) {
		room := int64(len(payload) - base)
		if at < 0 || size < 0 || at > room || size > room-at {
			return nil, refuse(c.Name, RuleBlocks, "its %s, %d bytes from %d on, aren't inside the data of %d bytes", what, size, at, room)
		}
		if size%int64(width) != 0 {
			return nil, refuse(c.Name, RuleBlocks, "its %s are %d bytes, not a multiple of %d", what, size, width)
		}
		return payload[int64(base)+at:][:size:size], nil
	}
	var err error
	if c.rows.data, err = cut("rows", e.indexOffset, e.rowSize, c.rows.width); err != nil {
		return err
	}
	if c.cols.data, err = cut("columns", e.indexOffset+e.rowSize, e.colSize, c.cols.width); err != nil {
		return err
	}
	if c.Values, err = cut("values", e.valueOffset, e.valueLn, c.DType.Size()); err != nil {
		return err
	}
	c.Count = c.rows.count()
	values := len(c.Values) / c.DType.Size()
	if !c.flat && c.cols.count() != c.Count || values != c.Count || e.count >= 0 && e.count != int64(c.Count) {
		return refuse(c.Name, RuleCount, "it has %d rows, %d columns and %d values, and num_nonzero is %d", c.Count, c.cols.count(), values, e.count)
	}
	if c.Count > n {
		return refuse(c.Name, RuleCount, "it has %d positions in a tensor of %d numbers", c.Count, n)
	}
	return nil
}

// lenient cuts a change out of the payload as Python's slices do: behind the end there is nothing, and negative numbers count from the end.
func lenient(c *Change, e *entry, payload []byte, base int) error {
	c.DType = DType(e.kind)
	if !c.DType.travels() {
		c.DType = Float32
	}
	cut := func(what string, at, size int64, width int) ([]byte, error) {
		b := pythonSlice(payload, int64(base)+at, int64(base)+at+size)
		if len(b)%width != 0 {
			return nil, refuse(c.Name, RulePython, "its %s are %d bytes, not a multiple of %d", what, len(b), width)
		}
		return b, nil
	}
	if c.flat {
		e.rowSize = e.indexSize
	}
	c.rows.width, _ = widthOf(e.rowKind)
	c.cols.width, _ = widthOf(e.colKind)
	var err error
	if c.rows.data, err = cut("rows", e.indexOffset, e.rowSize, c.rows.width); err != nil {
		return err
	}
	if !c.flat {
		if c.cols.data, err = cut("columns", e.indexOffset+e.rowSize, e.colSize, c.cols.width); err != nil {
			return err
		}
	}
	if c.Values, err = cut("values", e.valueOffset, e.valueLn, c.DType.Size()); err != nil {
		return err
	}
	c.Count = c.rows.count()
	if !c.flat && c.cols.count() != c.Count {
		return refuse(c.Name, RulePython, "it has %d rows and %d columns", c.Count, c.cols.count())
	}
	return nil
}

func pythonSlice(b []byte, from, to int64) []byte {
	n := int64(len(b))
	for _, p := range []*int64{&from, &to} {
		if *p < 0 {
			*p = max(*p+n, 0)
		}
		*p = min(*p, n)
	}
	if to <= from {
		return nil
	}
	return b[from:to:to]
}

// AppendPayload appends the patch before compression: header and blocks without gaps.
func (p *Patch) AppendPayload(b []byte) []byte {
	_ = p.parts(func(part []byte) error { b = append(b, part...); return nil })
	return b
}

// Encode writes the patch as it is published: one zstd frame of level 1 that states its content size.
func (p *Patch) Encode(w io.Writer) error {
	head, data := p.header()
	if err := pack(w, int64(len(head))+data, p.parts); err != nil {
		return fmt.Errorf("couldn't encode patch: %w", err)
	}
	return nil
}

func (p *Patch) header() (head []byte, data int64) {
	head, data = appendHeader(make([]byte, 4, 4+256*(1+len(p.changes))), p.Version, p.changes)
	n := len(head) - 4
	head[0], head[1], head[2], head[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return head, data
}

// parts gives header and blocks to emit, tensor by tensor.
func (p *Patch) parts(emit func([]byte) error) error {
	head, _ := p.header()
	if err := emit(head); err != nil {
		return err
	}
	for i := range p.changes {
		c := &p.changes[i]
		for _, part := range [][]byte{c.rows.data, c.cols.data, c.Values} {
			if len(part) > 0 {
				if err := emit(part); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
