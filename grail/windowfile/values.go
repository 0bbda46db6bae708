package windowfile

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/internal/parquetwire"
)

// Faults of a page's values; the reader adds column and offset.
var (
	errShort    = errors.New("values end early")
	errIndex    = errors.New("dictionary index out of range")
	errNoDict   = errors.New("dictionary page is missing")
	errEncoding = errors.New("unknown encoding of values")
	errRange    = errors.New("integer outside the range of its column")
	errText     = errors.New("text is not UTF-8")
	errLength   = errors.New("negative or overlong text length")
)

// dictionary holds the decoded values of a dictionary page in the form that fits the column's kind.
type dictionary struct {
	ints  []int64
	reals []float64
	texts []string
}

// values decodes the values of one data page in order.
type values struct {
	leaf  *leaf
	kind  kind
	enc   format.Encoding
	b     []byte
	pos   int
	index parquetwire.RLE // RLE_DICTIONARY and RLE
	dict  *dictionary
	ints  []int64 // delta encodings, decoded up front
	texts []string
	total int // values in the page (BYTE_STREAM_SPLIT)
	idx   [blockSize]uint32
}

const blockSize = 1024

// plainDictionary is what older writers call RLEDictionary.
const plainDictionary = format.Encoding(2)

// width is the size of a fixed-width value in bytes.
func width(typ int32) int {
	switch format.Type(typ) {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	}
	return 0
}

// start prepares v for a page with count values in b. grow is asked before memory beyond the page is taken.
func (v *values) start(enc format.Encoding, b []byte, count int, grow func(int64) error) error {
	v.enc, v.b, v.pos, v.total = enc, b, 0, count
	v.ints, v.texts = nil, nil
	typ := format.Type(v.leaf.typ)
	switch enc {
	case format.Plain:
		return nil
	case plainDictionary, format.RLEDictionary:
		v.enc = format.RLEDictionary
		if v.dict == nil {
			return errNoDict
		}
		if count == 0 {
			return nil
		}
		if len(b) < 1 {
			return errShort
		}
		if b[0] > 32 {
			return errIndex
		}
		v.index = parquetwire.NewRLE(b[1:], uint(b[0]))
		return nil
	case format.RLE:
		if typ != format.Boolean {
			return errEncoding
		}
		if count == 0 {
			return nil
		}
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return errShort
		}
		v.index = parquetwire.NewRLE(b[4:4+binary.LittleEndian.Uint32(b)], 1)
		return nil
	case format.DeltaBinaryPacked:
		if typ != format.Int32 && typ != format.Int64 {
			return errEncoding
		}
		if err := grow(int64(count) * 8); err != nil {
			return err
		}
		ints, _, err := readDelta(b, count)
		if typ == format.Int32 {
			for i, x := range ints {
				ints[i] = int64(int32(x))
			}
		}
		v.ints = ints
		return err
	case format.DeltaLengthByteArray, format.DeltaByteArray:
		if typ != format.ByteArray {
			return errEncoding
		}
		if err := grow(int64(count) * 32); err != nil {
			return err
		}
		var err error
		if enc == format.DeltaByteArray {
			v.texts, err = readDeltaTexts(b, count, grow)
		} else {
			v.texts, err = readLengthTexts(b, count)
		}
		return err
	case format.ByteStreamSplit:
		if w := width(v.leaf.typ); w == 0 || len(b) < w*count {
			return errShort
		}
		return nil
	}
	return errEncoding
}

// readInts decodes len(dst) integers.
func (v *values) readInts(dst []int64) error {
	switch v.enc {
	case format.RLEDictionary:
		return lookup(v, dst, v.dict.ints)
	case format.DeltaBinaryPacked:
		if len(v.ints) < len(dst) {
			return errShort
		}
		copy(dst, v.ints)
		v.ints = v.ints[len(dst):]
	default:
		w := width(v.leaf.typ)
		if w == 4 {
			for i := range dst {
				p, err := v.raw(4)
				if err != nil {
					return err
				}
				dst[i] = int64(int32(binary.LittleEndian.Uint32(p)))
			}
			break
		}
		for i := range dst {
			p, err := v.raw(8)
			if err != nil {
				return err
			}
			dst[i] = int64(binary.LittleEndian.Uint64(p))
		}
	}
	return v.signs(dst)
}

// signs reads unsigned columns as such; a value beyond 63 bits has no place in a row.
func (v *values) signs(dst []int64) error {
	if !v.leaf.unsigned {
		return nil
	}
	for i, x := range dst {
		if x >= 0 {
			continue
		}
		if width(v.leaf.typ) == 8 {
			return errRange
		}
		dst[i] = int64(uint32(x))
	}
	return nil
}

