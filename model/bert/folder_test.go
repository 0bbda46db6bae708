package bert

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

// tiny is a random encoder that tests write to disk, change there, and compute in binary64.
type tiny struct {
	cfg     Config
	dtype   safetensors.DType
	prefix  string // of the weights' names
	tensors map[string]safetensors.Tensor
	files   map[string]string
}

const tinyVocab = `[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e f ##a ##b ##c ##d ##e hello world , . ! 1 2 3 ##1 ##2`

func newTiny(rng *rand.Rand, c Config, dtype safetensors.DType) *tiny {
	words := strings.Fields(tinyVocab)
	c.VocabSize, c.Types, c.NormEps = len(words)+rng.IntN(3), 1+rng.IntN(2), 1e-12
	m := &tiny{cfg: c, dtype: dtype, tensors: map[string]safetensors.Tensor{}}
	d, f := c.Hidden, c.Intermediate
	add := func(name string, around, spread float64, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		x := make([]float32, n)
		for i := range x { // uniform: the same numbers on every machine
			x[i] = float32(around + spread*(2*rng.Float64()-1))
		}
		bf := make([]uint16, n)
		kernel.F32ToBF16(bf, x)
		t := safetensors.FromFloat32s(name, shape, x)
		switch dtype {
		case safetensors.BF16:
			t = safetensors.FromBF16(name, shape, bf)
		case safetensors.F16: // numbers that both kinds have
			kernel.BF16ToF32(x, bf)
			t = halves(name, shape, x)
		}
		m.tensors[name] = t
	}
	linear := func(name string, out, in int) { add(name+".weight", 0, 0.6, out, in); add(name+".bias", 0, 0.3, out) }
	norm := func(name string) { add(name+".weight", 1, 0.4, d); add(name+".bias", 0, 0.3, d) }
	add("embeddings.word_embeddings.weight", 0, 1, c.VocabSize, d)
	add("embeddings.position_embeddings.weight", 0, 0.5, c.Positions, d)
	add("embeddings.token_type_embeddings.weight", 0, 0.5, c.Types, d)
	norm("embeddings.LayerNorm")
	for i := range c.Layers {
		p := fmt.Sprintf("encoder.layer.%d.", i)
		for _, name := range []string{"query", "key", "value"} {
			linear(p+"attention.self."+name, d, d)
		}
		linear(p+"attention.output.dense", d, d)
		norm(p + "attention.output.LayerNorm")
		linear(p+"intermediate.dense", f, d)
		linear(p+"output.dense", d, f)
		norm(p + "output.LayerNorm")
	}
	linear("pooler.dense", d, d)
	mode := map[Pooling]string{Mean: `"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":false`, CLS: `"pooling_mode_mean_tokens":false,"pooling_mode_cls_token":true`}
	modules := `{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"}`
	if c.Normalize {
		modules += `,{"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}`
	}
	m.files = map[string]string{
		"config.json": fmt.Sprintf(`{"architectures":["BertModel"],"model_type":"bert","hidden_act":"gelu","hidden_dropout_prob":0.1,"position_embedding_type":"absolute",
"vocab_size":%d,"hidden_size":%d,"num_hidden_layers":%d,"num_attention_heads":%d,"intermediate_size":%d,"max_position_embeddings":%d,"type_vocab_size":%d,"layer_norm_eps":1e-12}`,
			c.VocabSize, d, c.Layers, c.Heads, f, c.Positions, c.Types),
		"modules.json":                      "[" + modules + "]",
		"1_Pooling/config.json":             fmt.Sprintf(`{"word_embedding_dimension":%d,%s,"pooling_mode_max_tokens":false}`, d, mode[c.Pooling]),
		"sentence_bert_config.json":         fmt.Sprintf(`{"max_seq_length":%d,"do_lower_case":false}`, c.MaxTokens),
		"config_sentence_transformers.json": `{"default_prompt_name":null}`,
		"tokenizer_config.json":             `{"do_lower_case":true,"model_max_length":1000}`,
		"vocab.txt":                         strings.Join(words, "\n") + "\n",
	}
	return m
}

// halves rounds to binary16, for numbers of bfloat16 that aren't smaller than 2^-14: exact, but for the range.
func halves(name string, shape []int, x []float32) safetensors.Tensor {
	data := make([]byte, 0, 2*len(x))
	for _, v := range x {
		sign, e := uint16(0), 0
		if v < 0 {
			sign, v = 0x8000, -v
		}
		h := uint16(0)
		if v >= 1.0/(1<<14) {
			for e = -14; v >= float32(2*pow2(e)); e++ {
			}
			h = uint16(e+15)<<10 | uint16((float64(v)/pow2(e)-1)*1024)
		}
		h |= sign
		data = append(data, byte(h), byte(h>>8))
	}
	return safetensors.Tensor{Name: name, DType: safetensors.F16, Shape: shape, Data: data}
}

func pow2(e int) float64 {
	x := 1.0
	for ; e > 0; e-- {
		x *= 2
	}
	for ; e < 0; e++ {
		x /= 2
	}
	return x
}

// write puts the folder on disk; edits replace, add or (empty) leave out files.
func (m *tiny) write(t testing.TB, edits map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	var list []safetensors.Tensor
	for name, x := range m.tensors {
		x.Name = m.prefix + name
		list = append(list, x)
	}
	if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), list, nil); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name, text := range m.files {
		files[name] = text
	}
	for name, text := range edits {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if text == "" {
			_ = os.Remove(path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// edit changes one field of a JSON file; a nil value takes it out.
func (m *tiny) edit(t testing.TB, file, field string, value any) map[string]string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(m.files[file]), &all); err != nil {
		t.Fatal(err)
	}
	if value == nil {
		delete(all, field)
	} else {
		all[field] = value
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{file: string(b)}
}

func load(t testing.TB, dir string, opt ...Options) *Encoder {
	t.Helper()
	e, err := Load(dir, opt...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func shape(hidden, layers, heads, intermediate, positions int) Config {
	return Config{Hidden: hidden, Layers: layers, Heads: heads, Intermediate: intermediate, Positions: positions, MaxTokens: positions, Pooling: Mean, Normalize: true}
}

// randomTexts are of all lengths up to about twice what the encoder takes.
func randomTexts(rng *rand.Rand, n, tokens int) []string {
	words := strings.Fields("hello world abc a bead cab , . ! 123 fee unknown Ünknown [SEP]")
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range rng.IntN(tokens) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(" \n"[rng.IntN(2)])
		}
		texts[i] = b.String()
	}
	return texts
}
