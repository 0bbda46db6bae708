package bench

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/train"
)

const (
	prefillTokens = 512
	promptTokens  = 64 // before decoding
	decodeSteps   = 24
)

// compare measures ours and all peers in turn, once a round, and reports the best of each.
// Every function gives the seconds of work tokens.
func compare(b *testing.B, work int, ours func() float64, peers []*peer, theirs func(*peer) float64) {
	b.Helper()
	best := make([]float64, 1+len(peers))
	for i := range best {
		best[i] = math.Inf(1)
	}
	for b.Loop() {
		best[0] = min(best[0], ours())
		for i, p := range peers {
			best[1+i] = min(best[1+i], theirs(p))
		}
	}
	b.ReportMetric(0, "ns/op") // of all engines together: means nothing
	b.ReportMetric(float64(work)/best[0], "tokens/s")
	line := fmt.Sprintf("tokens/s, best of %d: nanteos %.1f", b.N, float64(work)/best[0])
	for i, p := range peers {
		b.ReportMetric(best[1+i]/best[0], "x-"+p.name)
		line += fmt.Sprintf(", %s %.1f (x%.2f)", p.name, float64(work)/best[1+i], best[1+i]/best[0])
	}
	b.Log(line)
}

// memory is what a machine without arithmetic would do: its two threads read 256 MiB, half each, in pages as large as the engine's weights
// have, as often as decoding reads the weights.
type memory struct {
	data *kernel.Packed
	pool *kernel.Pool
}

func newMemory(tb testing.TB) *memory {
	const rows, width = 1 << 14, 1 << 12
	m := &memory{kernel.NewPacked(rows, width), kernel.NewPool(threads)}
	tb.Cleanup(m.pool.Close)
	for p := range m.data.Panels() { // memory that was never written is one page of zeros
		for i := range m.data.Panel(p) {
			m.data.Panel(p)[i] = float32(i)
		}
	}
	return m
}

// read measures bytes a second.
func (m *memory) read() float64 {
	half := m.data.Panels() / threads
	begin := time.Now()
	for range decodeSteps {
		m.pool.Run(threads, func(i int) {
			for p := range half {
				kernel.Max(m.data.Panel(i*half + p))
			}
		})
	}
	return float64(decodeSteps*threads*half*len(m.data.Panel(0))*4) / time.Since(begin).Seconds()
}

