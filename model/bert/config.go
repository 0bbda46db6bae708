package bert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model/wordpiece"
)

// Pooling says how the vectors of the tokens become one.
type Pooling string

// The poolings that are computed.
const (
	Mean Pooling = "mean" // the mean over all tokens, special ones included
	CLS  Pooling = "cls"  // the first token
)

// Config is the shape of an encoder.
type Config struct {
	VocabSize, Hidden, Layers, Heads, Intermediate int
	Positions                                      int // the longest sequence that there are position embeddings for
	Types                                          int // segments; the first is used
	NormEps                                        float64
	Pooling                                        Pooling
	Normalize                                      bool // scale vectors to length 1
	MaxTokens                                      int  // texts are truncated to this, special tokens included
}

// maxJSON bounds each of a folder's small files.
const maxJSON = 4 << 20

// What a model may have. It keeps products of sizes far from overflow; real memory is bounded by the weights file.
var limits = []struct {
	name string
	of   func(c *Config) int
	max  int
}{
	{"vocab_size", func(c *Config) int { return c.VocabSize }, 1 << 21},
	{"hidden_size", func(c *Config) int { return c.Hidden }, 1 << 14},
	{"num_hidden_layers", func(c *Config) int { return c.Layers }, 1 << 8},
	{"num_attention_heads", func(c *Config) int { return c.Heads }, 1 << 8},
	{"intermediate_size", func(c *Config) int { return c.Intermediate }, 1 << 17},
	{"max_position_embeddings", func(c *Config) int { return c.Positions }, 1 << 16},
	{"type_vocab_size", func(c *Config) int { return c.Types }, 1 << 6},
}

// changesResult lists fields that would change the vectors, with the values under which they don't.
var changesResult = []struct {
	name   string
	values []string
}{
	{"position_embedding_type", []string{`"absolute"`, "null"}},
	{"is_decoder", []string{"false", "null"}},
	{"is_encoder_decoder", []string{"false", "null"}},
	{"add_cross_attention", []string{"false", "null"}},
	{"pruned_heads", []string{"{}", "null"}},
	{"quantization_config", []string{"null"}},
	{"embedding_size", []string{"null"}},
	{"rope_theta", []string{"null"}},
	{"rope_scaling", []string{"null"}},
}

// folder is what a model folder says apart from its weights and its tokenizer.
type folder struct {
	transformer string // the folder of the BERT model
	pooling     Pooling
	normalize   bool
	maxTokens   int // 0 if it says nothing
	width       int // of the pooling, 0 if it says nothing
}

// ReadConfig reads what a folder says, without its weights: config.json of the BERT model, and of sentence-transformers modules.json
// (which modules), the pooling's config.json, sentence_bert_config.json (max_seq_length) and
// config_sentence_transformers.json (prompts). A setting that would change vectors and isn't computed is ErrUnsupported.
func ReadConfig(dir string) (Config, error) {
	f, err := readFolder(dir)
	if err != nil {
		return Config{}, fmt.Errorf("couldn't read the encoder's configuration: %w", err)
	}
	t, err := wordpiece.Load(f.transformer)
	if err != nil {
		return Config{}, fmt.Errorf("couldn't read the encoder's configuration: %w", err)
	}
	c, err := f.config(t)
	if err != nil {
		return Config{}, fmt.Errorf("couldn't read the encoder's configuration: %w", err)
	}
	return c, nil
}

// readJSON decodes a small file and says whether it is there.
func readJSON(dir, name string, v any) (bool, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, corrupt("%s is not a regular file", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return false, err
	}
	if len(b) > maxJSON {
		return false, corrupt("%s has more than %d bytes", name, maxJSON)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, corrupt("%s: %v", name, err)
	}
	return true, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrCorrupt)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsupported)
}

// readFolder reads the files of sentence-transformers; without a modules.json it is a plain BERT model, its mean taken, as sentence-transformers does.
func readFolder(dir string) (*folder, error) {
	f := &folder{transformer: dir, pooling: Mean}
	var modules []struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	found, err := readJSON(dir, "modules.json", &modules)
	if err != nil {
		return nil, err
	}
	if !found {
		return f, f.readLimits()
	}
	kinds := make([]string, len(modules))
	for i, m := range modules {
		kinds[i] = m.Type[strings.LastIndexByte(m.Type, '.')+1:] // packages move between versions, classes keep their names
		if m.Path != "" && !filepath.IsLocal(m.Path) {
			return nil, corrupt("modules.json: path %q leads out of the folder", short(m.Path))
		}
	}
	switch {
	case slices.Equal(kinds, []string{"Transformer", "Pooling"}):
	case slices.Equal(kinds, []string{"Transformer", "Pooling", "Normalize"}):
		f.normalize = true
	default:
		return nil, unsupported("modules.json: %.200q (have Transformer, Pooling and Normalize, in this order)", kinds)
	}
	f.transformer = filepath.Join(dir, filepath.FromSlash(modules[0].Path))
	if err := f.readPooling(filepath.Join(dir, filepath.FromSlash(modules[1].Path))); err != nil {
		return nil, fmt.Errorf("%s: %w", modules[1].Path, err)
	}
	var prompts struct {
		Default *string `json:"default_prompt_name"`
	}
	if _, err := readJSON(dir, "config_sentence_transformers.json", &prompts); err != nil {
		return nil, err
	}
	if prompts.Default != nil {
		return nil, unsupported("config_sentence_transformers.json: default_prompt_name is %q", short(*prompts.Default))
	}
	return f, f.readLimits()
}

