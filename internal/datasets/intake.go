package datasets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/datasets/parquet"
	"github.com/nanteos/nanteos/task/dataset"
)

// intake reads files into rows, within the limits on a whole dataset.
type intake struct {
	ctx  context.Context
	spec dataset.Spec
	lim  Limits
	rows int   // read so far
	text int64 // bytes of text so far
}

func newIntake(ctx context.Context, spec dataset.Spec, lim Limits) *intake {
	return &intake{ctx: ctx, spec: spec, lim: lim}
}

// file reads a Parquet file, JSON Lines or a JSON list of objects, by its content; JSON may be gzipped. It returns what is to be noted of the file.
// Errors wrap ErrFile or ErrTooLarge, or are those of the system.
func (in *intake) file(name string) ([]dataset.Row, File, error) {
	fail := func(err error) ([]dataset.Row, File, error) {
		return nil, File{}, fmt.Errorf("couldn't read %s: %w", filepath.Base(name), err)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, File{}, fmt.Errorf("couldn't read the file: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return fail(err)
	case !st.Mode().IsRegular():
		return fail(fmt.Errorf("%w: it is no plain file", ErrFile))
	case st.Size() > in.lim.Download:
		return fail(fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, st.Size(), in.lim.Download))
	}
	note := File{Name: filepath.Base(name), Size: st.Size()}
	h := sha256.New()
	if _, err := io.Copy(h, reader{in.ctx, io.NewSectionReader(f, 0, st.Size())}); err != nil {
		return fail(err)
	}
	note.SHA256 = hex.EncodeToString(h.Sum(nil))
	rows, err := in.content(f, st.Size())
	if err != nil {
		return fail(err)
	}
	return rows, note, nil
}

// content reads rows from a file's content.
func (in *intake) content(f io.ReaderAt, size int64) ([]dataset.Row, error) {
	whole := io.NewSectionReader(f, 0, size)
	var magic [4]byte
	n, err := whole.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case n == 4 && string(magic[:]) == "PAR1":
		return in.parquet(f, size)
	case n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		return in.json(z)
	}
	return in.json(whole)
}

func (in *intake) parquet(f io.ReaderAt, size int64) ([]dataset.Row, error) {
	rows, err := parquet.Read(interruptible{in.ctx, f}, size, in.spec.Columns, parquet.Limits{Rows: in.lim.Rows - in.rows, Bytes: in.lim.Text - in.text})
	switch {
	case errors.Is(err, parquet.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, parquet.ErrCorrupt) || errors.Is(err, parquet.ErrColumns) || errors.Is(err, parquet.ErrUnsupported):
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	case err != nil:
		return nil, err
	}
	for _, r := range rows {
		if err := in.count(r); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// count holds a row against the limits.
func (in *intake) count(r dataset.Row) error {
	if in.rows++; in.rows > in.lim.Rows {
		return fmt.Errorf("%w: more than %d rows", ErrTooLarge, in.lim.Rows)
	}
	for _, v := range r {
		switch v := v.(type) {
		case string:
			in.text += int64(len(v))
		case []string:
			for _, s := range v {
				in.text += int64(len(s)) + 16
			}
		}
	}
	if in.text > in.lim.Text {
		return fmt.Errorf("%w: more than %d bytes of text", ErrTooLarge, in.lim.Text)
	}
	return nil
}

// json reads JSON Lines, or one list of objects.
func (in *intake) json(r io.Reader) ([]dataset.Row, error) {
	b := bufio.NewReaderSize(reader{in.ctx, r}, 64<<10)
	for {
		c, err := b.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: it is empty", ErrFile)
		}
		if err != nil {
			return nil, in.broken(err)
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		_ = b.UnreadByte()
		switch c {
		case '[':
			return in.list(b)
		case '{':
			return in.lines(b)
		}
		return nil, fmt.Errorf("%w: it is neither Parquet nor JSON Lines", ErrFile)
	}
}

// broken tells a file that is broken from a disk that is, and from the end of the context.
func (in *intake) broken(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) || in.ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFile, err)
}

func (in *intake) lines(b *bufio.Reader) ([]dataset.Row, error) {
	var out []dataset.Row
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		for {
			part, err := b.ReadSlice('\n')
			if line = append(line, part...); len(line) > in.lim.Line {
				return nil, fmt.Errorf("%w: line %d has more than %d bytes", ErrTooLarge, n, in.lim.Line)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, in.broken(err)
			}
			if err != nil && len(line) == 0 {
				return out, nil
			}
			break
		}
		text := bytes.TrimSpace(line)
		if len(text) == 0 {
			continue
		}
		row, err := in.object(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, row)
	}
}

// list reads [{…}, …] an object at a time.
func (in *intake) list(b *bufio.Reader) ([]dataset.Row, error) {
	whole := &io.LimitedReader{R: b, N: in.lim.Download}
	d := json.NewDecoder(whole)
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	var out []dataset.Row
	for d.More() {
		start := d.InputOffset()
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("row %d: %w", len(out), in.broken(err))
		}
		if d.InputOffset()-start > int64(in.lim.Line) {
			return nil, fmt.Errorf("%w: row %d has more than %d bytes", ErrTooLarge, len(out), in.lim.Line)
		}
		row, err := in.object(raw)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(out), err)
		}
		out = append(out, row)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: the list doesn't end: %w", ErrFile, err)
	}
	return out, nil
}

// object reads the columns of a row.
func (in *intake) object(text []byte) (dataset.Row, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: it is no UTF-8", ErrFile)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%w: it is no JSON object: %w", ErrFile, err)
	}
	row := make(dataset.Row, len(in.spec.Columns))
	for _, c := range in.spec.Columns {
		raw, ok := m[c.Name]
		if !ok || string(raw) == "null" {
			continue // whether it may be missing is for dataset.New to say
		}
		v, err := columnValue(c, raw)
		if err != nil {
			return nil, err
		}
		row[c.Name] = v
	}
	return row, in.count(row)
}

func columnValue(c dataset.Column, raw []byte) (any, error) {
	other := fmt.Errorf("%w: column %s is no %s", ErrFile, c.Name, c.Kind)
	if lonely(raw) {
		return nil, fmt.Errorf("%w: column %s has half a character", ErrFile, c.Name)
	}
	switch c.Kind {
	case dataset.Int:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			f, ferr := strconv.ParseFloat(string(raw), 64) // a table with gaps makes floats of whole numbers
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return nil, other
			}
			n = int64(f)
		}
		return n, nil
	case dataset.Texts:
		list := []*string{}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, other
		}
		out := make([]string, len(list))
		for i, s := range list {
			if s == nil {
				return nil, other
			}
			out[i] = *s
		}
		return out, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, other
	}
	return s, nil
}

// lonely reports whether JSON text has an escaped surrogate without its partner, which is no character and which encoding/json would replace.
func lonely(raw []byte) bool {
	high := -1 // where a high surrogate ends
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if i+4 < len(raw) && raw[i] == 'u' {
			r, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
			if err != nil {
				return false // no JSON: somebody else says so
			}
			start := i - 1
			i += 4
			switch {
			case r >= 0xdc00 && r < 0xe000:
				if high != start {
					return true
				}
				high = -1
				continue
			case r >= 0xd800 && r < 0xdc00:
				if high >= 0 {
					return true
				}
				high = i + 1
				continue
			}
		}
		if high >= 0 {
			return true
		}
	}
	return high >= 0
}

// reader ends reading with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// interruptible ends reading with its context.
type interruptible struct {
	ctx context.Context
	r   io.ReaderAt
}

func (r interruptible) ReadAt(p []byte, off int64) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.ReadAt(p, off)
}
