package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// golden are ids that the Hugging Face library (0.22.1) gives with the tokenizers that goldenSpec makes. They pin the trainer,
// the files it writes and the encoder at once. Record them anew with NANTEOS_TOKENIZERS and NANTEOS_RECORD=1 set.
type golden struct {
	Texts    []string              `json:"texts"`
	Patterns map[Pattern][][]int32 `json:"patterns"`
}

const goldenFile = "testdata/golden.json"

func goldenSpec(t *testing.T, p Pattern) *Tokenizer {
	s := trained(t, 420)
	s.Pattern, s.NFC = p, p != GPT2
	s.Added = append(s.Added, AddedToken{Content: "<l>", LStrip: true}, AddedToken{Content: "<r>", RStrip: true}, AddedToken{Content: "word", SingleWord: true, Normalized: true})
	s.BOS, s.PrependBOS = "<|im_start|>", p == Llama3
	tok, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestGolden(t *testing.T) {
	patterns := []Pattern{GPT2, Qwen2, Llama3, SmolLM2}
	if root := os.Getenv(interopEnv); root != "" && os.Getenv("NANTEOS_RECORD") != "" {
		g := golden{Texts: append(slices.Clone(samples), "x <l> y <r> z", "e\u0301\u0316 a\u0308", "  \n\n  x\r\n\ty  ", "1234567 ½ ٣٤ Ⅷ", "\U00011390\U00010d40"), Patterns: map[Pattern][][]int32{}}
		for _, p := range patterns {
			dir := t.TempDir()
			if err := goldenSpec(t, p).WriteFiles(dir); err != nil {
				t.Fatal(err)
			}
			g.Patterns[p] = askReference(t, root, filepath.Join(dir, FileName), g.Texts, nil).Special
		}
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	for _, p := range patterns {
		tok := goldenSpec(t, p)
		for i, text := range g.Texts {
			if got := tok.Encode(text, true); !slices.Equal(got, g.Patterns[p][i]) {
				t.Errorf("%s: %q\n got %d\nwant %d", p, text, got, g.Patterns[p][i])
			}
		}
	}
}
