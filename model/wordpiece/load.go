package wordpiece

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
	"unicode"
	"unicode/utf8"
)

// The files of a tokenizer in a model folder.
const (
	FileName   = "tokenizer.json"
	VocabName  = "vocab.txt"
	ConfigName = "tokenizer_config.json"
	AddedName  = "added_tokens.json"
)

const (
	maxFile      = 64 << 20 // bytes of one file; the largest in use have 3 MB
	maxVocab     = 1 << 21  // ids; the largest in use have 250,000
	maxHoles     = 1 << 16  // ids below the largest that no token has
	maxAdded     = 1024     // added tokens
	maxToken     = 1 << 10  // bytes of a token
	maxWordChars = 10_000   // the setting's largest value: a word is covered in quadratic time
	maxPrefix    = 16       // bytes of the prefix of a continuation
	defaultChars = 100
)

// Files is the content of a tokenizer's files. One of Tokenizer and Vocab must be there; Tokenizer wins.
type Files struct {
	Tokenizer []byte // tokenizer.json
	Vocab     []byte // vocab.txt
	Config    []byte // tokenizer_config.json, may be nil
	Added     []byte // added_tokens.json, may be nil
}

// Load reads the tokenizer of the model folder dir. Errors wrap ErrCorrupt or ErrUnsupported, or come from the file system.
func Load(dir string) (*Tokenizer, error) {
	var f Files
	for _, file := range []struct {
		name string
		to   *[]byte
	}{{FileName, &f.Tokenizer}, {VocabName, &f.Vocab}, {ConfigName, &f.Config}, {AddedName, &f.Added}} {
		b, err := readFile(filepath.Join(dir, file.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't load tokenizer: %w", err)
		}
		*file.to = b
	}
	if f.Tokenizer == nil && f.Vocab == nil {
		return nil, fmt.Errorf("couldn't load tokenizer: neither %s nor %s is in %s: %w", FileName, VocabName, dir, fs.ErrNotExist)
	}
	t, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("couldn't load tokenizer in %s: %w", dir, err)
	}
	return t, nil
}

// readFile reads a regular file of bounded size, never nil for one that is there.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, corrupt("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = corrupt("%s has more than %d bytes", path, maxFile)
	}
	return append([]byte{}, b...), err
}

// Parse builds a tokenizer from the content of its files.
func Parse(f Files) (*Tokenizer, error) {
	config, err := parseConfig(f.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	var t *Tokenizer
	if f.Tokenizer != nil {
		if t, err = parseTokenizer(f.Tokenizer); err != nil {
			return nil, fmt.Errorf("%s: %w", FileName, err)
		}
		if err := config.agrees(t); err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigName, err)
		}
	} else {
		if err := config.class(); err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigName, err)
		}
		if t, err = parseVocab(f.Vocab, config.settings(), config.names()); err != nil {
			return nil, fmt.Errorf("%s: %w", VocabName, err)
		}
	}
	if err := config.knows(t); err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	if err := checkAdded(t, f.Added); err != nil {
		return nil, fmt.Errorf("%s: %w", AddedName, err)
	}
	t.max = config.maxLength()
	return t, nil
}

// ParseVocab builds a tokenizer from the content of a vocab.txt: one token a line, its id the number of the line from 0. The list must
// hold [UNK], [CLS] and [SEP].
func ParseVocab(vocab []byte, s Settings) (*Tokenizer, error) {
	t, err := parseVocab(vocab, s, specialNames{"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"})
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", VocabName, err)
	}
	return t, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrCorrupt)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsupported)
}

// specialNames are the spellings of the special tokens.
type specialNames struct{ unknown, cls, sep, pad, mask string }

// parseVocab reads lines as the reference does: white space at the end of a line isn't part of the token, and of two equal lines the last counts.
func parseVocab(vocab []byte, s Settings, names specialNames) (*Tokenizer, error) {
	if len(vocab) > maxFile {
		return nil, corrupt("more than %d bytes", maxFile)
	}
	if !utf8.Valid(vocab) {
		return nil, corrupt("not UTF-8")
	}
	text := strings.TrimSuffix(string(vocab), "\n")
	if n := strings.Count(text, "\n") + 1; n > maxVocab {
		return nil, corrupt("%d lines, more than %d", n, maxVocab)
	}
	ids := map[string]int32{}
	for i, line := range strings.Split(text, "\n") {
		ids[strings.TrimRightFunc(line, unicode.IsSpace)] = int32(i)
	}
	t := &Tokenizer{settings: s, prefix: "##"}
	if t.settings.MaxInputChars == 0 {
		t.settings.MaxInputChars = defaultChars
	}
	if err := t.setVocab(ids, names.unknown); err != nil {
		return nil, err
	}
	for _, name := range []string{names.cls, names.sep} {
		if _, ok := t.first[name]; !ok {
			return nil, corrupt("the special token %q is no line", name)
		}
	}
	t.before, t.after = []int32{t.first[names.cls]}, []int32{t.first[names.sep]}
	var added []addedToken
	for _, name := range []string{names.pad, names.unknown, names.cls, names.sep, names.mask} {
		if id, ok := t.first[name]; ok && name != "" && !slices.Contains(added, addedToken{name, id}) {
			added = append(added, addedToken{name, id})
		}
	}
	t.setAdded(added)
	return t, nil
}

// setVocab takes the tokens and checks their ids.
func (t *Tokenizer) setVocab(ids map[string]int32, unknown string) error {
	top := int32(-1)
	for text, id := range ids {
		if id < 0 || id >= maxVocab {
			return corrupt("token %q has id %d, which isn't in 0..%d", short(text), id, maxVocab-1)
		}
		if len(text) > maxToken {
			return corrupt("token %q has %d bytes, more than %d", short(text), len(text), maxToken)
		}
		top = max(top, id)
	}
	if int(top) >= len(ids)+maxHoles {
		return corrupt("%d tokens have ids up to %d", len(ids), top)
	}
	t.tokens = make([]string, top+1)
	seen := make([]bool, top+1)
	t.first, t.follow = ids, map[string]int32{}
	for text, id := range ids {
		if seen[id] {
			return corrupt("tokens %q and %q both have id %d", short(min(text, t.tokens[id])), short(max(text, t.tokens[id])), id)
		}
		seen[id], t.tokens[id] = true, text
		t.longest = max(t.longest, len(text))
		if rest, ok := strings.CutPrefix(text, t.prefix); ok {
			t.follow[rest] = id
		}
	}
	id, ok := ids[unknown]
	if !ok {
		return corrupt("the token for unknown words, %q, isn't in the vocabulary", short(unknown))
	}
	t.unknown = id
	return nil
}

func (t *Tokenizer) setAdded(added []addedToken) {
	for _, a := range added {
		t.added[a.text[0]] = append(t.added[a.text[0]], a)
	}
	for i := range t.added {
		slices.SortFunc(t.added[i], func(a, b addedToken) int {
			if len(a.text) != len(b.text) {
				return len(b.text) - len(a.text)
			}
			return strings.Compare(a.text, b.text)
		})
	}
}

// isAdded says whether text is an added token with that id.
func (t *Tokenizer) isAdded(text string, id int32) bool {
	return text != "" && slices.Contains(t.added[text[0]], addedToken{text, id})
}

func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
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
