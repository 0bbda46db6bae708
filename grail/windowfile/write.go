package windowfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/parquetwire"
)

// Options tunes how a file is written; the zero value writes as the reference does.
type Options struct {
	// Level is the ZSTD level by the numbers of the zstd program, 1 by default.
	Level int
	// PageBytes is the size at which a data page ends, before compression: 1 MiB.
	PageBytes int
	// DictionaryBytes is the size beyond which a column does without a dictionary: 1 MiB.
	DictionaryBytes int
	// CreatedBy names the writer in the footer.
	CreatedBy string
}

// Write writes one window file to w: the rows in their order as one row group, with the schema and settings of sections 6.2 to
// 6.5. The metadata's InferenceCount is set to the number of rows. A row with a null that the reference would refuse gives an error
// that wraps ErrRow; a null text is written as the word None and a null boolean as false, as the reference does.
// Log-probabilities are rounded to single precision.
func Write(w io.Writer, meta Metadata, rows []grail.Row, opt Options) error {
	if opt.Level == 0 {
		opt.Level = 1
	}
	if opt.PageBytes <= 0 {
		opt.PageBytes = 1 << 20
	}
	if opt.DictionaryBytes <= 0 {
		opt.DictionaryBytes = 1 << 20
	}
	if opt.CreatedBy == "" {
		opt.CreatedBy = "nanteos version 0.1.0"
	}
	const passing = grail.NullBlockHash | grail.NullRandomness | grail.NullProofVersion | grail.NullModelName |
		grail.NullCommitSignature | grail.NullChallenge | grail.NullHotkey | grail.NullSignature | grail.NullUseDrand | grail.NullSuccess
	for i := range rows {
		if bad := rows[i].Null &^ passing; bad != 0 {
			return fmt.Errorf("couldn't write row %d: %w: null %s", i, ErrRow, bad)
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(opt.Level)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("couldn't prepare compression: %w", err)
	}
	defer enc.Close()
	out := &fileWriter{w: w, zstd: enc, opt: opt, rows: rows}
	out.write([]byte(magic))
	group := format.RowGroup{NumRows: int64(len(rows)), FileOffset: out.at}
	for i := range columns {
		chunk := out.column(&columns[i])
		group.Columns = append(group.Columns, chunk)
		group.TotalByteSize += chunk.MetaData.TotalUncompressedSize
		group.TotalCompressedSize += chunk.MetaData.TotalCompressedSize
	}
	out.footer(meta, group)
	if out.err != nil {
		return fmt.Errorf("couldn't write window file: %w", out.err)
	}
	return nil
}

// fileWriter writes one file; after an error it does nothing more.
type fileWriter struct {
	w    io.Writer
	at   int64
	err  error
	zstd *zstd.Encoder
	opt  Options
	rows []grail.Row

	page, packed []byte // scratch
	batch        batch
}

func (f *fileWriter) write(b []byte) {
	if f.err != nil {
		return
	}
	n, err := f.w.Write(b)
	f.at += int64(n)
	f.err = err
}

// thrift writes a Thrift struct in the compact protocol and returns its size.
func (f *fileWriter) thrift(v any) int64 {
	b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return 0
	}
	f.write(b)
	return int64(len(b))
}

// batch is a stretch of one column, gathered from rows: levels and values.
type batch struct {
	defs, reps []uint32
	ints       []int64
	reals      []float64
	texts      []string
	bools      []bool
	bytes      int
}

func (b *batch) reset() {
	b.defs, b.reps, b.ints, b.reals, b.texts, b.bools = b.defs[:0], b.reps[:0], b.ints[:0], b.reals[:0], b.texts[:0], b.bools[:0]
	b.bytes = 0
}

// depth is the definition level of a value that is there: every struct, and the column itself, is optional; a list adds its
// repeated level and its optional element.
func (c *column) depth() uint32 {
	d := uint32(1)
	for i := range c.path {
		if c.path[i] == '.' {
			d++
		}
	}
	if c.list {
		d += 2
	}
	return d
}

// gather appends rows from i on until the stretch is a page long, and returns the row after it.
func (f *fileWriter) gather(c *column, i int) int {
	b, depth := &f.batch, c.depth()
	b.reset()
	for ; i < len(f.rows) && b.bytes < f.opt.PageBytes; i++ {
		before := len(b.ints) + len(b.reals) + len(b.texts) + len(b.bools)
		f.add(c, &f.rows[i])
		n := len(b.ints) + len(b.reals) + len(b.texts) + len(b.bools) - before
		if !c.list {
			b.defs = append(b.defs, depth)
			b.bytes += max(1, c.bits/8)
			continue
		}
		if n == 0 {
			b.defs, b.reps = append(b.defs, depth-2), append(b.reps, 0)
		}
		for j := range n {
			b.defs, b.reps = append(b.defs, depth), append(b.reps, uint32(min(j, 1)))
		}
		b.bytes += n * 4
	}
	return i
}

