package windowfile

import (
	"encoding/binary"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/internal/parquetwire"
)

// footer is what the reader needs of a Parquet file's metadata.
type footer struct {
	schema []element
	rows   int64
	groups []rowGroup
	meta   [][2]string
}

// element is one node of the flattened schema.
type element struct {
	name       string
	typ        int32 // physical type, -1 for a group
	repetition int32 // 0 required, 1 optional, 2 repeated
	children   int32
	converted  int32 // -1 when absent
	logical    int   // field number in the union LogicalType, 0 when absent
	unsigned   bool
	typeLength int32
}

type rowGroup struct {
	rows   int64
	chunks []chunk
	first  int64 // row number of its first row in the file
}

// chunk is one column of one row group.
type chunk struct {
	typ        int32
	codec      format.CompressionCodec
	values     int64
	compressed int64
	data, dict int64 // offsets; dict is 0 when absent
	encrypted  bool
	elsewhere  bool
}

const (
	magic      = "PAR1"
	minimum    = 12 // a file below this length can't be Parquet (6.7)
	footerTail = 64 << 10
)

// readFooter fetches and decodes the metadata at the end of the file. It returns the offset at which the metadata starts.
func readFooter(r io.ReaderAt, size int64, lim Limits) (*footer, int64, error) {
	if size < minimum {
		return nil, 0, fail(ErrCorrupt, "", -1, "%d bytes are too few for Parquet", size)
	}
	if size > lim.FileBytes {
		return nil, 0, fail(ErrTooLarge, "", -1, "%s", tooMany("bytes", size, lim.FileBytes))
	}
	tail := make([]byte, min(size, footerTail))
	if err := readFull(r, tail, size-int64(len(tail))); err != nil {
		return nil, 0, err
	}
	end := tail[len(tail)-8:]
	if string(end[4:]) != magic {
		return nil, 0, fail(ErrCorrupt, "", size-4, "the file doesn't end with %s", magic)
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n > size-minimum {
		return nil, 0, fail(ErrCorrupt, "", size-8, "metadata of %d bytes doesn't fit in %d", n, size)
	}
	if n > lim.FooterBytes {
		return nil, 0, fail(ErrTooLarge, "", size-8, "%s", tooMany("bytes of metadata", n, lim.FooterBytes))
	}
	start := size - 8 - n
	b := tail[:len(tail)-8]
	if int64(len(b)) >= n {
		b = b[int64(len(b))-n:]
	} else {
		b = make([]byte, n)
		if err := readFull(r, b, start); err != nil {
			return nil, 0, err
		}
	}
	f, err := parseFooter(b, start, lim)
	return f, start, err
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return fail(ErrCorrupt, "", off+int64(n), "the file ends early")
	}
	return &readError{off, err}
}

// parseFooter decodes FileMetaData, which lies at offset start of the file.
func parseFooter(b []byte, start int64, lim Limits) (*footer, error) {
	t := parquetwire.NewWire(b)
	f := &footer{rows: -1}
	encrypted := false
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 2 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() { f.schema = append(f.schema, parseElement(t)) })
		case id == 3 && t.Want(typ, parquetwire.TI64):
			f.rows = t.Varint()
		case id == 4 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() { f.groups = append(f.groups, parseRowGroup(t)) })
		case id == 5 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() { f.meta = append(f.meta, parseKeyValue(t)) })
		case id == 8:
			encrypted = true
			t.Skip(typ)
		case id < 2 || id > 5:
			t.Skip(typ)
		}
	})
	switch {
	case !t.OK():
		return nil, fail(ErrCorrupt, "", start+int64(t.Pos), "metadata: %s", t.Fault)
	case encrypted:
		return nil, fail(ErrCorrupt, "", start, "the file is encrypted")
	case len(f.schema) == 0 || f.rows < 0:
		return nil, fail(ErrCorrupt, "", start, "metadata without a schema or a number of rows")
	case f.rows > lim.Rows:
		return nil, fail(ErrTooLarge, "", start, "%s", tooMany("rows", f.rows, lim.Rows))
	}
	var first int64
	for i := range f.groups {
		g := &f.groups[i]
		if g.rows < 0 || g.rows > f.rows-first {
			return nil, fail(ErrCorrupt, "", start, "row group %d claims %d rows, the file %d", i, g.rows, f.rows)
		}
		g.first = first
		first += g.rows
	}
	if first != f.rows {
		return nil, fail(ErrCorrupt, "", start, "row groups hold %d rows, the file claims %d", first, f.rows)
	}
	return f, nil
}

