package wordpiece

import (
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const specials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

func vocab(t testing.TB, s Settings, tokens ...string) *Tokenizer {
	t.Helper()
	tok, err := ParseVocab([]byte(specials+strings.Join(tokens, "\n")), s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// spell gives the tokens of a text, separated by spaces.
func spell(tok *Tokenizer, text string) string {
	var words []string
	for _, id := range tok.Plain(text, 0) {
		words = append(words, tok.Token(id))
	}
	return strings.Join(words, " ")
}

func TestPieces(t *testing.T) {
	long := strings.Repeat("a", 100)
	words := []string{"un", "##aff", "##able", "##a", "a", "hello", "##!", "!", ",", "naive", "日", "本", "##本", "i", "##i", "ß", "σ", "##σ", "ς", "'", "s", "don", "$", "가", "##ᆨ", "#", "É", "été", "##\u0301", "e", "ab"}
	cased := Settings{CleanText: true, SplitChinese: true}
	for _, c := range []struct {
		name     string
		settings Settings
		text     string
		want     string
	}{
		{"empty", Uncased, "", ""},
		{"white space only", Uncased, " \t\r\n\u00a0\u3000", ""},
		{"longest first", Uncased, "unaffable", "un ##aff ##able"},
		{"backs off to shorter pieces", Uncased, "unaa", "un ##a ##a"},
		{"a rest that isn't covered", Uncased, "unaffx", "[UNK]"},
		{"unknown words stay apart", Uncased, "x y", "[UNK] [UNK]"},
		{"lower case", Uncased, "HELLO", "hello"},
		{"cased", cased, "Hello hello", "[UNK] hello"},
		{"accents", Uncased, "Naïve", "naive"},
		{"accents decomposed", Uncased, "Nai\u0308ve", "naive"},
		{"accents kept", Settings{Lowercase: true, CleanText: true}, "ÉTÉ", "été"},
		{"punctuation", Uncased, "hello,hello!", "hello , hello !"},
		{"apostrophe", Uncased, "don's", "don ' s"},
		{"symbols of ASCII are punctuation", Uncased, "a$a", "a $ a"},
		{"the prefix in a text is punctuation", Uncased, "##aff", "# # [UNK]"},
		{"chinese", Uncased, "日本a", "日 本 a"},
		{"chinese not split", Settings{Lowercase: true, CleanText: true}, "日本", "日 ##本"},
		{"control characters vanish", Uncased, "he\u0000ll\u200bo\ufffd", "hello"},
		{"control characters stay", Settings{}, "hello\u0000", "[UNK]"},
		{"vertical tab vanishes", Uncased, "hel\vlo", "hello"},
		{"vertical tab splits where nothing is cleaned", Settings{}, "a\va", "a a"},
		{"line separator splits", Uncased, "a\u2028a", "a a"},
		{"invalid UTF-8 vanishes", Uncased, "hel\xfflo\xe4\xbd", "hello"},
		{"dotted capital i", Settings{Lowercase: true}, "İ", "[UNK]"},
		{"dotted capital i loses its dot", Uncased, "İI", "i ##i"},
		{"final sigma is a sigma", Uncased, "ΣΣ", "σ ##σ"},
		{"hangul falls apart", Uncased, "각", "[UNK]"},
		{"100 characters", Uncased, long, "a" + strings.Repeat(" ##a", 99)},
		{"101 characters", Uncased, long + "a", "[UNK]"},
		{"100 characters count after stripping", Uncased, strings.Repeat("á", 100), "a" + strings.Repeat(" ##a", 99)},
		{"punctuation bounds a long word", Uncased, long + "!" + long, "a" + strings.Repeat(" ##a", 99) + " ! a" + strings.Repeat(" ##a", 99)},
		{"special tokens", Uncased, "hello[SEP]hello [MASK]", "hello [SEP] hello [MASK]"},
		{"special tokens are spelled exactly", Uncased, "[sep]", "[UNK] [UNK] [UNK]"},
		{"special tokens cut words", Uncased, "un[PAD]able", "un [PAD] [UNK]"},
		{"half a special token", Uncased, "a[SE", "a [UNK] [UNK]"},
		{"marks in a long run", Uncased, "e" + strings.Repeat("\u0316\u0301\u0345", 40), "e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := spell(vocab(t, c.settings, words...), c.text); got != c.want {
				t.Errorf("%q gives\n %s, want\n %s", c.text, got, c.want)
			}
		})
	}
}

func TestEncodeTruncates(t *testing.T) {
	tok := vocab(t, Uncased, "a", "##b")
	const cls, sep, a, b = 2, 3, 5, 6
	for _, c := range []struct {
		text  string
		limit int
		want  []int32
	}{
		{"", 0, []int32{cls, sep}},
		{"a ab", 0, []int32{cls, a, a, b, sep}},
		{"a ab", 9, []int32{cls, a, a, b, sep}},
		{"a ab", 5, []int32{cls, a, a, b, sep}},
		{"a ab", 4, []int32{cls, a, a, sep}},
		{"a ab", 3, []int32{cls, a, sep}},
		{"a ab", 2, []int32{cls, sep}},
		{"a ab", 1, []int32{cls, sep}},
		{"a[MASK]a", 4, []int32{cls, a, 4, sep}},
		{"[MASK][MASK][MASK]", 3, []int32{cls, 4, sep}},
		{"xx aaa", 4, []int32{cls, 1, 1, sep}},
	} {
		if got := tok.Encode(c.text, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("Encode(%q, %d) = %d, want %d", c.text, c.limit, got, c.want)
		}
	}
	// A word that turns out not to be covered must not have eaten the room of what stands there instead.
	if got := tok.Plain("abbbx a", 2); !slices.Equal(got, []int32{1, a}) {
		t.Errorf("got %d", got)
	}
	if tok.Overhead() != 2 || tok.VocabSize() != 7 || tok.Unknown() != 1 {
		t.Errorf("overhead %d, %d ids, unknown %d", tok.Overhead(), tok.VocabSize(), tok.Unknown())
	}
	if id, ok := tok.ID("##b"); !ok || id != b || tok.Token(7) != "" || tok.Token(-1) != "" {
		t.Errorf("ID(##b) = %d, %t", id, ok)
	}
	prefix := tok.Encode(strings.Repeat("ab ", 1<<20), 64)
	if len(prefix) != 64 {
		t.Errorf("%d ids of a long text", len(prefix))
	}
}

// TestClasses pins how every code point is classified, as the reference was asked: with newer Unicode tables in Go one of these numbers
// moves and unicode.go needs the difference.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name   string
		count  int
		digest uint32
		is     func(r rune) bool
	}{
		{"dropped", 137681, 0x4226dc2c, dropped},
		{"chinese", 81264, 0xd4565585, isChinese},
		{"punctuation", 726, 0x3c36ebeb, isPunctuation},
		{"mark", 1567, 0x7b9fa033, isMark},
		{"white space", 25, 0x5041bc6f, unicode.IsSpace},
		{"not lower", 1488, 0x12f2e45b, func(r rune) bool { return lowerRune(r) != r }},
		{"decomposes", 13232, 0xf484b34c, func(r rune) bool { d := appendDecomposed(nil, r); return len(d) > 1 || d[0].r != r }},
	} {
		count, h := 0, fnv.New32a()
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if utf8.ValidRune(r) && c.is(r) {
				count++
				_, _ = h.Write([]byte{byte(r), byte(r >> 8), byte(r >> 16)})
			}
		}
		if count != c.count || h.Sum32() != c.digest {
			t.Errorf("%s: %d code points with digest %#x, want %d and %#x", c.name, count, h.Sum32(), c.count, c.digest)
		}
	}
}

