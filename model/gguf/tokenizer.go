package gguf

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/model/tokenizer"
)

// Kinds of tokens in tokenizer.ggml.token_type.
const (
	tokenNormal  = 1
	tokenUnknown = 2
	tokenControl = 3 // special: left out of decoded text
	tokenUser    = 4 // added, but ordinary text
	tokenUnused  = 5 // a place in the embedding without a text
)

// scheme is what a pre-tokenizer's name stands for, in the form of the Hugging Face files that the name was made from. llama.cpp
// doesn't normalize for any of them; the genuine Qwen2 tokenizer does, and ids are to agree with that.
type scheme struct {
	pattern                                tokenizer.Pattern
	nfc, ignoreMerges, cleanUp, prependBOS bool
}

var schemes = map[string]scheme{
	"qwen2":     {pattern: tokenizer.Qwen2, nfc: true},
	"llama-bpe": {pattern: tokenizer.Llama3, ignoreMerges: true, cleanUp: true, prependBOS: true},
	"smollm":    {pattern: tokenizer.SmolLM2},
	"gpt-2":     {pattern: tokenizer.GPT2},
}

// Tokenizer makes the tokenizer that the file holds: a byte-level BPE whose pre-tokenizer is qwen2, llama-bpe, smollm or gpt-2.
// The format doesn't keep all that a tokenizer.json says: every token of the kinds control and user-defined is taken as an added
// token that is looked for in the raw text and swallows no white space.
func (f *File) Tokenizer() (*tokenizer.Tokenizer, error) {
	v, err := f.vocabulary()
	if err != nil {
		return nil, fmt.Errorf("couldn't read the tokenizer of the model file: %w", err)
	}
	t, err := tokenizer.FromVocabulary(v)
	switch {
	case errors.Is(err, tokenizer.ErrUnsupported):
		err = fmt.Errorf("couldn't read the tokenizer of the model file: %w (%w)", err, ErrUnsupported)
	case err != nil:
		err = fmt.Errorf("couldn't read the tokenizer of the model file: %w (%w)", err, ErrCorrupt)
	}
	return t, err
}

const (
	keyModel  = "tokenizer.ggml.model"
	keyPre    = "tokenizer.ggml.pre"
	keyTokens = "tokenizer.ggml.tokens"
	keyTypes  = "tokenizer.ggml.token_type"
	keyMerges = "tokenizer.ggml.merges"
)

func (f *File) vocabulary() (v tokenizer.Vocabulary, err error) {
	for _, c := range []struct{ key, want string }{{keyModel, "gpt2"}, {keyPre, ""}} {
		got, err := f.text(c.key)
		if err != nil {
			return v, err
		}
		if c.want != "" && got != c.want {
			return v, fmt.Errorf("metadata %s is %q: %w (have gpt2)", c.key, got, ErrUnsupported)
		}
	}
	pre, _ := f.text(keyPre)
	s, ok := schemes[pre]
	if !ok {
		return v, fmt.Errorf("metadata %s is %q: %w (have gpt-2, llama-bpe, qwen2, smollm)", keyPre, pre, ErrUnsupported)
	}
	v.Pattern, v.NFC, v.IgnoreMerges, v.CleanUp = s.pattern, s.nfc, s.ignoreMerges, s.cleanUp
	if v.Tokens, err = f.strings(keyTokens); err != nil {
		return v, err
	}
	merges, err := f.strings(keyMerges)
	if err != nil {
		return v, err
	}
	v.Merges = make([][2]string, len(merges))
	for i, m := range merges {
		a, b, ok := strings.Cut(m, " ")
		if !ok || a == "" || b == "" || strings.Contains(b, " ") {
			return v, fmt.Errorf("metadata %s has %q at %d, which isn't two tokens: %w", keyMerges, m, i, ErrCorrupt)
		}
		v.Merges[i] = [2]string{a, b}
	}
	if v.Added, err = f.addedTokens(v.Tokens); err != nil {
		return v, err
	}
	if err := f.specials(&v); err != nil {
		return v, err
	}
	v.PrependBOS, v.AppendEOS = s.prependBOS && v.Names.BOS != "", false
	for key, to := range map[string]*bool{"tokenizer.ggml.add_bos_token": &v.PrependBOS, "tokenizer.ggml.add_eos_token": &v.AppendEOS} {
		if x, ok := f.meta[key]; ok {
			if *to, ok = x.Bool(); !ok {
				return v, fmt.Errorf("metadata %s is of kind %s, want bool: %w", key, x.Kind(), ErrCorrupt)
			}
		}
	}
	if x, ok := f.meta["tokenizer.ggml.add_space_prefix"]; ok {
		if add, ok := x.Bool(); !ok || add {
			return v, fmt.Errorf("metadata tokenizer.ggml.add_space_prefix is %s: %w", x, ErrUnsupported)
		}
	}
	return v, nil
}

