package windowfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// sample writes rows to bytes.
func sample(t testing.TB, rows []grail.Row, opt Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, sampleMeta(), rows, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll opens b and reads every row.
func readAll(b []byte, lim Limits) error {
	f, err := Open(bytes.NewReader(b), int64(len(b)), lim)
	if err != nil {
		return err
	}
	if _, err := f.Metadata(); err != nil {
		return err
	}
	_, err = f.Rows(context.Background(), 0, f.NumRows())
	return err
}

// known reports whether an error is one that a caller can decide by.
func known(err error) bool {
	for _, e := range []error{ErrCorrupt, ErrTooLarge, ErrNullGroup, ErrUnreadable} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refoot replaces a file's footer by an edited one.
func refoot(t testing.TB, b []byte, edit func(*format.FileMetaData)) []byte {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	var m format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), b[len(b)-8-n:len(b)-8], &m); err != nil {
		t.Fatal(err)
	}
	edit(&m)
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), &m)
	if err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(b[:len(b)-8-n]), foot...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(foot)))
	return append(out, magic...)
}

func TestHostileFooters(t *testing.T) {
	good := sample(t, sampleRows(32, 40), Options{})
	group := func(f func(*format.RowGroup)) func(*format.FileMetaData) {
		return func(m *format.FileMetaData) { f(&m.RowGroups[0]) }
	}
	for _, c := range []struct {
		name string
		edit func(*format.FileMetaData)
		want error
	}{
		{"more rows than fit", func(m *format.FileMetaData) { m.NumRows = 1 << 40 }, ErrTooLarge},
		{"negative rows", func(m *format.FileMetaData) { m.NumRows = -1 }, ErrCorrupt},
		{"rows differ", func(m *format.FileMetaData) { m.NumRows = 31 }, ErrCorrupt},
		{"row group claims more", group(func(g *format.RowGroup) { g.NumRows = 33 }), ErrCorrupt},
		{"more rows than values", func(m *format.FileMetaData) { m.NumRows, m.RowGroups[0].NumRows = 60000, 60000 }, ErrCorrupt},
		{"missing column chunk", group(func(g *format.RowGroup) { g.Columns = g.Columns[:26] }), ErrCorrupt},
		{"column beyond the end", group(func(g *format.RowGroup) { g.Columns[11].MetaData.DataPageOffset = 1 << 50 }), ErrCorrupt},
		{"column before the start", group(func(g *format.RowGroup) { g.Columns[3].MetaData.DataPageOffset = -5 }), ErrCorrupt},
		{"column of impossible size", group(func(g *format.RowGroup) { g.Columns[3].MetaData.TotalCompressedSize = 1 << 62 }), ErrCorrupt},
		{"column shorter than its pages", group(func(g *format.RowGroup) { g.Columns[10].MetaData.TotalCompressedSize = 30 }), ErrCorrupt},
		{"values without end", group(func(g *format.RowGroup) { g.Columns[10].MetaData.NumValues = 1 << 60 }), ErrTooLarge},
		{"no values", group(func(g *format.RowGroup) { g.Columns[11].MetaData.NumValues = 0 }), ErrCorrupt},
		{"another codec", group(func(g *format.RowGroup) { g.Columns[11].MetaData.Codec = format.Snappy }), ErrCorrupt},
		{"raw lz4 over zstd", group(func(g *format.RowGroup) { g.Columns[11].MetaData.Codec = format.Lz4Raw }), ErrCorrupt},
		{"brotli over zstd", group(func(g *format.RowGroup) { g.Columns[11].MetaData.Codec = format.Brotli }), ErrCorrupt},
		{"gzip over zstd", group(func(g *format.RowGroup) { g.Columns[11].MetaData.Codec = format.Gzip }), ErrCorrupt},
		{"unknown codec", group(func(g *format.RowGroup) { g.Columns[11].MetaData.Codec = 99 }), ErrCorrupt},
		{"type differs from the schema", group(func(g *format.RowGroup) { g.Columns[0].MetaData.Type = format.Double }), ErrCorrupt},
		{"file elsewhere", group(func(g *format.RowGroup) { g.Columns[0].FilePath = "/etc/passwd" }), ErrCorrupt},
		{"column is a number instead of text", func(m *format.FileMetaData) {
			for i := range m.Schema {
				if m.Schema[i].Name == "block_hash" {
					m.Schema[i].Type = thrift.New(format.Double)
				}
			}
		}, ErrUnreadable},
		{"column twice", func(m *format.FileMetaData) { m.Schema[2].Name = "window_start" }, ErrCorrupt},
		{"children beyond the schema", func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(1 << 30)) }, ErrCorrupt},
		{"negative children", func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(-3)) }, ErrCorrupt},
		{"fewer children", func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(2)) }, ErrCorrupt},
		{"metadata that is no number", func(m *format.FileMetaData) { m.KeyValueMetadata[1].Value = "soon" }, ErrUnreadable},
		{"encrypted", group(func(g *format.RowGroup) {
			g.Columns[0].CryptoMetadata = format.ColumnCryptoMetaData{Value: &format.EncryptionWithFooterKey{}}
		}), ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := readAll(refoot(t, good, c.edit), Limits{})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if err := readAll(refoot(t, good, func(*format.FileMetaData) {}), Limits{}); err != nil {
		t.Errorf("unedited: %v", err)
	}
}

