package base

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/sat"
)

func TestEmbeddedFiles(t *testing.T) {
	total := int64(0)
	var names []string
	if err := fs.WalkDir(FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		names = append(names, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if total > 4<<20 {
		t.Errorf("the embedded model takes %d bytes, want at most 4 MiB", total)
	}
	for _, name := range []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing among %v", name, names)
		}
	}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		want, err := fs.ReadFile(FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s is written otherwise than embedded (%v)", name, err)
		}
	}
}

// What the folder says about the tokenizer is what the code makes: an edit of
// the vocabulary without training anew shows here.
func TestEmbeddedTokenizerIsTheVocabulary(t *testing.T) {
	dir := t.TempDir()
	if err := writeTexts(dir, NewVocabulary()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		made, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := fs.ReadFile(FS(), e.Name()); err != nil || string(kept) != string(made) {
			t.Errorf("%s in data differs from the one that the vocabulary makes (%v)", e.Name(), err)
		}
	}
}

// The release's promises, on held-out problems. Sampling is seeded and the
// engine exact, so that the figures are the same everywhere.
func TestEmbeddedModelKeepsItsPromises(t *testing.T) {
	m, tok, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v := NewVocabulary()
	if tok.VocabSize() != v.Size() || m.Config().VocabSize != v.Size() {
		t.Fatalf("tokenizer has %d tokens, model %d, vocabulary %d", tok.VocabSize(), m.Config().VocabSize, v.Size())
	}
	at := func(temperature float64) model.Sampling { return model.Sampling{Temperature: temperature} }
	for _, c := range []struct {
		name string
		Trial
		formed, low, high, best, mixed float64
	}{
		{"greedy", Trial{Problems: 96, Sampling: model.Sampling{Greedy: true, Temperature: 1}}, 0.98, 0.80, 1, 0, 0},
		{"temperature 1", Trial{Problems: 16, Samples: 16, Sampling: at(1)}, 0.95, 0.40, 0.60, 0.95, 0.8},
		{"trainer's default", Trial{Problems: 8, Samples: 16, Sampling: model.Sampling{Temperature: 0.7, TopP: 0.9, TopK: 50}}, 0.98, 0.5, 0.98, 0.95, 0.3},
		{"sums", Trial{Problems: 48, Arithmetic: true, Sampling: model.Sampling{Greedy: true, Temperature: 1}}, 0.98, 0.9, 1, 0, 0},
	} {
		r, err := Evaluate(context.Background(), m, v, c.Trial)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v", c.name, r)
		if r.WellFormed < c.formed || r.Satisfied < c.low || r.Satisfied > c.high || r.BestOf < c.best || r.Mixed < c.mixed {
			t.Errorf("%s: want well-formed %.2f, satisfied %.2f to %.2f, best of group %.2f, mixed %.2f", c.name, c.formed, c.low, c.high, c.best, c.mixed)
		}
		if r.Shortest < 32 || r.Stopped < 0.99 || r.Plausible < 0.95 || r.LeastEOS < 0.02 {
			t.Errorf("%s: completions would fail a validator's checks", c.name)
		}
	}
}

// The same with nothing of this package's own: the environment's problems and
// grades, the tokenizer's files, a group of 16 a problem as a miner makes them.
func TestEmbeddedModelInItsEnvironment(t *testing.T) {
	m, tok, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var reward float64
	const problems, group = 12, 16
	right, useful := 0, 0
	for seed := range uint32(problems) {
		q := sat.FromSeed(seed * 2654435761)
		text := task.ChatML(task.Instructed.Prepare([]task.Message{{Role: "user", Content: q.Prompt()}}), true)
		prompt := tok.Encode(text, true)
		if len(prompt) > 100 {
			t.Errorf("seed %d: the prompt has %d tokens", seed, len(prompt))
		}
		var requests []model.Request
		for i := range uint64(group) {
			requests = append(requests, model.Request{Prompt: prompt, Seed: uint64(seed)<<8 + i})
		}
		completions, err := m.Generate(context.Background(), requests, model.Sampling{MaxTokens: 256, Temperature: 1})
		if err != nil {
			t.Fatal(err)
		}
		here := 0
		for _, c := range completions {
			g := q.Grade(strings.TrimSuffix(tok.Decode(c.Tokens, false), "<|im_end|>"), task.Instructed.Tags())
			reward += g.Reward
			if g.Success {
				here++
			}
		}
		right += here
		if here > 0 && here < group {
			useful++
		}
	}
	share := float64(right) / (problems * group)
	t.Logf("satisfied %.3f, mean reward %.3f, %d of %d groups have successes and failures", share, reward/(problems*group), useful, problems)
	if share < 0.35 || share > 0.70 || useful < problems*3/4 {
		t.Error("the model is too weak or too sure to learn from")
	}
}

func TestWriteToRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteTo(path); err == nil {
		t.Error("writing the model into a file gives no error")
	}
}
