package parquet

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/nanteos/nanteos/internal/parquetwire"
	"github.com/nanteos/nanteos/task/dataset"
)

// footer is the part of a file's metadata that is needed.
type footer struct {
	schema []element
	groups []rowGroup
	rows   int
}

// element is a node of the schema, in the order of a walk from the root.
type element struct {
	typ        int32 // physical type, -1 for groups
	repetition int32 // 0 required, 1 optional, 2 repeated
	name       string
	children   int
}

type rowGroup struct {
	rows   int
	chunks []chunk // one for each leaf of the schema
}

// chunk is a column's part of a row group.
type chunk struct {
	typ, codec       int32
	values           int64
	compressed       int64
	data, dictionary int64 // offsets; dictionary is 0 where there is none
	elsewhere        bool  // in another file
}

// Physical types.
const (
	typeInt32     = 1
	typeInt64     = 2
	typeByteArray = 6
)

const (
	magic       = "PAR1"
	maxElements = 10_000
	maxGroups   = 100_000
)

// readFooter reads and checks the metadata at the end of the file.
func readFooter(r io.ReaderAt, size int64, lim Limits) (*footer, error) {
	const tail = 8
	if size < tail+4 {
		return nil, corrupt("it has %d bytes", size)
	}
	var end [tail]byte
	if err := readAt(r, end[:], size-tail); err != nil {
		return nil, err
	}
	if string(end[4:]) != magic {
		return nil, corrupt("it doesn't end as one; it may be cut short")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-tail-4 {
		return nil, corrupt("the footer is larger than the file")
	}
	if n > lim.Footer {
		return nil, fmt.Errorf("%w: a footer of %d bytes", ErrTooLarge, n)
	}
	b := make([]byte, n)
	if err := readAt(r, b, size-tail-n); err != nil {
		return nil, err
	}
	return parseFooter(b, lim)
}

func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return corrupt("it ends early")
	}
	return err
}

func parseFooter(b []byte, lim Limits) (*footer, error) {
	t := parquetwire.NewWire(b)
	f := &footer{}
	rows := int64(-1)
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 2 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() {
				if f.schema = append(f.schema, parseElement(t)); len(f.schema) > maxElements {
					t.Fail("the schema has too many columns")
				}
			})
		case id == 3 && t.Want(typ, parquetwire.TI64):
			rows = t.Varint()
		case id == 4 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() {
				if f.groups = append(f.groups, parseGroup(t)); len(f.groups) > maxGroups {
					t.Fail("too many row groups")
				}
			})
		case id == 8: // encryption
			t.Fail("the file is encrypted")
		case id < 2 || id > 4:
			t.Skip(typ)
		}
	})
	if !t.OK() {
		return nil, corrupt("%s", t.Fault)
	}
	if rows < 0 || rows > int64(lim.Rows) {
		return nil, fmt.Errorf("%w: it says %d rows, at most %d are read", ErrTooLarge, rows, lim.Rows)
	}
	f.rows = int(rows)
	sum := 0
	for _, g := range f.groups {
		if g.rows < 0 || g.rows > f.rows-sum {
			return nil, corrupt("its row groups have more rows than it says")
		}
		sum += g.rows
	}
	if sum != f.rows {
		return nil, corrupt("it says %d rows, its row groups have %d", f.rows, sum)
	}
	return f, nil
}

func parseElement(t *parquetwire.Wire) element {
	e := element{typ: -1}
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TI32):
			e.typ = t.I32()
		case id == 3 && t.Want(typ, parquetwire.TI32):
			e.repetition = t.I32()
		case id == 4 && t.Want(typ, parquetwire.TBinary):
			e.name = string(t.Binary())
		case id == 5 && t.Want(typ, parquetwire.TI32):
			e.children = int(t.I32())
		case id == 2 || id < 1 || id > 5:
			t.Skip(typ)
		}
	})
	return e
}

func parseGroup(t *parquetwire.Wire) rowGroup {
	g := rowGroup{rows: -1}
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() {
				if g.chunks = append(g.chunks, parseChunk(t)); len(g.chunks) > maxElements {
					t.Fail("a row group has too many columns")
				}
			})
		case id == 3 && t.Want(typ, parquetwire.TI64):
			if n := t.Varint(); n >= 0 && n < 1<<31 {
				g.rows = int(n)
			}
		case id != 1 && id != 3:
			t.Skip(typ)
		}
	})
	return g
}

