package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// samples is the corpus of the tests: prose, code, sums, markup and scripts.
var samples = []string{
	"", " ", "Hello world", "Hello  world \n\n and   good-bye!\t", "It's we're I'll YOU'VE can'T 'sup 'ſ",
	"x = [i**2 for i in range(10)]\nprint(x)\n\n    return x;\r\n", "12345 + 678 = 13023, 3.14159 and 1,000,000",
	"<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n", "<start_working_out>\nthink\n</end_working_out><SOLUTION>4</SOLUTION>",
	"Füße, naïve café, e\u0301te\u0301, Ångström \u212b", "日本語のテキスト、中文字符，한국어 문장.", "Привет, мир! مرحبا بالعالم שלום עולם",
	"😀 👩‍👩‍👧‍👦 🇩🇪 ✌🏽", "\u00a0nbsp\u2003em\u3000ideographic\u200bzero", "word words sword word", " <left>  x  <right>  y", "a b  ab",
	"(x1 or not x2) and (x2 or x3)\n(x1 or not x2) and (not x3 or x1)\nx1=1 x2=0 x3=1\n", "the cat and the dog and the bird and the cat and the dog",
}

// trained gives a small specification learnt from the samples.
func trained(t testing.TB, size int) Spec {
	t.Helper()
	s, err := TrainBPE(slices.Values(samples), size, []AddedToken{{Content: "<|im_start|>", Special: true}, {Content: "<|im_end|>", Special: true}, {Content: "<think>"}})
	if err != nil {
		t.Fatal(err)
	}
	s.EOS = "<|im_end|>"
	return s
}

