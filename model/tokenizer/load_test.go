package tokenizer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// minimal is the smallest file of each feature; change edits its JSON before it is parsed.
func minimal(t testing.TB, change func(f map[string]any)) []byte {
	t.Helper()
	vocab := map[string]int{}
	for b := range 256 {
		vocab[string(byteRune[b])] = b
	}
	vocab["ab"], vocab["Ġa"] = 256, 257
	f := map[string]any{
		"version": "1.0", "truncation": map[string]any{"max_length": 4}, "padding": nil,
		"added_tokens":   []any{added("<s>", 258), added("</s>", 259)},
		"normalizer":     nil,
		"pre_tokenizer":  map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
		"post_processor": nil,
		"decoder":        map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":          map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{"a b", []any{"Ġ", "a"}}},
	}
	if change != nil {
		change(f)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func added(content string, id int) map[string]any {
	return map[string]any{"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
}

func in(f map[string]any, section string) map[string]any { return f[section].(map[string]any) }

func TestParse(t *testing.T) {
	tok, err := Parse(Files{Tokenizer: minimal(t, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("ab a<s>", true); !slices.Equal(got, []int32{256, 257, 258}) { // truncation isn't applied
		t.Errorf("ids %d", got)
	}
	if _, ok := tok.EOS(); ok || tok.VocabSize() != 260 {
		t.Error("without a config there is an EOS, or the vocabulary has another size")
	}
}

func TestPrefixSpaceAndTemplate(t *testing.T) {
	part := func(id string) any {
		return map[string]any{"SpecialToken": map[string]any{"id": id, "type_id": 0}}
	}
	tok, err := Parse(Files{Tokenizer: minimal(t, func(f map[string]any) {
		in(f, "pre_tokenizer")["add_prefix_space"] = true
		f["post_processor"] = map[string]any{"type": "Sequence", "processors": []any{
			map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
			map[string]any{"type": "TemplateProcessing", "single": []any{part("B"), map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}, part("E")},
				"pair": []any{}, "special_tokens": map[string]any{
					"B": map[string]any{"id": "B", "ids": []int{258}, "tokens": []string{"<s>"}},
					"E": map[string]any{"id": "E", "ids": []int{259, 259}, "tokens": []string{"</s>", "</s>"}}}},
		}}
	})})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("a<s>ab", true); !slices.Equal(got, []int32{258, 257, 258, ' ', 256, 259, 259}) {
		t.Errorf("ids %d", got)
	}
	if got := tok.Encode("", false); len(got) != 0 {
		t.Errorf("ids of nothing: %d", got)
	}
	if f, err := tok.Files(); err != nil {
		t.Error(err)
	} else if again, err := Parse(f); err != nil || !slices.Equal(again.Encode("a<s>ab", true), tok.Encode("a<s>ab", true)) {
		t.Errorf("written and read again: %v", err)
	}
}

func TestIgnoreMergesAndUnknown(t *testing.T) {
	tok, err := Parse(Files{Tokenizer: minimal(t, func(f map[string]any) {
		m := in(f, "model")
		vocab := m["vocab"].(map[string]int)
		vocab["xyz"] = 258
		f["added_tokens"] = []any{}
		m["ignore_merges"] = true
	})})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("xyz", false); !slices.Equal(got, []int32{258}) {
		t.Errorf("ids %d: a whole word of the vocabulary needs no merges", got)
	}
	for unk, want := range map[string][]int32{"": {'a', 'c'}, "?": {'a', '?', '?', 'c'}} {
		tok, err := Parse(Files{Tokenizer: minimal(t, func(f map[string]any) {
			m := in(f, "model")
			vocab := m["vocab"].(map[string]int)
			delete(vocab, "z")
			vocab["filler"] = 'z'
			m["unk_token"] = unk
		})})
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("azzc", false); !slices.Equal(got, want) {
			t.Errorf("unknown token %q: ids %d, want %d", unk, got, want)
		}
	}
}

func TestParseRefused(t *testing.T) {
	model := func(key string, v any) func(map[string]any) {
		return func(f map[string]any) { in(f, "model")[key] = v }
	}
	set := func(key string, v any) func(map[string]any) { return func(f map[string]any) { f[key] = v } }
	vocab := func(token string, id int) func(map[string]any) {
		return func(f map[string]any) { in(f, "model")["vocab"].(map[string]int)[token] = id }
	}
	typed := func(t string) any { return map[string]any{"type": t} }
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		is     error
		says   string
	}{
		{"unknown section", set("lattice", 1), ErrUnsupported, `"lattice"`},
		{"version", set("version", "2.0"), ErrUnsupported, "2.0"},
		{"model type", model("type", "Unigram"), ErrUnsupported, "Unigram"},
		{"model field", model("magic", 1), ErrUnsupported, "magic"},
		{"dropout", model("dropout", 0.1), ErrUnsupported, "dropout"},
		{"prefix", model("continuing_subword_prefix", "##"), ErrUnsupported, "continuing_subword_prefix"},
		{"suffix", model("end_of_word_suffix", "</w>"), ErrUnsupported, "end_of_word_suffix"},
		{"byte fallback", model("byte_fallback", true), ErrUnsupported, "byte_fallback"},
		{"no merges", model("merges", nil), ErrCorrupt, "merges"},
		{"one part", model("merges", []any{"ab"}), ErrCorrupt, "isn't two tokens"},
		{"three parts", model("merges", []any{"a b c"}), ErrCorrupt, "isn't two tokens"},
		{"three in a list", model("merges", []any{[]any{"a", "b", "c"}}), ErrCorrupt, "pair"},
		{"number as merge", model("merges", []any{1}), ErrCorrupt, "string"},
		{"merge of unknown", model("merges", []any{"a 日"}), ErrCorrupt, "lacks"},
		{"merge to unknown", model("merges", []any{"x y"}), ErrCorrupt, "lacks"},
		{"vocab as list", model("vocab", []any{}), ErrCorrupt, "expected"},
		{"id too high", vocab("zz", maxVocab), ErrUnsupported, "zz"},
		{"id far off", vocab("zz", 100000), ErrUnsupported, "100000"},
		{"id twice", vocab("zz", 7), ErrCorrupt, "twice"},
		{"fraction", model("vocab", map[string]any{"a": 1.5}), ErrCorrupt, "id"},
		{"negative", model("vocab", map[string]any{"a": -1}), ErrCorrupt, "id"},
		{"normalizer", set("normalizer", typed("NFKC")), ErrUnsupported, `normalizer: type "NFKC"`},
		{"normalizer within", set("normalizer", map[string]any{"type": "Sequence", "normalizers": []any{typed("NFC"), typed("Lowercase")}}), ErrUnsupported, "Lowercase"},
		{"no type", set("normalizer", map[string]any{}), ErrCorrupt, "type"},
		{"no pre-tokenizer", set("pre_tokenizer", nil), ErrUnsupported, "ByteLevel"},
		{"pre-tokenizer", set("pre_tokenizer", typed("Metaspace")), ErrUnsupported, "Metaspace"},
		{"order", set("pre_tokenizer", map[string]any{"type": "Sequence", "pretokenizers": []any{map[string]any{"type": "ByteLevel"}, map[string]any{"type": "Digits", "individual_digits": true}}}), ErrUnsupported, "last"},
		{"regex", set("pre_tokenizer", map[string]any{"type": "Split", "pattern": map[string]any{"Regex": `\w+`}, "behavior": "Isolated", "invert": false}), ErrUnsupported, `\w+`},
		{"split by string", set("pre_tokenizer", map[string]any{"type": "Split", "pattern": map[string]any{"String": " "}, "behavior": "Isolated", "invert": false}), ErrUnsupported, "string"},
		{"behavior", set("pre_tokenizer", map[string]any{"type": "Split", "pattern": map[string]any{"Regex": regexQwen2}, "behavior": "Removed", "invert": false}), ErrUnsupported, "Removed"},
		{"post-processor", set("post_processor", typed("RobertaProcessing")), ErrUnsupported, "RobertaProcessing"},
		{"template", set("post_processor", map[string]any{"type": "TemplateProcessing", "single": []any{}, "pair": []any{}, "special_tokens": map[string]any{}}), ErrUnsupported, "sequence A"},
		{"template token", set("post_processor", map[string]any{"type": "TemplateProcessing", "single": []any{map[string]any{"SpecialToken": map[string]any{"id": "X", "type_id": 0}}}}), ErrCorrupt, `"X"`},
		{"no decoder", set("decoder", nil), ErrUnsupported, "decoder"},
		{"decoder", set("decoder", typed("WordPiece")), ErrUnsupported, "WordPiece"},
		{"added in vocab", set("added_tokens", []any{added("ab", 3)}), ErrCorrupt, `"ab"`},
		{"added with a gap", set("added_tokens", []any{added("<x>", 300)}), ErrUnsupported, "next free"},
		{"added twice", set("added_tokens", []any{added("<x>", 258), added("<x>", 259)}), ErrCorrupt, "twice"},
		{"added id twice", set("added_tokens", []any{added("<x>", 258), added("<y>", 258)}), ErrCorrupt, "twice"},
		{"added empty", set("added_tokens", []any{added("", 258)}), ErrCorrupt, "empty"},
		{"added long", set("added_tokens", []any{added(strings.Repeat("x", maxAdded+1), 258)}), ErrUnsupported, "bytes"},
	} {
		_, err := Parse(Files{Tokenizer: minimal(t, c.change)})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), FileName) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.is, c.says)
		}
	}
	for _, b := range []string{"", "{", "[]", "null", `{"version":"1.0"}`, "{}x"} {
		if _, err := Parse(Files{Tokenizer: []byte(b)}); err == nil {
			t.Errorf("%q was read", b)
		}
	}
}