// readReals decodes len(dst) numbers, from integers too.
func (v *values) readReals(dst []float64) error {
	switch {
	case v.enc == format.RLEDictionary:
		return lookup(v, dst, v.dict.reals)
	case format.Type(v.leaf.typ) == format.Float:
		for i := range dst {
			p, err := v.raw(4)
			if err != nil {
				return err
			}
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
		}
	case format.Type(v.leaf.typ) == format.Double:
		for i := range dst {
			p, err := v.raw(8)
			if err != nil {
				return err
			}
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(p))
		}
	default:
		ints := make([]int64, len(dst))
		if err := v.readInts(ints); err != nil {
			return err
		}
		for i, x := range ints {
			dst[i] = float64(x)
		}
	}
	return nil
}

// readTexts decodes len(dst) texts that are not plain.
func (v *values) readTexts(dst []string) error {
	if v.enc == format.RLEDictionary {
		return lookup(v, dst, v.dict.texts)
	}
	if len(v.texts) < len(dst) {
		return errShort
	}
	copy(dst, v.texts)
	v.texts = v.texts[len(dst):]
	return nil
}

// readSpans finds the next len(dst) plain texts in the page.
func (v *values) readSpans(dst [][2]uint32) error {
	for i := range dst {
		if len(v.b)-v.pos < 4 {
			return errShort
		}
		n := uint64(binary.LittleEndian.Uint32(v.b[v.pos:]))
		v.pos += 4
		if n > uint64(len(v.b)-v.pos) {
			return errLength
		}
		dst[i] = [2]uint32{uint32(v.pos), uint32(v.pos + int(n))}
		v.pos += int(n)
	}
	return nil
}

// readBools decodes len(dst) booleans: one bit each, or runs.
func (v *values) readBools(dst []bool) error {
	if v.enc == format.RLE {
		if !v.index.Read(v.idx[:len(dst)]) {
			return errShort
		}
		for i := range dst {
			dst[i] = v.idx[i] != 0
		}
		return nil
	}
	for i := range dst {
		if v.pos/8 >= len(v.b) {
			return errShort
		}
		dst[i] = v.b[v.pos/8]>>(v.pos%8)&1 == 1
		v.pos++
	}
	return nil
}

// raw returns the bytes of the next fixed-width value.
func (v *values) raw(w int) ([]byte, error) {
	if v.enc == format.ByteStreamSplit {
		if v.pos >= v.total {
			return nil, errShort
		}
		var p [8]byte
		for i := range w {
			p[i] = v.b[i*v.total+v.pos]
		}
		v.pos++
		return p[:w], nil
	}
	if len(v.b)-v.pos < w {
		return nil, errShort
	}
	p := v.b[v.pos : v.pos+w]
	v.pos += w
	return p, nil
}

// lookup maps the next indices through a dictionary.
func lookup[T any](v *values, dst, dict []T) error {
	if len(dst) > blockSize {
		return errShort
	}
	idx := v.idx[:len(dst)]
	if !v.index.Read(idx) {
		return errShort
	}
	for i, x := range idx {
		if uint64(x) >= uint64(len(dict)) {
			return errIndex
		}
		dst[i] = dict[x]
	}
	return nil
}

// readDictionary decodes a dictionary page of count plain values.
func readDictionary(l *leaf, b []byte, count int, grow func(int64) error) (*dictionary, error) {
	v := &values{leaf: l, enc: format.Plain, b: b}
	d := &dictionary{}
	w := width(l.typ)
	if w == 0 {
		w = 4 // a text takes its length at least
	}
	if count < 0 || count > len(b)/w {
		return nil, errShort
	}
	if err := grow(int64(count)*16 + int64(len(b))); err != nil {
		return nil, err
	}
	switch columns[l.col].kind {
	case kindInt:
		d.ints = make([]int64, count)
		return d, v.readInts(d.ints)
	case kindReal:
		d.reals = make([]float64, count)
		return d, v.readReals(d.reals)
	case kindText:
		d.texts = make([]string, count)
		spans := make([][2]uint32, 1)
		for i := range d.texts {
			if err := v.readSpans(spans); err != nil {
				return nil, err
			}
			text := b[spans[0][0]:spans[0][1]]
			if !utf8.Valid(text) {
				return nil, errText
			}
			d.texts[i] = string(text)
		}
		return d, nil
	}
	return nil, errEncoding
}
