package model

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/model/kernel"
)

// TestDigest forms the digest anew from the states of a token-by-token run, and changes what must change it.
func TestDigest(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 3))
	cfg := randomConfig(rng)
	weights := randomWeights(rng, cfg)
	m, err := New(cfg, weights)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tokens := randomTokens(rng, 70, cfg.VocabSize)
	got, err := m.Digest(context.Background(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]float32, len(tokens))
	_, err = m.Replay(context.Background(), []Sequence{{Tokens: tokens, PromptLength: 40}}, ReplayOptions{EOS: -1, Hidden: func(_, pos int, h []float32) {
		rows[pos] = append([]float32(nil), h...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("nanteos hidden states 1\n")
	for _, n := range append([]int32{int32(len(tokens)), int32(cfg.HiddenSize)}, tokens...) {
		text = binary.LittleEndian.AppendUint32(text, uint32(n))
	}
	for _, row := range rows {
		var b []byte
		for _, x := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		h := sha256.Sum256(b)
		text = append(text, h[:]...)
	}
	if want := sha256.Sum256(text); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
	for _, other := range []func() (*Model, []int32){
		func() (*Model, []int32) { return m, tokens[:69] },
		func() (*Model, []int32) {
			changed := append([]int32(nil), tokens...)
			changed[69] = (changed[69] + 1) % int32(cfg.VocabSize)
			return m, changed
		},
		func() (*Model, []int32) {
			w := weights["model.norm.weight"]
			switch {
			case w.BF16 != nil:
				w.BF16[0] ^= 1
			case w.F16 != nil:
				w.F16[0] ^= 1
			default:
				w.F32[0] = math.Nextafter32(w.F32[0], 2)
			}
			n, err := New(cfg, weights)
			if err != nil {
				t.Fatal(err)
			}
			return n, tokens
		},
	} {
		n, x := other()
		if d, err := n.Digest(context.Background(), x); err != nil || d == got {
			t.Errorf("another model or text gives the same digest (%v)", err)
		}
	}
	if _, err := m.Digest(context.Background(), nil); !errors.Is(err, ErrTokens) {
		t.Errorf("no tokens: %v", err)
	}
}

// TestDigestEverywhere compares instruction sets and threads.
func TestDigestEverywhere(t *testing.T) {
	old := kernel.ISA()
	defer func() {
		if err := kernel.SetISA(old); err != nil {
			t.Error(err)
		}
	}()
	cfg := plainOf("Qwen3ForCausalLM")
	cfg.RopeScaling = RopeScaling{Type: "yarn", Factor: 4, OriginalContexts: 32}
	weights := randomWeights(rand.New(rand.NewPCG(8, 3)), cfg)
	tokens := randomTokens(rand.New(rand.NewPCG(9, 3)), 70, cfg.VocabSize)
	seen := map[[32]byte]bool{}
	for _, isa := range kernel.ISAs() {
		if err := kernel.SetISA(isa); err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 3} {
			m, err := New(cfg, weights, Options{Threads: threads})
			if err != nil {
				t.Fatal(err)
			}
			d, err := m.Digest(context.Background(), tokens)
			if err != nil {
				t.Fatal(err)
			}
			seen[d] = true
			m.Close()
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d digests over %v", len(seen), kernel.ISAs())
	}
}
