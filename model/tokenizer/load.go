package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a tokenizer in a model folder.
const (
	FileName     = "tokenizer.json"
	ConfigName   = "tokenizer_config.json"
	MapName      = "special_tokens_map.json"
	TemplateName = "chat_template.jinja"
)

const (
	maxFile   = 256 << 20 // bytes of one file; the largest in use have 35 MB
	maxVocab  = 1 << 22   // ids; the largest in use have 262,144
	maxSteps  = 8         // stages of a pre-tokenizer
	maxParts  = 64        // tokens that a post-processor puts around a text
	maxTokens = 1 << 16   // added tokens
)

// Files is the content of a tokenizer's files. All but Tokenizer may be nil.
type Files struct {
	Tokenizer []byte // tokenizer.json
	Config    []byte // tokenizer_config.json
	Map       []byte // special_tokens_map.json
	Template  []byte // chat_template.jinja, which wins over the template in Config
}

// Load reads the tokenizer of the model folder dir. Errors wrap ErrCorrupt or ErrUnsupported, or come from the file system.
func Load(dir string) (*Tokenizer, error) {
	var f Files
	for name, to := range map[string]*[]byte{FileName: &f.Tokenizer, ConfigName: &f.Config, MapName: &f.Map, TemplateName: &f.Template} {
		b, err := readFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && name != FileName {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't load tokenizer: %w", err)
		}
		*to = b
	}
	t, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("couldn't load tokenizer in %s: %w", dir, err)
	}
	return t, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes: %w", path, maxFile, ErrCorrupt)
	}
	return b, err
}

// Parse builds a tokenizer from the content of its files.
func Parse(f Files) (*Tokenizer, error) {
	t := &Tokenizer{}
	b, err := newBuilder(t, f.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	if err := b.config(f); err != nil {
		return nil, err
	}
	slices.SortFunc(b.added, func(x, y AddedToken) int { return int(x.ID) - int(y.ID) })
	for _, a := range b.added {
		if a.Normalized && t.nfc && normalizeNFC(a.Content) != a.Content { // versions of the reference differ in what it decodes to
			return nil, unsupported("%s: added token %q isn't normalized itself", FileName, a.Content)
		}
	}
	t.added.set(b.added)
	return t, nil
}

// builder carries what is known before the tokenizer is whole.
type builder struct {
	t      *Tokenizer
	added  []AddedToken
	byText map[string]int // index in added
	byID   map[int32]bool
	next   int32 // the id that the reference gives to the next added token that isn't in the vocabulary
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrCorrupt)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsupported)
}

// strict decodes JSON and names the first field that v doesn't have.
func strict(raw []byte, what string, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			return unsupported("%s: %v", what, err)
		}
		return corrupt("%s: %v", what, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return corrupt("%s goes on behind its end", what)
	}
	return nil
}

// kind reads the type of a component; a JSON null has none.
func kind(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	var k struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		return "", corrupt("component: %v", err)
	}
	if k.Type == "" {
		return "", corrupt("component without a type")
	}
	return k.Type, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

