package windowfile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// Metadata is the key-value metadata of a window file (section 6.5).
type Metadata struct {
	Wallet         string  `json:"wallet"`          // the miner's SS58 address
	WindowStart    int64   `json:"window_start"`    // first block of the window
	WindowLength   int64   `json:"window_length"`   // blocks
	InferenceCount int64   `json:"inference_count"` // rows, not checked by anybody; Write sets it
	Timestamp      float64 `json:"timestamp"`       // unix seconds
	// Dataset is the digest of the dataset that the problems were drawn from: 64 hex digits, empty where the environment has none or the writer
	// doesn't say. It is a key of our own that the reference's reader passes over, and nobody fails by it: it tells why prompts differ.
	Dataset string `json:"dataset_digest,omitempty"`
}

// datasetKey is the key of Metadata.Dataset.
const datasetKey = "dataset_digest"

// Range is a piece of the file in bytes.
type Range struct{ Offset, Length int64 }

// File is an opened window file. Its methods may be used from several goroutines when the reader below it may.
type File struct {
	r      io.ReaderAt
	size   int64
	start  int64 // of the footer
	lim    Limits
	foot   *footer
	leaves [numColumns]*leaf
	bad    map[int]string
}

// Open reads the footer of a window file of the given size through r and checks it against the limits. The error wraps
// ErrCorrupt or ErrTooLarge, or is what r returned. r is used until the file is no longer needed; nothing has to be closed.
func Open(r io.ReaderAt, size int64, lim Limits) (f *File, err error) {
	defer recovered(&err)
	lim = lim.withDefaults()
	foot, start, err := readFooter(r, size, lim)
	if err != nil {
		return nil, err
	}
	f = &File{r: r, size: size, start: start, lim: lim, foot: foot}
	if f.leaves, f.bad, err = foot.resolve(start); err != nil {
		return nil, err
	}
	return f, nil
}

// recovered turns a panic over foreign bytes into an error: the last line of defence, not a way of control.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fail(ErrCorrupt, "", -1, "decoder gave up: %v", p)
	}
}

// NumRows is the number of rows.
func (f *File) NumRows() int64 { return f.foot.rows }

// Has returns those of the columns that the file holds in a usable type. A column that it lacks reads as null.
func (f *File) Has(cols Columns) Columns {
	var got Columns
	for i, l := range f.leaves {
		if l != nil {
			got |= 1 << i
		}
	}
	return got & cols
}

// Metadata reads the five texts of the file's key-value metadata, and the dataset where the file has one. Missing ones are empty or zero, others as
// Python reads them; a number that doesn't parse gives an error that wraps ErrUnreadable. A dataset that is no digest is passed over.
func (f *File) Metadata() (Metadata, error) {
	var m Metadata
	for _, kv := range f.foot.meta {
		var err error
		switch kv[0] {
		case "wallet":
			m.Wallet = kv[1]
			if !utf8.ValidString(kv[1]) {
				err = errText
			}
		case "window_start":
			m.WindowStart, err = readInt(kv[1])
		case "window_length":
			m.WindowLength, err = readInt(kv[1])
		case "inference_count":
			m.InferenceCount, err = readInt(kv[1])
		case "timestamp":
			m.Timestamp, err = cpython.ParseFloat(kv[1])
		case datasetKey:
			if isDigest(kv[1]) {
				m.Dataset = kv[1]
			}
		}
		if err != nil {
			return m, fail(ErrUnreadable, "", f.start, "metadata %s: %v", kv[0], err)
		}
	}
	return m, nil
}

// isDigest says whether a text is a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// readInt reads an integer as Python's int() does.
func readInt(s string) (int64, error) {
	n, err := cpython.ParseInt(s)
	if err != nil {
		return 0, err
	}
	if !n.IsInt64() {
		return 0, errRange
	}
	return n.Int64(), nil
}

