package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/nanteos/nanteos/task/dataset"
)

// record is a row as parquet-go, the counterpart of these tests, writes it.
type record struct {
	Skipped float64  `parquet:"skipped"`
	ID      int64    `parquet:"task_id,plain"`
	Small   int32    `parquet:"small,dict"`
	Text    string   `parquet:"text,plain"`
	Word    string   `parquet:"word,dict"`
	Maybe   *string  `parquet:"maybe,optional,plain"`
	Nested  nested   `parquet:"nested"`
	List    []string `parquet:"test_list,list,plain"`
	Plain   []string `parquet:"plain"`
}

type nested struct {
	A int64  `parquet:"a"`
	B string `parquet:"b,optional"`
}

var columns = []dataset.Column{
	{Name: "task_id", Kind: dataset.Int}, {Name: "small", Kind: dataset.Int}, {Name: "text", Kind: dataset.Text}, {Name: "word", Kind: dataset.Text},
	{Name: "maybe", Kind: dataset.Text, Optional: true}, {Name: "test_list", Kind: dataset.Texts}, {Name: "absent", Kind: dataset.Text, Optional: true},
}

func records(n int) (in []record, want []dataset.Row) {
	for i := range n {
		r := record{ID: int64(i) * 3, Small: int32(-i % 7), Text: strings.Repeat(fmt.Sprintf("line %d é\n", i), i%5), Word: fmt.Sprint("w", i%11), List: []string{}}
		for j := range i % 4 {
			r.List = append(r.List, fmt.Sprintf("assert f(%d) == %d", i, j))
		}
		row := dataset.Row{"task_id": r.ID, "small": int64(r.Small), "text": r.Text, "word": r.Word, "test_list": r.List}
		if i%3 == 0 {
			s := fmt.Sprint("m", i)
			r.Maybe, row["maybe"] = &s, s
		}
		in, want = append(in, r), append(want, row)
	}
	return in, want
}

func encode(t testing.TB, in []record, opt ...pq.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pq.NewGenericWriter[record](&b, opt...)
	for part := range slices.Chunk(in, 400) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil { // a row group
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte, lim Limits) ([]dataset.Row, error) {
	return Read(bytes.NewReader(b), int64(len(b)), columns, lim)
}

func TestRead(t *testing.T) {
	in, want := records(1000)
	codecs := map[string]compress.Codec{"none": &pq.Uncompressed, "snappy": &pq.Snappy, "gzip": &pq.Gzip, "zstd": &pq.Zstd}
	for name, codec := range codecs {
		for version := 1; version <= 2; version++ {
			for _, page := range []int{512, 1 << 20} {
				b := encode(t, in, pq.Compression(codec), pq.DataPageVersion(version), pq.PageBufferSize(page))
				got, err := read(b, Limits{})
				if err != nil {
					t.Fatalf("%s v%d: %v", name, version, err)
				}
				if !reflect.DeepEqual(got, want) {
					for i := range got {
						if !reflect.DeepEqual(got[i], want[i]) {
							t.Fatalf("%s v%d: row %d is %v, want %v", name, version, i, got[i], want[i])
						}
					}
					t.Fatalf("%s v%d: %d rows", name, version, len(got))
				}
			}
		}
	}
	if got, err := read(encode(t, nil), Limits{}); err != nil || len(got) != 0 {
		t.Errorf("no rows: %v, %v", got, err)
	}
}

func TestWrongColumns(t *testing.T) {
	in, _ := records(3)
	b := encode(t, in)
	for _, c := range []dataset.Column{
		{Name: "question", Kind: dataset.Text}, {Name: "text", Kind: dataset.Int}, {Name: "task_id", Kind: dataset.Text}, {Name: "text", Kind: dataset.Texts},
		{Name: "test_list", Kind: dataset.Text}, {Name: "skipped", Kind: dataset.Int}, {Name: "nested", Kind: dataset.Text}, {Name: "nested", Kind: dataset.Texts},
		{Name: "plain", Kind: dataset.Text},
	} {
		if _, err := Read(bytes.NewReader(b), int64(len(b)), []dataset.Column{c}, Limits{}); !errors.Is(err, ErrColumns) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestLimits(t *testing.T) {
	in, _ := records(1000)
	b := encode(t, in, pq.Compression(&pq.Snappy))
	for name, lim := range map[string]Limits{"rows": {Rows: 999}, "values": {Values: 900}, "bytes": {Bytes: 1000}, "page": {Page: 100}, "footer": {Footer: 100}} {
		if _, err := read(b, lim); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnsupported(t *testing.T) {
	in, _ := records(50)
	for name, b := range map[string][]byte{
		"brotli": encode(t, in, pq.Compression(&pq.Brotli)), "lz4": encode(t, in, pq.Compression(&pq.Lz4Raw)),
		"delta": delta(t),
	} {
		if _, err := Read(bytes.NewReader(b), int64(len(b)), []dataset.Column{{Name: "text", Kind: dataset.Text}}, Limits{}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// delta is a file in parquet-go's own choice of encoding for texts.
func delta(t *testing.T) []byte {
	type record struct {
		Text string `parquet:"text"`
	}
	var b bytes.Buffer
	w := pq.NewGenericWriter[record](&b)
	if _, err := w.Write([]record{{"a"}, {"b"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// known reports whether an error is one that a caller can decide by.
func known(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrColumns) || errors.Is(err, ErrTooLarge)
}

// TestDamage cuts a file at every length and turns every byte; the reader has to give rows or one of its errors.
func TestDamage(t *testing.T) {
	in, _ := records(40)
	for version := 1; version <= 2; version++ {
		whole := encode(t, in, pq.Compression(&pq.Snappy), pq.DataPageVersion(version))
		for n := range whole {
			if _, err := read(whole[:n], Limits{}); !known(err) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
		for i := range whole {
			for _, x := range []byte{1, 0x80, 0xff} {
				b := bytes.Clone(whole)
				b[i] ^= x
				if _, err := read(b, Limits{}); err != nil && !known(err) {
					t.Fatalf("byte %d: %v", i, err)
				}
			}
		}
	}
}

// TestClaims gives a file whose footer says more than it has.
func TestClaims(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": {}, "text": []byte("hello, this is no table"), "magic alone": []byte("PAR1PAR1"),
		"footer beyond": binary.LittleEndian.AppendUint32([]byte("PAR1xxxxxxxx"), 1<<31), "nothing in it": append(binary.LittleEndian.AppendUint32([]byte("PAR1\x00"), 1), "PAR1"...),
	} {
		if name == "footer beyond" {
			b = append(b, "PAR1"...)
		}
		if _, err := read(b, Limits{}); !known(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	in, _ := records(12)
	for _, codec := range []compress.Codec{&pq.Uncompressed, &pq.Snappy, &pq.Zstd} {
		f.Add(encode(f, in, pq.Compression(codec)))
		f.Add(encode(f, in, pq.Compression(codec), pq.DataPageVersion(2)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := read(b, Limits{Rows: 10_000, Values: 100_000, Bytes: 1 << 20, Page: 1 << 20}); err != nil && !known(err) {
			t.Fatal(err)
		}
	})
}
