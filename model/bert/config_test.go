package bert

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/safetensors"
	"github.com/nanteos/nanteos/model/wordpiece"
)

func TestFolders(t *testing.T) {
	m := newTiny(rand.New(rand.NewPCG(2, 2)), shape(32, 1, 2, 40, 50), safetensors.F32)
	plain := map[string]string{"modules.json": "", "sentence_bert_config.json": ""}
	for _, c := range []struct {
		name  string
		edits map[string]string
		want  func(c *Config)
	}{
		{"as it is", nil, func(*Config) {}},
		{"a plain folder", plain, func(c *Config) { c.Normalize = false }},
		{"a plain folder with a tokenizer's limit", merge(plain, map[string]string{"tokenizer_config.json": `{"model_max_length":17}`}), func(c *Config) { c.Normalize, c.MaxTokens = false, 17 }},
		{"without a limit of its own", map[string]string{"sentence_bert_config.json": `{"max_seq_length":null}`}, func(*Config) {}},
		{"a limit that is shorter", map[string]string{"sentence_bert_config.json": `{"max_seq_length":9}`}, func(c *Config) { c.MaxTokens = 9 }},
		{"the pooling of sentence-transformers 6", map[string]string{"1_Pooling/config.json": `{"embedding_dimension":32,"pooling_mode":"cls","include_prompt":true}`}, func(c *Config) { c.Pooling = CLS }},
		{"the classes of sentence-transformers 6", map[string]string{"modules.json": `[{"path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},
{"path":"1_Pooling","type":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"}]`}, func(c *Config) { c.Normalize = false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := m.cfg
			c.want(&want)
			dir := m.write(t, c.edits)
			got, err := ReadConfig(dir)
			if err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			if e := load(t, dir); e.Config() != want {
				t.Errorf("loaded %+v, want %+v", e.Config(), want)
			}
		})
	}
}