func small(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := New(trained(t, 400))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestRoundTripSamples(t *testing.T) {
	for _, p := range []Pattern{GPT2, Qwen2, Llama3, SmolLM2} {
		s := trained(t, 400)
		s.Pattern, s.NFC = p, false
		tok, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range samples {
			ids := tok.Encode(text, true)
			if got := tok.Decode(ids, false); got != text {
				t.Errorf("%s: %q came back as %q", p, text, got)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	s := Spec{Pattern: Qwen2}
	for b := range 256 {
		s.Tokens = append(s.Tokens, string([]byte{byte(b)}))
	}
	s.Tokens = append(s.Tokens, "ab", "bc", "abc", " a") // 256 to 259
	s.Merges = [][2]int32{{'b', 'c'}, {'a', 'b'}, {'a', 257}, {' ', 'a'}}
	s.Added = []AddedToken{{Content: "<s>", Special: true}, {Content: "<s>x"}, {Content: "aw", SingleWord: true}, {Content: "<l>", LStrip: true}, {Content: "<r>", RStrip: true}}
	s.BOS, s.PrependBOS = "<s>", true
	tok, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	const bos, sx, aw, l, r = 260, 261, 262, 263, 264
	for text, want := range map[string][]int32{
		"":              {},
		"abc":           {258}, // bc ranks first, then a+bc
		"ab":            {256},
		"abab":          {256, 256},
		" abc":          {' ', 258}, // bc, then a+bc, before " "+a
		"<s>":           {bos},
		"<s>x":          {sx}, // the longest
		"<<s>xy":        {'<', sx, 'y'},
		"aw":            {aw},
		"law":           {'l', 'a', 'w'},
		"aws":           {'a', 'w', 's'},
		"-aw-":          {'-', aw, '-'},
		"x  <l>  x":     {'x', l, ' ', ' ', 'x'},
		"x  <r>  x":     {'x', ' ', ' ', r, 'x'},
		"x<r>  <l>x":    {'x', r, l, 'x'},
		"a\xff\xe2\x82": append([]int32{'a'}, []int32{0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd}...),
	} {
		if got := tok.Encode(text, false); !slices.Equal(got, want) {
			t.Errorf("Encode(%q) = %d, want %d", text, got, want)
		}
		if got := tok.Encode(text, true); !slices.Equal(got, append([]int32{bos}, want...)) {
			t.Errorf("Encode(%q) with BOS = %d", text, got)
		}
	}
}

func TestDecode(t *testing.T) {
	tok := small(t)
	end, _ := tok.TokenID("<|im_end|>")
	think, _ := tok.TokenID("<think>")
	for _, c := range []struct {
		ids         []int32
		all, skiped string
	}{
		{nil, "", ""},
		{[]int32{'h', 'i', end}, "hi<|im_end|>", "hi"},
		{[]int32{think, 'x'}, "<think>x", "<think>x"}, // added, but not special
		{[]int32{-1, 'a', 1 << 30}, "a", "a"},
		{[]int32{0xe2, 0x82, 0xac}, "€", "€"},
		{[]int32{0xe2, 0x82, 'x'}, "\ufffdx", "\ufffdx"},
		{[]int32{0xff, 0xff}, "\ufffd\ufffd", "\ufffd\ufffd"},
		{[]int32{0xe2, end, 0x82}, "\ufffd<|im_end|>\ufffd", "\ufffd"},
	} {
		if got := tok.Decode(c.ids, false); got != c.all {
			t.Errorf("Decode(%d) = %q, want %q", c.ids, got, c.all)
		}
		if got := tok.Decode(c.ids, true); got != c.skiped {
			t.Errorf("Decode(%d, skip) = %q, want %q", c.ids, got, c.skiped)
		}
	}
	if got := tok.AppendBytes([]byte("x"), []int32{0xe2, 0x82}, true); string(got) != "x\xe2\x82" {
		t.Errorf("bytes %q", got)
	}
	tok.cleanUp = true
	if got := tok.Decode(tok.Encode("do n't , stop !  it 's ' x ' .", false), false); got != "don't, stop!  it's'x '." {
		t.Errorf("cleaned up: %q", got)
	}
}

func TestLossy(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "aé€😀": "aé€😀", "\x80": "\ufffd", "\xc3": "\ufffd", "\xc3\x28": "\ufffd(", "\xe2\x82": "\ufffd", "\xe2\x28\xa1": "\ufffd(\ufffd",
		"\xf0\x9f\x98": "\ufffd", "\xf0\x9f\x98x": "\ufffdx", "\xf0\x28\x8c\xbc": "\ufffd(\ufffd\ufffd", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", // a surrogate
		"\xc0\xaf": "\ufffd\ufffd", "\xe0\x80\xaf": "\ufffd\ufffd\ufffd", "\xf4\x90\x80\x80": "\ufffd\ufffd\ufffd\ufffd", "\xf4\x8f\xbf": "\ufffd",
		"\xf5\x80": "\ufffd\ufffd", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41": "\ufffd\ufffd\ufffd\ufffdA", "\ufffd": "\ufffd",
	} {
		if got := Lossy(in); got != want {
			t.Errorf("Lossy(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	tok := small(t)
	eos, ok := tok.EOS()
	if !ok || tok.Token(eos) != "<|im_end|>" || !tok.IsSpecial(eos) {
		t.Errorf("EOS %d %t", eos, ok)
	}
	if pad, ok := tok.Pad(); !ok || pad != eos {
		t.Errorf("Pad %d, want the EOS %d", pad, eos)
	}
	if _, ok := tok.BOS(); ok {
		t.Error("there is a BOS")
	}
	if id, ok := tok.TokenID("Ġ"); !ok || id != ' ' || tok.Token(id) != "Ġ" || tok.IsSpecial(id) {
		t.Errorf("space is %d", id)
	}
	if _, ok := tok.TokenID("日"); ok {
		t.Error("a token that the vocabulary lacks was found")
	}
	if tok.Token(-1) != "" || tok.Token(1<<30) != "" || tok.VocabSize() <= int(eos) {
		t.Error("ids out of range")
	}
}

func TestConcurrent(t *testing.T) {
	tok := small(t)
	want := make([][]int32, len(samples))
	for i, s := range samples {
		want[i] = tok.Encode(s, true)
	}
	tok = small(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, s := range samples {
				if got := tok.Encode(s, true); !slices.Equal(got, want[i]) {
					t.Errorf("%q: %d, want %d", s, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 3 * maxCache {
		c.put(string(utf8.AppendRune(nil, rune(i%0xd000)))+strings.Repeat("x", i/0xd000), nil)
	}
	if len(c.m) > maxCache {
		t.Errorf("%d words remembered", len(c.m))
	}
	c.put(strings.Repeat("x", maxCached+1), nil)
	if _, ok := c.get(strings.Repeat("x", maxCached+1)); ok {
		t.Error("a long word is remembered")
	}
}

func TestWriteFiles(t *testing.T) {
	s := trained(t, 400)
	s.ChatTemplate, s.ModelMaxLength, s.Pad = "{{ '<x>' }}", 512, "<think>"
	tok, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := tok.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Names{EOS: "<|im_end|>", Pad: "<think>", ChatTemplate: "{{ '<x>' }}", ModelMaxLength: 512}
	if again.Names() != want || !slices.Equal(again.AddedTokens(), tok.AddedTokens()) || again.VocabSize() != tok.VocabSize() {
		t.Errorf("came back as %+v %+v", again.Names(), again.AddedTokens())
	}
	a, _ := tok.Files()
	b, _ := again.Files()
	if string(a.Tokenizer) != string(b.Tokenizer) || string(a.Config) != string(b.Config) {
		t.Error("writing what was loaded gives other bytes")
	}
	if err := os.WriteFile(filepath.Join(dir, TemplateName), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err = Load(dir); err != nil || again.ChatTemplate() != "other" {
		t.Errorf("%s doesn't win: %q (%v)", TemplateName, again.ChatTemplate(), err)
	}
	if err := tok.WriteFiles(filepath.Join(dir, "none")); err == nil {
		t.Error("written into a folder that isn't there")
	}
	if files, _ := os.ReadDir(dir); len(files) != 3 {
		t.Errorf("files left: %v", files)
	}
}

func TestTrain(t *testing.T) {
	s := trained(t, 300)
	for range 3 {
		again := trained(t, 300)
		if !slices.Equal(again.Tokens, s.Tokens) || !slices.Equal(again.Merges, s.Merges) {
			t.Fatal("training isn't deterministic")
		}
	}
	if len(s.Tokens)+len(s.Added) != 300 || len(s.Merges) != len(s.Tokens)-256 {
		t.Errorf("%d tokens, %d merges", len(s.Tokens), len(s.Merges))
	}
	for i, m := range s.Merges {
		if s.Tokens[m[0]]+s.Tokens[m[1]] != s.Tokens[256+i] {
			t.Errorf("merge %d doesn't make token %d", i, 256+i)
		}
	}
	abab, err := TrainBPE(slices.Values([]string{"abab abab abab", "xy"}), 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	// ab occurs six times; then " "+ab (2) and abab (3)...: abab has three, " abab" two
	if got := abab.Tokens[256:]; !slices.Equal(got, []string{"ab", "abab", " abab"}) {
		t.Errorf("learnt %q", got)
	}
	if _, err := TrainBPE(slices.Values(samples), 255, nil); err == nil {
		t.Error("a vocabulary smaller than the bytes was trained")
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Add("a" + strings.Repeat("\u0301", 40))
	spec := trained(f, 400)
	spec.NFC = false
	plain, err := New(spec)
	if err != nil {
		f.Fatal(err)
	}
	spec.NFC, spec.Pattern = true, SmolLM2
	nfc, err := New(spec)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids := plain.Encode(text, true)
		if got := plain.Decode(ids, false); got != Lossy(text) {
			t.Fatalf("%q came back as %q", text, got)
		}
		if got, want := nfc.Decode(nfc.Encode(text, false), false), Lossy(text); !strings.Contains(text, "<") && got != normalizeNFC(want) {
			t.Fatalf("%q came back as %q", text, got)
		}
		if slow, fast := composeSlow(Lossy(text)), normalizeNFC(Lossy(text)); slow != fast {
			t.Fatalf("NFC of %q is %q by the book and %q", text, slow, fast)
		}
	})
}
