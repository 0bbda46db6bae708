package gguf

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// byteTexts is the byte alphabet in the order in which GPT-2's vocabulary has it.
func byteTexts() []string {
	var plain, moved []string
	next := rune(256)
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			plain = append(plain, string(b))
		} else {
			moved = append(moved, string(next))
			next++
		}
	}
	return append(plain, moved...)
}

// tokenizerFile is a file with a small tokenizer; change replaces or, with nil, removes entries.
func tokenizerFile(t testing.TB, change map[string]any) *Builder {
	tokens := append([]string{"<|end|>", "<|start|>", "<tool>"}, byteTexts()...)
	tokens = append(tokens, "he", "Ġhe", "12", "123", "[PAD0]", "<|pad token|>")
	types := make([]int32, len(tokens))
	for i := range types {
		types[i] = tokenNormal
	}
	types[0], types[1], types[2] = tokenControl, tokenControl, tokenUser
	types[len(types)-2], types[len(types)-1] = tokenUnused, tokenControl
	b := &Builder{}
	for _, e := range []struct {
		key   string
		value any
	}{
		{"general.architecture", "llama"}, {"llama.context_length", uint32(512)},
		{keyModel, "gpt2"}, {keyPre, "qwen2"}, {keyTokens, tokens}, {keyTypes, types}, {keyMerges, []string{"h e", "Ġ he", "1 2", "12 3"}},
		{"tokenizer.ggml.bos_token_id", uint32(1)}, {"tokenizer.ggml.eos_token_id", uint32(0)}, {"tokenizer.ggml.padding_token_id", uint32(len(tokens) - 1)},
		{"tokenizer.chat_template", "{{ messages }}"},
	} {
		v, changed := change[e.key]
		if !changed {
			v = e.value
		}
		if v != nil {
			must(t, b.Set(e.key, v))
		}
	}
	for key, v := range change {
		if !strings.HasPrefix(key, "general") && !slices.Contains([]string{keyModel, keyPre, keyTokens, keyTypes, keyMerges, "llama.context_length", "tokenizer.chat_template",
			"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id"}, key) {
			must(t, b.Set(key, v))
		}
	}
	return b
}

func TestTokenizer(t *testing.T) {
	const (
		end, start, tool = 0, 1, 2
		he, spaceHe      = 259, 260
		twelve, onetwo3  = 261, 262
		pad              = 264
	)
	letter := func(c string) int32 { return int32(3 + slices.Index(byteTexts(), c)) }
	for _, c := range []struct {
		name   string
		change map[string]any
		text   string
		want   []int32
	}{
		{"qwen2 cuts digits", nil, "he he<|end|>12<tool>", []int32{he, spaceHe, end, letter("1"), letter("2"), tool}},
		{"qwen2 normalizes", nil, "e\u0301", []int32{letter("Ã"), letter("©")}},
		{"llama-bpe keeps three digits and begins", map[string]any{keyPre: "llama-bpe"}, "1234", []int32{start, onetwo3, letter("4")}},
		{"llama-bpe told not to begin", map[string]any{keyPre: "llama-bpe", "tokenizer.ggml.add_bos_token": false}, "12", []int32{twelve}},
		{"smollm", map[string]any{keyPre: "smollm", "tokenizer.ggml.add_eos_token": true}, "12 he", []int32{letter("1"), letter("2"), spaceHe, end}},
		{"gpt-2 does not normalize", map[string]any{keyPre: "gpt-2"}, "e\u0301 123", []int32{letter("e"), letter("Ì"), letter("ģ"), letter("Ġ"), onetwo3}},
		{"a token with a space", nil, "<|pad token|>", []int32{pad}},
		{"an unused place", map[string]any{keyPre: "gpt-2"}, "[PAD0]", []int32{letter("["), letter("P"), letter("A"), letter("D"), letter("0"), letter("]")}},
	} {
		f, err := Parse(tokenizerFile(t, c.change).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		tok, err := f.Tokenizer()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := tok.Encode(c.text, true); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q gives %d, want %d", c.name, c.text, got, c.want)
		}
		bos, _ := tok.BOS()
		eos, _ := tok.EOS()
		if p, _ := tok.Pad(); bos != start || eos != end || p != pad {
			t.Errorf("%s: BOS %d, EOS %d, pad %d", c.name, bos, eos, p)
		}
		if tok.ChatTemplate() != "{{ messages }}" || tok.Names().ModelMaxLength != 512 || tok.VocabSize() != pad+1 {
			t.Errorf("%s: template %q, context %d, vocabulary %d", c.name, tok.ChatTemplate(), tok.Names().ModelMaxLength, tok.VocabSize())
		}
		if !tok.IsSpecial(end) || tok.IsSpecial(tool) || tok.IsSpecial(he) {
			t.Errorf("%s: the wrong tokens are special", c.name)
		}
		if got := tok.Decode([]int32{start, he, tool, pad - 1, pad}, true); got != "he<tool>" {
			t.Errorf("%s: decoded %q", c.name, got)
		}
		if err := tok.WriteFiles(t.TempDir()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTokenizerRefusals(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		says  string
		is    error
	}{
		{keyModel, nil, keyModel, ErrNotFound},
		{keyModel, "llama", `"llama"`, ErrUnsupported},
		{keyModel, uint32(1), "want string", ErrCorrupt},
		{keyPre, nil, keyPre, ErrNotFound},
		{keyPre, "default", `"default"`, ErrUnsupported},
		{keyTokens, nil, keyTokens, ErrNotFound},
		{keyTokens, []int32{1}, "list of strings", ErrCorrupt},
		{keyTokens, []string{"a", "a"}, "2 tokens", ErrCorrupt},
		{keyTypes, nil, keyTypes, ErrNotFound},
		{keyTypes, []int32{1, 1}, keyTypes, ErrCorrupt},
		{keyTypes, make([]int32, 265), "the kind 0", ErrUnsupported},
		{keyMerges, nil, keyMerges, ErrNotFound},
		{keyMerges, []string{"h"}, "isn't two tokens", ErrCorrupt},
		{keyMerges, []string{"h e l"}, "isn't two tokens", ErrCorrupt},
		{keyMerges, []string{"h q"}, "vocab lacks", ErrCorrupt},
		{"tokenizer.ggml.bos_token_id", uint32(9999), "bos_token_id", ErrCorrupt},
		{"tokenizer.ggml.eos_token_id", "x", "eos_token_id", ErrCorrupt},
		{"tokenizer.ggml.add_bos_token", uint32(1), "add_bos_token", ErrCorrupt},
		{"tokenizer.ggml.add_space_prefix", true, "add_space_prefix", ErrUnsupported},
		{"tokenizer.chat_template", uint32(1), "chat_template", ErrCorrupt},
	} {
		f, err := Parse(tokenizerFile(t, map[string]any{c.key: c.value}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Tokenizer()
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.is) {
			t.Errorf("%s = %v: got %v, want %q and %v", c.key, c.value, err, c.says, c.is)
		}
	}
}