func parseElement(t *parquetwire.Wire) element {
	e := element{typ: -1, converted: -1}
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TI32):
			e.typ = t.I32()
		case id == 2 && t.Want(typ, parquetwire.TI32):
			e.typeLength = t.I32()
		case id == 3 && t.Want(typ, parquetwire.TI32):
			e.repetition = t.I32()
		case id == 4 && t.Want(typ, parquetwire.TBinary):
			e.name = string(t.Binary())
		case id == 5 && t.Want(typ, parquetwire.TI32):
			e.children = t.I32()
		case id == 6 && t.Want(typ, parquetwire.TI32):
			e.converted = t.I32()
		case id == 10 && t.Want(typ, parquetwire.TStruct):
			t.Fields(func(id int, typ byte) {
				e.logical = id
				if id != 10 || typ != parquetwire.TStruct {
					t.Skip(typ)
					return
				}
				t.Fields(func(id int, typ byte) {
					if id == 2 {
						e.unsigned = typ == parquetwire.TFalse
					}
					t.Skip(typ)
				})
			})
		case id < 1 || id > 6 && id != 10:
			t.Skip(typ)
		}
	})
	if e.converted >= 11 && e.converted <= 14 { // UINT_8 … UINT_64
		e.unsigned = true
	}
	return e
}

func parseRowGroup(t *parquetwire.Wire) rowGroup {
	g := rowGroup{rows: -1}
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TList):
			t.Each(parquetwire.TStruct, func() { g.chunks = append(g.chunks, parseChunk(t)) })
		case id == 3 && t.Want(typ, parquetwire.TI64):
			g.rows = t.Varint()
		case id != 1 && id != 3:
			t.Skip(typ)
		}
	})
	return g
}

func parseChunk(t *parquetwire.Wire) chunk {
	c := chunk{typ: -1, data: -1, compressed: -1, values: -1}
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
					c.codec = format.CompressionCodec(t.I32())
				case id == 5 && t.Want(typ, parquetwire.TI64):
					c.values = t.Varint()
				case id == 7 && t.Want(typ, parquetwire.TI64):
					c.compressed = t.Varint()
				case id == 9 && t.Want(typ, parquetwire.TI64):
					c.data = t.Varint()
				case id == 11 && t.Want(typ, parquetwire.TI64):
					c.dict = t.Varint()
				case id != 1 && id != 4 && id != 5 && id != 7 && id != 9 && id != 11:
					t.Skip(typ)
				}
			})
		case id == 8:
			c.encrypted = true
			t.Skip(typ)
		case id != 3:
			t.Skip(typ)
		}
	})
	return c
}

func parseKeyValue(t *parquetwire.Wire) (kv [2]string) {
	t.Fields(func(id int, typ byte) {
		if (id == 1 || id == 2) && t.Want(typ, parquetwire.TBinary) {
			kv[id-1] = string(t.Binary())
		} else if id != 1 && id != 2 {
			t.Skip(typ)
		}
	})
	return kv
}

// leaf is one of our columns as the file stores it.
type leaf struct {
	col      int // index in columns
	index    int // position among the file's leaves
	typ      int32
	unsigned bool
	maxDef   uint8
	maxRep   uint8
	// levels from which on the structs around the column, the column and a slot of its list are there.
	structs []structLevel
	nodeDef uint8
	slotDef uint8
}

type structLevel struct {
	def  uint8
	null uint64
}

