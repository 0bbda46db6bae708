package hub

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// needed are the files beside the weights that the engine reads, for decoders and for sentence encoders.
var needed = []string{
	"config.json", "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
	"chat_template.jinja", "chat_template.json",
	"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json",
	indexName,
}

// indexName is the list of the shards of a model.
const indexName = "model.safetensors.index.json"

var shard = regexp.MustCompile(`^model-[0-9]{5}-of-[0-9]{5}\.safetensors$`)

// choose returns the files of a listing that a pull fetches: what the engine needs, or what the patterns say. A pattern without a slash
// matches the last part of a name, one with a slash all of it (path.Match). Errors wrap ErrNoFiles.
func choose(files []File, include []string) ([]File, error) {
	if len(include) > 0 {
		return chooseByPattern(files, include)
	}
	has := func(name string) bool { return slices.ContainsFunc(files, func(f File) bool { return f.Path == name }) }
	sharded := has(indexName) && slices.ContainsFunc(files, func(f File) bool { return shard.MatchString(f.Path) })
	single := has("model.safetensors")
	var out []File
	weights := 0
	for _, f := range files {
		switch {
		case slices.Contains(needed, f.Path):
		case strings.Contains(f.Path, "/") || path.Ext(f.Path) != ".safetensors":
			continue
		case sharded && !shard.MatchString(f.Path), !sharded && single && f.Path != "model.safetensors":
			continue // the same weights once more, under another name
		default:
			weights++
		}
		out = append(out, f)
	}
	if weights > 0 {
		return out, nil
	}
	err := fmt.Errorf("couldn't choose files: %w: the model has no safetensors weights", ErrNoFiles)
	if gguf := withSuffix(files, ".gguf"); len(gguf) > 0 {
		return nil, hinted{err, "it has GGUF files; name one with --include, for example --include " + gguf[len(gguf)/2]}
	}
	if bin := withSuffix(files, ".bin"); len(bin) > 0 {
		return nil, hinted{err, "it has PyTorch pickles, which can run code and are not read; look for a conversion to safetensors"}
	}
	return nil, hinted{err, "is it a language model? its page lists its files"}
}

// withSuffix lists the printable names with a suffix, in order.
func withSuffix(files []File, suffix string) []string {
	var out []string
	for _, f := range files {
		if strings.HasSuffix(strings.ToLower(f.Path), suffix) && checkName(f.Path) == nil {
			out = append(out, f.Path)
		}
	}
	slices.Sort(out)
	return out
}

func chooseByPattern(files []File, include []string) ([]File, error) {
	if err := CheckPatterns(include); err != nil {
		return nil, err
	}
	used := make([]bool, len(include))
	var out []File
	for _, f := range files {
		hit := false
		for i, p := range include {
			if matches(p, f.Path) {
				used[i], hit = true, true
			}
		}
		if hit {
			out = append(out, f)
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, hinted{fmt.Errorf("couldn't choose files: %w: nothing matches %s", ErrNoFiles, quote(include[i])), "the model's page lists its files"}
	}
	return out, nil
}

// CheckPatterns refuses patterns that path.Match can't read. Errors wrap path.ErrBadPattern.
func CheckPatterns(include []string) error {
	for _, p := range include {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return hinted{fmt.Errorf("couldn't read pattern %s: %w", quote(p), errors.Join(path.ErrBadPattern)), `patterns are written as for a shell: '*.gguf', 'onnx/*'`}
		}
	}
	return nil
}

func matches(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
