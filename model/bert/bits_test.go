package bert

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

func embed(t testing.TB, e *Encoder, texts []string) [][]float32 {
	t.Helper()
	v, err := e.Embed(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	if len(v) != len(texts) {
		t.Fatalf("%d vectors of %d texts", len(v), len(texts))
	}
	return v
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func digest(vectors [][]float32) uint64 {
	h := fnv.New64a()
	for _, v := range vectors {
		for _, x := range v {
			b := math.Float32bits(x)
			_, _ = h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	}
	return h.Sum64()
}

// TestBits: a text's vector has the same bits alone and in any company, in any order and batch size, on any number of threads, with every
// instruction set. The digests pin them across machines.
func TestBits(t *testing.T) {
	defer func() {
		if err := kernel.SetISA(""); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		name   string
		cfg    Config
		digest uint64
	}{
		{"like MiniLM", shape(96, 2, 3, 160, 110), 0x2b4924b66400c4a8},
		{"odd", shape(60, 2, 5, 70, 90), 0xc16940158c82ce9},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 5))
			dir := newTiny(rng, c.cfg, safetensors.F32).write(t, nil)
			texts := append(randomTexts(rng, 14, c.cfg.Positions), "")
			one := load(t, dir, Options{Threads: 1})
			if err := kernel.SetISA(kernel.Generic); err != nil {
				t.Fatal(err)
			}
			want := embed(t, one, texts)
			if got := digest(want); got != c.digest {
				t.Errorf("digest %#x, want %#x: the bits have changed", got, c.digest)
			}
			for _, isa := range kernel.ISAs() {
				if err := kernel.SetISA(isa); err != nil {
					t.Fatal(err)
				}
				options := []Options{{Threads: 1, BatchTokens: 1}, {Threads: 3, BatchTokens: 200}, {Threads: 2}, {Threads: 5, BatchTokens: 1 << 20}}
				if isa == kernel.Generic {
					options = options[:2]
				}
				for _, o := range options {
					e := load(t, dir, o)
					order := rng.Perm(len(texts))
					mixed := make([]string, len(texts))
					for i, j := range order {
						mixed[i] = texts[j]
					}
					got := embed(t, e, mixed)
					for i, j := range order {
						if !sameBits(got[i], want[j]) {
							t.Fatalf("%s, %+v: other bits for %q", isa, o, mixed[i])
						}
					}
					for range 4 {
						i := rng.IntN(len(texts))
						if alone := embed(t, e, texts[i:i+1]); !sameBits(alone[0], want[i]) {
							t.Fatalf("%s, %+v: other bits alone for %q", isa, o, texts[i])
						}
					}
				}
			}
		})
	}
}