// addedTokens reads the kinds of the tokens; it empties the places that stand for no token.
func (f *File) addedTokens(tokens []string) (added []tokenizer.AddedToken, err error) {
	x, ok := f.meta[keyTypes]
	if !ok {
		return nil, fmt.Errorf("metadata %s: %w", keyTypes, ErrNotFound)
	}
	types, ok := x.Ints()
	if !ok || len(types) != len(tokens) {
		return nil, fmt.Errorf("metadata %s is %s beside %d tokens: %w", keyTypes, x, len(tokens), ErrCorrupt)
	}
	for id, kind := range types {
		switch kind {
		case tokenNormal, tokenUnknown:
		case tokenControl, tokenUser:
			added = append(added, tokenizer.AddedToken{ID: int32(id), Content: tokens[id], Special: kind == tokenControl})
		case tokenUnused:
			tokens[id] = ""
		default:
			return nil, fmt.Errorf("metadata %s has the kind %d for token %d: %w", keyTypes, kind, id, ErrUnsupported)
		}
	}
	return added, nil
}

// specials reads the special tokens, the template and the context.
func (f *File) specials(v *tokenizer.Vocabulary) error {
	for key, to := range map[string]*string{"bos": &v.Names.BOS, "eos": &v.Names.EOS, "padding": &v.Names.Pad, "unknown": &v.Names.Unknown} {
		key = "tokenizer.ggml." + key + "_token_id"
		x, ok := f.meta[key]
		if !ok {
			continue
		}
		id, ok := x.Int()
		if !ok || id < 0 || id >= int64(len(v.Tokens)) || v.Tokens[id] == "" {
			return fmt.Errorf("metadata %s is %s, not one of the %d tokens: %w", key, x, len(v.Tokens), ErrCorrupt)
		}
		*to = v.Tokens[id]
	}
	if x, ok := f.meta["tokenizer.chat_template"]; ok {
		if v.Names.ChatTemplate, ok = x.Text(); !ok {
			return fmt.Errorf("metadata tokenizer.chat_template is of kind %s, want string: %w", x.Kind(), ErrCorrupt)
		}
	}
	if arch, err := f.text("general.architecture"); err == nil {
		if x, ok := f.meta[arch+".context_length"]; ok {
			if n, ok := x.Int(); ok && n > 0 && n < 1<<31 {
				v.Names.ModelMaxLength = int(n)
			}
		}
	}
	return nil
}

func (f *File) text(key string) (string, error) {
	x, ok := f.meta[key]
	if !ok {
		return "", fmt.Errorf("metadata %s: %w", key, ErrNotFound)
	}
	s, ok := x.Text()
	if !ok {
		return "", fmt.Errorf("metadata %s is of kind %s, want string: %w", key, x.Kind(), ErrCorrupt)
	}
	return s, nil
}

func (f *File) strings(key string) ([]string, error) {
	x, ok := f.meta[key]
	if !ok {
		return nil, fmt.Errorf("metadata %s: %w", key, ErrNotFound)
	}
	list, ok := x.Strings()
	if !ok {
		return nil, fmt.Errorf("metadata %s is %s, want a list of strings: %w", key, x, ErrCorrupt)
	}
	return list, nil
}