type addedJSON struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func newBuilder(t *Tokenizer, raw []byte) (*builder, error) {
	var f struct {
		Version       string          `json:"version"`
		Truncation    json.RawMessage `json:"truncation"`
		Padding       json.RawMessage `json:"padding"`
		AddedTokens   []addedJSON     `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         json.RawMessage `json:"model"`
	}
	if err := strict(raw, "file", &f); err != nil {
		return nil, err
	}
	if f.Version != "1.0" {
		return nil, unsupported("version %q", f.Version)
	}
	b := &builder{t: t, byText: map[string]int{}, byID: map[int32]bool{}}
	if err := parseModel(&t.model, f.Model); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	b.next = int32(t.model.size())
	slices.SortStableFunc(f.AddedTokens, func(a, b addedJSON) int { return int(a.ID) - int(b.ID) })
	for _, a := range f.AddedTokens {
		if err := b.add(AddedToken{a.ID, a.Content, a.Special, a.Normalized, a.LStrip, a.RStrip, a.SingleWord}); err != nil {
			return nil, fmt.Errorf("added_tokens: %w", err)
		}
	}
	var err error
	if t.nfc, err = parseNormalizer(f.Normalizer, 0); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	if t.steps, err = parsePreTokenizer(f.PreTokenizer); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if err := b.postProcessor(f.PostProcessor, 0); err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	if err := parseDecoder(f.Decoder, 0); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	return b, nil
}

// add takes an added token whose id must be the one that the reference would give it: the model's, or the next free one.
func (b *builder) add(a AddedToken) error {
	id, known := b.t.model.id(a.Content)
	_, twice := b.byText[a.Content]
	switch {
	case a.Content == "":
		return corrupt("token %d is empty", a.ID)
	case len(a.Content) > maxAdded:
		return unsupported("token %d of %d bytes, more than %d", a.ID, len(a.Content), maxAdded)
	case len(b.added) == maxTokens:
		return unsupported("more than %d tokens", maxTokens)
	case twice || b.byID[a.ID]:
		return corrupt("token %q with id %d comes twice", a.Content, a.ID)
	case known && id != a.ID:
		return corrupt("token %q has id %d but %d in the vocabulary", a.Content, a.ID, id)
	case !known && a.ID != b.next:
		return unsupported("token %q has id %d where the next free one is %d", a.Content, a.ID, b.next)
	case !known && b.t.model.has(a.ID):
		return corrupt("token %q has id %d, which the vocabulary gives to %q", a.Content, a.ID, b.t.model.text(a.ID))
	}
	b.byText[a.Content] = len(b.added)
	b.byID[a.ID] = true
	b.added = append(b.added, a)
	b.next = max(b.next, a.ID+1)
	return nil
}

func parseNormalizer(raw json.RawMessage, depth int) (nfc bool, err error) {
	k, err := kind(raw)
	if err != nil || k == "" {
		return false, err
	}
	switch {
	case k == "NFC":
		var v struct{ Type string }
		return true, strict(raw, k, &v)
	case k == "Sequence" && depth < maxSteps:
		var v struct {
			Type        string
			Normalizers []json.RawMessage `json:"normalizers"`
		}
		if err := strict(raw, k, &v); err != nil {
			return false, err
		}
		for _, n := range v.Normalizers {
			is, err := parseNormalizer(n, depth+1)
			if err != nil {
				return false, err
			}
			nfc = nfc || is
		}
		return nfc, nil
	}
	return false, unsupported("type %q", k)
}

func parseDecoder(raw json.RawMessage, depth int) error {
	k, err := kind(raw)
	if err != nil {
		return err
	}
	switch {
	case k == "ByteLevel":
		var v byteLevelJSON
		return strict(raw, k, &v)
	case k == "Sequence" && depth < maxSteps:
		var v struct {
			Type     string
			Decoders []json.RawMessage `json:"decoders"`
		}
		if err := strict(raw, k, &v); err != nil {
			return err
		}
		if len(v.Decoders) != 1 {
			return unsupported("Sequence of %d", len(v.Decoders))
		}
		return parseDecoder(v.Decoders[0], depth+1)
	}
	return unsupported("type %q", k)
}

// postProcessor reads what is put around a text: TemplateProcessing's single template, alone or in a Sequence.
func (b *builder) postProcessor(raw json.RawMessage, depth int) error {
	k, err := kind(raw)
	if err != nil {
		return err
	}
	switch {
	case k == "":
		return nil
	case k == "ByteLevel": // it only moves offsets
		var v byteLevelJSON
		return strict(raw, k, &v)
	case k == "Sequence" && depth < maxSteps:
		var v struct {
			Type       string
			Processors []json.RawMessage `json:"processors"`
		}
		if err := strict(raw, k, &v); err != nil {
			return err
		}
		for _, p := range v.Processors {
			if err := b.postProcessor(p, depth+1); err != nil {
				return err
			}
		}
		return nil
	case k == "TemplateProcessing":
		return b.template(raw)
	}
	return unsupported("type %q", k)
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type templatePart struct {
	Special  *templateRef `json:"SpecialToken,omitempty"`
	Sequence *templateRef `json:"Sequence,omitempty"`
}

type templateToken struct {
	ID     string   `json:"id"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

type templateJSON struct {
	Type          string                   `json:"type"`
	Single        []templatePart           `json:"single"`
	Pair          []templatePart           `json:"pair"`
	SpecialTokens map[string]templateToken `json:"special_tokens"`
}

func (b *builder) template(raw json.RawMessage) error {
	var v templateJSON
	if err := strict(raw, "TemplateProcessing", &v); err != nil {
		return err
	}
	if len(b.t.prefix)+len(b.t.suffix) > 0 {
		return unsupported("two TemplateProcessing")
	}
	var before, after []int32
	seen := false
	for _, p := range v.Single {
		switch {
		case p.Sequence != nil && p.Special == nil && !seen && p.Sequence.ID == "A":
			seen = true
		case p.Special != nil && p.Sequence == nil:
			tok, ok := v.SpecialTokens[p.Special.ID]
			if !ok || len(tok.IDs) > maxParts {
				return corrupt("template names %q, which it doesn't define", p.Special.ID)
			}
			for _, id := range tok.IDs {
				if id < 0 || id >= maxVocab {
					return corrupt("template token %q has the id %d", p.Special.ID, id)
				}
			}
			if seen {
				after = append(after, tok.IDs...)
			} else {
				before = append(before, tok.IDs...)
			}
			if len(before)+len(after) > maxParts {
				return unsupported("template of more than %d tokens", maxParts)
			}
		default:
			return corrupt("template has a part that is neither one special token nor the sequence A once")
		}
	}
	if !seen {
		return unsupported("template without the sequence A")
	}
	b.t.prefix, b.t.suffix = before, after
	return nil
}
