package tokenizer

import "fmt"

// Vocabulary describes a tokenizer whose ids are already given out, as files of other formats hold them: special tokens may
// lie anywhere among the ids.
type Vocabulary struct {
	// Tokens are the texts by id: in the byte alphabet (a space is Ġ), added tokens as they are written. "" leaves a hole.
	Tokens []string
	// Merges are pairs of texts in the byte alphabet, in the order of their rank.
	Merges [][2]string
	// Added are the tokens found as a whole; each must be in Tokens under its ID.
	Added   []AddedToken
	Pattern Pattern
	// NFC normalizes text before it is cut.
	NFC bool
	// IgnoreMerges takes a word that is a token as it is, without merging (Llama 3).
	IgnoreMerges bool
	// CleanUp removes spaces before punctuation from decoded text.
	CleanUp bool
	// Names are the special tokens, the chat template and the context.
	Names Names
	// PrependBOS and AppendEOS put these tokens around every text that is encoded with special tokens.
	PrependBOS, AppendEOS bool
}

// FromVocabulary makes a tokenizer, with the checks that Parse makes: it is the one that loading what WriteFiles writes gives.
// Errors wrap ErrCorrupt or ErrUnsupported.
func FromVocabulary(v Vocabulary) (*Tokenizer, error) {
	f, err := v.files()
	if err == nil {
		var t *Tokenizer
		if t, err = Parse(f); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("couldn't make tokenizer: %w", err)
}

func (v Vocabulary) files() (Files, error) {
	stages, err := v.Pattern.stages()
	if err != nil {
		return Files{}, err
	}
	if len(v.Tokens) > maxVocab {
		return Files{}, unsupported("vocabulary of %d tokens, more than %d", len(v.Tokens), maxVocab)
	}
	d := document{tokens: v.Tokens, merges: v.Merges, added: v.Added, nfc: v.NFC, ignoreMerges: v.IgnoreMerges,
		stages: stages, names: v.Names, cleanUp: v.CleanUp}
	byText := make(map[string]int32, len(v.Added))
	for _, a := range v.Added {
		if a.ID < 0 || int(a.ID) >= len(v.Tokens) || v.Tokens[a.ID] != a.Content {
			return Files{}, corrupt("added token %q isn't the token %d of the vocabulary", a.Content, a.ID)
		}
		byText[a.Content] = a.ID
	}
	around := func(want bool, what, token string) ([]templateToken, error) {
		if !want {
			return nil, nil
		}
		id, ok := byText[token]
		if !ok {
			return nil, corrupt("%s %q, which is put around texts, isn't an added token", what, token)
		}
		return []templateToken{{token, []int32{id}, []string{token}}}, nil
	}
	if d.prefix, err = around(v.PrependBOS, "BOS", v.Names.BOS); err != nil {
		return Files{}, err
	}
	if d.suffix, err = around(v.AppendEOS, "EOS", v.Names.EOS); err != nil {
		return Files{}, err
	}
	return d.files()
}