// readPooling reads the pooling's config.json in its old form, a flag for each mode, or its new one, the name of the mode.
func (f *folder) readPooling(dir string) error {
	var all map[string]json.RawMessage
	found, err := readJSON(dir, "config.json", &all)
	if err != nil {
		return err
	}
	if !found {
		return corrupt("no config.json")
	}
	var modes []string
	for key, raw := range all {
		switch {
		case key == "word_embedding_dimension" || key == "embedding_dimension":
			if err := json.Unmarshal(raw, &f.width); err != nil {
				return corrupt("config.json: %s: %v", key, err)
			}
		case key == "pooling_mode":
			var name string
			if err := json.Unmarshal(raw, &name); err != nil {
				return corrupt("config.json: %s: %v", key, err)
			}
			modes = append(modes, name)
		case strings.HasPrefix(key, "pooling_mode_"):
			var on bool
			if err := json.Unmarshal(raw, &on); err != nil {
				return corrupt("config.json: %s: %v", key, err)
			}
			switch {
			case on && key == "pooling_mode_mean_tokens":
				key = string(Mean)
			case on && key == "pooling_mode_cls_token":
				key = string(CLS)
			}
			if on {
				modes = append(modes, key)
			}
		}
	}
	slices.Sort(modes)
	if len(modes) != 1 || modes[0] != string(Mean) && modes[0] != string(CLS) {
		return unsupported("config.json: pooling %.200q (have mean or cls, one of them)", modes)
	}
	f.pooling = Pooling(modes[0])
	return nil
}

// readLimits reads the file that sentence-transformers keeps beside the BERT model.
func (f *folder) readLimits() error {
	const name = "sentence_bert_config.json"
	var s struct {
		Max       *int  `json:"max_seq_length"`
		Lowercase *bool `json:"do_lower_case"`
	}
	if _, err := readJSON(f.transformer, name, &s); err != nil {
		return err
	}
	if s.Lowercase != nil && *s.Lowercase {
		return unsupported("%s: do_lower_case is true (a tokenizer's own lower case is fine)", name)
	}
	if s.Max != nil {
		if f.maxTokens = *s.Max; f.maxTokens < 1 {
			return corrupt("%s: max_seq_length is %d", name, f.maxTokens)
		}
	}
	return nil
}

// config reads config.json of the BERT model and holds everything against each other.
func (f *folder) config(t *wordpiece.Tokenizer) (Config, error) {
	const name = "config.json"
	var all map[string]json.RawMessage
	found, err := readJSON(f.transformer, name, &all)
	if err != nil {
		return Config{}, err
	}
	if !found {
		return Config{}, fmt.Errorf("no %s: %w", name, fs.ErrNotExist)
	}
	c := Config{Pooling: f.pooling, Normalize: f.normalize}
	var kind, act string
	c.NormEps, c.Types, act = 1e-12, 2, "gelu"
	for _, field := range []struct {
		name string
		to   any
	}{
		{"model_type", &kind}, {"hidden_act", &act}, {"vocab_size", &c.VocabSize}, {"hidden_size", &c.Hidden}, {"num_hidden_layers", &c.Layers},
		{"num_attention_heads", &c.Heads}, {"intermediate_size", &c.Intermediate}, {"max_position_embeddings", &c.Positions},
		{"type_vocab_size", &c.Types}, {"layer_norm_eps", &c.NormEps},
	} {
		if raw, ok := all[field.name]; ok {
			if err := json.Unmarshal(raw, field.to); err != nil {
				return Config{}, corrupt("%s: %s: %v", name, field.name, err)
			}
		}
	}
	if kind != "bert" {
		return Config{}, unsupported("%s: model_type is %q (have bert)", name, short(kind))
	}
	if act != "gelu" {
		return Config{}, unsupported("%s: hidden_act is %q (have gelu, the exact one)", name, short(act))
	}
	for _, field := range changesResult {
		if raw, ok := all[field.name]; ok && !slices.Contains(field.values, string(raw)) {
			return Config{}, unsupported("%s: %s is %s", name, field.name, short(string(raw)))
		}
	}
	for _, l := range limits {
		if n := l.of(&c); n < 1 || n > l.max {
			return Config{}, unsupported("%s: %s is %d, not in 1..%d", name, l.name, n, l.max)
		}
	}
	switch {
	case c.Hidden%c.Heads != 0:
		return Config{}, corrupt("%s: hidden_size %d isn't a multiple of num_attention_heads %d", name, c.Hidden, c.Heads)
	case !(c.NormEps > 0 && c.NormEps <= 1):
		return Config{}, corrupt("%s: layer_norm_eps is %g", name, c.NormEps)
	case f.width != 0 && f.width != c.Hidden:
		return Config{}, corrupt("the pooling's width is %d and hidden_size %d", f.width, c.Hidden)
	case t.VocabSize() > c.VocabSize:
		return Config{}, corrupt("the tokenizer has %d ids and vocab_size is %d", t.VocabSize(), c.VocabSize)
	case t.Overhead() == 0:
		return Config{}, unsupported("the tokenizer puts no special tokens around a text, so an empty one has no vector")
	}
	c.MaxTokens = c.Positions
	if n := t.MaxLength(); n > 0 {
		c.MaxTokens = min(c.MaxTokens, n)
	}
	if f.maxTokens > 0 {
		c.MaxTokens = f.maxTokens
	}
	if c.MaxTokens > c.Positions || c.MaxTokens <= t.Overhead() {
		return Config{}, unsupported("texts of up to %d tokens, not %d to the %d positions", c.MaxTokens, t.Overhead()+1, c.Positions)
	}
	return c, nil
}

func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
