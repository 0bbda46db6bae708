// Package tokenizer turns text into the token ids of a language model and back, as the model's own tokenizer.json says.
//
// It implements byte-level BPE in the form of the Hugging Face tokenizers library, bit for bit, because a miner and a validator
// that split a prompt differently disagree about everything that follows. Text passes five stations:
//
//  1. added tokens (such as <|im_end|>) are cut out of the raw text, the longest one at the leftmost place first;
//  2. the rest is normalized (NFC or not at all), and cut again at the added tokens that are marked normalized;
//  3. the pre-tokenizer splits it into words, by a regular expression whose exact text selects a hand-written splitter;
//  4. byte-level BPE joins the bytes of each word, at every step the neighbours that the merge list ranks first;
//  5. the post-processor puts BOS and EOS around the whole, where the file asks for it.
//
// A file that asks for anything else is refused with an error that names the feature: a tokenizer that is nearly right is
// worse than none. Truncation and padding are ignored, as transformers does for a call that asks for neither.
//
// A [Tokenizer] is immutable and safe for concurrent use. Memory is bounded by the file: caches have a fixed size.
package tokenizer

import (
	"errors"
	"strings"
	"sync"
)

// Errors that a caller decides by.
var (
	// ErrCorrupt marks files that are malformed or contradict each other: fetch them again.
	ErrCorrupt = errors.New("tokenizer files are not valid")
	// ErrUnsupported marks well-formed files that need a feature this package does not have; the text names it.
	ErrUnsupported = errors.New("tokenizer feature is not supported")
)

// Tokenizer encodes and decodes with one vocabulary.
type Tokenizer struct {
	model model
	added addedTokens
	nfc   bool
	steps []step // the pre-tokenizer; the last one is byteLevel
	// prefix and suffix are what the post-processor puts around a text with special tokens on.
	prefix, suffix []int32
	cleanUp        bool
	names          Names
	pool           sync.Pool // of *scratch
}

// Names are the special tokens and the template of tokenizer_config.json; an absent one is empty.
type Names struct {
	BOS, EOS, Pad, Unknown string
	// ChatTemplate is Jinja text; see package chat.
	ChatTemplate string
	// ModelMaxLength is in tokens, 0 where the file doesn't bound it.
	ModelMaxLength int
}

// Encode gives the token ids of text. With addSpecial the post-processor's tokens (a BOS, for Llama) are put around it, as the
// default call of transformers does. Special tokens written in the text are recognised either way.
// Bytes that aren't UTF-8 are read as U+FFFD, one for each maximal invalid sequence.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	s, _ := t.pool.Get().(*scratch)
	if s == nil {
		s = new(scratch)
	}
	defer t.pool.Put(s)
	text = Lossy(text)
	ids := make([]int32, 0, len(text)/3+len(t.prefix)+len(t.suffix)+1)
	if addSpecial {
		ids = append(ids, t.prefix...)
	}
	plain := func(piece string) {
		ids = t.split(ids, 0, piece, s)
	}
	token := func(id int32) { ids = append(ids, id) }
	t.added.raw.cut(text, token, func(piece string) {
		if t.nfc {
			piece = normalizeNFC(piece)
		}
		t.added.normalized.cut(piece, token, plain)
	})
	if addSpecial {
		ids = append(ids, t.suffix...)
	}
	return ids
}

// split runs the pre-tokenizer from step i on piece and appends the ids of the words.
func (t *Tokenizer) split(ids []int32, i int, piece string, s *scratch) []int32 {
	if i == len(t.steps) {
		return t.model.encode(ids, piece, s)
	}
	st := &t.steps[i]
	if st.prefixSpace && piece != "" && piece[0] != ' ' {
		piece = " " + piece
	}
	if st.next == nil {
		return t.split(ids, i+1, piece, s)
	}
	for len(piece) > 0 {
		n := st.next(piece)
		ids = t.split(ids, i+1, piece[:n], s)
		piece = piece[n:]
	}
	return ids
}

// Decode gives the text of the ids. Ids that the vocabulary lacks are passed over, with skipSpecial so are special tokens.
// Bytes that aren't UTF-8 become U+FFFD, one for each maximal invalid sequence.
// Spaces before punctuation are cleaned up only if tokenizer_config.json asks for it.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	text := Lossy(string(t.AppendBytes(nil, ids, skipSpecial)))
	if t.cleanUp {
		text = cleanUp.Replace(text)
	}
	return text
}

// AppendBytes appends the bytes of the ids without making them UTF-8: what a caller needs that decodes while tokens arrive,
// since a character may be spread over several tokens.
func (t *Tokenizer) AppendBytes(dst []byte, ids []int32, skipSpecial bool) []byte {
	for _, id := range ids {
		if a := t.added.byID(id); a != nil {
			if !skipSpecial || !a.Special {
				dst = append(dst, a.bytes...)
			}
			continue
		}
		if id >= 0 && int(id) < len(t.model.tokens) {
			dst = append(dst, t.model.tokens[id]...)
		}
	}
	return dst
}

// cleanUp is what transformers does for clean_up_tokenization_spaces, one replacement after the other.
var cleanUp = chainReplacer{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}

type chainReplacer [][2]string

func (c chainReplacer) Replace(s string) string {
	for _, p := range c {
		s = strings.ReplaceAll(s, p[0], p[1])
	}
	return s
}

// VocabSize is one more than the highest id: the least number of rows that the model's embedding needs.
func (t *Tokenizer) VocabSize() int {
	n := len(t.model.tokens)
	for i := range t.added.list {
		n = max(n, int(t.added.list[i].ID)+1)
	}
	return n
}

// TokenID gives the id of a token by its text in the file: special tokens as they are written, others in the byte alphabet (a space is Ġ).
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.added.byContent[token]; ok {
		return id, true
	}
	return t.model.id(token)
}

// Token gives the text of an id as the file writes it, or "" for an id that the vocabulary lacks.
func (t *Tokenizer) Token(id int32) string {
	if a := t.added.byID(id); a != nil {
		return a.Content
	}
	return t.model.text(id)
}

// IsSpecial says whether Decode passes over the id when special tokens are skipped.
func (t *Tokenizer) IsSpecial(id int32) bool {
	a := t.added.byID(id)
	return a != nil && a.Special
}

// Names gives the special tokens and the chat template.
func (t *Tokenizer) Names() Names { return t.names }

// ChatTemplate gives the Jinja text of the chat template, or "".
func (t *Tokenizer) ChatTemplate() string { return t.names.ChatTemplate }

// AddedTokens lists the added tokens by ascending id.
func (t *Tokenizer) AddedTokens() []AddedToken {
	out := make([]AddedToken, len(t.added.list))
	for i := range t.added.list {
		out[i] = t.added.list[i].AddedToken
	}
	return out
}

// BOS gives the id of the token that begins a text, if the files name one.
func (t *Tokenizer) BOS() (int32, bool) { return t.named(t.names.BOS) }

// EOS gives the id of the token that ends a completion, if the files name one.
func (t *Tokenizer) EOS() (int32, bool) { return t.named(t.names.EOS) }

// Pad gives the id of the padding token, which is the EOS where the files name none (grail-environments section 5).
func (t *Tokenizer) Pad() (int32, bool) {
	if t.names.Pad == "" {
		return t.EOS()
	}
	return t.named(t.names.Pad)
}

func (t *Tokenizer) named(token string) (int32, bool) {
	if token == "" {
		return 0, false
	}
	return t.TokenID(token)
}
