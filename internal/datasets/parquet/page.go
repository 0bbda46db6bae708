package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/nanteos/nanteos/internal/parquetwire"
	"github.com/nanteos/nanteos/task/dataset"
)

// decoder reads one column of one row group into its rows.
type decoder struct {
	r     io.ReaderAt
	size  int64
	lim   Limits
	left  *budget
	leaf  leaf
	chunk chunk
	name  string
	out   []dataset.Row

	texts   []string // the dictionary
	numbers []int64
	seen    int // rows begun
	list    []string
	open    bool // a list is being gathered
}

// header is what precedes a page.
type header struct {
	typ                      int32
	compressed, uncompressed int64
	values                   int64
	encoding                 int32
	defBytes, repBytes       int64 // version 2
	stored                   bool  // version 2: not compressed
}

// Types of pages, and encodings.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3

	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingRLEDictionary   = 8
)

func parseHeader(b []byte) (header, int, error) {
	t := parquetwire.NewWire(b)
	h := header{typ: -1, compressed: -1, uncompressed: -1, values: -1}
	number := func(p *int64) { *p = int64(t.I32()) }
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TI32):
			h.typ = t.I32()
		case id == 2 && t.Want(typ, parquetwire.TI32):
			number(&h.uncompressed)
		case id == 3 && t.Want(typ, parquetwire.TI32):
			number(&h.compressed)
		case (id == 5 || id == 7) && t.Want(typ, parquetwire.TStruct):
			t.Fields(func(f int, typ byte) {
				switch {
				case f == 1 && t.Want(typ, parquetwire.TI32):
					number(&h.values)
				case f == 2 && t.Want(typ, parquetwire.TI32):
					h.encoding = t.I32()
				case (f == 3 || f == 4) && id == 5 && t.Want(typ, parquetwire.TI32):
					if t.I32() != encodingRLE {
						t.Fail("levels in an encoding of old")
					}
				case f < 1 || f > 4 || f > 2 && id == 7:
					t.Skip(typ)
				}
			})
		case id == 8 && t.Want(typ, parquetwire.TStruct):
			t.Fields(func(f int, typ byte) {
				switch {
				case f == 1 && t.Want(typ, parquetwire.TI32):
					number(&h.values)
				case f == 4 && t.Want(typ, parquetwire.TI32):
					h.encoding = t.I32()
				case f == 5 && t.Want(typ, parquetwire.TI32):
					number(&h.defBytes)
				case f == 6 && t.Want(typ, parquetwire.TI32):
					number(&h.repBytes)
				case f == 7:
					h.stored = typ == parquetwire.TFalse
					t.Skip(typ)
				case f == 2 || f == 3 || f < 1 || f > 7:
					t.Skip(typ)
				}
			})
		case id == 4 || id == 6 || id < 1 || id > 8:
			t.Skip(typ)
		}
	})
	switch {
	case !t.OK():
		return h, 0, corrupt("a page header: %s", t.Fault)
	case h.typ < 0 || h.compressed < 0 || h.uncompressed < 0 || h.defBytes < 0 || h.repBytes < 0:
		return h, 0, corrupt("a page header without type or sizes")
	}
	return h, t.Pos, nil
}

func (d *decoder) read() error {
	start := d.chunk.data
	if d.chunk.dictionary > 0 && d.chunk.dictionary < start {
		start = d.chunk.dictionary
	}
	switch {
	case d.chunk.elsewhere:
		return unsupported("the column is in another file")
	case d.chunk.typ != d.leaf.typ:
		return corrupt("it has another type than the schema says")
	case start < 4 || d.chunk.compressed < 0 || d.chunk.compressed > d.size-start:
		return corrupt("it lies outside the file")
	case d.chunk.compressed > d.lim.Page:
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, d.chunk.compressed)
	}
	b := make([]byte, d.chunk.compressed)
	if err := readAt(d.r, b, start); err != nil {
		return err
	}
	values := int64(0)
	for len(b) > 0 && values < d.chunk.values {
		h, n, err := parseHeader(b)
		if err != nil {
			return err
		}
		if b = b[n:]; h.compressed > int64(len(b)) {
			return corrupt("a page is cut short")
		}
		if h.uncompressed > d.lim.Page {
			return fmt.Errorf("%w: a page of %d bytes", ErrTooLarge, h.uncompressed)
		}
		body := b[:h.compressed]
		b = b[h.compressed:]
		switch h.typ {
		case pageDictionary:
			err = d.dictionary(h, body)
		case pageData, pageDataV2:
			err = d.data(h, body)
			values += h.values
		}
		if err != nil {
			return err
		}
	}
	d.flush()
	if values != d.chunk.values || d.seen != len(d.out) {
		return corrupt("it has %d values of %d rows instead of %d of %d", values, d.seen, d.chunk.values, len(d.out))
	}
	return nil
}

