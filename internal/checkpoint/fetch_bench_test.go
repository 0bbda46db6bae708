package checkpoint

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/model/safetensors"
)

// BenchmarkFetchPatch fetches a patch of 1 % of a bfloat16 model whose base is cached: bytes of the model a second, and by how much the heap grew
// at most, as a part of the model.
func BenchmarkFetchPatch(b *testing.B) {
	const rows, cols, tensors = 4096, 1024, 8 // 64 MiB
	r := rand.New(rand.NewPCG(1, 2))
	weights := make([][]uint16, tensors)
	for i := range weights {
		weights[i] = make([]uint16, rows*cols)
		for j := range weights[i] {
			weights[i][j] = uint16(0x3000 + r.IntN(0x1000))
		}
	}
	bkt := newBucket(b)
	p := newPublisher(b, bkt, b.TempDir(), func(c *PublisherConfig) { c.Interval = 100 })
	for step := range 2 {
		dir := b.TempDir()
		var all []safetensors.Tensor
		for i, w := range weights {
			for range step * rows * cols / 100 {
				w[r.IntN(len(w))] ^= 1
			}
			all = append(all, safetensors.FromBF16("layer."+string(rune('a'+i)), []int{rows, cols}, w))
		}
		if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), all, map[string]string{"format": "pt"}); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644); err != nil {
			b.Fatal(err)
		}
		window := int64(30 * (step + 1))
		if _, err := p.Publish(b.Context(), dir, policyOf(b, window)); err != nil {
			b.Fatal(err)
		}
		if err := p.Ready(b.Context(), window, window); err != nil {
			b.Fatal(err)
		}
	}
	weights = nil
	c := newCache(b, Limits{})
	if _, err := c.Fetch(b.Context(), bkt, 30, trainerKey()); err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	size := float64(2 * rows * cols * tensors)
	b.SetBytes(int64(size))
	peak, done := 0.0, make(chan struct{})
	var ended atomic.Bool
	runtime.GC()
	before := heap()
	go func() {
		defer close(done)
		for !ended.Load() {
			peak = max(peak, heap()-before)
			time.Sleep(2 * time.Millisecond)
		}
	}()
	for b.Loop() {
		if err := c.Prune(30); err != nil {
			b.Fatal(err)
		}
		if _, report, err := c.FetchFrom(b.Context(), []bucket.Bucket{bkt}, 60, trainerKey()); err != nil || report.Patches != 1 {
			b.Fatal(report, err)
		}
	}
	ended.Store(true)
	<-done
	b.ReportMetric(100*peak/size, "peak-%")
}