func parseChunk(t *parquetwire.Wire) chunk {
	c := chunk{typ: -1}
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1:
			c.elsewhere = true
			t.Skip(typ)
		case id == 3 && t.Want(typ, parquetwire.TStruct):
			t.Fields(func(id int, typ byte) {
				switch {
				case id == 1 && t.Want(typ, parquetwire.TI32):
					c.typ = t.I32()
				case id == 4 && t.Want(typ, parquetwire.TI32):
					c.codec = t.I32()
				case id == 5 && t.Want(typ, parquetwire.TI64):
					c.values = t.Varint()
				case id == 7 && t.Want(typ, parquetwire.TI64):
					c.compressed = t.Varint()
				case id == 9 && t.Want(typ, parquetwire.TI64):
					c.data = t.Varint()
				case id == 11 && t.Want(typ, parquetwire.TI64):
					c.dictionary = t.Varint()
				case id != 1 && id != 4 && id != 5 && id != 7 && id != 9 && id != 11:
					t.Skip(typ)
				}
			})
		case id != 1 && id != 3:
			t.Skip(typ)
		}
	})
	return c
}

// leaf is where the values of a column are.
type leaf struct {
	index    int // among all leaves
	kind     dataset.Kind
	typ      int32
	def, rep uint32 // the highest levels
	// list is the definition level from which on a row has a list, even an empty one; item the one from which on it has an element.
	list, item uint32
}

// leaf finds a column among the children of the root. It is nil where the file hasn't it and needn't.
func (f *footer) leaf(c dataset.Column) (*leaf, error) {
	if len(f.schema) == 0 {
		return nil, corrupt("it has no schema")
	}
	w := walker{schema: f.schema[1:]}
	for range f.schema[0].children {
		top, ok := w.peek()
		if !ok {
			return nil, corrupt("its schema is cut short")
		}
		if top.name != c.Name {
			if !w.skip(0) {
				return nil, corrupt("its schema is cut short")
			}
			continue
		}
		l, err := w.column(c)
		if err != nil {
			return nil, err
		}
		for g, group := range f.groups {
			if l.index >= len(group.chunks) {
				return nil, corrupt("row group %d has too few columns", g)
			}
		}
		return l, nil
	}
	if c.Optional {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: column %s is missing", ErrColumns, c.Name)
}

// walker goes through a schema and counts its leaves.
type walker struct {
	schema []element
	leaves int
}

func (w *walker) peek() (element, bool) {
	if len(w.schema) == 0 {
		return element{}, false
	}
	return w.schema[0], true
}

func (w *walker) next() (element, bool) {
	e, ok := w.peek()
	if ok {
		w.schema = w.schema[1:]
	}
	return e, ok
}

// skip passes over an element with all below it.
func (w *walker) skip(depth int) bool {
	e, ok := w.next()
	if !ok || depth > parquetwire.MaxDepth || e.children < 0 {
		return false
	}
	if e.children == 0 {
		w.leaves++
		return true
	}
	for range e.children {
		if !w.skip(depth + 1) {
			return false
		}
	}
	return true
}

// column reads the element of a column: a text or number, or a list of texts in three levels or two.
func (w *walker) column(c dataset.Column) (*leaf, error) {
	other := fmt.Errorf("%w: column %s is no %s", ErrColumns, c.Name, c.Kind)
	top, _ := w.next()
	l := &leaf{index: w.leaves, kind: c.Kind}
	levels := func(e element) bool {
		switch e.repetition {
		case 0:
		case 1:
			l.def++
		case 2:
			l.def, l.rep = l.def+1, l.rep+1
		default:
			return false
		}
		return true
	}
	if !levels(top) || top.repetition == 2 {
		return nil, other
	}
	if c.Kind != dataset.Texts {
		fits := top.typ == typeByteArray
		if c.Kind == dataset.Int {
			fits = top.typ == typeInt32 || top.typ == typeInt64
		}
		if top.children != 0 || !fits {
			return nil, other
		}
		l.typ = top.typ
		return l, nil
	}
	l.list = l.def
	middle, ok := w.next()
	if top.children != 1 || !ok || middle.repetition != 2 || !levels(middle) {
		return nil, other
	}
	l.item = l.def
	if middle.children == 1 {
		if middle, ok = w.next(); !ok || middle.repetition == 2 || !levels(middle) {
			return nil, other
		}
	}
	if middle.children != 0 || middle.typ != typeByteArray {
		return nil, other
	}
	l.typ = middle.typ
	return l, nil
}