func (d *decoder) dictionary(h header, body []byte) error {
	if h.encoding != encodingPlain && h.encoding != encodingPlainDictionary {
		return unsupported("a dictionary in encoding %d", h.encoding)
	}
	if h.values < 0 || h.values > int64(d.lim.Values) {
		return corrupt("a dictionary of %d values", h.values)
	}
	raw, err := decompress(d.chunk.codec, body, h.uncompressed)
	if err != nil {
		return err
	}
	d.texts, d.numbers, err = d.plain(raw, int(h.values))
	return err
}

// plain decodes n values; each takes bytes of its own, so that n is believed no further than there are any.
func (d *decoder) plain(raw []byte, n int) (texts []string, numbers []int64, err error) {
	width := map[int32]int{typeInt32: 4, typeInt64: 8, typeByteArray: 4}[d.leaf.typ]
	if n > len(raw)/width {
		return nil, nil, corrupt("a page has fewer values than it says")
	}
	if d.leaf.typ != typeByteArray {
		numbers = make([]int64, n)
		for i := range numbers {
			if width == 4 {
				numbers[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
			} else {
				numbers[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
			}
		}
		return nil, numbers, nil
	}
	texts = make([]string, n)
	for i := range texts {
		if len(raw) < 4 {
			return nil, nil, corrupt("a page has fewer values than it says")
		}
		size := binary.LittleEndian.Uint32(raw)
		if raw = raw[4:]; uint64(size) > uint64(len(raw)) {
			return nil, nil, corrupt("a text is cut short")
		}
		if !utf8.Valid(raw[:size]) {
			return nil, nil, corrupt("a text is no UTF-8")
		}
		texts[i], raw = string(raw[:size]), raw[size:]
	}
	return texts, nil, nil
}

// data decodes a page of values.
func (d *decoder) data(h header, body []byte) error {
	if h.values < 0 || h.values > int64(d.left.values) {
		return fmt.Errorf("%w: a page of %d values", ErrTooLarge, h.values)
	}
	n := int(h.values)
	var reps, defs []uint32
	var err error
	if h.typ == pageDataV2 {
		if h.repBytes+h.defBytes > int64(len(body)) || h.repBytes+h.defBytes > h.uncompressed {
			return corrupt("the levels of a page are cut short")
		}
		reps, err = levels(body[:h.repBytes], d.leaf.rep, n)
		if err == nil {
			defs, err = levels(body[h.repBytes:h.repBytes+h.defBytes], d.leaf.def, n)
		}
		if err != nil {
			return err
		}
		body = body[h.repBytes+h.defBytes:]
		codec := d.chunk.codec
		if h.stored {
			codec = codecNone
		}
		if body, err = decompress(codec, body, h.uncompressed-h.repBytes-h.defBytes); err != nil {
			return err
		}
	} else {
		if body, err = decompress(d.chunk.codec, body, h.uncompressed); err != nil {
			return err
		}
		if reps, body, err = framed(body, d.leaf.rep, n); err != nil {
			return err
		}
		if defs, body, err = framed(body, d.leaf.def, n); err != nil {
			return err
		}
	}
	present := n
	for _, l := range defs {
		if l != d.leaf.def {
			present--
		}
	}
	texts, numbers, err := d.values(h.encoding, body, present)
	if err != nil {
		return err
	}
	return d.assemble(n, reps, defs, texts, numbers)
}

// framed reads levels that begin with their length in bytes, as in pages of version 1.
func framed(b []byte, highest uint32, n int) (out []uint32, rest []byte, err error) {
	if highest == 0 {
		return nil, b, nil
	}
	if len(b) < 4 {
		return nil, nil, corrupt("the levels of a page are cut short")
	}
	size := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(size) > uint64(len(b)) {
		return nil, nil, corrupt("the levels of a page are cut short")
	}
	out, err = levels(b[:size], highest, n)
	return out, b[size:], err
}

func levels(b []byte, highest uint32, n int) ([]uint32, error) {
	if highest == 0 {
		return nil, nil
	}
	out := make([]uint32, n)
	r := parquetwire.NewRLE(b, parquetwire.BitWidth(highest))
	if !r.Read(out) {
		return nil, corrupt("the levels of a page are cut short")
	}
	for _, l := range out {
		if l > highest {
			return nil, corrupt("a level is too high")
		}
	}
	return out, nil
}

// values decodes n values that are there.
func (d *decoder) values(encoding int32, b []byte, n int) (texts []string, numbers []int64, err error) {
	switch encoding {
	case encodingPlain:
		return d.plain(b, n)
	case encodingPlainDictionary, encodingRLEDictionary:
	default:
		return nil, nil, unsupported("values in encoding %d", encoding)
	}
	if n == 0 {
		return nil, nil, nil
	}
	if len(b) == 0 || b[0] > 32 {
		return nil, nil, corrupt("the values of a page are cut short")
	}
	at := make([]uint32, n)
	r := parquetwire.NewRLE(b[1:], uint(b[0]))
	if !r.Read(at) {
		return nil, nil, corrupt("the values of a page are cut short")
	}
	for _, i := range at {
		if int64(i) >= int64(max(len(d.texts), len(d.numbers))) {
			return nil, nil, corrupt("a value isn't in the dictionary")
		}
	}
	if d.leaf.typ == typeByteArray {
		texts = make([]string, n)
		for i, j := range at {
			texts[i] = d.texts[j]
		}
		return texts, nil, nil
	}
	numbers = make([]int64, n)
	for i, j := range at {
		numbers[i] = d.numbers[j]
	}
	return nil, numbers, nil
}

// assemble puts the values of a page into rows.
func (d *decoder) assemble(n int, reps, defs []uint32, texts []string, numbers []int64) error {
	size := int64(0)
	for _, s := range texts {
		size += int64(len(s))
	}
	if err := d.left.take(n, size); err != nil {
		return err
	}
	next := 0
	for i := range n {
		def := d.leaf.def
		if defs != nil {
			def = defs[i]
		}
		if d.leaf.rep == 0 || reps[i] == 0 {
			d.flush()
			if d.seen == len(d.out) {
				return corrupt("it has more rows than the row group")
			}
			d.seen++
			d.open = d.leaf.rep > 0 && def >= d.leaf.list
			d.list = nil
		} else if !d.open {
			return corrupt("an element belongs to no list")
		}
		switch {
		case d.leaf.rep > 0 && def >= d.leaf.item && def < d.leaf.def:
			return fmt.Errorf("%w: a list in column %s has a null", ErrColumns, d.name)
		case def < d.leaf.def:
		case d.leaf.rep > 0:
			d.list = append(d.list, texts[next])
			next++
		case d.leaf.typ == typeByteArray:
			d.set(texts[next])
			next++
		default:
			d.set(numbers[next])
			next++
		}
	}
	return nil
}

// set gives the last row its value. Rows are made when they have one: a file's claim to have many costs nothing.
func (d *decoder) set(v any) {
	row := &d.out[d.seen-1]
	if *row == nil {
		*row = dataset.Row{}
	}
	(*row)[d.name] = v
}

// flush ends the list that is being gathered.
func (d *decoder) flush() {
	if d.open {
		if d.list == nil {
			d.list = []string{}
		}
		d.set(d.list)
	}
	d.open, d.list = false, nil
}

// Codecs.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecZstd   = 6
)

// zstdDecoder is shared: it is safe for concurrent DecodeAll.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
})