func TestVocab(t *testing.T) {
	tok, err := ParseVocab([]byte("[UNK]\r\n[CLS] \n[SEP]\na\na\n\nb\n"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Plain("a b", 0); !slices.Equal(got, []int32{4, 6}) || tok.VocabSize() != 7 {
		t.Errorf("of two equal lines the last counts: got %d of %d", got, tok.VocabSize())
	}
	for _, c := range []struct{ name, vocab, want string }{
		{"empty", "", `"[UNK]"`},
		{"no unknown", "[CLS]\n[SEP]\n", `"[UNK]"`},
		{"no separator", "[UNK]\n[CLS]\n", `"[SEP]"`},
		{"not UTF-8", specials + "\xff", "UTF-8"},
		{"too long a token", specials + strings.Repeat("a", maxToken+1), "bytes"},
		{"too many lines", specials + strings.Repeat("\n", maxVocab), "lines"},
	} {
		_, err := ParseVocab([]byte(c.vocab), Uncased)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrCorrupt naming %s", c.name, err, c.want)
		}
	}
}

const smallConfig = `{"do_lower_case":true,"model_max_length":512,"tokenizer_class":"BertTokenizer"}`

// small is a tokenizer.json; edits replace parts of it.
func small(edits ...string) string {
	const text = `{"version":"1.0","truncation":{"max_length":128,"strategy":"LongestFirst","stride":0},"padding":{"strategy":"BatchLongest"},
"added_tokens":[{"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},{"id":1,"content":"[UNK]","special":true},{"id":2,"content":"[CLS]","special":true},{"id":3,"content":"[SEP]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
"pre_tokenizer":{"type":"BertPreTokenizer"},
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],"pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"a":4,"##b":5}}}`
	return strings.NewReplacer(edits...).Replace(text)
}

func TestTokenizerJSON(t *testing.T) {
	const bert = `"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},"old":`
	whole := small()
	post := whole[strings.Index(whole, `"post_processor":`):strings.Index(whole, `"decoder":`)]
	for _, c := range []struct {
		name, text string
		want       []int32 // of "Ab abx"
	}{
		{"plain", whole, []int32{2, 4, 5, 1, 3}},
		{"old files don't name the model", small(`"type":"WordPiece","unk`, `"unk`), []int32{2, 4, 5, 1, 3}},
		{"cased", small(`"lowercase":true`, `"lowercase":false`), []int32{2, 1, 1, 3}},
		{"BertProcessing", small(post, strings.TrimSuffix(bert, `"old":`)), []int32{2, 4, 5, 1, 3}},
		{"no post-processor", small(post, ""), []int32{4, 5, 1}},
		{"another prefix", small(`prefix":"##"`, `prefix":"@"`, `"##b"`, `"@b"`), []int32{2, 4, 5, 1, 3}},
		{"no prefix", small(`prefix":"##"`, `prefix":""`, `"##b"`, `"b"`), []int32{2, 4, 5, 1, 3}},
		{"two characters at most", small(`word":100`, `word":2`), []int32{2, 4, 5, 1, 3}},
		{"one character at most", small(`word":100`, `word":1`), []int32{2, 1, 1, 3}},
		{"another added token", small(`"[SEP]","special":true}]`, `"[SEP]"},{"id":6,"content":"Ab"}]`), []int32{2, 6, 1, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := Parse(Files{Tokenizer: []byte(c.text)})
			if err != nil {
				t.Fatal(err)
			}
			text := "Ab abx"
			if got := tok.Encode(text, 0); !slices.Equal(got, c.want) {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	entry := func(e string) string { return small(`"##b":5`, e) }
	for _, c := range []struct {
		name  string
		files Files
		err   error
		want  string
	}{
		{"no JSON", Files{Tokenizer: []byte("{")}, ErrCorrupt, FileName},
		{"two documents", Files{Tokenizer: []byte(small() + "{}")}, ErrCorrupt, "behind its end"},
		{"an unknown field", Files{Tokenizer: []byte(small(`"version"`, `"dropout":1,"version"`))}, ErrUnsupported, "dropout"},
		{"another version", Files{Tokenizer: []byte(small(`"1.0"`, `"2.0"`))}, ErrUnsupported, "2.0"},
		{"another model", Files{Tokenizer: []byte(small(`"WordPiece","unk`, `"BPE","unk`))}, ErrUnsupported, "BPE"},
		{"another normalizer", Files{Tokenizer: []byte(small("BertNormalizer", "NFC"))}, ErrUnsupported, "NFC"},
		{"another pre-tokenizer", Files{Tokenizer: []byte(small("BertPreTokenizer", "Whitespace"))}, ErrUnsupported, "Whitespace"},
		{"another post-processor", Files{Tokenizer: []byte(small("TemplateProcessing", "RobertaProcessing"))}, ErrUnsupported, "RobertaProcessing"},
		{"cut on the left", Files{Tokenizer: []byte(small(`"max_length"`, `"direction":"Left","max_length"`))}, ErrUnsupported, "Left"},
		{"a text of type 1", Files{Tokenizer: []byte(small(`{"Sequence":{"id":"A","type_id":0}}`, `{"Sequence":{"id":"A","type_id":1}}`))}, ErrUnsupported, "text A"},
		{"no text", Files{Tokenizer: []byte(small(`{"Sequence":{"id":"A","type_id":0}},`, ""))}, ErrCorrupt, "0 times"},
		{"a special token that isn't there", Files{Tokenizer: []byte(small(`"ids":[2]`, `"ids":[17]`))}, ErrCorrupt, "17"},
		{"a negative special token", Files{Tokenizer: []byte(small(`"ids":[2]`, `"ids":[-1]`))}, ErrCorrupt, "-1"},
		{"no room for a character", Files{Tokenizer: []byte(small(`word":100`, `word":0`))}, ErrUnsupported, "max_input_chars_per_word"},
		{"room without bound", Files{Tokenizer: []byte(small(`word":100`, `word":1000000000`))}, ErrUnsupported, "max_input_chars_per_word"},
		{"no unknown token", Files{Tokenizer: []byte(small(`unk_token":"[UNK]"`, `unk_token":"?"`))}, ErrCorrupt, `"?"`},
		{"an id twice", Files{Tokenizer: []byte(entry(`"##b":4`))}, ErrCorrupt, "id 4"},
		{"a negative id", Files{Tokenizer: []byte(entry(`"##b":-4`))}, ErrCorrupt, "-4"},
		{"a huge id", Files{Tokenizer: []byte(entry(`"##b":2147483647`))}, ErrCorrupt, "2147483647"},
		{"a far id", Files{Tokenizer: []byte(entry(`"##b":1000000`))}, ErrCorrupt, "1000000"},
		{"a fraction", Files{Tokenizer: []byte(entry(`"##b":4.5`))}, ErrCorrupt, "4.5"},
		{"a stripping added token", Files{Tokenizer: []byte(small(`"lstrip":false`, `"lstrip":true`))}, ErrUnsupported, "lstrip"},
		{"an added token with another id", Files{Tokenizer: []byte(small(`"id":3,"content":"[SEP]"`, `"id":4,"content":"[SEP]"`))}, ErrCorrupt, "[SEP]"},
		{"an added token out of order", Files{Tokenizer: []byte(small(`"[SEP]","special":true}]`, `"[SEP]"},{"id":9,"content":"x"}]`))}, ErrUnsupported, "next free"},
		{"an added token twice", Files{Tokenizer: []byte(small(`"[SEP]","special":true}]`, `"[SEP]"},{"id":3,"content":"[SEP]"}]`))}, ErrCorrupt, "twice"},
		{"an empty added token", Files{Tokenizer: []byte(small(`"[SEP]","special":true}]`, `"[SEP]"},{"id":6,"content":""}]`))}, ErrCorrupt, "0 bytes"},
		{"a configuration that disagrees", Files{Tokenizer: []byte(small()), Config: []byte(`{"do_lower_case":false}`)}, ErrUnsupported, "do_lower_case"},
		{"a configuration that cuts on the left", Files{Tokenizer: []byte(small()), Config: []byte(`{"truncation_side":"left"}`)}, ErrUnsupported, "truncation_side"},
		{"a configuration that doesn't split", Files{Tokenizer: []byte(small()), Config: []byte(`{"do_basic_tokenize":false}`)}, ErrUnsupported, "do_basic_tokenize"},
		{"words never to split", Files{Tokenizer: []byte(small()), Config: []byte(`{"never_split":["a"]}`)}, ErrUnsupported, "never_split"},
		{"a configuration that adds", Files{Tokenizer: []byte(small()), Config: []byte(`{"added_tokens_decoder":{"6":{"content":"x"}}}`)}, ErrUnsupported, "added_tokens_decoder"},
		{"another that adds", Files{Tokenizer: []byte(small()), Config: []byte(`{"additional_special_tokens":["<x>"]}`)}, ErrUnsupported, "<x>"},
		{"no configuration", Files{Tokenizer: []byte(small()), Config: []byte(`[]`)}, ErrCorrupt, ConfigName},
		{"a file that adds", Files{Tokenizer: []byte(small()), Added: []byte(`{"x":6}`)}, ErrUnsupported, AddedName},
		{"a vocabulary of another tokenizer", Files{Vocab: []byte(specials), Config: []byte(`{"tokenizer_class":"MPNetTokenizer"}`)}, ErrUnsupported, "MPNetTokenizer"},
		{"other names", Files{Vocab: []byte(specials), Config: []byte(`{"cls_token":{"content":"<s>"}}`)}, ErrCorrupt, "<s>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.files)
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %v naming %s", err, c.err, c.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	write := func(dir string, files map[string]string) string {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	one, err := Load(write(t.TempDir(), map[string]string{FileName: small(), ConfigName: smallConfig, VocabName: "ignored", AddedName: `{"[SEP]":3}`}))
	if err != nil {
		t.Fatal(err)
	}
	two, err := Load(write(t.TempDir(), map[string]string{VocabName: "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", ConfigName: smallConfig}))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "Áb [SEP] abx", "a\x80b"} {
		if a, b := one.Encode(text, 0), two.Encode(text, 0); !slices.Equal(a, b) {
			t.Errorf("%q: %d from %s, %d from %s", text, a, FileName, b, VocabName)
		}
	}
	if one.MaxLength() != 512 || one.Settings() != Uncased || two.Settings() != Uncased {
		t.Errorf("max length %d, settings %+v and %+v", one.MaxLength(), one.Settings(), two.Settings())
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), VocabName) {
		t.Errorf("an empty folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, FileName), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a folder for a file: %v", err)
	}
	cased, err := Load(write(t.TempDir(), map[string]string{VocabName: specials, ConfigName: `{"do_lower_case":false,"strip_accents":true,"tokenize_chinese_chars":false,"model_max_length":1e30,"cls_token":{"content":"[MASK]"}}`}))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Settings{StripAccents: true, CleanText: true, MaxInputChars: 100}); cased.Settings() != want || cased.MaxLength() != 0 || cased.Encode("", 0)[0] != 4 {
		t.Errorf("settings %+v, max length %d, %d", cased.Settings(), cased.MaxLength(), cased.Encode("", 0))
	}
}
