package scale_test

import (
	"testing"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// BenchmarkRead reads columns as metagraphs have them: 1,024 each of compact numbers, u64 and accounts.
func BenchmarkRead(b *testing.B) {
	const n = 1024
	var w scale.Writer
	w.Compact(n)
	for i := range uint64(n) {
		w.Compact(i * i * i * 977)
	}
	numbers := len(w)
	w.Compact(n)
	for i := range uint64(n) {
		w.U64(i)
	}
	w.Compact(n)
	w.Raw(make([]byte, 32*n)...)
	b.Run("compact", func(b *testing.B) {
		b.SetBytes(int64(numbers))
		for b.Loop() {
			r := scale.NewReader(w[:numbers])
			for range r.Count(1) {
				r.Compact()
			}
			if r.End() != nil {
				b.Fatal(r.Err())
			}
		}
	})
	b.Run("columns", func(b *testing.B) {
		b.SetBytes(int64(len(w)))
		b.ReportAllocs()
		for b.Loop() {
			r := scale.NewReader(w)
			for range r.Count(1) {
				r.Compact()
			}
			for range r.Count(8) {
				r.U64()
			}
			r.Hashes()
			if r.End() != nil {
				b.Fatal(r.Err())
			}
		}
	})
}

// BenchmarkWrite writes 1,024 compact numbers and u64.
func BenchmarkWrite(b *testing.B) {
	buf := make(scale.Writer, 0, 1<<15)
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		w := buf[:0]
		for i := range uint64(1024) {
			w.Compact(i * i * i * 977)
			w.U64(i)
		}
		size = len(w)
	}
	b.SetBytes(int64(size))
}
