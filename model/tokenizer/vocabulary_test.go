package tokenizer

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// vocabularyOf gives the vocabulary of a trained tokenizer with its added tokens moved to the front.
func vocabularyOf(t *testing.T) Vocabulary {
	t.Helper()
	s := trained(t, 400)
	v := Vocabulary{Tokens: []string{"<|begin|>", "<|finish|>"}, Pattern: s.Pattern, NFC: s.NFC, Names: Names{BOS: "<|begin|>", EOS: "<|finish|>", ChatTemplate: "x", ModelMaxLength: 99}}
	if v.Pattern == "" {
		v.Pattern = Qwen2
	}
	for id, token := range v.Tokens {
		v.Added = append(v.Added, AddedToken{ID: int32(id), Content: token, Special: true})
	}
	for _, raw := range s.Tokens {
		v.Tokens = append(v.Tokens, string(appendText(nil, raw)))
	}
	for _, m := range s.Merges {
		v.Merges = append(v.Merges, [2]string{v.Tokens[m[0]+2], v.Tokens[m[1]+2]})
	}
	return v
}

// TestFromVocabulary compares with the tokenizer that gives the same tokens other ids, and with what it writes.
func TestFromVocabulary(t *testing.T) {
	s := trained(t, 400)
	s.Added, s.BOS, s.EOS, s.Pad, s.PrependBOS = nil, "", "", "", false
	plain, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	v := vocabularyOf(t)
	v.PrependBOS, v.AppendEOS = true, true
	moved, err := FromVocabulary(v)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := moved.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range samples {
		if strings.Contains(text, "<|") {
			continue
		}
		want := []int32{0}
		for _, id := range plain.Encode(text, true) {
			want = append(want, id+2)
		}
		want = append(want, 1)
		for name, tok := range map[string]*Tokenizer{"made": moved, "loaded": again} {
			if got := tok.Encode(text, true); !slices.Equal(got, want) {
				t.Errorf("%s: %q gives %d, want %d", name, text, got, want)
			}
			if got := tok.Decode(tok.Encode(text, true), true); got != plain.Decode(plain.Encode(text, false), true) {
				t.Errorf("%s: %q comes back as %q", name, text, got)
			}
		}
	}
	if n := moved.Names(); n != v.Names {
		t.Errorf("names %+v, want %+v", n, v.Names)
	}
	if bos, ok := moved.BOS(); !ok || bos != 0 {
		t.Errorf("BOS is %d (%t)", bos, ok)
	}
}

func TestFromVocabularyRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(v *Vocabulary)
		says   string
		is     error
	}{
		"pattern":        {func(v *Vocabulary) { v.Pattern = "bert" }, `"bert"`, ErrUnsupported},
		"no pattern":     {func(v *Vocabulary) { v.Pattern = "" }, "pattern", ErrUnsupported},
		"added id":       {func(v *Vocabulary) { v.Added[0].ID = 5 }, "<|begin|>", ErrCorrupt},
		"added negative": {func(v *Vocabulary) { v.Added[0].ID = -1 }, "<|begin|>", ErrCorrupt},
		"added past":     {func(v *Vocabulary) { v.Added[0].ID = 1 << 30 }, "<|begin|>", ErrCorrupt},
		"merge":          {func(v *Vocabulary) { v.Merges[0][0] = "nothing like it" }, "vocab lacks", ErrCorrupt},
		"token twice":    {func(v *Vocabulary) { v.Tokens[10] = v.Tokens[11] }, "twice", ErrCorrupt},
		"no BOS":         {func(v *Vocabulary) { v.Names.BOS, v.PrependBOS = "a", true }, "BOS", ErrCorrupt},
		"no EOS":         {func(v *Vocabulary) { v.Names.EOS, v.AppendEOS = "", true }, "EOS", ErrCorrupt},
	} {
		v := vocabularyOf(t)
		c.change(&v)
		if _, err := FromVocabulary(v); err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %q and %v", name, err, c.says, c.is)
		}
	}
}