// add appends the values of one row.
func (f *fileWriter) add(c *column, r *grail.Row) {
	b := &f.batch
	integer := func(v int64) { b.ints = append(b.ints, v) }
	real := func(v float64) { b.reals = append(b.reals, v) }
	text := func(v string) {
		if r.Null.Has(c.null) {
			v = "None"
		}
		b.texts = append(b.texts, v)
		b.bytes += 4 + len(v)
	}
	k := &r.Commit
	switch c.path {
	case "window_start":
		integer(r.WindowStart)
	case "block":
		integer(r.Block)
	case "nonce":
		integer(r.Nonce)
	case "block_hash":
		text(r.BlockHash)
	case "randomness":
		text(r.Randomness)
	case "use_drand":
		b.bools = append(b.bools, r.UseDrand)
	case "rollout_group":
		integer(r.RolloutGroup)
	case "rollout_index":
		integer(int64(r.RolloutIndex))
	case "total_in_group":
		integer(int64(r.TotalInGroup))
	case "checkpoint_window":
		integer(r.CheckpointWindow)
	case "commit.tokens":
		for _, t := range k.Tokens {
			b.ints = append(b.ints, int64(t))
		}
	case "commit.commitments":
		text(string(k.Commitments.AppendDefault(nil)))
	case "commit.proof_version":
		text(k.ProofVersion)
	case "commit.model.name":
		text(k.Model.Name)
	case "commit.model.layer_index":
		integer(int64(k.Model.LayerIndex))
	case "commit.signature":
		text(k.Signature)
	case "commit.beacon":
		text(string(k.Beacon.AppendDefault(nil)))
	case "commit.rollout.total_reward":
		real(k.Rollout.TotalReward)
	case "commit.rollout.advantage":
		real(k.Rollout.Advantage)
	case "commit.rollout.success":
		b.bools = append(b.bools, k.Rollout.Success)
	case "commit.rollout.token_logprobs":
		b.reals = append(b.reals, k.Rollout.TokenLogprobs...)
	case "commit.rollout.prompt_length":
		integer(int64(k.Rollout.PromptLength))
	case "commit.rollout.completion_length":
		integer(int64(k.Rollout.CompletionLength))
	case "timestamp":
		real(r.Timestamp)
	case "challenge":
		text(r.Challenge)
	case "hotkey":
		text(r.Hotkey)
	case "signature":
		text(r.Signature)
	}
}

// column writes the pages of one column and returns its description for the footer.
func (f *fileWriter) column(c *column) format.ColumnChunk {
	m := format.ColumnMetaData{
		Type: c.physical(), PathInSchema: c.leafPath(), Codec: format.Zstd,
		Encoding: []format.Encoding{format.Plain, format.RLE},
	}
	start := f.at
	dict := f.dictionary(c)
	if dict != nil {
		m.DictionaryPageOffset = f.at
		m.Encoding = append(m.Encoding, format.RLEDictionary)
		m.TotalUncompressedSize += f.pageOut(format.PageHeader{
			Type:                 format.DictionaryPage,
			DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(dict.n), Encoding: format.Plain}),
		}, dict.page)
	}
	m.DataPageOffset = f.at
	encoding := format.Plain
	if dict != nil {
		encoding = format.RLEDictionary
	}
	// A file without rows still has one empty page a column, as Arrow writes it.
	for i := 0; f.err == nil; {
		i = f.gather(c, i)
		b := &f.batch
		page := f.page[:0]
		if c.list {
			page = appendLevels(page, b.reps, 1)
		}
		page = appendLevels(page, b.defs, c.depth())
		if dict != nil {
			page = dict.append(page, b)
		} else {
			page = appendPlain(page, c, b)
		}
		f.page = page
		m.NumValues += int64(len(b.defs))
		m.TotalUncompressedSize += f.pageOut(format.PageHeader{
			Type: format.DataPage,
			DataPageHeader: thrift.New(format.DataPageHeader{
				NumValues: int32(len(b.defs)), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
			}),
		}, page)
		if i >= len(f.rows) {
			break
		}
	}
	m.TotalCompressedSize = f.at - start
	return format.ColumnChunk{MetaData: m}
}

