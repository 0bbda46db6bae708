package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchShapes are the base model's shape and SmolLM2-135M's.
var benchShapes = []struct {
	name string
	cfg  Config
}{
	{"base", Config{Architecture: "Qwen3ForCausalLM", VocabSize: 640, HiddenSize: 128, IntermediateSize: 384, Layers: 5, Heads: 4, KVHeads: 2,
		HeadDim: 32, NormEps: 1e-6, RopeTheta: 1e4, MaxPositions: 2048, TieEmbeddings: true, QKNorm: true, BOS: -1, Pad: -1}},
	{"135M", Config{Architecture: "LlamaForCausalLM", VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536, Layers: 30, Heads: 9, KVHeads: 3,
		HeadDim: 64, NormEps: 1e-5, RopeTheta: 1e4, MaxPositions: 2048, TieEmbeddings: true, BOS: -1, Pad: -1}},
}

func benchModel(b *testing.B, cfg Config) *Model {
	rng := rand.New(rand.NewPCG(1, 1))
	weights := map[string]Tensor{}
	for _, spec := range cfg.Tensors() {
		n := Tensor{Shape: spec.Shape}.Len()
		w := Tensor{Shape: spec.Shape}
		if len(spec.Shape) == 1 {
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
	m, err := New(cfg, weights)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func BenchmarkReplay(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(s.name, func(b *testing.B) {
			m := benchModel(b, s.cfg)
			tokens := randomTokens(rand.New(rand.NewPCG(2, 2)), 512, s.cfg.VocabSize)
			for b.Loop() {
				if _, err := m.Replay(context.Background(), []Sequence{{tokens, 0}}, ReplayOptions{EOS: 1}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*512/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkReplayGroup replays 16 sequences that share a prompt.
func BenchmarkReplayGroup(b *testing.B) {
	s := benchShapes[0]
	m := benchModel(b, s.cfg)
	tokens := randomTokens(rand.New(rand.NewPCG(2, 2)), 300, s.cfg.VocabSize)
	var seqs []Sequence
	for range 16 {
		seqs = append(seqs, Sequence{tokens, 150})
	}
	for b.Loop() {
		if _, err := m.Replay(context.Background(), seqs, ReplayOptions{EOS: 1, Temperature: 0.9}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*300*16/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkPrefill(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(s.name, func(b *testing.B) {
			m := benchModel(b, s.cfg)
			tokens := randomTokens(rand.New(rand.NewPCG(2, 2)), 512, s.cfg.VocabSize)
			w := m.workspace(stepRows)
			for b.Loop() {
				if err := m.prefill(context.Background(), w, &cache{m: m}, tokens, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*512/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range benchShapes {
		for _, n := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/batch%d", s.name, n), func(b *testing.B) {
				m := benchModel(b, s.cfg)
				prompt := randomTokens(rand.New(rand.NewPCG(2, 2)), 100, s.cfg.VocabSize)
				var reqs []Request
				for i := range n {
					reqs = append(reqs, Request{Prompt: prompt, Seed: uint64(i)})
				}
				const tokens = 64
				for b.Loop() {
					if _, err := m.Generate(context.Background(), reqs, Sampling{Temperature: 1, MaxTokens: tokens, Stop: []int32{}}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*n*tokens)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