func TestLimits(t *testing.T) {
	rows := sampleRows(32, 300)
	good := sample(t, rows, Options{})
	for _, c := range []struct {
		name string
		lim  Limits
	}{
		{"file", Limits{FileBytes: 1000}},
		{"footer", Limits{FooterBytes: 100}},
		{"rows", Limits{Rows: 31}},
		{"list", Limits{ListLength: 299}},
		{"text", Limits{TextBytes: 1000}},
		{"elements", Limits{Elements: 32 * 299}},
		{"page", Limits{PageBytes: 1000}},
		{"pages", Limits{Pages: 1}},
		{"memory", Limits{MemoryBytes: 20000}},
		{"buffers", Limits{BufferBytes: 20000}},
		{"JSON", Limits{JSONBytes: 20000}},
	} {
		if err := readAll(good, c.lim); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want %v", c.name, err, ErrTooLarge)
		}
	}
	exact := Limits{FileBytes: int64(len(good)), Rows: 32, ListLength: 300, Elements: 32 * 300}
	if err := readAll(good, exact); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}

// TestCorruption flips and cuts bytes everywhere: each outcome is a good read or a known error, and memory stays within bounds.
func TestCorruption(t *testing.T) {
	good := sample(t, sampleRows(6, 33), Options{PageBytes: 900})
	step := 7
	if testing.Short() {
		step = 101
	}
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	runs := 0
	for i := 0; i < len(good); i += step {
		b := bytes.Clone(good)
		b[i] ^= byte(1 << (i % 8))
		if err := readAll(b, Limits{}); err != nil && !known(err) {
			t.Fatalf("byte %d flipped: unknown error %v", i, err)
		}
		runs++
		if i%5 == 0 {
			if err := readAll(good[:i], Limits{}); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("cut at %d: got %v, want %v", i, err, ErrCorrupt)
			}
		}
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / uint64(runs); per > 20<<20 {
		t.Errorf("a corrupted file costs %d bytes of allocation on average", per)
	}
}

