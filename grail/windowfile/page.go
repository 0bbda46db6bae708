package windowfile

import (
	"errors"

	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/parquetwire"
)

// pageHeader is what precedes every page.
type pageHeader struct {
	typ          int32
	compressed   int
	uncompressed int
	values       int
	rows         int // -1 unless the page says (version 2)
	encoding     format.Encoding
	defEncoding  format.Encoding
	repEncoding  format.Encoding
	defBytes     int // version 2
	repBytes     int
	stored       bool // version 2: values are not compressed
}

// parsePageHeader decodes a header at the start of b and says how long it is.
func parsePageHeader(b []byte) (h pageHeader, length int, fault string) {
	t := parquetwire.NewWire(b)
	h = pageHeader{typ: -1, compressed: -1, uncompressed: -1, values: -1, rows: -1, defEncoding: format.RLE, repEncoding: format.RLE}
	number := func(p *int) { *p = int(t.I32()) }
	t.Fields(func(id int, typ byte) {
		switch {
		case id == 1 && t.Want(typ, parquetwire.TI32):
			h.typ = t.I32()
		case id == 2 && t.Want(typ, parquetwire.TI32):
			number(&h.uncompressed)
		case id == 3 && t.Want(typ, parquetwire.TI32):
			number(&h.compressed)
		case (id == 5 || id == 7) && t.Want(typ, parquetwire.TStruct): // data page, dictionary page
			t.Fields(func(f int, typ byte) {
				switch {
				case f == 1 && t.Want(typ, parquetwire.TI32):
					number(&h.values)
				case f == 2 && t.Want(typ, parquetwire.TI32):
					h.encoding = format.Encoding(t.I32())
				case f == 3 && id == 5 && t.Want(typ, parquetwire.TI32):
					h.defEncoding = format.Encoding(t.I32())
				case f == 4 && id == 5 && t.Want(typ, parquetwire.TI32):
					h.repEncoding = format.Encoding(t.I32())
				case f > 4 || f < 1 || f > 2 && id == 7:
					t.Skip(typ)
				}
			})
		case id == 8 && t.Want(typ, parquetwire.TStruct): // data page version 2
			t.Fields(func(f int, typ byte) {
				switch {
				case f == 1 && t.Want(typ, parquetwire.TI32):
					number(&h.values)
				case f == 3 && t.Want(typ, parquetwire.TI32):
					number(&h.rows)
				case f == 4 && t.Want(typ, parquetwire.TI32):
					h.encoding = format.Encoding(t.I32())
				case f == 5 && t.Want(typ, parquetwire.TI32):
					number(&h.defBytes)
				case f == 6 && t.Want(typ, parquetwire.TI32):
					number(&h.repBytes)
				case f == 7:
					h.stored = typ == parquetwire.TFalse
					t.Skip(typ)
				case f == 2 || f < 1 || f > 7:
					t.Skip(typ)
				}
			})
		case id == 4 || id == 6 || id < 1 || id > 8:
			t.Skip(typ)
		}
	})
	if t.OK() && (h.typ < 0 || h.compressed < 0 || h.uncompressed < 0) {
		return h, t.Pos, "page header without type or sizes"
	}
	return h, t.Pos, t.Fault
}

// pages walks the pages of one column chunk and hands out its values in blocks.
type pages struct {
	f          *File
	scan       *budget
	leaf       *leaf
	pos, end   int64 // in the file
	win        []byte
	winAt      int64
	codec      format.CompressionCodec
	chunkLeft  int64 // values that the chunk still has
	pageLeft   int   // values that the present page still has
	pageAt     int64
	seen       int
	plain      []byte // decompressed page
	vals       values
	def, rep   parquetwire.RLE
	flatDef    bool // no definition levels in the page: all present
	n, i, v    int  // block: entries, next entry, next value
	defs, reps [blockSize]uint32
	ints       [blockSize]int64
	reals      []float64
	texts      []string
	bools      []bool

	parsed          bool // lastText was parsed to one of the following
	lastText        string
	lastCommitments grail.Commitments
	lastBeacon      grail.BeaconRef
	spans           [][2]uint32 // plain texts of the block: where they begin and end in the page
}

func (p *pages) name() string { return columns[p.leaf.col].path }

func (p *pages) fault(kind error, format string, args ...any) error {
	return fail(kind, p.name(), p.pageAt, format, args...)
}

// wrap gives an error of the values its kind and place.
func (p *pages) wrap(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, errText), errors.Is(err, errRange):
		return p.fault(ErrUnreadable, "%v", err)
	}
	return p.fault(ErrCorrupt, "%v", err)
}