func TestConcurrent(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	e := load(t, newTiny(rng, shape(64, 2, 2, 96, 80), safetensors.F32).write(t, nil), Options{Threads: 2, Concurrent: 2})
	texts := randomTexts(rng, 12, 60)
	want := embed(t, e, texts)
	var wg sync.WaitGroup
	for k := range 6 {
		wg.Go(func() {
			for i := k % 3; i < len(texts); i += 3 {
				got, err := e.Embed(t.Context(), texts[i:])
				if err != nil || !sameBits(got[0], want[i]) {
					t.Errorf("text %d: other bits (%v)", i, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestEmbed(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	m := newTiny(rng, shape(32, 1, 2, 40, 50), safetensors.F32)
	dir := m.write(t, m.edit(t, "sentence_bert_config.json", "max_seq_length", 12))
	e := load(t, dir, Options{Concurrent: 1})
	if e.Dim() != 32 || e.MaxTokens() != 12 || !e.Config().Normalize || e.Tokenizer().VocabSize() == 0 {
		t.Errorf("%+v", e.Config())
	}
	if v := embed(t, e, nil); len(v) != 0 {
		t.Errorf("%d vectors of no texts", len(v))
	}
	long := strings.Repeat("a b c ", 50)
	if ids := e.Tokens(long); len(ids) != 12 {
		t.Errorf("%d tokens", len(ids))
	}
	v := embed(t, e, []string{long, long + "d", "a", "b"})
	if !sameBits(v[0], v[1]) || sameBits(v[2], v[3]) {
		t.Error("what is cut off counts, or what isn't doesn't")
	}
	for i, x := range v {
		if l := kernel.Dot(x, x); math.Abs(float64(l)-1) > 1e-6 {
			t.Errorf("vector %d has length² %g", i, l)
		}
	}
	same, err := e.EmbedTokens(t.Context(), [][]int32{e.Tokens("a"), e.Tokens("b")})
	if err != nil || !sameBits(same[0], v[2]) || !sameBits(same[1], v[3]) {
		t.Errorf("tokens give other vectors than texts (%v)", err)
	}
	for _, bad := range [][]int32{{}, {-1}, {int32(m.cfg.VocabSize)}, make([]int32, 13)} {
		if _, err := e.EmbedTokens(t.Context(), [][]int32{{5}, bad}); !errors.Is(err, ErrTokens) || !strings.Contains(err.Error(), "text 1") {
			t.Errorf("tokens %d: %v", bad, err)
		}
	}
	gone, stop := context.WithCancelCause(t.Context())
	why := errors.New("the client has gone")
	stop(why)
	if _, err := e.Embed(gone, []string{"a"}); !errors.Is(err, why) {
		t.Errorf("a cancelled call: %v", err)
	}
	w := <-e.turns // somebody else computes
	if _, err := e.Embed(gone, []string{"a"}); !errors.Is(err, why) {
		t.Errorf("a cancelled call that waits: %v", err)
	}
	e.turns <- w
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.Embed(t.Context(), []string{"a"}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestDamaged: numbers that are none, and a file cut short under its mapping, are errors.
func TestDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	m := newTiny(rng, shape(32, 1, 2, 40, 50), safetensors.F32)
	bias := m.tensors["encoder.layer.0.output.LayerNorm.bias"]
	bias.Data = slices.Clone(bias.Data)
	copy(bias.Data[8:], []byte{0, 0, 0xc0, 0x7f})
	whole := m.tensors["encoder.layer.0.output.LayerNorm.bias"]
	m.tensors["encoder.layer.0.output.LayerNorm.bias"] = bias
	if _, err := load(t, m.write(t, nil)).Embed(t.Context(), []string{"a"}); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "text 0") {
		t.Errorf("a weight that is no number: %v", err)
	}
	m.tensors["encoder.layer.0.output.LayerNorm.bias"] = whole
	dir := m.write(t, nil)
	e := load(t, dir)
	if err := os.Truncate(filepath.Join(dir, safetensors.SingleName), 64); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Embed(t.Context(), []string{"a"}); err != nil && !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file cut short: %v", err)
	} else if err == nil {
		t.Log("the page was still there")
	}
}

func BenchmarkEmbed(b *testing.B) {
	dir := os.Getenv(folderEnv)
	if dir == "" {
		rng := rand.New(rand.NewPCG(9, 9))
		dir = newTiny(rng, shape(384, 6, 12, 1536, 256), safetensors.F32).write(b, nil)
	}
	e := load(b, dir)
	texts := slices.Repeat([]string{strings.Repeat("hello world, ", 15)}, 16)
	tokens := 0
	for _, text := range texts {
		tokens += len(e.Tokens(text))
	}
	b.ResetTimer()
	for range b.N {
		embed(b, e, texts)
	}
	b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkGELU(b *testing.B) {
	x, y := make([]float32, 1536), make([]float32, 1536)
	for i := range x {
		x[i] = float32(i%97)/20 - 2.4
	}
	for range b.N {
		copy(y, x)
		gelu(y)
	}
	b.SetBytes(int64(4 * len(x)))
}