// decompress returns the size bytes that src stands for, and fails where they are more or fewer. The page limit bounds size.
func decompress(codec int32, src []byte, size int64) ([]byte, error) {
	wrong := corrupt("a page decompresses to another size than it says")
	switch codec {
	case codecNone:
		if int64(len(src)) != size {
			return nil, wrong
		}
		return src, nil
	case codecSnappy:
		if n, err := snappy.DecodedLen(src); err != nil || int64(n) != size {
			return nil, wrong
		}
		out, err := snappy.Decode(nil, src)
		if err != nil {
			return nil, corrupt("%v", err)
		}
		return out, nil
	case codecGzip:
		z, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, corrupt("%v", err)
		}
		out, err := io.ReadAll(io.LimitReader(z, size+1))
		if err != nil {
			return nil, corrupt("%v", err)
		}
		if int64(len(out)) != size {
			return nil, wrong
		}
		return out, nil
	case codecZstd:
		z, err := zstdDecoder()
		if err != nil {
			return nil, err
		}
		out, err := z.DecodeAll(src, make([]byte, 0, size))
		if err != nil {
			return nil, corrupt("%v", err)
		}
		if int64(len(out)) != size {
			return nil, wrong
		}
		return out, nil
	}
	return nil, unsupported("compression codec %d", codec)
}