// Ranges lists the pieces of the file that reading the columns of rows from..to-1 may touch, merged and in order of their
// offsets, apart from the footer. Flat columns are read page by page and usually need less.
func (f *File) Ranges(cols Columns, from, to int64) []Range {
	var out []Range
	for _, g := range f.foot.groups {
		if max(from, g.first) >= min(to, g.first+g.rows) {
			continue
		}
		for i, l := range f.leaves {
			if l == nil || cols&(1<<i) == 0 {
				continue
			}
			if at, n, err := f.span(&g.chunks[l.index], i); err == nil && n > 0 {
				out = append(out, Range{at, n})
			}
		}
	}
	slices.SortFunc(out, func(a, b Range) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	merged := out[:0]
	for _, r := range out {
		if n := len(merged); n > 0 && r.Offset <= merged[n-1].Offset+merged[n-1].Length {
			last := &merged[n-1]
			last.Length = max(last.Length, r.Offset+r.Length-last.Offset)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// span gives the place of a column chunk after checking that it lies within the file.
func (f *File) span(c *chunk, col int) (at, n int64, err error) {
	name := columns[col].path
	switch {
	case c.encrypted || c.elsewhere:
		return 0, 0, fail(ErrCorrupt, name, f.start, "the column is encrypted or in another file")
	case c.values < 0 || c.compressed < 0 || c.data < 0 || c.dict < 0:
		return 0, 0, fail(ErrCorrupt, name, f.start, "column without sizes")
	}
	at = c.data
	if c.dict > 0 && c.dict < at {
		at = c.dict
	}
	if at < int64(len(magic)) || c.compressed > f.start || at > f.start-c.compressed {
		return 0, 0, fail(ErrCorrupt, name, f.start, "column of %d bytes at %d leaves the file", c.compressed, at)
	}
	return at, c.compressed, nil
}

// Scan reads the given columns of rows from..to-1 and calls each for every row in order. The row is each's to keep; columns that
// were not asked for are zero and not marked as null. It ends with the first error of the file, of each, or of the context.
func (f *File) Scan(ctx context.Context, cols Columns, from, to int64, each func(i int64, row *grail.Row) error) (err error) {
	defer recovered(&err)
	if from < 0 || to > f.foot.rows || from > to {
		return fmt.Errorf("couldn't read rows %d to %d of a window file with %d rows", from, to, f.foot.rows)
	}
	for i, why := range f.bad {
		if cols&(1<<i) != 0 {
			return fail(ErrUnreadable, columns[i].path, f.start, "the column %s", why)
		}
	}
	for i, l := range f.leaves {
		if l == nil || cols&(1<<i) == 0 {
			continue
		}
		var values int64
		for _, g := range f.foot.groups {
			if v := g.chunks[l.index].values; v > f.lim.Elements-values {
				return fail(ErrTooLarge, columns[i].path, f.start, "%s", tooMany("values and more", v, f.lim.Elements))
			} else if v > 0 {
				values += v
			}
		}
	}
	scan := &budget{limit: f.lim.BufferBytes, json: f.lim.JSONBytes}
	for gi := range f.foot.groups {
		g := &f.foot.groups[gi]
		lo, hi := max(from, g.first), min(to, g.first+g.rows)
		if lo >= hi {
			continue
		}
		if err := f.scanGroup(ctx, cols, g, lo, hi, scan, each); err != nil {
			return err
		}
	}
	return nil
}

// Rows reads rows from..to-1 with all columns. The values must fit in the limits' MemoryBytes.
func (f *File) Rows(ctx context.Context, from, to int64) ([]grail.Row, error) {
	var rows []grail.Row
	var used int64
	err := f.Scan(ctx, All, from, to, func(i int64, row *grail.Row) error {
		used += RowBytes(row)
		if used > f.lim.MemoryBytes {
			return fail(ErrTooLarge, "", -1, "rows %d to %d: %s", from, i, tooMany("bytes and more", used, f.lim.MemoryBytes))
		}
		rows = append(rows, *row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// RowBytes estimates the memory of a row, in bytes.
func RowBytes(r *grail.Row) int64 {
	c := &r.Commit
	return 640 + 4*int64(len(c.Tokens)) + c.Commitments.MemoryBytes() + 8*int64(len(c.Rollout.TokenLogprobs)) +
		int64(len(r.BlockHash)+len(r.Randomness)+len(r.Challenge)+len(r.Hotkey)+len(r.Signature)) +
		int64(len(c.Signature)+len(c.ProofVersion)+len(c.Model.Name)) + c.Beacon.MemoryBytes()
}

// budget counts the buffers of one scan against a limit, and the JSON text that it may still parse.
type budget struct{ used, limit, json int64 }

func (b *budget) parse(p *pages, n int) error {
	if b.json -= int64(n); b.json < 0 {
		return p.fault(ErrTooLarge, "more than %d bytes of JSON", p.f.lim.JSONBytes)
	}
	return nil
}

func (b *budget) grow(p *pages, n int64) error {
	if b.used += n; b.used > b.limit {
		return p.fault(ErrTooLarge, "%s", tooMany("bytes of buffers", b.used, b.limit))
	}
	return nil
}

func (b *budget) release(n int64) { b.used -= n }
