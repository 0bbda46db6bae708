package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/base"
)

// embedded is the name by which commands know the model that this program carries inside.
const embedded = "base"

// modelPlaces is what the commands about one model take.
const modelPlaces = `DIR is a folder with config.json and safetensors weights, a .gguf file, or the word base for the model that this program
carries inside (a folder of that name is ./base).`

// placeModel gives the path of a model; done removes what was unpacked for it.
func placeModel(name string) (path string, done func(), err error) {
	if name != embedded {
		return name, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "nanteos-model-")
	if err != nil {
		return "", nil, fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) }
	if err := base.WriteTo(dir); err != nil {
		done()
		return "", nil, err
	}
	return dir, done, nil
}

// aboutModel adds what to do about an error of opening a model.
func aboutModel(err error) error {
	switch {
	case errors.Is(err, model.ErrUnsupported):
		return hinted{err, "this engine runs dense Llama, Qwen2 and Qwen3 models"}
	case errors.Is(err, os.ErrNotExist):
		return hinted{err, "nanteos model pull gets a model; a model is a folder with config.json and safetensors weights, or a .gguf file"}
	}
	return err
}

// modelInfo is the JSON of `nanteos model info`.
type modelInfo struct {
	model.Description
	Architecture string  `json:"architecture"`
	Layers       int     `json:"layers"`
	HiddenSize   int     `json:"hidden_size"`
	Intermediate int     `json:"intermediate_size"`
	Heads        int     `json:"heads"`
	KVHeads      int     `json:"key_value_heads"`
	HeadDim      int     `json:"head_dim"`
	Vocabulary   int     `json:"vocabulary"`
	TiedHead     bool    `json:"tied_head"`
	Context      int     `json:"context"`
	RopeTheta    float64 `json:"rope_theta"`
	RopeScaling  string  `json:"rope_scaling"`
}

// newModelInfo is `nanteos model info`.
func newModelInfo(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "info DIR",
		Short: "describe a model",
		Long: "info tells what a model is, from the headers of its files: shape, weights, the memory that the engine takes for it, tokenizer and\nchat template." +
			" It says so if the engine can't run it.\n\n" + modelPlaces,
		Example: "  nanteos model info base\n  nanteos model info Qwen3-0.6B --json",
		Args:    arguments("DIR", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, done, err := placeModel(args[0])
			if err != nil {
				return err
			}
			defer done()
			d, err := model.Describe(path)
			if err != nil {
				return aboutModel(err)
			}
			d.Path = args[0]
			if asJSON {
				e := json.NewEncoder(t.out)
				e.SetIndent("", "  ")
				e.SetEscapeHTML(false) // tokens read <|im_end|>
				err = e.Encode(newInfo(d))
			} else {
				_, err = fmt.Fprint(t.out, infoText(d))
			}
			if err != nil {
				return fmt.Errorf("couldn't write what the model is: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func newInfo(d *model.Description) modelInfo {
	c := d.Config
	return modelInfo{*d, c.Architecture, c.Layers, c.HiddenSize, c.IntermediateSize, c.Heads, c.KVHeads, c.HeadDim, c.VocabSize, c.TieEmbeddings,
		c.MaxPositions, c.RopeTheta, orElse(c.RopeScaling.Type, "none")}
}

// infoText is the description as people read it.
func infoText(d *model.Description) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	c := d.Config
	line("model", "%s: %s in %s", escape(filepath.Base(d.Path)), c.Architecture, d.Format)
	line("shape", "%d layers of %d (inner %d); %d heads of %d, %d for keys and values; vocabulary %d, head %s", c.Layers, c.HiddenSize, c.IntermediateSize,
		c.Heads, c.HeadDim, c.KVHeads, c.VocabSize, either(c.TieEmbeddings, "tied", "of its own"))
	var kinds []string
	for _, s := range d.Storage {
		kinds = append(kinds, fmt.Sprintf("%s in %s", countText(s.Weights), s.Type))
	}
	line("weights", "%s (%s), %s on disk", countText(d.Parameters), strings.Join(kinds, ", "), bytesText(d.FileBytes))
	line("memory", "%s for weights, %s a token (%s for a sequence of %d), up to %s to work in", bytesText(d.LoadedBytes), bytesText(d.TokenBytes),
		bytesText(d.ContextBytes), c.MaxPositions, bytesText(d.WorkspaceBytes))
	rope := fmt.Sprintf("theta %g", c.RopeTheta)
	if s := c.RopeScaling; s.Type != "" {
		rope += fmt.Sprintf(", %s by %g", s.Type, s.Factor)
	}
	line("rotary", "%s", rope)
	switch k := d.Tokenizer; {
	case k == nil:
		line("tokenizer", "none")
	case k.Problem != "":
		line("tokenizer", "can't be used: %s", oneLine(escape(k.Problem)))
	default:
		line("tokenizer", "%d tokens, %d of them added; begins with %s, ends with %s, pads with %s", k.Tokens, k.Added, named(k.BOS), named(k.EOS), named(k.Pad))
		line("template", "%s", either(k.ChatTemplate > 0, fmt.Sprintf("for chats, %d bytes", k.ChatTemplate), "none"))
	}
	return b.String()
}

func named(token string) string {
	if token == "" {
		return "nothing"
	}
	return escape(token)
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// countText is a number of weights as people say it.
func countText(n int) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 999_950:
		return fmt.Sprintf("%.1fK", float64(n)/1e3)
	case n < 999_950_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2fB", float64(n)/1e9)
}