// TestInner reads a BERT model from a folder of its own below the modules.
func TestInner(t *testing.T) {
	m := newTiny(rand.New(rand.NewPCG(3, 3)), shape(32, 1, 2, 40, 50), safetensors.F32)
	want := embed(t, load(t, m.write(t, nil)), []string{"hello"})
	dir := m.write(t, map[string]string{"modules.json": strings.Replace(m.files["modules.json"], `"path":""`, `"path":"0_Transformer"`, 1)})
	if err := os.Mkdir(filepath.Join(dir, "0_Transformer"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "vocab.txt", "tokenizer_config.json", "sentence_bert_config.json", safetensors.SingleName} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "0_Transformer", name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := embed(t, load(t, dir), []string{"hello"}); !sameBits(got[0], want[0]) {
		t.Error("other bits")
	}
}

func merge(a, b map[string]string) map[string]string {
	c := maps.Clone(a)
	maps.Copy(c, b)
	return c
}

func TestRefusedFolders(t *testing.T) {
	m := newTiny(rand.New(rand.NewPCG(4, 4)), shape(32, 1, 2, 40, 50), safetensors.F32)
	config := func(field string, value any) map[string]string { return m.edit(t, "config.json", field, value) }
	one := func(file, text string) map[string]string { return map[string]string{file: text} }
	tensor := func(name string, change func(x *safetensors.Tensor)) func(m *tiny) {
		return func(m *tiny) {
			x := m.tensors[name]
			change(&x)
			m.tensors[name] = x
		}
	}
	for _, c := range []struct {
		name   string
		edits  map[string]string
		change func(m *tiny)
		err    error
		want   string
	}{
		{"no config.json", one("config.json", ""), nil, fs.ErrNotExist, "config.json"},
		{"no tokenizer", one("vocab.txt", ""), nil, fs.ErrNotExist, "vocab.txt"},
		{"no JSON", one("config.json", "{"), nil, ErrCorrupt, "config.json"},
		{"a word for a number", config("hidden_size", "many"), nil, ErrCorrupt, "hidden_size"},
		{"a huge file", one("modules.json", strings.Repeat(" ", maxJSON+1)), nil, ErrCorrupt, "modules.json"},
		{"another model", config("model_type", "roberta"), nil, ErrUnsupported, "roberta"},
		{"another activation", config("hidden_act", "gelu_new"), nil, ErrUnsupported, "hidden_act"},
		{"relative positions", config("position_embedding_type", "relative_key"), nil, ErrUnsupported, "position_embedding_type"},
		{"a decoder", config("is_decoder", true), nil, ErrUnsupported, "is_decoder"},
		{"pruned heads", config("pruned_heads", map[string]any{"0": []int{1}}), nil, ErrUnsupported, "pruned_heads"},
		{"quantised", config("quantization_config", map[string]any{"bits": 4}), nil, ErrUnsupported, "quantization_config"},
		{"heads that don't divide", config("num_attention_heads", 5), nil, ErrCorrupt, "num_attention_heads"},
		{"no heads", config("num_attention_heads", 0), nil, ErrUnsupported, "num_attention_heads"},
		{"no layers", config("num_hidden_layers", nil), nil, ErrUnsupported, "num_hidden_layers"},
		{"negative layers", config("num_hidden_layers", -1), nil, ErrUnsupported, "num_hidden_layers"},
		{"too many layers", config("num_hidden_layers", 1<<30), nil, ErrUnsupported, "num_hidden_layers"},
		{"a huge width", config("hidden_size", 1<<40), nil, ErrUnsupported, "hidden_size"},
		{"no epsilon", config("layer_norm_eps", 0), nil, ErrCorrupt, "layer_norm_eps"},
		{"a vocabulary smaller than the tokenizer's", config("vocab_size", 10), nil, ErrCorrupt, "vocab_size"},
		{"a larger vocabulary than there are rows", config("vocab_size", 1000), nil, ErrCorrupt, "word_embeddings"},
		{"more layers than there are weights", config("num_hidden_layers", 2), nil, safetensors.ErrNotFound, "layer.1"},
		{"more weights than layers", nil, func(m *tiny) {
			m.tensors["encoder.layer.1.output.dense.bias"] = m.tensors["encoder.layer.0.output.dense.bias"]
		}, ErrUnsupported, "layer.1"},
		{"a weight of another shape", nil, tensor("encoder.layer.0.output.dense.bias", func(x *safetensors.Tensor) { x.Shape = []int{2, 16} }), ErrCorrupt, "output.dense.bias"},
		{"whole numbers", nil, tensor("encoder.layer.0.output.dense.bias", func(x *safetensors.Tensor) { x.DType = safetensors.I32 }), ErrUnsupported, "I32"},
		{"texts longer than the positions", one("sentence_bert_config.json", `{"max_seq_length":51}`), nil, ErrUnsupported, "51"},
		{"texts of nothing", one("sentence_bert_config.json", `{"max_seq_length":0}`), nil, ErrCorrupt, "max_seq_length"},
		{"texts of special tokens only", one("sentence_bert_config.json", `{"max_seq_length":2}`), nil, ErrUnsupported, "2 tokens"},
		{"lower case before the tokenizer", one("sentence_bert_config.json", `{"do_lower_case":true}`), nil, ErrUnsupported, "do_lower_case"},
		{"a prompt", one("config_sentence_transformers.json", `{"default_prompt_name":"query"}`), nil, ErrUnsupported, "default_prompt_name"},
		{"a dense layer", one("modules.json", `[{"type":"x.Transformer"},{"type":"x.Pooling","path":"1_Pooling"},{"type":"x.Dense","path":"2"}]`), nil, ErrUnsupported, "Dense"},
		{"no modules", one("modules.json", `[]`), nil, ErrUnsupported, "modules.json"},
		{"a way out of the folder", one("modules.json", `[{"type":"x.Transformer","path":"../x"},{"type":"x.Pooling"}]`), nil, ErrCorrupt, "../x"},
		{"an absolute path", one("modules.json", `[{"type":"x.Transformer"},{"type":"x.Pooling","path":"/etc"}]`), nil, ErrCorrupt, "/etc"},
		{"no pooling", one("1_Pooling/config.json", ""), nil, ErrCorrupt, "1_Pooling"},
		{"another pooling", one("1_Pooling/config.json", `{"pooling_mode_max_tokens":true}`), nil, ErrUnsupported, "pooling_mode_max_tokens"},
		{"another pooling by name", one("1_Pooling/config.json", `{"pooling_mode":"lasttoken"}`), nil, ErrUnsupported, "lasttoken"},
		{"two poolings", one("1_Pooling/config.json", `{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}`), nil, ErrUnsupported, "cls"},
		{"a pooling of another width", one("1_Pooling/config.json", `{"word_embedding_dimension":31,"pooling_mode_mean_tokens":true}`), nil, ErrCorrupt, "31"},
		{"a tokenizer that is none", one("vocab.txt", "a"), nil, wordpiece.ErrCorrupt, "vocab.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := *m
			changed.tensors = maps.Clone(m.tensors)
			if c.change != nil {
				c.change(&changed)
			}
			e, err := Load(changed.write(t, c.edits))
			if err == nil {
				_ = e.Close()
			}
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %v naming %s", err, c.err, c.want)
			}
		})
	}
}

// TestPickle: weights that are code are refused with what to do instead.
func TestPickle(t *testing.T) {
	m := newTiny(rand.New(rand.NewPCG(5, 5)), shape(32, 1, 2, 40, 50), safetensors.F32)
	dir := m.write(t, map[string]string{"pytorch_model.bin": "PK"})
	load(t, dir) // beside safetensors it does no harm
	if err := os.Remove(filepath.Join(dir, safetensors.SingleName)); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "pytorch_model.bin") || !strings.Contains(err.Error(), "save(NEW)") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "pytorch_model.bin")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no weights: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	m := newTiny(rand.New(rand.NewPCG(6, 6)), shape(32, 1, 2, 40, 50), safetensors.F32)
	f.Add(m.files["config.json"], m.files["modules.json"], m.files["1_Pooling/config.json"], m.files["sentence_bert_config.json"])
	tokenizer, err := wordpiece.ParseVocab([]byte(m.files["vocab.txt"]), wordpiece.Uncased)
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "1_Pooling"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, modules, pooling, limits string) {
		for name, text := range map[string]string{"config.json": config, "modules.json": modules, "1_Pooling/config.json": pooling, "sentence_bert_config.json": limits} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		read, err := readFolder(dir)
		if err != nil {
			return
		}
		if rel, err := filepath.Rel(dir, read.transformer); err != nil || !filepath.IsLocal(rel) {
			t.Fatalf("%s is out of the folder", read.transformer)
		}
		c, err := read.config(tokenizer)
		if err == nil && (c.MaxTokens > c.Positions || c.Hidden%c.Heads != 0 || c.Layers < 1 || c.MaxTokens < 1) {
			t.Fatalf("%+v", c)
		}
	})
}
