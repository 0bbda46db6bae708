package model

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model/gguf"
	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// Storage is a kind of number in which a model's file keeps weights.
type Storage struct {
	Type    string `json:"type"` // F32, F16, BF16, Q4_0, Q4_1, Q8_0
	Tensors int    `json:"tensors"`
	Weights int    `json:"weights"`
	Bytes   int64  `json:"bytes"`
}

// Description tells what a model folder or file holds, without loading it.
type Description struct {
	Path   string `json:"path"`
	Format string `json:"format"` // "safetensors" or "gguf"
	Config Config `json:"-"`
	// Parameters is the number of weights, tied ones once.
	Parameters int `json:"parameters"`
	// Storage lists the kinds of numbers, the one with the most weights first.
	Storage []Storage `json:"storage"`
	// FileBytes is the size of the weights as stored, LoadedBytes in the memory of the engine, which widens everything
	// but the bf16 and f16 matrices of larger models to f32.
	FileBytes   int64 `json:"file_bytes"`
	LoadedBytes int64 `json:"loaded_bytes"`
	// TokenBytes is the memory of the keys and values of one token; they are kept in pages of 32 tokens.
	TokenBytes int64 `json:"token_bytes"`
	// ContextBytes is the memory of the keys and values of one sequence of Config.MaxPositions tokens.
	ContextBytes int64 `json:"context_bytes"`
	// WorkspaceBytes is what a call needs beside them at most, on this machine's threads: the activations of a step of 256 tokens, 64 rows of logits,
	// rotary tables and attention scores over the whole context.
	WorkspaceBytes int64 `json:"workspace_bytes"`
	// Tokenizer is nil where the folder has none.
	Tokenizer *TokenizerDescription `json:"tokenizer"`
}

// TokenizerDescription tells the vocabulary and what a text is wrapped in.
type TokenizerDescription struct {
	Tokens int    `json:"tokens"`
	Added  int    `json:"added"`
	BOS    string `json:"bos"`
	EOS    string `json:"eos"`
	Pad    string `json:"pad"`
	// ChatTemplate is the length of the template's text in bytes; 0: none.
	ChatTemplate int `json:"chat_template_bytes"`
	// Problem says why the tokenizer can't be used; empty: it can.
	Problem string `json:"problem,omitempty"`
}

// Describe reads the headers of a model folder or .gguf file. A model that the engine doesn't run is an error (ErrUnsupported).
func Describe(path string) (*Description, error) {
	d := &Description{Path: path, Format: "safetensors"}
	var err error
	if IsGGUF(path) {
		d.Format = "gguf"
		err = d.gguf(path)
	} else {
		err = d.folder(path)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't describe the model: %w", err)
	}
	slices.SortFunc(d.Storage, func(a, b Storage) int { return cmp.Or(b.Weights-a.Weights, cmp.Compare(a.Type, b.Type)) })
	d.Parameters = d.Config.Parameters()
	m := &Model{cfg: d.Config}
	d.TokenBytes, d.ContextBytes = m.cacheBytes(block)/block, m.cacheBytes(d.Config.MaxPositions)
	d.WorkspaceBytes = d.Config.workspaceBytes(runtime.GOMAXPROCS(0))
	return d, nil
}

func (d *Description) folder(path string) (err error) {
	if d.Config, err = ReadConfig(path); err != nil {
		return err
	}
	folder, err := safetensors.OpenDir(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	kinds := map[string]string{}
	for _, spec := range d.Config.Tensors() {
		t, err := folder.Tensor(spec.Name)
		if err != nil {
			return err
		}
		kinds[spec.Name] = string(t.DType)
		d.add(string(t.DType), t.Len(), len(t.Data))
	}
	d.measure(kinds)
	tok, err := tokenizer.Load(path)
	d.describeTokenizer(tok, err)
	return nil
}

func (d *Description) gguf(path string) (err error) {
	f, cfg, err := openGGUF(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d.Config = cfg
	kinds := map[string]string{}
	for _, spec := range cfg.Tensors() {
		t, err := f.Tensor(ggufName(spec.Name))
		if err != nil {
			return err
		}
		kinds[spec.Name] = t.Type.String()
		d.add(t.Type.String(), t.Len(), len(t.Data))
	}
	d.measure(kinds)
	tok, err := f.Tokenizer()
	d.describeTokenizer(tok, err)
	return nil
}

func (d *Description) add(kind string, weights, bytes int) {
	d.FileBytes += int64(bytes)
	i := slices.IndexFunc(d.Storage, func(s Storage) bool { return s.Type == kind })
	if i < 0 {
		i = len(d.Storage)
		d.Storage = append(d.Storage, Storage{Type: kind})
	}
	d.Storage[i].Tensors++
	d.Storage[i].Weights += weights
	d.Storage[i].Bytes += int64(bytes)
}

// measure computes what build allocates: matrices in panels of whole columns, some of them several weights below one another, in two
// bytes a weight where all parts are bf16, or all f16.
func (d *Description) measure(kinds map[string]string) {
	small := d.Config.Parameters() <= smallModel
	rows, kind := 0, "" // of the parts so far
	for _, spec := range d.Config.Tensors() {
		if len(spec.Shape) == 1 {
			d.LoadedBytes += 4 * int64(spec.Shape[0])
			continue
		}
		if rows > 0 && kinds[spec.Name] != kind {
			kind = "mixed"
		} else {
			kind = kinds[spec.Name]
		}
		rows += spec.Shape[0]
		if fusedWithNext(spec.Name) {
			continue
		}
		size := int64(4)
		if (kind == "BF16" || kind == "F16") && !small {
			size = 2
		}
		rows = (rows + kernel.PanelWidth - 1) / kernel.PanelWidth * kernel.PanelWidth
		d.LoadedBytes += size * int64(rows) * int64(spec.Shape[1])
		rows = 0
	}
}

// fusedWithNext says whether the matrix and the next one of Config.Tensors are one operand.
func fusedWithNext(name string) bool {
	for _, part := range []string{"q_proj.weight", "k_proj.weight", "gate_proj.weight"} {
		if strings.HasSuffix(name, part) {
			return true
		}
	}
	return false
}

func (d *Description) describeTokenizer(t *tokenizer.Tokenizer, err error) {
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, gguf.ErrNotFound) {
			d.Tokenizer = &TokenizerDescription{Problem: err.Error()}
		}
		return
	}
	n := t.Names()
	d.Tokenizer = &TokenizerDescription{Tokens: t.VocabSize(), Added: len(t.AddedTokens()), BOS: n.BOS, EOS: n.EOS, Pad: n.Pad, ChatTemplate: len(n.ChatTemplate)}
}

// LoadTokenizer reads the tokenizer of a model folder or .gguf file.
func LoadTokenizer(path string) (*tokenizer.Tokenizer, error) {
	if !IsGGUF(path) {
		return tokenizer.Load(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't load tokenizer: %w", err)
	}
	defer f.Close()
	return f.Tokenizer()
}