// heap is the memory in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkInference measures prefill and decoding on the shape of SmolLM2-135M.
func BenchmarkInference(b *testing.B) {
	f := writeModel(b, smol)
	memory := newMemory(b)
	before := heap()
	m, err := model.Load(f.folder, model.Options{Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	weights := heap() - before
	b.Logf("memory: weights %d MB (%d parameters in bf16)", weights>>20, smol.Parameters())
	peers := append(llamaPeers(b, f.gguf), torchPeers(b, f.folder, "float32", "bfloat16")...)

	b.Run("prefill512", func(b *testing.B) {
		var ours int32
		theirs := map[string]int32{}
		compare(b, prefillTokens, func() (seconds float64) {
			seconds, ours = prefill(b, m)
			return seconds
		}, peers, func(p *peer) float64 {
			r := p.ask(b, "prefill", prefillTokens)
			theirs[p.name] = r.Best
			return r.Seconds
		})
		for name, best := range theirs {
			if best != ours {
				b.Logf("%s has %d as the most likely next token, we have %d", name, best, ours)
			}
		}
	})
	for _, n := range []int{1, 8, 16} {
		b.Run(fmt.Sprintf("decode%d", n), func(b *testing.B) { benchmarkDecoding(b, m, n, before, weights, peers, memory) })
	}
	b.Run("f16", func(b *testing.B) {
		before := heap()
		m, err := model.Load(f.gguf["f16"], model.Options{Threads: threads})
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		weights := heap() - before
		for _, n := range []int{1, 16} {
			b.Run(fmt.Sprintf("decode%d", n), func(b *testing.B) { benchmarkDecoding(b, m, n, before, weights, peers, memory) })
		}
	})
}

// benchmarkDecoding measures n sequences; the heap was before without the model, whose weights are that large.
func benchmarkDecoding(b *testing.B, m *model.Model, n int, before, weights int64, peers []*peer, memory *memory) {
	var ours int64
	theirs := map[string]int64{}
	limit, steps := 0.0, math.Inf(1)
	compare(b, n*decodeSteps, func() float64 {
		limit = max(limit, memory.read())
		seconds, bytes := decode(b, m, n)
		ours, steps = bytes-before, min(steps, seconds)
		return seconds
	}, peers, func(p *peer) float64 {
		r := p.ask(b, "decode", n, promptTokens, decodeSteps)
		theirs[p.name] = r.Resident
		return r.Seconds
	})
	b.ReportMetric(float64(ours>>20), "MB")
	// A step reads every weight once; the embedding is the head.
	speed := 2 * float64(smol.Parameters()) * decodeSteps / steps
	b.Logf("memory: a step's weights at %.1f GB/s, two threads that do nothing else read %.1f GB/s (x%.2f)", speed/1e9, limit/1e9, speed/limit)
	line := fmt.Sprintf("memory: nanteos %d MB (weights %d, keys, values and workspace of %d sequences %d)", ours>>20, weights>>20, n, (ours-weights)>>20)
	for _, p := range peers {
		line += fmt.Sprintf(", process of %s %d MB", p.name, theirs[p.name]>>20)
	}
	b.Log(line)
}

// prefill processes a prompt up to the choice of the first token.
func prefill(tb testing.TB, m *model.Model) (seconds float64, best int32) {
	tb.Helper()
	batch, streams := join(tb, m, 1, prefillTokens, 1)
	defer batch.Close()
	begin := time.Now()
	for streams[0].Made() == 0 {
		if made := batch.Step(); len(made) > 0 {
			best = made[0].ID
		}
	}
	return time.Since(begin).Seconds(), best
}

// decode processes the prompts, untimed, and then makes decodeSteps tokens for each of n streams. bytes is the heap at the end.
func decode(tb testing.TB, m *model.Model, n int) (seconds float64, bytes int64) {
	tb.Helper()
	batch, streams := join(tb, m, n, promptTokens, 4*decodeSteps+n)
	defer batch.Close()
	for _, s := range streams {
		for s.Made() == 0 {
			batch.Step()
		}
	}
	begin := time.Now()
	for range decodeSteps {
		if made := len(batch.Step()); made != n {
			tb.Fatalf("a step made %d tokens for %d streams", made, n)
		}
	}
	seconds = time.Since(begin).Seconds()
	return seconds, heap()
}

func join(tb testing.TB, m *model.Model, n, prompt, most int) (*model.Batch, []*model.Stream) {
	tb.Helper()
	batch, err := m.NewBatch(model.BatchOptions{Sequences: n})
	if err != nil {
		tb.Fatal(err)
	}
	var streams []*model.Stream
	for range n {
		s, err := batch.Join(model.BatchRequest{
			Request:  model.Request{Prompt: tokens(prompt, m.Config().VocabSize)},
			Sampling: model.Sampling{Greedy: true, MaxTokens: most, Stop: []int32{}},
		})
		if err != nil {
			tb.Fatal(err)
		}
		streams = append(streams, s)
	}
	return batch, streams
}

// BenchmarkTraining measures steps of AdamW with clipping on a model of five million parameters, in f32, 16 sequences of 256 tokens.
func BenchmarkTraining(b *testing.B) {
	const sequences, length = 16, 256
	f := writeModel(b, five)
	cfg, weights, err := model.ReadWeights(f.folder)
	if err != nil {
		b.Fatal(err)
	}
	tr, err := train.FromWeights(cfg, weights, train.Options{Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	var batch []train.Example
	for s := range sequences {
		var e train.Example
		for i := range length {
			e.Tokens = append(e.Tokens, token(i+101*s, cfg.VocabSize))
		}
		batch = append(batch, e)
	}
	losses := map[string]float64{} // of the first step
	first := func(name string, loss float64) {
		if _, ok := losses[name]; !ok {
			losses[name] = loss
		}
	}
	compare(b, sequences*length, func() float64 {
		begin := time.Now()
		metrics, err := tr.Step(batch, 1e-4)
		if err != nil {
			b.Fatal(err)
		}
		first("", metrics.Loss)
		return time.Since(begin).Seconds()
	}, torchPeers(b, f.folder, "float32"), func(p *peer) float64 {
		r := p.ask(b, "train", sequences, length)
		first(p.name, r.Loss)
		return r.Seconds
	})
	for name, loss := range losses {
		if math.Abs(loss-losses[""]) > 1e-3*losses[""] {
			b.Errorf("the first step of %s has loss %g, ours %g: not the same training", name, loss, losses[""])
		}
	}
}
