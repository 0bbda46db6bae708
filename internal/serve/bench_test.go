package serve

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/model"
)

// random135M is a model of SmolLM2-135M's shape with random bf16 weights.
func random135M(b *testing.B) *model.Model {
	b.Helper()
	c := model.Config{Architecture: "LlamaForCausalLM", VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536, Layers: 30, Heads: 9, KVHeads: 3,
		HeadDim: 64, NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 2048, TieEmbeddings: true, BOS: -1, Pad: -1}
	rng := rand.New(rand.NewPCG(1, 1))
	weights := map[string]model.Tensor{}
	for _, spec := range c.Tensors() {
		w := model.Tensor{Shape: spec.Shape}
		if n := w.Len(); len(spec.Shape) == 1 {
			w.F32 = make([]float32, n)
			for i := range w.F32 {
				w.F32[i] = 1
			}
		} else {
			w.BF16 = make([]uint16, n)
			for i := range w.BF16 {
				w.BF16[i] = uint16(0x3c80|rng.Uint32()&0x7f) | uint16(rng.Uint32()&1)<<15 // ±0.0156..0.031
			}
		}
		weights[spec.Name] = w
	}
	m, err := model.New(c, weights)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkServe compares streams over HTTP, one client each and different prompts, with one call of Generate for all
// of them, in turns within one run.
func BenchmarkServe(b *testing.B) {
	base, tokens := loaded()
	for _, x := range []struct {
		name   string
		m      *model.Model
		tokens int
	}{{"base", base, 256}, {"135M", nil, 32}} {
		if x.m == nil && testing.Short() {
			continue
		}
		m := x.m
		if m == nil {
			m = random135M(b)
		}
		s, err := New(Config{Name: "m", Model: m, Tokenizer: tokens})
		if err != nil {
			b.Fatal(err)
		}
		web := httptest.NewServer(s.Handler())
		for _, streams := range []int{1, 8, 16} {
			b.Run(fmt.Sprintf("%s/%d", x.name, streams), func(b *testing.B) {
				var alone, served time.Duration
				rng := rand.New(rand.NewPCG(3, uint64(streams)))
				for b.Loop() {
					var requests []model.Request
					for i := range streams {
						prompt := make([]int32, 16)
						for k := range prompt {
							prompt[k] = rng.Int32N(256)
						}
						requests = append(requests, model.Request{Prompt: prompt, Seed: uint64(i)})
					}
					start := time.Now()
					if _, err := m.Generate(context.Background(), requests, model.Sampling{MaxTokens: x.tokens, Temperature: 1, Stop: []int32{}}); err != nil {
						b.Fatal(err)
					}
					alone += time.Since(start)
					start = time.Now()
					var wait sync.WaitGroup
					for i, r := range requests {
						wait.Go(func() {
							body := fmt.Sprintf(`{"prompt":%s,"max_tokens":%d,"seed":%d,"ignore_eos":true,"stream":true}`, jsonOf(b, r.Prompt), x.tokens, i)
							res, err := http.Post(web.URL+"/v1/completions", "application/json", strings.NewReader(body))
							if err != nil {
								b.Error(err)
								return
							}
							defer res.Body.Close()
							if n, _ := io.Copy(io.Discard, res.Body); res.StatusCode != 200 || n == 0 {
								b.Errorf("status %d, %d bytes", res.StatusCode, n)
							}
						})
					}
					wait.Wait()
					served += time.Since(start)
				}
				n := float64(b.N * streams * x.tokens)
				b.ReportMetric(n/served.Seconds(), "served-tokens/s")
				b.ReportMetric(n/alone.Seconds(), "generate-tokens/s")
				b.ReportMetric(alone.Seconds()/served.Seconds(), "ratio")
			})
		}
		web.Close()
		s.Close()
	}
}