// ensure makes the window hold the next n bytes of the chunk, or all that is left of it, and returns them. What the window holds
// already is not fetched again; ahead is how much more may be fetched along with it.
func (p *pages) ensure(n, ahead int) ([]byte, error) {
	n = int(min(int64(n), p.end-p.pos))
	at := p.pos - p.winAt
	if at >= 0 && at+int64(n) <= int64(len(p.win)) {
		return p.win[at : at+int64(n)], nil
	}
	var held []byte
	if at >= 0 && at < int64(len(p.win)) {
		held = p.win[at:]
	}
	size := int(min(max(int64(n), int64(ahead)), p.end-p.pos))
	win := p.win
	if cap(win) < size {
		if err := p.scan.grow(p, int64(size-cap(win))); err != nil {
			return nil, err
		}
		win = make([]byte, size)
	}
	win = win[:size]
	kept := copy(win, held)
	p.win, p.winAt = win, p.pos
	if err := readFull(p.f.r, win[kept:], p.pos+int64(kept)); err != nil {
		p.win = p.win[:0]
		return nil, err
	}
	return win[:n], nil
}

// firstTry is how much is fetched for a page header alone: most take less than a hundred bytes.
const firstTry = 512

// header reads the header of the next page and steps over it.
func (p *pages) header(ahead int) (pageHeader, error) {
	p.pageAt = p.pos
	if p.seen++; p.seen > p.f.lim.Pages {
		return pageHeader{}, p.fault(ErrTooLarge, "%s", tooMany("pages", int64(p.seen), int64(p.f.lim.Pages)))
	}
	for try := firstTry; ; try *= 8 {
		b, err := p.ensure(try, ahead)
		if err != nil {
			return pageHeader{}, err
		}
		h, n, fault := parsePageHeader(b)
		if fault == "" {
			p.pos += int64(n)
			if h.compressed > p.f.lim.PageBytes || h.uncompressed > p.f.lim.PageBytes {
				return h, p.fault(ErrTooLarge, "%s", tooMany("bytes in a page", int64(max(h.compressed, h.uncompressed)), int64(p.f.lim.PageBytes)))
			}
			if int64(h.compressed) > p.end-p.pos {
				return h, p.fault(ErrCorrupt, "page of %d bytes leaves its column chunk", h.compressed)
			}
			return h, nil
		}
		if len(b) < try || try >= 1<<20 {
			return h, p.fault(ErrCorrupt, "page header: %s", fault)
		}
	}
}

// next moves to the next data page. Pages of flat columns that lie whole within the first skip rows are not fetched; it returns
// how many rows it left out that way. ok is false at the end of the chunk.
func (p *pages) next(skip int64) (skipped int64, ok bool, err error) {
	for p.chunkLeft > 0 {
		ahead := p.f.lim.ReadAhead
		if skip > 0 && p.leaf.maxRep == 0 && p.seen > 0 {
			ahead = firstTry // the page itself is hardly wanted
		}
		h, err := p.header(ahead)
		if err != nil {
			return skipped, false, err
		}
		switch h.typ {
		case int32(format.DictionaryPage):
			err = p.dictionary(h)
		case int32(format.DataPage), int32(format.DataPageV2):
			if h.values < 0 || int64(h.values) > p.chunkLeft {
				return skipped, false, p.fault(ErrCorrupt, "page of %d values in a chunk with %d left", h.values, p.chunkLeft)
			}
			p.chunkLeft -= int64(h.values)
			if p.leaf.maxRep == 0 && int64(h.values) <= skip {
				skip -= int64(h.values)
				skipped += int64(h.values)
				break
			}
			if h.values == 0 {
				break
			}
			if err := p.open(h); err != nil {
				return skipped, false, err
			}
			p.pos += int64(h.compressed)
			return skipped, true, nil
		}
		if err != nil {
			return skipped, false, err
		}
		p.pos += int64(h.compressed)
	}
	return skipped, false, nil
}

// payload decompresses the bytes of the page behind header h, leaving out the first raw bytes, which are not compressed.
func (p *pages) payload(h pageHeader, raw int) (head, body []byte, err error) {
	b, err := p.ensure(h.compressed, p.f.lim.ReadAhead)
	if err != nil {
		return nil, nil, err
	}
	if raw > len(b) || raw > h.uncompressed {
		return nil, nil, p.fault(ErrCorrupt, "levels of %d bytes in a page of %d", raw, len(b))
	}
	if h.stored || p.codec == format.Uncompressed {
		if h.compressed != h.uncompressed {
			return nil, nil, p.fault(ErrCorrupt, "page of %d bytes claims %d without compression", h.compressed, h.uncompressed)
		}
		return b[:raw], b[raw:], nil
	}
	size := h.uncompressed - raw
	if cap(p.plain) < size {
		if err := p.scan.grow(p, int64(size-cap(p.plain))); err != nil {
			return nil, nil, err
		}
		p.plain = make([]byte, size)
	}
	p.plain = p.plain[:size]
	if size == 0 && len(b) == raw {
		return b[:raw], nil, nil
	}
	if err := decompress(p.codec, p.plain, b[raw:]); err != nil {
		return nil, nil, p.fault(ErrCorrupt, "couldn't decompress page: %v", err)
	}
	return b[:raw], p.plain, nil
}

func (p *pages) dictionary(h pageHeader) error {
	if p.vals.dict != nil {
		return p.fault(ErrCorrupt, "second dictionary page")
	}
	_, b, err := p.payload(h, 0)
	if err != nil {
		return err
	}
	d, err := readDictionary(p.leaf, b, h.values, func(n int64) error { return p.scan.grow(p, n) })
	if err != nil {
		return p.wrap(err)
	}
	p.vals.dict = d
	return nil
}

