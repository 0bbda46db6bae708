package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
)

// special is a special token as the config files write it: null, a string, or an object with the content.
type special struct{ content string }

func (s *special) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var v struct {
			Content string `json:"content"`
		}
		err := json.Unmarshal(b, &v)
		s.content = v.Content
		return err
	}
	return json.Unmarshal(b, &s.content)
}

// specials are the fields that tokenizer_config.json and special_tokens_map.json share.
type specials struct {
	BOS        special         `json:"bos_token"`
	EOS        special         `json:"eos_token"`
	Unknown    special         `json:"unk_token"`
	Pad        special         `json:"pad_token"`
	Additional []special       `json:"additional_special_tokens"`
	Extra      json.RawMessage `json:"extra_special_tokens"` // a list or a map from name to token
}

type configJSON struct {
	specials
	Added         map[string]addedJSON `json:"added_tokens_decoder"`
	ChatTemplate  json.RawMessage      `json:"chat_template"`
	CleanUp       bool                 `json:"clean_up_tokenization_spaces"`
	MaxLength     float64              `json:"model_max_length"` // "unbounded" is written as 1e30
	Class         string               `json:"tokenizer_class"`
	AddBOS        *bool                `json:"add_bos_token"`
	AddEOS        *bool                `json:"add_eos_token"`
	SplitSpecials bool                 `json:"split_special_tokens"`
}

// config reads the files beside tokenizer.json. Many fields only matter to other programs and are passed over; those that
// would change an id or a text are honoured or refused.
func (b *builder) config(f Files) error {
	var c configJSON
	if len(f.Config) > 0 {
		if err := json.Unmarshal(f.Config, &c); err != nil {
			return corrupt("%s: %v", ConfigName, err)
		}
	}
	if len(f.Map) > 0 && c.Added == nil { // the older of the two places
		var m specials
		if err := json.Unmarshal(f.Map, &m); err != nil {
			return corrupt("%s: %v", MapName, err)
		}
		for _, p := range [][2]*special{{&c.BOS, &m.BOS}, {&c.EOS, &m.EOS}, {&c.Unknown, &m.Unknown}, {&c.Pad, &m.Pad}} {
			if p[0].content == "" {
				*p[0] = *p[1]
			}
		}
		c.Additional = append(c.Additional, m.Additional...)
	}
	if c.SplitSpecials {
		return unsupported("%s: split_special_tokens", ConfigName)
	}
	if err := b.checkAdded(c.Added); err != nil {
		return err
	}
	extra, err := extraTokens(c.Extra)
	if err != nil {
		return err
	}
	for _, s := range slices.Concat([]special{c.BOS, c.EOS, c.Unknown, c.Pad}, c.Additional, extra) {
		if s.content == "" {
			continue
		}
		if err := b.makeSpecial(s.content); err != nil {
			return err
		}
	}
	template, err := chooseTemplate(c.ChatTemplate)
	if err != nil {
		return err
	}
	if f.Template != nil {
		template = string(f.Template)
	}
	b.t.cleanUp = c.CleanUp
	b.t.names = Names{BOS: c.BOS.content, EOS: c.EOS.content, Pad: c.Pad.content, Unknown: c.Unknown.content, ChatTemplate: template}
	if c.MaxLength > 0 && c.MaxLength < 1<<31 {
		b.t.names.ModelMaxLength = int(c.MaxLength)
	}
	return b.checkFlags(c)
}

// checkAdded compares the config's own list with tokenizer.json: transformers would add what differs.
func (b *builder) checkAdded(list map[string]addedJSON) error {
	for key, a := range list {
		i, ok := b.byText[a.Content]
		if !ok {
			return unsupported("%s: added token %q (id %s) isn't in %s", ConfigName, a.Content, key, FileName)
		}
		o := b.added[i]
		same := AddedToken{o.ID, a.Content, a.Special, a.Normalized, a.LStrip, a.RStrip, a.SingleWord}
		if o != same {
			return unsupported("%s: added token %q has other flags in %s", ConfigName, a.Content, FileName)
		}
	}
	return nil
}

// makeSpecial sees to it that a token of the config is a special added token, as transformers does.
func (b *builder) makeSpecial(token string) error {
	if i, ok := b.byText[token]; ok {
		b.added[i].Special = true
		return nil
	}
	id, ok := b.t.model.id(token)
	if !ok {
		return unsupported("%s: special token %q isn't in the vocabulary", ConfigName, token)
	}
	return b.add(AddedToken{ID: id, Content: token, Special: true})
}

// checkFlags refuses a file whose class would rebuild the post-processor into something else than tokenizer.json says.
func (b *builder) checkFlags(c configJSON) error {
	if !strings.HasPrefix(c.Class, "LlamaTokenizer") {
		return nil
	}
	for _, f := range []struct {
		name string
		want *bool
		have []int32
	}{{"add_bos_token", c.AddBOS, b.t.prefix}, {"add_eos_token", c.AddEOS, b.t.suffix}} {
		if f.want != nil && *f.want != (len(f.have) > 0) {
			return unsupported("%s: %s is %t, which %s contradicts", ConfigName, f.name, *f.want, FileName)
		}
	}
	return nil
}

func extraTokens(raw json.RawMessage) ([]special, error) {
	if isNull(raw) {
		return nil, nil
	}
	var list []special
	if json.Unmarshal(raw, &list) == nil {
		return list, nil
	}
	var named map[string]special
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, corrupt("%s: extra_special_tokens: %v", ConfigName, err)
	}
	keys := make([]string, 0, len(named))
	for k := range named {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		list = append(list, named[k])
	}
	return list, nil
}

// chooseTemplate takes the only template, or the one named default of several.
func chooseTemplate(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one, nil
	}
	var many []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(raw, &many); err != nil {
		return "", corrupt("%s: chat_template: %v", ConfigName, err)
	}
	for _, m := range many {
		if m.Name == "default" {
			return m.Template, nil
		}
	}
	return "", nil
}