func TestNulls(t *testing.T) {
	good := sample(t, sampleRows(16, 40), Options{})
	drop := func(name string) []byte { // a file that lacks a column, under its own name at least
		return refoot(t, good, func(m *format.FileMetaData) {
			for i := range m.Schema {
				if m.Schema[i].Name == name {
					m.Schema[i].Name = "other"
				}
			}
		})
	}
	read := func(b []byte) ([]grail.Row, error) {
		f, err := Open(bytes.NewReader(b), int64(len(b)), Limits{})
		if err != nil {
			return nil, err
		}
		return f.Rows(context.Background(), 0, f.NumRows())
	}
	for name, null := range map[string]grail.NullFields{
		"nonce": grail.NullNonce, "rollout_group": grail.NullRolloutGroup, "use_drand": grail.NullUseDrand,
		"name": grail.NullModelName, "advantage": grail.NullAdvantage, "beacon": grail.NullBeacon, "commitments": grail.NullCommitments,
	} {
		rows, err := read(drop(name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range rows {
			if rows[i].Null != null {
				t.Fatalf("%s: row %d has null %s", name, i, rows[i].Null)
			}
		}
	}
	for _, name := range []string{"tokens", "token_logprobs"} {
		if _, err := read(drop(name)); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: got %v, want %v", name, err, ErrUnreadable)
		}
	}
	// Columns that nobody asked for don't count.
	b := drop("tokens")
	f, err := Open(bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Has(Digests); got != PromptLength {
		t.Errorf("has %s, want prompt_length only", got)
	}
	if err := f.Scan(context.Background(), Structure, 0, 16, func(i int64, r *grail.Row) error {
		if r.Nonce != i || r.Null != 0 || r.Commit.Tokens != nil {
			t.Errorf("row %d: %+v", i, r)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestRangeReads counts what a scan of few columns and rows fetches.
func TestRangeReads(t *testing.T) {
	rows := sampleRows(640, 200)
	b := sample(t, rows, Options{PageBytes: 64 << 10})
	r := &counter{r: bytes.NewReader(b)}
	f, err := Open(r, int64(len(b)), Limits{ReadAhead: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	count := func(cols Columns, from, to int64) int64 {
		r.bytes = 0
		if err := f.Scan(context.Background(), cols, from, to, func(int64, *grail.Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return r.bytes
	}
	structure, digests := count(Structure, 0, 640), count(Digests, 0, 640)
	texts, text := count(Commitments, 0, 640), count(Commitments, 600, 616)
	t.Logf("file %d bytes: structure %d, digests %d, commitments %d, of 16 rows %d", len(b), structure, digests, texts, text)
	if structure > 40<<10 {
		t.Errorf("the structure takes %d bytes", structure)
	}
	if text > texts/4 {
		t.Errorf("16 rows of a flat column take %d of %d bytes", text, texts)
	}
	var sum int64
	for _, x := range f.Ranges(Digests, 0, 640) {
		if x.Offset < 4 || x.Offset+x.Length > int64(len(b)) {
			t.Errorf("range %+v leaves the file", x)
		}
		sum += x.Length
	}
	if digests > sum {
		t.Errorf("digests took %d bytes, the ranges say %d", digests, sum)
	}
	if got := f.Ranges(All, 0, 640); len(got) != 1 {
		t.Errorf("all columns lie in %d ranges, want 1", len(got))
	}
	if got := f.Ranges(All, 5, 5); len(got) != 0 {
		t.Errorf("no rows lie in %d ranges", len(got))
	}
}

type counter struct {
	r     io.ReaderAt
	bytes int64
	fail  error
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	if c.fail != nil {
		return 0, c.fail
	}
	c.bytes += int64(len(p))
	return c.r.ReadAt(p, off)
}

func TestStorageFaultIsNotTheFiles(t *testing.T) {
	b := sample(t, sampleRows(16, 40), Options{})
	r := &counter{r: bytes.NewReader(b)}
	f, err := Open(r, int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r.fail = io.ErrClosedPipe
	if _, err := f.Rows(context.Background(), 0, 16); !errors.Is(err, io.ErrClosedPipe) || known(err) {
		t.Errorf("got %v, want %v and none of the file's errors", err, io.ErrClosedPipe)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.fail = nil
	if _, err := f.Rows(ctx, 0, 16); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := f.Rows(context.Background(), 3, 17); err == nil {
		t.Error("rows beyond the end were read")
	}
}

func FuzzOpen(f *testing.F) {
	if dir := vectortest.Path(f, "grail/parquet"); dir != "" {
		files, _ := filepath.Glob(filepath.Join(dir, "*.parquet"))
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil && len(b) < 64<<10 {
				f.Add(b)
			}
		}
	}
	f.Add(sample(f, sampleRows(4, 33), Options{PageBytes: 200}))
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	lim := Limits{FileBytes: 1 << 20, Rows: 4096, ListLength: 4096, Elements: 1 << 16, PageBytes: 1 << 20, MemoryBytes: 16 << 20, BufferBytes: 16 << 20, JSONBytes: 4 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := readAll(b, lim); err != nil && !known(err) {
			t.Fatalf("unknown error %v", err)
		}
	})
}
