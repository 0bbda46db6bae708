// Package parquet reads a few columns of a Parquet file into rows: texts, whole numbers and lists of texts, as datasets have them.
//
// It is written for files that nobody vouches for: no size that the file claims is believed before it is held against the bytes that are there and
// against limits, memory is bounded by those limits, nothing panics on bad input, and what is not understood is an error rather than a guess.
// Understood are pages of versions 1 and 2 in the encodings PLAIN and dictionary, uncompressed or by Snappy, gzip or zstd: what pyarrow, pandas, Polars
// and the converter of Hugging Face write.
package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/nanteos/nanteos/task/dataset"
)

// Errors that callers decide by.
var (
	// ErrCorrupt: the file is no Parquet file, is cut short, or contradicts itself.
	ErrCorrupt = errors.New("not an intact Parquet file")
	// ErrUnsupported: the file uses a feature of Parquet that isn't read.
	ErrUnsupported = errors.New("unsupported feature of Parquet")
	// ErrColumns: a column is missing or of another kind.
	ErrColumns = errors.New("columns don't fit")
	// ErrTooLarge: a limit is exceeded.
	ErrTooLarge = errors.New("too large")
)

// Limits bound what a file may make this program hold. Zero fields take the defaults.
type Limits struct {
	Footer int64 // bytes of the footer; 16 MiB
	Rows   int   // rows; 2,000,000
	Values int   // values of all columns and lists; 10,000,000
	Bytes  int64 // bytes of text in the result; 1 GiB
	Page   int64 // bytes of a decompressed page, and of a column's part of a row group on disk; 512 MiB
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	rows, values := int64(l.Rows), int64(l.Values)
	set(&l.Footer, 16<<20)
	set(&rows, 2_000_000)
	set(&values, 10_000_000)
	set(&l.Bytes, 1<<30)
	set(&l.Page, 512<<20)
	l.Rows, l.Values = int(rows), int(values)
	return l
}

// Read returns the rows of a file of size bytes with the given columns. A null is left out of its row; whether it may be is for the caller to say. Columns
// that aren't asked for are not decoded. Errors wrap one of the package's, or are those of reading.
func Read(r io.ReaderAt, size int64, columns []dataset.Column, lim Limits) ([]dataset.Row, error) {
	lim = lim.withDefaults()
	foot, err := readFooter(r, size, lim)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the footer: %w", err)
	}
	rows := make([]dataset.Row, foot.rows)
	left := budget{values: lim.Values, bytes: lim.Bytes}
	for _, c := range columns {
		leaf, err := foot.leaf(c)
		if err == nil && leaf == nil {
			continue // optional, and not there
		}
		if err != nil {
			return nil, err
		}
		at := 0
		for g, group := range foot.groups {
			d := decoder{r: r, size: size, lim: lim, left: &left, leaf: *leaf, chunk: group.chunks[leaf.index], name: c.Name, out: rows[at : at+group.rows]}
			if err := d.read(); err != nil {
				return nil, fmt.Errorf("couldn't read column %s in row group %d: %w", c.Name, g, err)
			}
			at += group.rows
		}
	}
	for i := range rows {
		if rows[i] == nil {
			rows[i] = dataset.Row{}
		}
	}
	return rows, nil
}

// budget is what is left of the limits on the result.
type budget struct {
	values int
	bytes  int64
}

func (b *budget) take(values int, bytes int64) error {
	if b.values -= values; b.values < 0 {
		return fmt.Errorf("%w: more values than are read", ErrTooLarge)
	}
	if b.bytes -= bytes; b.bytes < 0 {
		return fmt.Errorf("%w: more text than is read", ErrTooLarge)
	}
	return nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s; export the table as JSON Lines", ErrUnsupported, fmt.Sprintf(format, args...))
}
