package wordpiece

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tokenName is a token in a configuration: its spelling, alone or in an object.
type tokenName struct{ content string }

func (n *tokenName) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var v struct {
			Content string `json:"content"`
		}
		err := json.Unmarshal(b, &v)
		n.content = v.Content
		return err
	}
	return json.Unmarshal(b, &n.content)
}

// tokenizerConfig is what of tokenizer_config.json bears on ids.
type tokenizerConfig struct {
	Class          string               `json:"tokenizer_class"`
	Lowercase      *bool                `json:"do_lower_case"`
	StripAccents   *bool                `json:"strip_accents"`
	SplitChinese   *bool                `json:"tokenize_chinese_chars"`
	CleanText      *bool                `json:"clean_text"`
	Basic          *bool                `json:"do_basic_tokenize"`
	NeverSplit     []string             `json:"never_split"`
	TruncationSide string               `json:"truncation_side"`
	ModelMaxLength *float64             `json:"model_max_length"`
	Unknown        *tokenName           `json:"unk_token"`
	CLS            *tokenName           `json:"cls_token"`
	SEP            *tokenName           `json:"sep_token"`
	PAD            *tokenName           `json:"pad_token"`
	Mask           *tokenName           `json:"mask_token"`
	Additional     []tokenName          `json:"additional_special_tokens"`
	Added          map[string]addedJSON `json:"added_tokens_decoder"`
}

func parseConfig(raw []byte) (*tokenizerConfig, error) {
	c := &tokenizerConfig{}
	if raw == nil {
		return c, nil
	}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, corrupt("file: %v", err)
	}
	switch {
	case c.Basic != nil && !*c.Basic:
		return nil, unsupported("do_basic_tokenize is false")
	case len(c.NeverSplit) > 0:
		return nil, unsupported("never_split isn't empty")
	case c.TruncationSide != "" && c.TruncationSide != "right":
		return nil, unsupported("truncation_side is %q", short(c.TruncationSide))
	}
	return c, nil
}

// settings are those for a vocab.txt, with the defaults of BERT's tokenizer.
func (c *tokenizerConfig) settings() Settings {
	or := func(b *bool, otherwise bool) bool {
		if b == nil {
			return otherwise
		}
		return *b
	}
	s := Uncased
	s.Lowercase = or(c.Lowercase, true)
	s.StripAccents = or(c.StripAccents, s.Lowercase)
	s.SplitChinese = or(c.SplitChinese, true)
	s.CleanText = or(c.CleanText, true)
	return s
}

func (c *tokenizerConfig) names() specialNames {
	or := func(n *tokenName, otherwise string) string {
		if n == nil || n.content == "" {
			return otherwise
		}
		return n.content
	}
	return specialNames{or(c.Unknown, "[UNK]"), or(c.CLS, "[CLS]"), or(c.SEP, "[SEP]"), or(c.PAD, "[PAD]"), or(c.Mask, "[MASK]")}
}

// class refuses a vocab.txt of tokenizers that aren't BERT's.
func (c *tokenizerConfig) class() error {
	switch name := strings.TrimSuffix(c.Class, "Fast"); name {
	case "", "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer":
		return nil
	}
	return unsupported("tokenizer_class is %q (have BertTokenizer)", short(c.Class))
}

// agrees refuses a configuration that says otherwise than the tokenizer.json: transformers' versions differ in whom they believe.
func (c *tokenizerConfig) agrees(t *Tokenizer) error {
	for _, f := range []struct {
		name string
		say  *bool
		is   bool
	}{
		{"do_lower_case", c.Lowercase, t.settings.Lowercase}, {"strip_accents", c.StripAccents, t.settings.StripAccents},
		{"tokenize_chinese_chars", c.SplitChinese, t.settings.SplitChinese}, {"clean_text", c.CleanText, t.settings.CleanText},
	} {
		if f.say != nil && *f.say != f.is {
			return unsupported("%s is %t and the normalizer of %s says %t", f.name, *f.say, FileName, f.is)
		}
	}
	return nil
}

// knows refuses a configuration that adds tokens which the tokenizer doesn't have.
func (c *tokenizerConfig) knows(t *Tokenizer) error {
	for key, a := range c.Added {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return corrupt("added_tokens_decoder: %q is no id", short(key))
		}
		if !t.isAdded(a.Content, int32(id)) {
			return unsupported("added_tokens_decoder: %q with id %d isn't an added token", short(a.Content), id)
		}
	}
	for _, a := range c.Additional {
		if a.content == "" || !slices.ContainsFunc(t.added[a.content[0]], func(x addedToken) bool { return x.text == a.content }) {
			return unsupported("additional_special_tokens: %q isn't an added token", short(a.content))
		}
	}
	return nil
}

// maxLength is model_max_length where it is a sensible number; without a limit files carry 1e30.
func (c *tokenizerConfig) maxLength() int {
	if c.ModelMaxLength == nil || *c.ModelMaxLength < 1 || *c.ModelMaxLength > math.MaxInt32 {
		return 0
	}
	return int(*c.ModelMaxLength)
}

// checkAdded refuses an added_tokens.json, the file of old folders, that adds anything.
func checkAdded(t *Tokenizer, raw []byte) error {
	if raw == nil {
		return nil
	}
	var list map[string]int32
	if err := json.Unmarshal(raw, &list); err != nil {
		return corrupt("file: %v", err)
	}
	for text, id := range list {
		if !t.isAdded(text, id) {
			return unsupported("%q with id %d isn't an added token", short(text), id)
		}
	}
	return nil
}
