package model

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model/gguf"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// TestDescribe describes folders and files that other tests load.
func TestDescribe(t *testing.T) {
	for _, kind := range []string{"F32", "BF16", "F16"} {
		rng := rand.New(rand.NewPCG(3, 3))
		cfg := plainOf("Qwen3ForCausalLM")
		weights := randomWeights(rng, cfg)
		for {
			if w := weights["model.norm.weight"]; (kind == "BF16") == (w.BF16 != nil) && (kind == "F16") == (w.F16 != nil) {
				break
			}
			weights = randomWeights(rng, cfg)
		}
		size := int64(4)
		if kind != "F32" {
			size = 2
		}
		dir := t.TempDir()
		if err := WriteFolder(dir, cfg, weights); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, writeGGUF(t, ggufOf(t, cfg, weights, nil))} {
			d, err := Describe(path)
			if err != nil {
				t.Fatal(err)
			}
			n := cfg.Parameters()
			if d.Path != path || d.Parameters != n || d.FileBytes != int64(n)*size || d.Tokenizer != nil {
				t.Errorf("%s: %+v", path, d)
			}
			if want := []Storage{{kind, len(cfg.Tensors()), n, int64(n) * size}}; !slices.Equal(d.Storage, want) {
				t.Errorf("%s: storage %+v, want %+v", path, d.Storage, want)
			}
			// 50 rows of the embedding take two panels of 32; small models are widened.
			if want := int64(n+14*32) * 4; d.LoadedBytes != want {
				t.Errorf("%s: %d bytes loaded, want %d", path, d.LoadedBytes, want)
			}
			if want := int64(128 * (16 + 32) * 4); d.ContextBytes != want { // values of heads of 16 take panels of 32
				t.Errorf("%s: %d bytes of context, want %d", path, d.ContextBytes, want)
			}
			if d.TokenBytes*128 != d.ContextBytes || d.WorkspaceBytes < 256*4*16*4 {
				t.Errorf("%s: %d bytes a token, %d to work in", path, d.TokenBytes, d.WorkspaceBytes)
			}
			if d.Config.Architecture != cfg.Architecture || (d.Format == "gguf") != IsGGUF(path) {
				t.Errorf("%s: format %s, %+v", path, d.Format, d.Config)
			}
		}
	}
	if _, err := Describe(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

// tinySpec is a tokenizer of bytes and two added tokens.
func tinySpec() tokenizer.Spec {
	s := tokenizer.Spec{Added: []tokenizer.AddedToken{{Content: "<|end|>", Special: true}, {Content: "<|pad|>", Special: true}}, EOS: "<|end|>", Pad: "<|pad|>", ChatTemplate: "{{ messages }}"}
	for b := range 256 {
		s.Tokens = append(s.Tokens, string([]byte{byte(b)}))
	}
	return s
}

// TestDescribeTokenizer tells of a good tokenizer, and why a bad one can't be used.
func TestDescribeTokenizer(t *testing.T) {
	cfg := plainOf("LlamaForCausalLM")
	cfg.VocabSize = 258
	dir := t.TempDir()
	if err := WriteFolder(dir, cfg, randomWeights(rand.New(rand.NewPCG(3, 3)), cfg)); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.New(tinySpec())
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	d, err := Describe(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := (TokenizerDescription{Tokens: 258, Added: 2, EOS: "<|end|>", Pad: "<|pad|>", ChatTemplate: 14}); d.Tokenizer == nil || *d.Tokenizer != want {
		t.Errorf("%+v, want %+v", d.Tokenizer, want)
	}
	if again, err := LoadTokenizer(dir); err != nil || again.VocabSize() != 258 {
		t.Errorf("the tokenizer of a folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, tokenizer.FileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err = Describe(dir); err != nil || d.Tokenizer == nil || d.Tokenizer.Problem == "" {
		t.Errorf("a broken tokenizer: %+v (%v)", d, err)
	}
	if _, err := LoadTokenizer(writeGGUF(t, &gguf.Builder{})); !errors.Is(err, gguf.ErrNotFound) {
		t.Errorf("a file without a tokenizer: %v", err)
	}
}
