package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Spec describes a tokenizer to be made, for a model that has no files yet.
type Spec struct {
	// Tokens are the bytes of the model's tokens; the index is the id. The 256 single bytes should be among them,
	// since a byte that no token stands for is lost.
	Tokens []string
	// Merges are pairs of ids in the order of their rank. Each must make the bytes of another token.
	Merges [][2]int32
	// Added are the tokens found as a whole. Their ids are given out behind Tokens in this order; the ID field is ignored.
	Added []AddedToken
	// Pattern cuts text into words before BPE; empty means Qwen2.
	Pattern Pattern
	// NFC normalizes text before it is cut.
	NFC bool
	// BOS, EOS and Pad name added tokens; empty means none.
	BOS, EOS, Pad string
	// PrependBOS puts BOS before every text that is encoded with special tokens.
	PrependBOS bool
	// ChatTemplate is Jinja text for package chat.
	ChatTemplate string
	// ModelMaxLength is the context of the model in tokens, 0 to leave it out.
	ModelMaxLength int
}

// New makes a tokenizer. It is exactly the one that loading what WriteFiles writes gives, since it is made from those bytes.
func New(s Spec) (*Tokenizer, error) {
	f, err := s.files()
	if err == nil {
		var t *Tokenizer
		if t, err = Parse(f); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("couldn't make tokenizer: %w", err)
}

// document is what the files say, with tokens in the byte alphabet.
type document struct {
	tokens         []string // by id; "" leaves a hole
	merges         [][2]string
	added          []AddedToken
	nfc            bool
	ignoreMerges   bool
	stages         []any
	prefix, suffix []templateToken
	names          Names
	cleanUp        bool
}

func (s Spec) files() (Files, error) {
	d := document{nfc: s.NFC, names: Names{BOS: s.BOS, EOS: s.EOS, Pad: s.Pad, ChatTemplate: s.ChatTemplate, ModelMaxLength: s.ModelMaxLength}}
	if s.Pattern == "" {
		s.Pattern = Qwen2
	}
	var err error
	if d.stages, err = s.Pattern.stages(); err != nil {
		return Files{}, err
	}
	ids := make(map[string]int32, len(s.Tokens))
	for id, raw := range s.Tokens {
		text := string(appendText(nil, raw))
		if _, twice := ids[text]; twice || text == "" {
			return Files{}, corrupt("token %d (%q) is empty or comes twice", id, raw)
		}
		ids[text] = int32(id)
		d.tokens = append(d.tokens, text)
	}
	for _, m := range s.Merges {
		if min(m[0], m[1]) < 0 || int(max(m[0], m[1])) >= len(d.tokens) {
			return Files{}, corrupt("merge of %d and %d, which are no tokens", m[0], m[1])
		}
		d.merges = append(d.merges, [2]string{d.tokens[m[0]], d.tokens[m[1]]})
	}
	next := int32(len(s.Tokens))
	for _, a := range s.Added {
		if id, known := ids[a.Content]; known {
			a.ID = id
		} else {
			a.ID = next
			next++
		}
		if a.Content == s.BOS && s.PrependBOS {
			d.prefix = []templateToken{{a.Content, []int32{a.ID}, []string{a.Content}}}
		}
		d.added = append(d.added, a)
	}
	if s.PrependBOS && d.prefix == nil {
		return Files{}, corrupt("BOS %q isn't an added token", s.BOS)
	}
	return d.files()
}

// WriteFiles writes tokenizer.json and tokenizer_config.json into the folder dir, such that transformers, vLLM and Load read the
// same tokenizer from it. Each file appears whole or not at all.
func (t *Tokenizer) WriteFiles(dir string) error {
	f, err := t.Files()
	if err != nil {
		return fmt.Errorf("couldn't write tokenizer: %w", err)
	}
	for name, b := range map[string][]byte{FileName: f.Tokenizer, ConfigName: f.Config} {
		if err := replaceFile(filepath.Join(dir, name), b); err != nil {
			return fmt.Errorf("couldn't write tokenizer: %w", err)
		}
	}
	return nil
}

// Files gives the content that WriteFiles writes. It depends on the tokenizer only.
func (t *Tokenizer) Files() (Files, error) {
	d := document{nfc: t.nfc, ignoreMerges: t.model.ignoreMerges, names: t.names, cleanUp: t.cleanUp, added: t.AddedTokens()}
	d.tokens = make([]string, len(t.model.tokens))
	for id := range d.tokens {
		if !t.model.holes[int32(id)] {
			d.tokens[id] = t.model.text(int32(id))
		}
	}
	for _, p := range t.model.pairs {
		d.merges = append(d.merges, [2]string{d.tokens[p[0]], d.tokens[p[1]]})
	}
	for _, s := range t.steps {
		d.stages = append(d.stages, s.spec)
	}
	parts := func(ids []int32) (out []templateToken) {
		for _, id := range ids {
			out = append(out, templateToken{t.Token(id), []int32{id}, []string{t.Token(id)}})
		}
		return out
	}
	d.prefix, d.suffix = parts(t.prefix), parts(t.suffix)
	if t.model.unk >= 0 {
		return Files{}, unsupported("writing a vocabulary with an unknown token")
	}
	return d.files()
}

// replaceFile writes atomically: a temporary file in the same folder, synced and renamed.
func replaceFile(path string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(b); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// encodeJSON is compact, in the order of the struct, and leaves <|im_end|> readable.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // only plain structs, strings and numbers come here
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

func (d document) files() (Files, error) {
	var b bytes.Buffer
	field := func(before, name string, v any) {
		b.WriteString(before + `"` + name + `": `)
		b.Write(encodeJSON(v))
	}
	field("{\n  ", "version", "1.0")
	field(",\n  ", "truncation", nil)
	field(",\n  ", "padding", nil)
	b.WriteString(",\n  \"added_tokens\": [")
	for i, a := range d.added {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(encodeJSON(asJSON(a)))
	}
	b.WriteString("\n  ]")
	if d.nfc {
		field(",\n  ", "normalizer", map[string]string{"type": "NFC"})
	} else {
		field(",\n  ", "normalizer", nil)
	}
	if len(d.stages) == 1 {
		field(",\n  ", "pre_tokenizer", d.stages[0])
	} else {
		field(",\n  ", "pre_tokenizer", struct {
			Type          string `json:"type"`
			PreTokenizers []any  `json:"pretokenizers"`
		}{"Sequence", d.stages})
	}
	yes := true
	byteLevel := byteLevelJSON{Type: "ByteLevel", AddPrefixSpace: true, TrimOffsets: true, UseRegex: &yes}
	if len(d.prefix)+len(d.suffix) == 0 {
		byteLevel.TrimOffsets = false
		field(",\n  ", "post_processor", byteLevel)
		byteLevel.TrimOffsets = true
	} else {
		field(",\n  ", "post_processor", d.template())
	}
	field(",\n  ", "decoder", byteLevel)
	b.WriteString(",\n  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": " +
		strconv.FormatBool(d.ignoreMerges) + ",\n    \"vocab\": {")
	d.writeVocab(&b)
	b.WriteString("\n    },\n    \"merges\": [")
	for i, m := range d.merges {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n      ")
		if strings.Contains(m[0]+m[1], " ") { // the older form can't say this
			b.Write(encodeJSON(m))
		} else {
			b.Write(encodeJSON(m[0] + " " + m[1]))
		}
	}
	b.WriteString("\n    ]\n  }\n}\n")
	return Files{Tokenizer: b.Bytes(), Config: d.config()}, nil
}

func (d document) writeVocab(b *bytes.Buffer) {
	comma := ""
	for id, text := range d.tokens {
		if text == "" {
			continue
		}
		b.WriteString(comma + "\n      ")
		comma = ","
		b.Write(encodeJSON(text))
		b.WriteString(": " + strconv.Itoa(id))
	}
}

func (d document) template() templateJSON {
	v := templateJSON{Type: "TemplateProcessing", SpecialTokens: map[string]templateToken{}}
	var before, after []templatePart
	part := func(list []templateToken, typeID int) (out []templatePart) {
		for _, t := range list {
			v.SpecialTokens[t.ID] = t
			out = append(out, templatePart{Special: &templateRef{t.ID, typeID}})
		}
		return out
	}
	for typeID, name := range []string{"A", "B"} {
		before, after = part(d.prefix, typeID), part(d.suffix, typeID)
		all := append(append(before, templatePart{Sequence: &templateRef{name, typeID}}), after...)
		if name == "A" {
			v.Single = all
		}
		v.Pair = append(v.Pair, all...)
	}
	return v
}

func asJSON(a AddedToken) addedJSON {
	return addedJSON{a.ID, a.Content, a.SingleWord, a.LStrip, a.RStrip, a.Normalized, a.Special}
}

func (d document) config() []byte {
	type decoderEntry struct {
		Content    string `json:"content"`
		LStrip     bool   `json:"lstrip"`
		Normalized bool   `json:"normalized"`
		RStrip     bool   `json:"rstrip"`
		SingleWord bool   `json:"single_word"`
		Special    bool   `json:"special"`
	}
	added := make(map[string]decoderEntry, len(d.added))
	for _, a := range d.added {
		added[strconv.Itoa(int(a.ID))] = decoderEntry{a.Content, a.LStrip, a.Normalized, a.RStrip, a.SingleWord, a.Special}
	}
	orNull := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(struct { // plain strings and numbers always encode
		AddPrefixSpace bool                    `json:"add_prefix_space"`
		Added          map[string]decoderEntry `json:"added_tokens_decoder"`
		BOS            *string                 `json:"bos_token"`
		ChatTemplate   string                  `json:"chat_template,omitempty"`
		CleanUp        bool                    `json:"clean_up_tokenization_spaces"`
		EOS            *string                 `json:"eos_token"`
		MaxLength      int                     `json:"model_max_length,omitempty"`
		Pad            *string                 `json:"pad_token"`
		Class          string                  `json:"tokenizer_class"`
		Unknown        *string                 `json:"unk_token"`
	}{false, added, orNull(d.names.BOS), d.names.ChatTemplate, d.cleanUp, orNull(d.names.EOS), d.names.ModelMaxLength, orNull(d.names.Pad), "PreTrainedTokenizerFast", orNull(d.names.Unknown)})
	return b.Bytes()
}