// resolve finds our columns in the file's schema. Columns that the file lacks stay nil; those of a type that can't be
// taken for ours are kept in bad and reported when they are read.
func (f *footer) resolve(start int64) (leaves [numColumns]*leaf, bad map[int]string, err error) {
	w := &walker{f: f, bad: map[int]string{}}
	byPath := map[string]int{}
	for i := range columns {
		byPath[columns[i].path] = i
	}
	w.byPath = byPath
	if f.schema[0].children < 0 {
		return leaves, nil, fail(ErrCorrupt, "", start, "schema without a root")
	}
	w.next = 1
	for i := int32(0); i < f.schema[0].children && w.fault == ""; i++ {
		w.walk("", levels{}, nil, -1, 0)
	}
	if w.fault == "" && w.next != len(f.schema) {
		w.fault = "schema has nodes outside its tree"
	}
	if w.fault != "" {
		return leaves, nil, fail(ErrCorrupt, "", start, "%s", w.fault)
	}
	for _, g := range f.groups {
		if len(g.chunks) != w.leaves {
			return leaves, nil, fail(ErrCorrupt, "", start, "a row group has %d columns, the schema %d", len(g.chunks), w.leaves)
		}
	}
	return w.found, w.bad, nil
}

type levels struct{ def, rep uint8 }

type walker struct {
	f      *footer
	byPath map[string]int
	found  [numColumns]*leaf
	bad    map[int]string
	next   int
	leaves int
	fault  string
}

// walk visits the next node and its subtree. col is the list column whose subtree this is, or -1.
func (w *walker) walk(prefix string, at levels, structs []structLevel, col int, depth int) {
	if w.next >= len(w.f.schema) || depth > parquetwire.MaxDepth {
		w.fault = "schema ends early or nests too deep"
		return
	}
	e := &w.f.schema[w.next]
	w.next++
	path := e.name
	if prefix != "" {
		path = prefix + "." + e.name
	}
	switch e.repetition {
	case 1:
		at.def++
	case 2:
		at.def++
		at.rep++
	}
	own := false
	if i, ok := w.byPath[path]; ok && col < 0 {
		if w.found[i] != nil || w.bad[i] != "" {
			w.fault = "column " + path + " is there twice"
			return
		}
		col, own = i, true
		w.found[i] = &leaf{col: i, index: -1, structs: structs, nodeDef: at.def}
		if e.repetition == 2 { // a bare repeated field is an empty list, never a null one
			w.found[i].nodeDef = at.def - 1
			w.found[i].slotDef = at.def
		}
	} else if col >= 0 && e.repetition == 2 && w.found[col] != nil {
		w.found[col].slotDef = at.def
	}
	if e.children == 0 && e.typ >= 0 || e.typ >= 0 {
		if col >= 0 && w.found[col] != nil {
			w.leaf(e, at, col)
		}
		w.leaves++
		return
	}
	if bit, ok := structNull[path]; ok && e.repetition != 2 {
		structs = append(structs[:len(structs):len(structs)], structLevel{at.def, uint64(bit)})
	}
	if e.children < 0 {
		w.fault = "schema node " + path + " has a negative number of children"
		return
	}
	if col >= 0 && e.children != 1 && w.found[col] != nil {
		w.drop(col, "is a struct")
	}
	for i := int32(0); i < e.children && w.fault == ""; i++ {
		w.walk(path, at, structs, col, depth+1)
	}
	if own && w.found[col] != nil && w.found[col].index < 0 {
		w.drop(col, "has no values")
	}
}

func (w *walker) drop(col int, why string) {
	w.bad[col] = why
	w.found[col] = nil
}

// leaf checks that the type of a leaf can stand for our column.
func (w *walker) leaf(e *element, at levels, col int) {
	l, c := w.found[col], &columns[col]
	l.index, l.typ, l.unsigned, l.maxDef, l.maxRep = w.leaves, e.typ, e.unsigned, at.def, at.rep
	wantRep := uint8(0)
	if c.list {
		wantRep = 1
	}
	if at.rep != wantRep {
		w.drop(col, "is not nested as a "+shape(c.list))
		return
	}
	t := format.Type(e.typ)
	plainInt := (t == format.Int32 || t == format.Int64) && (e.logical == 0 || e.logical == 10) &&
		(e.converted < 0 || e.converted >= 11 && e.converted <= 18)
	ok := false
	switch c.kind {
	case kindInt:
		ok = plainInt
	case kindReal:
		ok = t == format.Float || t == format.Double || plainInt
	case kindBool:
		ok = t == format.Boolean
	case kindText:
		ok = t == format.ByteArray
	}
	if !ok {
		w.drop(col, "has the type "+strings.ToLower(t.String()))
	}
}

func shape(list bool) string {
	if list {
		return "list"
	}
	return "single value"
}
