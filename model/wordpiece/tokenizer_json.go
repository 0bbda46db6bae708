package wordpiece

import (
	"encoding/json"
	"slices"
)

type addedJSON struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type truncationJSON struct {
	Direction string `json:"direction"`
	MaxLength int    `json:"max_length"`
	Strategy  string `json:"strategy"`
	Stride    int    `json:"stride"`
}

type modelJSON struct {
	Type          string           `json:"type"`
	Unknown       string           `json:"unk_token"`
	Prefix        *string          `json:"continuing_subword_prefix"`
	MaxInputChars *int             `json:"max_input_chars_per_word"`
	Vocab         map[string]int32 `json:"vocab"`
}

// parseTokenizer reads a tokenizer.json. Its truncation and padding are the defaults of another program and don't count.
func parseTokenizer(raw []byte) (*Tokenizer, error) {
	if len(raw) > maxFile {
		return nil, corrupt("more than %d bytes", maxFile)
	}
	var f struct {
		Version       string          `json:"version"`
		Truncation    *truncationJSON `json:"truncation"`
		Padding       json.RawMessage `json:"padding"`
		AddedTokens   []addedJSON     `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         modelJSON       `json:"model"`
	}
	if err := strict(raw, "file", &f); err != nil {
		return nil, err
	}
	if f.Version != "1.0" {
		return nil, unsupported("version %q", short(f.Version))
	}
	if f.Truncation != nil && f.Truncation.Direction != "" && f.Truncation.Direction != "Right" {
		return nil, unsupported("truncation.direction %q", short(f.Truncation.Direction))
	}
	t := &Tokenizer{}
	if err := t.setModel(f.Model); err != nil {
		return nil, err
	}
	if err := t.setNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	var pre struct {
		Type string `json:"type"`
	}
	if err := strict(f.PreTokenizer, "pre_tokenizer", &pre); err != nil {
		return nil, err
	}
	if pre.Type != "BertPreTokenizer" {
		return nil, unsupported("pre_tokenizer of type %q", short(pre.Type))
	}
	if err := t.addAll(f.AddedTokens); err != nil {
		return nil, err
	}
	return t, t.setPostProcessor(f.PostProcessor)
}

func (t *Tokenizer) setModel(m modelJSON) error {
	if m.Type != "WordPiece" && m.Type != "" { // old files don't name it
		return unsupported("model of type %q", short(m.Type))
	}
	t.prefix, t.settings.MaxInputChars = "##", defaultChars
	if m.Prefix != nil {
		t.prefix = *m.Prefix
	}
	if len(t.prefix) > maxPrefix {
		return unsupported("model.continuing_subword_prefix of %d bytes", len(t.prefix))
	}
	if m.MaxInputChars != nil {
		t.settings.MaxInputChars = *m.MaxInputChars
	}
	if n := t.settings.MaxInputChars; n < 1 || n > maxWordChars {
		return unsupported("model.max_input_chars_per_word %d isn't in 1..%d", n, maxWordChars)
	}
	if len(m.Vocab) == 0 {
		return corrupt("model.vocab is empty")
	}
	return t.setVocab(m.Vocab, m.Unknown)
}

func (t *Tokenizer) setNormalizer(raw json.RawMessage) error {
	var n struct {
		Type         string `json:"type"`
		CleanText    bool   `json:"clean_text"`
		SplitChinese bool   `json:"handle_chinese_chars"`
		StripAccents *bool  `json:"strip_accents"`
		Lowercase    bool   `json:"lowercase"`
	}
	if len(raw) == 0 {
		return unsupported("no normalizer")
	}
	if err := strict(raw, "normalizer", &n); err != nil {
		return err
	}
	if n.Type != "BertNormalizer" {
		return unsupported("normalizer of type %q", short(n.Type))
	}
	s := &t.settings
	s.CleanText, s.SplitChinese, s.Lowercase, s.StripAccents = n.CleanText, n.SplitChinese, n.Lowercase, n.Lowercase
	if n.StripAccents != nil {
		s.StripAccents = *n.StripAccents
	}
	return nil
}

// addAll takes the added tokens, each with the id that the reference would give it: the vocabulary's, or the next free one.
func (t *Tokenizer) addAll(list []addedJSON) error {
	if len(list) > maxAdded {
		return unsupported("%d added_tokens, more than %d", len(list), maxAdded)
	}
	slices.SortStableFunc(list, func(a, b addedJSON) int { return int(a.ID) - int(b.ID) })
	var added []addedToken
	for _, a := range list {
		known, ok := t.first[a.Content]
		switch {
		case a.Content == "" || len(a.Content) > maxToken:
			return corrupt("added_tokens: token %d has %d bytes", a.ID, len(a.Content))
		case a.SingleWord || a.LStrip || a.RStrip || a.Normalized:
			return unsupported("added_tokens: %q is single_word, lstrip, rstrip or normalized", short(a.Content))
		case ok && known != a.ID:
			return corrupt("added_tokens: %q has id %d but %d in the vocabulary", short(a.Content), a.ID, known)
		case !ok && int(a.ID) != len(t.tokens):
			return unsupported("added_tokens: %q has id %d where the next free one is %d", short(a.Content), a.ID, len(t.tokens))
		case slices.Contains(added, addedToken{a.Content, a.ID}):
			return corrupt("added_tokens: %q comes twice", short(a.Content))
		}
		if !ok {
			t.tokens = append(t.tokens, a.Content)
		}
		added = append(added, addedToken{a.Content, a.ID})
	}
	t.setAdded(added)
	return nil
}

// templatePart is one element of a template: a special token or a text.
type templatePart struct {
	Special  *templateRef `json:"SpecialToken"`
	Sequence *templateRef `json:"Sequence"`
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

// setPostProcessor reads what is put around a single text.
func (t *Tokenizer) setPostProcessor(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return corrupt("post_processor: %v", err)
	}
	switch kind.Type {
	case "BertProcessing":
		return t.setBertProcessing(raw)
	case "TemplateProcessing":
		return t.setTemplate(raw)
	}
	return unsupported("post_processor of type %q", short(kind.Type))
}

func (t *Tokenizer) setBertProcessing(raw json.RawMessage) error {
	var p struct {
		Type     string
		Sep, Cls [2]json.RawMessage
	}
	if err := strict(raw, "post_processor", &p); err != nil {
		return err
	}
	for _, end := range []struct {
		pair [2]json.RawMessage
		to   *[]int32
	}{{p.Cls, &t.before}, {p.Sep, &t.after}} {
		var text string
		var id int32
		if json.Unmarshal(end.pair[0], &text) != nil || json.Unmarshal(end.pair[1], &id) != nil {
			return corrupt("post_processor: no pair of a token and its id")
		}
		if t.Token(id) != text || text == "" {
			return corrupt("post_processor: the vocabulary doesn't give %q the id %d", short(text), id)
		}
		*end.to = []int32{id}
	}
	return nil
}

func (t *Tokenizer) setTemplate(raw json.RawMessage) error {
	const maxParts = 64
	var p struct {
		Type    string          `json:"type"`
		Single  []templatePart  `json:"single"`
		Pair    json.RawMessage `json:"pair"`
		Special map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := strict(raw, "post_processor", &p); err != nil {
		return err
	}
	to, texts := &t.before, 0
	for _, part := range p.Single {
		switch {
		case part.Special == nil && part.Sequence != nil && part.Sequence.ID == "A" && part.Sequence.TypeID == 0:
			texts++
			to = &t.after
		case part.Sequence == nil && part.Special != nil && part.Special.TypeID == 0:
			special, ok := p.Special[part.Special.ID]
			if !ok {
				return corrupt("post_processor: %q isn't among its special_tokens", short(part.Special.ID))
			}
			for _, id := range special.IDs {
				if t.Token(id) == "" {
					return corrupt("post_processor: id %d isn't in the vocabulary", id)
				}
			}
			if *to = append(*to, special.IDs...); t.Overhead() > maxParts {
				return unsupported("post_processor: more than %d special tokens", maxParts)
			}
		default:
			return unsupported("post_processor: a part that is neither a special token nor text A, both of type 0")
		}
	}
	if texts != 1 {
		return corrupt("post_processor: the text stands in it %d times", texts)
	}
	return nil
}