// open prepares the levels and values of a data page.
func (p *pages) open(h pageHeader) error {
	var defs, reps, body []byte
	if h.typ == int32(format.DataPageV2) {
		if h.defBytes < 0 || h.repBytes < 0 || h.repBytes > h.compressed || h.defBytes > h.compressed-h.repBytes {
			return p.fault(ErrCorrupt, "levels don't fit in the page")
		}
		head, b, err := p.payload(h, h.defBytes+h.repBytes)
		if err != nil {
			return err
		}
		reps, defs, body = head[:h.repBytes], head[h.repBytes:], b
	} else {
		_, b, err := p.payload(h, 0)
		if err != nil {
			return err
		}
		if p.leaf.maxRep > 0 {
			if reps, b, err = p.levels(b, h.repEncoding); err != nil {
				return err
			}
		}
		if p.leaf.maxDef > 0 {
			if defs, b, err = p.levels(b, h.defEncoding); err != nil {
				return err
			}
		}
		body = b
	}
	p.rep = parquetwire.NewRLE(reps, parquetwire.BitWidth(uint32(p.leaf.maxRep)))
	p.def = parquetwire.NewRLE(defs, parquetwire.BitWidth(uint32(p.leaf.maxDef)))
	p.flatDef = p.leaf.maxDef == 0
	p.pageLeft = h.values
	present := h.values
	switch h.encoding {
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.DeltaByteArray, format.ByteStreamSplit:
		// These need the number of values, which only the levels tell.
		n, err := p.countPresent(defs, h.values)
		if err != nil {
			return err
		}
		present = n
	}
	var held int64
	grow := func(n int64) error { held += n; return p.scan.grow(p, n) }
	if err := p.vals.start(h.encoding, body, present, grow); err != nil {
		return p.wrap(err)
	}
	p.scan.release(held) // it lives for the page only, and the next page's is counted anew
	return nil
}

// levels cuts the length-prefixed levels off a page of version 1.
func (p *pages) levels(b []byte, enc format.Encoding) (levels, rest []byte, err error) {
	if enc != format.RLE {
		return nil, nil, p.fault(ErrCorrupt, "levels in the outdated encoding %d", enc)
	}
	if len(b) < 4 {
		return nil, nil, p.fault(ErrCorrupt, "levels end early")
	}
	n := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24
	if n > uint64(len(b)-4) {
		return nil, nil, p.fault(ErrCorrupt, "levels of %d bytes in a page of %d", n, len(b))
	}
	return b[4 : 4+n], b[4+n:], nil
}

func (p *pages) countPresent(defs []byte, n int) (int, error) {
	if p.flatDef {
		return n, nil
	}
	r := parquetwire.NewRLE(defs, parquetwire.BitWidth(uint32(p.leaf.maxDef)))
	count := 0
	var buf [blockSize]uint32
	for n > 0 {
		b := buf[:min(n, blockSize)]
		if !r.Read(b) {
			return 0, p.fault(ErrCorrupt, "definition levels end early")
		}
		for _, d := range b {
			if d == uint32(p.leaf.maxDef) {
				count++
			}
		}
		n -= len(b)
	}
	return count, nil
}

// block decodes the next entries of the present page.
func (p *pages) block() error {
	n := min(p.pageLeft, blockSize)
	p.pageLeft -= n
	p.n, p.i, p.v = n, 0, 0
	l := p.leaf
	if l.maxRep > 0 {
		if !p.rep.Read(p.reps[:n]) {
			return p.fault(ErrCorrupt, "repetition levels end early")
		}
	}
	present := n
	if !p.flatDef {
		if !p.def.Read(p.defs[:n]) {
			return p.fault(ErrCorrupt, "definition levels end early")
		}
		present = 0
		for _, d := range p.defs[:n] {
			if d == uint32(l.maxDef) {
				present++
			} else if d > uint32(l.maxDef) {
				return p.fault(ErrCorrupt, "definition level %d of at most %d", d, l.maxDef)
			}
		}
	} else {
		clear(p.defs[:n])
	}
	var err error
	switch columns[l.col].kind {
	case kindInt:
		err = p.vals.readInts(p.ints[:present])
	case kindReal:
		if p.reals == nil {
			p.reals = make([]float64, blockSize)
		}
		err = p.vals.readReals(p.reals[:present])
	case kindText:
		if p.vals.enc == format.Plain {
			if p.spans == nil {
				p.spans = make([][2]uint32, blockSize)
			}
			err = p.vals.readSpans(p.spans[:present])
			break
		}
		if p.texts == nil {
			p.texts = make([]string, blockSize)
		}
		err = p.vals.readTexts(p.texts[:present])
	case kindBool:
		if p.bools == nil {
			p.bools = make([]bool, blockSize)
		}
		err = p.vals.readBools(p.bools[:present])
	}
	if err != nil {
		return p.wrap(err)
	}
	return nil
}
