package windowfile

import "fmt"

// Limits bounds what a file may ask of the reader. The zero value of a field takes its default.
type Limits struct {
	// FileBytes is the largest file, 350 MiB by default (the validator's own limit before the download).
	FileBytes int64
	// FooterBytes is the largest footer, 16 MiB.
	FooterBytes int64
	// Rows is the largest number of rows, 65,536: ten times what counts for weights, and more.
	Rows int64
	// ListLength is the longest list in one row, in elements, and the most commitments in one text: 65,536.
	ListLength int
	// TextBytes is the longest text in one row: 8 MiB (commitments of a long rollout take about 25 bytes a token).
	TextBytes int
	// Elements is the most values that one column may hold in the whole file: 256 Mi.
	Elements int64
	// PageBytes is the largest page, compressed or not: 64 MiB.
	PageBytes int
	// Pages is the most pages of one column chunk: 262,144.
	Pages int
	// MemoryBytes bounds the values that one call of Rows returns: 1 GiB.
	MemoryBytes int64
	// BufferBytes bounds pages and dictionaries that one scan holds at a time: 256 MiB.
	BufferBytes int64
	// JSONBytes bounds the JSON text that one scan parses: 1 GiB. A dictionary can name one long text in every row.
	JSONBytes int64
	// ReadAhead is how many bytes one read fetches at least where that many are left in the column chunk: 1 MiB.
	ReadAhead int
}

// DefaultLimits returns the limits that stand behind the zero value of each field.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 350 << 20, FooterBytes: 16 << 20, Rows: 65536, ListLength: 65536, TextBytes: 8 << 20,
		Elements: 256 << 20, PageBytes: 64 << 20, Pages: 1 << 18, MemoryBytes: 1 << 30,
		BufferBytes: 256 << 20, JSONBytes: 1 << 30, ReadAhead: 1 << 20,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, p := range []struct{ v, d *int64 }{
		{&l.FileBytes, &d.FileBytes}, {&l.FooterBytes, &d.FooterBytes}, {&l.Rows, &d.Rows},
		{&l.Elements, &d.Elements}, {&l.MemoryBytes, &d.MemoryBytes}, {&l.BufferBytes, &d.BufferBytes}, {&l.JSONBytes, &d.JSONBytes},
	} {
		if *p.v <= 0 {
			*p.v = *p.d
		}
	}
	for _, p := range []struct{ v, d *int }{
		{&l.ListLength, &d.ListLength}, {&l.TextBytes, &d.TextBytes}, {&l.PageBytes, &d.PageBytes},
		{&l.Pages, &d.Pages}, {&l.ReadAhead, &d.ReadAhead},
	} {
		if *p.v <= 0 {
			*p.v = *p.d
		}
	}
	return l
}

// tooMany describes a value over its limit.
func tooMany(what string, n, limit int64) string {
	return fmt.Sprintf("%d %s, the limit is %d", n, what, limit)
}
