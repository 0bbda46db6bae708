package windowfile

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/nanteos/nanteos/grail"
)

// The window file of the issue: 5,000 rows of 512 tokens. Bytes are those of the file.
const benchRows, benchTokens = 5000, 512

func BenchmarkWrite(b *testing.B) {
	rows := sampleRows(benchRows, benchTokens)
	size := len(sample(b, rows, Options{}))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, sampleMeta(), rows, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRead(b *testing.B, cols Columns, from, to int64) {
	file := sample(b, sampleRows(benchRows, benchTokens), Options{})
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(bytes.NewReader(file), int64(len(file)), Limits{})
		if err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		if err := f.Scan(context.Background(), cols, from, to, func(int64, *grail.Row) error { n++; return nil }); err != nil || n != to-from {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkReadAll(b *testing.B)       { benchmarkRead(b, All, 0, benchRows) }
func BenchmarkReadDigests(b *testing.B)   { benchmarkRead(b, Digests, 0, benchRows) }
func BenchmarkReadStructure(b *testing.B) { benchmarkRead(b, Structure, 0, benchRows) }
func BenchmarkReadSample(b *testing.B)    { benchmarkRead(b, All, 3200, 3264) }