// pageOut compresses and writes a page; it returns the size without compression.
func (f *fileWriter) pageOut(h format.PageHeader, page []byte) int64 {
	f.packed = f.zstd.EncodeAll(page, f.packed[:0])
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(page)), int32(len(f.packed))
	if len(page) > math.MaxInt32 && f.err == nil {
		f.err = fmt.Errorf("a page of %d bytes is more than the format holds", len(page))
	}
	n := f.thrift(&h)
	f.write(f.packed)
	return n + int64(len(page))
}

// appendLevels appends levels with the length before them.
func appendLevels(dst []byte, levels []uint32, top uint32) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendRLE(dst, levels, parquetwire.BitWidth(top))
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendPlain(dst []byte, c *column, b *batch) []byte {
	for _, v := range b.ints {
		dst = appendInt(dst, c, v)
	}
	for _, v := range b.reals {
		dst = appendReal(dst, c, v)
	}
	for _, v := range b.texts {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
		dst = append(dst, v...)
	}
	for i, v := range b.bools {
		if i%8 == 0 {
			dst = append(dst, 0)
		}
		if v {
			dst[len(dst)-1] |= 1 << (i % 8)
		}
	}
	return dst
}

func appendInt(dst []byte, c *column, v int64) []byte {
	if c.bits == 32 {
		return binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

func appendReal(dst []byte, c *column, v float64) []byte {
	if c.bits == 32 {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// dictionaryOut is a dictionary while it is written.
type dictionaryOut struct {
	n     int
	page  []byte
	ints  map[int64]uint32
	reals map[uint64]uint32
	texts map[string]uint32
	index []uint32
}

// dictionary collects the distinct values of a column, or gives nil where a dictionary doesn't pay.
func (f *fileWriter) dictionary(c *column) *dictionaryOut {
	if !c.dict || len(f.rows) == 0 {
		return nil
	}
	d := &dictionaryOut{ints: map[int64]uint32{}, reals: map[uint64]uint32{}, texts: map[string]uint32{}}
	for i := 0; i < len(f.rows); {
		i = f.gather(c, i)
		for _, v := range f.batch.ints {
			if _, ok := d.ints[v]; !ok {
				d.ints[v] = uint32(d.n)
				d.n++
				d.page = appendInt(d.page, c, v)
			}
		}
		for _, v := range f.batch.reals {
			if _, ok := d.reals[math.Float64bits(v)]; !ok {
				d.reals[math.Float64bits(v)] = uint32(d.n)
				d.n++
				d.page = appendReal(d.page, c, v)
			}
		}
		for _, v := range f.batch.texts {
			if _, ok := d.texts[v]; !ok {
				d.texts[v] = uint32(d.n)
				d.n++
				d.page = binary.LittleEndian.AppendUint32(d.page, uint32(len(v)))
				d.page = append(d.page, v...)
			}
		}
		if len(d.page) > f.opt.DictionaryBytes {
			return nil
		}
	}
	return d
}

// append encodes the values of a batch as indices.
func (d *dictionaryOut) append(dst []byte, b *batch) []byte {
	d.index = d.index[:0]
	for _, v := range b.ints {
		d.index = append(d.index, d.ints[v])
	}
	for _, v := range b.reals {
		d.index = append(d.index, d.reals[math.Float64bits(v)])
	}
	for _, v := range b.texts {
		d.index = append(d.index, d.texts[v])
	}
	width := uint(1)
	if d.n > 1 {
		width = parquetwire.BitWidth(uint32(d.n - 1))
	}
	return appendRLE(append(dst, byte(width)), d.index, width)
}

// footer writes the metadata and the end of the file.
func (f *fileWriter) footer(meta Metadata, group format.RowGroup) {
	m := format.FileMetaData{
		Version: 2, Schema: schema(), NumRows: int64(len(f.rows)), RowGroups: []format.RowGroup{group}, CreatedBy: f.opt.CreatedBy,
		KeyValueMetadata: []format.KeyValue{
			{Key: "wallet", Value: meta.Wallet},
			{Key: "window_start", Value: strconv.FormatInt(meta.WindowStart, 10)},
			{Key: "window_length", Value: strconv.FormatInt(meta.WindowLength, 10)},
			{Key: "inference_count", Value: strconv.Itoa(len(f.rows))},
			{Key: "timestamp", Value: string(cpython.AppendFloat(nil, meta.Timestamp))},
		},
	}
	if meta.Dataset != "" {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: datasetKey, Value: meta.Dataset})
	}
	n := f.thrift(&m)
	f.write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), magic...))
}
