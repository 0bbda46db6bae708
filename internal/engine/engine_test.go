package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/chat"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// tiny writes a random model folder with a byte tokenizer: ids 0..255 are bytes, then <|im_start|>, <|im_end|>.
func tiny(t testing.TB, seed uint64, change func(*model.Config)) string {
	t.Helper()
	dir := t.TempDir()
	cfg := model.Config{
		Architecture: "Qwen3ForCausalLM", VocabSize: 260, HiddenSize: 32, IntermediateSize: 64, Layers: 2,
		Heads: 2, KVHeads: 1, HeadDim: 16, QKNorm: true, NormEps: 1e-6, RopeTheta: 10000, MaxPositions: 256, TieEmbeddings: true,
		BOS: -1, EOS: []int{257}, Pad: -1, StorageDType: "bfloat16", InitializerStdDev: 0.02,
	}
	if change != nil {
		change(&cfg)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	weights := map[string]model.Tensor{}
	for _, spec := range cfg.Tensors() {
		w := model.Tensor{Shape: spec.Shape}
		w.F32 = make([]float32, w.Len())
		for i := range w.F32 {
			if len(spec.Shape) == 1 {
				w.F32[i] = 1
			} else {
				w.F32[i] = float32(r.NormFloat64() * 0.3)
			}
		}
		weights[spec.Name] = w
	}
	if err := model.WriteFolder(dir, cfg, weights); err != nil {
		t.Fatal(err)
	}
	writeTokenizer(t, dir, chat.Instructed, "<|im_end|>")
	return dir
}

func writeTokenizer(t testing.TB, dir, template, eos string) {
	t.Helper()
	spec := tokenizer.Spec{
		Added:        []tokenizer.AddedToken{{Content: "<|im_start|>", Special: true}, {Content: "<|im_end|>", Special: true}},
		EOS:          eos,
		ChatTemplate: template,
	}
	for b := range 256 {
		spec.Tokens = append(spec.Tokens, string([]byte{byte(b)}))
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, l *engine.Library, dir string) *engine.Native {
	t.Helper()
	n, err := l.Load(t.Context(), dir, engine.Identity{Name: "tiny", CheckpointWindow: 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func coefficients(t testing.TB, text string) grail.Coefficients {
	t.Helper()
	r, err := grail.NewCoefficients(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var params = grail.GenerationParams{MaxTokens: 40, Temperature: 0.8, TopP: 0.95, TopK: 50, RepetitionPenalty: 1.1}

// group makes count completions of a few prompts and returns them as whole sequences.
func group(t testing.TB, e engine.Engine, count int) []engine.Sequence {
	t.Helper()
	var requests []engine.Request
	for i := range count {
		prompt := []int32{256, 'h', 'i', int32(i/16) + 'a', 257, 10}
		requests = append(requests, engine.Request{Prompt: prompt, Seed: uint64(i)})
	}
	made, err := e.Generate(t.Context(), requests, params)
	if err != nil {
		t.Fatal(err)
	}
	var out []engine.Sequence
	for i, c := range made {
		out = append(out, engine.Sequence{Tokens: append(slices.Clone(requests[i].Prompt), c.Tokens...), PromptLength: len(requests[i].Prompt)})
	}
	return out
}

func TestInfo(t *testing.T) {
	dir := tiny(t, 1, nil)
	n := load(t, engine.NewLibrary(engine.Config{}), dir)
	want := engine.Info{Name: "tiny", CheckpointWindow: 30, VocabSize: 260, MaxLength: 256, EOS: 257}
	if got := n.Info(); got != want {
		t.Errorf("info: got %+v, want %+v", got, want)
	}
	anonymous, err := engine.Load(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer anonymous.Close()
	if got := anonymous.Info().Name; got != dir {
		t.Errorf("name of a folder without metadata: got %q, want its path", got)
	}
	if n.Canary().Digest != anonymous.Canary().Digest || n.Canary().Digest == "" {
		t.Error("the canary differs between two loads of one folder")
	}
}

// A proof that a miner makes of what it generated equals what a validator replays, in another library, other threads, other company and
// other order.
func TestProofEqualsReplay(t *testing.T) {
	dir := tiny(t, 2, nil)
	miner := load(t, engine.NewLibrary(engine.Config{}), dir)
	validator := load(t, engine.NewLibrary(engine.Config{Threads: 1, Turns: 2, CacheBytes: 1}), dir)
	sequences := group(t, miner, 35)
	r := coefficients(t, "ab01")
	proofs, err := miner.Prove(t.Context(), sequences, r)
	if err != nil {
		t.Fatal(err)
	}
	var requests []verify.ReplayRequest
	for _, s := range slices.Backward(sequences) {
		requests = append(requests, verify.ReplayRequest{Tokens: s.Tokens, PromptLength: s.PromptLength, Coefficients: r})
	}
	replays, err := validator.Replay(t.Context(), requests, params)
	if err != nil {
		t.Fatal(err)
	}
	if len(proofs) != len(sequences) || len(replays) != len(sequences) {
		t.Fatalf("%d sequences gave %d proofs and %d replays", len(sequences), len(proofs), len(replays))
	}
	for i, s := range sequences {
		p, q := proofs[i], replays[len(replays)-1-i]
		if !slices.Equal(p.Sketches, q.Sketches) || !slices.Equal(p.LogProbs, q.LogProbs) {
			t.Fatalf("sequence %d: proof and replay differ", i)
		}
		if len(p.Sketches) != len(s.Tokens) || len(p.LogProbs) != len(s.Tokens) {
			t.Fatalf("sequence %d: %d tokens have %d sketches and %d log-probabilities", i, len(s.Tokens), len(p.Sketches), len(p.LogProbs))
		}
		if want := len(s.Tokens) - s.PromptLength; len(q.ChosenProbs) != want {
			t.Errorf("sequence %d: %d chosen probabilities, want %d", i, len(q.ChosenProbs), want)
		}
		if !(q.EOSProb >= 0 && q.EOSProb <= 1) {
			t.Errorf("sequence %d: probability of the end token is %v", i, q.EOSProb)
		}
		for pos, lp := range p.LogProbs {
			if pos < s.PromptLength && lp != 0 || pos >= s.PromptLength && !(lp < 0) {
				t.Errorf("sequence %d: log-probability at %d is %v", i, pos, lp)
			}
			if k := p.Sketches[pos]; k < 0 || k >= grail.Q {
				t.Errorf("sequence %d: sketch at %d is %d", i, pos, k)
			}
		}
	}
	if last := sequences[len(sequences)-1]; last.Tokens[len(last.Tokens)-1] == 257 {
		q := replays[0]
		if want := math.Exp(q.LogProbs[len(last.Tokens)-1]); math.Abs(q.EOSProb-want) > 1e-6 {
			t.Errorf("probability of the end token is %v, its log-probability says %v", q.EOSProb, want)
		}
	}
}

// The sketches are those of the hidden states that the model gives.
func TestSketches(t *testing.T) {
	dir := tiny(t, 3, nil)
	n := load(t, engine.NewLibrary(engine.Config{}), dir)
	m, err := model.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := group(t, n, 1)[0]
	d := m.Config().HiddenSize
	hidden := make([]float32, len(s.Tokens)*d)
	if _, err := m.Replay(t.Context(), []model.Sequence{{Tokens: s.Tokens}}, model.ReplayOptions{EOS: -1, SkipLogits: true,
		Hidden: func(_, pos int, h []float32) { copy(hidden[pos*d:], h) }}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"00", "ff", "0123456789abcdef"} {
		r := coefficients(t, text)
		want := make([]int64, len(s.Tokens))
		if err := grail.Sketches(want, hidden, d, r); err != nil {
			t.Fatal(err)
		}
		proofs, err := n.Prove(t.Context(), []engine.Sequence{s}, r)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(proofs[0].Sketches, want) {
			t.Errorf("randomness %s: sketches differ", text)
		}
	}
}

// Every request of a replay has coefficients of its own.
func TestCoefficientsOfEach(t *testing.T) {
	n := load(t, engine.NewLibrary(engine.Config{}), tiny(t, 3, nil))
	s := group(t, n, 1)[0]
	var requests []verify.ReplayRequest
	for _, text := range []string{"01", "02", "01"} {
		requests = append(requests, verify.ReplayRequest{Tokens: s.Tokens, PromptLength: s.PromptLength, Coefficients: coefficients(t, text)})
	}
	got, err := n.Replay(t.Context(), requests, params)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(got[0].Sketches, got[1].Sketches) || !slices.Equal(got[0].Sketches, got[2].Sketches) {
		t.Error("coefficients of one request reached another")
	}
}

func TestGenerate(t *testing.T) {
	n := load(t, engine.NewLibrary(engine.Config{}), tiny(t, 4, nil))
	all := group(t, n, 40)
	for i, s := range all {
		completion := s.Tokens[s.PromptLength:]
		if at := slices.Index(completion, 257); at >= 0 && at != len(completion)-1 {
			t.Errorf("completion %d goes on after its end", i)
		}
		if len(completion) == 0 || len(completion) > params.MaxTokens {
			t.Errorf("completion %d has %d tokens", i, len(completion))
		}
	}
	// The same seed gives the same completion alone.
	alone, err := n.Generate(t.Context(), []engine.Request{{Prompt: all[20].Tokens[:all[20].PromptLength], Seed: 20}}, params)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(alone[0].Tokens, all[20].Tokens[all[20].PromptLength:]) {
		t.Error("a completion depends on its company")
	}
	if alone[0].Stopped != (alone[0].Tokens[len(alone[0].Tokens)-1] == 257) {
		t.Error("Stopped and the last token disagree")
	}
	if slices.Equal(all[1].Tokens, all[2].Tokens) {
		t.Error("two seeds gave one completion")
	}
	// Only the tokenizer's end token ends a completion, and a nucleus of 0 is the likeliest token.
	greedy := grail.GenerationParams{MaxTokens: 5, Temperature: 2, TopP: 0, RepetitionPenalty: 1}
	a, errA := n.Generate(t.Context(), []engine.Request{{Prompt: []int32{1, 2, 3}, Seed: 1}}, greedy)
	b, errB := n.Generate(t.Context(), []engine.Request{{Prompt: []int32{1, 2, 3}, Seed: 2}}, greedy)
	if errA != nil || errB != nil || !slices.Equal(a[0].Tokens, b[0].Tokens) {
		t.Errorf("top_p 0 is not greedy: %v, %v, %v, %v", a, b, errA, errB)
	}
	if none, err := n.Generate(t.Context(), nil, params); err != nil || len(none) != 0 {
		t.Errorf("no requests: %v, %v", none, err)
	}
}

func TestEndToken(t *testing.T) {
	for _, c := range []struct {
		name, tokenizer string
		config          []int
		want            int32
	}{
		{"the tokenizer's wins", "<|im_start|>", []int{257}, 256},
		{"else the configuration's first", "", []int{12, 13}, 12},
		{"none", "", nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tiny(t, 5, func(cfg *model.Config) { cfg.EOS = c.config })
			writeTokenizer(t, dir, chat.Instructed, c.tokenizer)
			n := load(t, engine.NewLibrary(engine.Config{}), dir)
			if got := n.Info().EOS; got != c.want {
				t.Fatalf("end token: got %d, want %d", got, c.want)
			}
			made, err := n.Generate(t.Context(), []engine.Request{{Prompt: []int32{1}, Seed: 3}}, grail.GenerationParams{MaxTokens: 200, Temperature: 2, TopP: 1, RepetitionPenalty: 1})
			if err != nil {
				t.Fatal(err)
			}
			if c.want < 0 && (made[0].Stopped || len(made[0].Tokens) != 200) {
				t.Errorf("without an end token a completion of %d tokens stopped: %v", len(made[0].Tokens), made[0].Stopped)
			}
			replays, err := n.Replay(t.Context(), []verify.ReplayRequest{{Tokens: []int32{1, 2}, PromptLength: 1}}, params)
			if err != nil {
				t.Fatal(err)
			}
			if math.IsNaN(replays[0].EOSProb) != (c.want < 0) {
				t.Errorf("probability of the end token %d: %v", c.want, replays[0].EOSProb)
			}
		})
	}
}

// A completion that fills the context ends there without an end token.
func TestContextFull(t *testing.T) {
	n := load(t, engine.NewLibrary(engine.Config{}), tiny(t, 6, func(c *model.Config) { c.MaxPositions = 40; c.EOS = nil }))
	prompt := slices.Repeat([]int32{7}, 30)
	made, err := n.Generate(t.Context(), []engine.Request{{Prompt: prompt, Seed: 1}}, grail.GenerationParams{MaxTokens: 100, Temperature: 1, TopP: 1, RepetitionPenalty: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := made[0]; len(got.Tokens) != 10 || got.Stopped {
		t.Errorf("completion of %d tokens, stopped %v; want 10, false", len(got.Tokens), got.Stopped)
	}
}

func TestBadTokens(t *testing.T) {
	n := load(t, engine.NewLibrary(engine.Config{}), tiny(t, 7, nil))
	r := coefficients(t, "00")
	long := make([]int32, 257)
	for _, c := range []struct {
		name   string
		tokens []int32
		prompt int
	}{
		{"none", nil, 0}, {"negative", []int32{1, -1}, 1}, {"outside the vocabulary", []int32{1, 260}, 1},
		{"too long", long, 3}, {"prompt longer than all", []int32{1, 2}, 3}, {"negative prompt", []int32{1, 2}, -1},
	} {
		good := engine.Sequence{Tokens: []int32{1, 2, 3}, PromptLength: 1}
		if _, err := n.Prove(t.Context(), []engine.Sequence{good, {Tokens: c.tokens, PromptLength: c.prompt}}, r); !errors.Is(err, engine.ErrTokens) {
			t.Errorf("prove, %s: got %v, want ErrTokens", c.name, err)
		}
		if _, err := n.Replay(t.Context(), []verify.ReplayRequest{{Tokens: c.tokens, PromptLength: c.prompt}}, params); !errors.Is(err, engine.ErrTokens) {
			t.Errorf("replay, %s: got %v, want ErrTokens", c.name, err)
		}
		if c.prompt < len(c.tokens) && c.prompt > 0 || c.tokens == nil {
			if _, err := n.Generate(t.Context(), []engine.Request{{Prompt: c.tokens}}, params); !errors.Is(err, engine.ErrTokens) {
				t.Errorf("generate, %s: got %v, want ErrTokens", c.name, err)
			}
		}
	}
	for _, p := range []grail.GenerationParams{{MaxTokens: 4}, {MaxTokens: 4, Temperature: math.NaN()}, {MaxTokens: 4, Temperature: 1, TopP: math.NaN()}} {
		if _, err := n.Generate(t.Context(), []engine.Request{{Prompt: []int32{1}}}, p); err == nil {
			t.Errorf("generating with %+v worked", p)
		}
	}
}

func TestContextEnds(t *testing.T) {
	n := load(t, engine.NewLibrary(engine.Config{}), tiny(t, 8, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := n.Generate(ctx, []engine.Request{{Prompt: []int32{1}}}, params); !errors.Is(err, context.Canceled) || out != nil {
		t.Errorf("generate: %v, %v", out, err)
	}
	if out, err := n.Prove(ctx, []engine.Sequence{{Tokens: []int32{1, 2}}}, grail.Coefficients{}); !errors.Is(err, context.Canceled) || out != nil {
		t.Errorf("prove: %v, %v", out, err)
	}
	if _, err := engine.Load(ctx, tiny(t, 9, nil), engine.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("load: %v", err)
	}
}

// Nodes with the same files share weights, whatever the folder and the checkpoint's name; the last one frees them.
func TestSharing(t *testing.T) {
	dir, copied, other := tiny(t, 10, nil), tiny(t, 10, nil), tiny(t, 11, nil)
	if err := os.WriteFile(filepath.Join(copied, "metadata.json"), []byte(`{"window": 60}`), 0o644); err != nil {
		t.Fatal(err)
	}
	l := engine.NewLibrary(engine.Config{})
	var all []*engine.Native
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			n, err := l.Load(t.Context(), []string{dir, copied}[i%2], engine.Identity{Name: "a", CheckpointWindow: int64(i)})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, n)
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if l.Loaded() != 1 {
		t.Fatalf("%d models in memory, want 1", l.Loaded())
	}
	different := load(t, l, other)
	if l.Loaded() != 2 || different.Digest() == all[0].Digest() || different.Canary().Digest == all[0].Canary().Digest {
		t.Errorf("%d models in memory, want 2 that differ", l.Loaded())
	}
	for i, n := range all {
		n.Close()
		n.Close()
		if want := 2; i < len(all)-1 && l.Loaded() != want {
			t.Fatalf("%d models after %d closed", l.Loaded(), i+1)
		}
	}
	if l.Loaded() != 1 {
		t.Errorf("%d models in memory after all nodes of one have closed", l.Loaded())
	}
	if _, err := all[0].Generate(t.Context(), []engine.Request{{Prompt: []int32{1}}}, params); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("generating with a closed engine: %v", err)
	}
	if _, err := all[0].Replay(t.Context(), nil, params); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("replaying with a closed engine: %v", err)
	}
}

// A call in progress ends as usual when its node closes.
func TestCloseInUse(t *testing.T) {
	l := engine.NewLibrary(engine.Config{Threads: 2})
	n, err := l.Load(t.Context(), tiny(t, 12, nil), engine.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				_, err := n.Generate(context.Background(), []engine.Request{{Prompt: []int32{1}}, {Prompt: []int32{2}}}, params)
				if errors.Is(err, engine.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		})
	}
	n.Close()
	wg.Wait()
	if l.Loaded() != 0 {
		t.Errorf("%d models left in memory", l.Loaded())
	}
}

func TestUnusableFolders(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
	}{
		{"empty", func(t *testing.T, dir string) { os.RemoveAll(dir); os.Mkdir(dir, 0o755) }},
		{"no weights", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "model.safetensors")) }},
		{"no tokenizer", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "tokenizer.json")) }},
		{"weights cut short", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, "model.safetensors"), 5000) }},
		{"weights not numbers", func(t *testing.T, dir string) { poison(t, filepath.Join(dir, "model.safetensors")) }},
		{"folder for a file", func(t *testing.T, dir string) { os.Mkdir(filepath.Join(dir, "x.safetensors"), 0o755) }},
		{"template not Jinja", func(t *testing.T, dir string) { writeTokenizer(t, dir, "{% for %}", "<|im_end|>") }},
		{"unknown architecture", func(t *testing.T, dir string) { edit(t, dir, "architectures", []string{"MambaForCausalLM"}) }},
		{"vocabulary smaller than the tokenizer's", func(t *testing.T, dir string) {
			small := tiny(t, 13, func(c *model.Config) { c.VocabSize = 257; c.EOS = nil })
			for _, name := range []string{"config.json", "model.safetensors"} {
				b, _ := os.ReadFile(filepath.Join(small, name))
				os.WriteFile(filepath.Join(dir, name), b, 0o644)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tiny(t, 13, nil)
			c.spoil(t, dir)
			l := engine.NewLibrary(engine.Config{})
			if _, err := l.Load(t.Context(), dir, engine.Identity{}); !errors.Is(err, engine.ErrModel) {
				t.Errorf("got %v, want ErrModel", err)
			}
			if l.Loaded() != 0 {
				t.Error("a failed model stays in the library")
			}
		})
	}
	if _, err := engine.Load(t.Context(), filepath.Join(t.TempDir(), "nowhere"), engine.Options{}); err == nil {
		t.Error("a folder that is not there was loaded")
	}
}

// poison overwrites the last kilobyte of weights with bf16 NaNs.
func poison(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) - 1024; i < len(b); i++ {
		b[i] = 0xff
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, dir, key string, value any) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	o[key] = value
	if b, err = json.Marshal(o); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