func TestConfig(t *testing.T) {
	file := minimal(t, nil)
	for _, c := range []struct {
		name, config, specials string
		eos, says              string
		is                     error
	}{
		{"string", `{"eos_token": "</s>"}`, "", "</s>", "", nil},
		{"object", `{"eos_token": {"content": "</s>", "__type": "AddedToken"}}`, "", "</s>", "", nil},
		{"null", `{"eos_token": null}`, "", "", "", nil},
		{"map", `{}`, `{"eos_token": {"content": "<s>"}}`, "<s>", "", nil},
		{"config before map", `{"eos_token": "</s>"}`, `{"eos_token": "<s>"}`, "</s>", "", nil},
		{"map is passed over", `{"added_tokens_decoder": {}}`, `{"eos_token": "<s>"}`, "", "", nil},
		{"ordinary token", `{"eos_token": "ab"}`, "", "ab", "", nil},
		{"unknown token", `{"pad_token": "<pad>"}`, "", "", `"<pad>"`, ErrUnsupported},
		{"added elsewhere", `{"added_tokens_decoder": {"9": {"content": "<x>"}}}`, "", "", `"<x>"`, ErrUnsupported},
		{"other flags", `{"added_tokens_decoder": {"258": {"content": "<s>", "special": false}}}`, "", "", "flags", ErrUnsupported},
		{"same flags", `{"added_tokens_decoder": {"258": {"content": "<s>", "special": true}}, "extra_special_tokens": {"b": "</s>"}, "additional_special_tokens": ["<s>"]}`, "", "", "", nil},
		{"split specials", `{"split_special_tokens": true}`, "", "", "split_special_tokens", ErrUnsupported},
		{"contradicted", `{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true}`, "", "", "add_bos_token", ErrUnsupported},
		{"not contradicted", `{"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": true, "model_max_length": 1e30}`, "", "", "", nil},
		{"not JSON", `{`, "", "", ConfigName, ErrCorrupt},
		{"map not JSON", `{}`, "[", "", MapName, ErrCorrupt},
		{"extra of another kind", `{"extra_special_tokens": 1}`, "", "", "extra_special_tokens", ErrCorrupt},
		{"template of another kind", `{"chat_template": 1}`, "", "", "chat_template", ErrCorrupt},
	} {
		f := Files{Tokenizer: file, Config: []byte(c.config)}
		if c.specials != "" {
			f.Map = []byte(c.specials)
		}
		tok, err := Parse(f)
		if c.is != nil {
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if tok.Names().EOS != c.eos || tok.Names().ModelMaxLength != 0 {
			t.Errorf("%s: EOS %q", c.name, tok.Names().EOS)
		}
		if id, ok := tok.EOS(); ok && (!tok.IsSpecial(id) || tok.Decode([]int32{id}, true) != "") {
			t.Errorf("%s: EOS isn't special", c.name)
		}
	}
	for config, want := range map[string]string{
		`{"chat_template": "x"}`: "x", `{"chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}]}`: "d",
		`{"chat_template": [{"name": "tool", "template": "t"}]}`: "", `{}`: "",
	} {
		if tok, err := Parse(Files{Tokenizer: file, Config: []byte(config)}); err != nil || tok.ChatTemplate() != want {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestNewRefused(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"pattern":     func(s *Spec) { s.Pattern = "words" },
		"token twice": func(s *Spec) { s.Tokens = append(s.Tokens, s.Tokens[0]) },
		"empty token": func(s *Spec) { s.Tokens = append(s.Tokens, "") },
		"bad merge":   func(s *Spec) { s.Merges = append(s.Merges, [2]int32{0, 1 << 20}) },
		"odd merge":   func(s *Spec) { s.Merges = append(s.Merges, [2]int32{0, 1}) },
		"no BOS":      func(s *Spec) { s.PrependBOS = true },
		"unknown EOS": func(s *Spec) { s.EOS = "<eos>" },
	} {
		s := trained(t, 300)
		change(&s)
		if _, err := New(s); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimal(f, nil), []byte(`{"eos_token": "</s>", "chat_template": "x"}`), "ab a<s> 12 \u00e9")
	s := trained(f, 300)
	s.PrependBOS, s.BOS = true, "<|im_start|>"
	files, err := s.files()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(files.Tokenizer, files.Config, samples[7])
	f.Fuzz(func(t *testing.T, file, config []byte, text string) {
		tok, err := Parse(Files{Tokenizer: file, Config: config})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		ids := tok.Encode(text, true)
		tok.Decode(ids, true)
		again, err := tok.Files()
		if err != nil {
			return
		}
		same, err := Parse(again)
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if !slices.Equal(same.Encode(text, true), ids) {
			t.Fatal("what was written encodes otherwise")
		}
	})
}
