// Package wordpiece cuts text into the tokens of BERT models.
//
// # From text to ids
//
// Special tokens such as [SEP] that stand in the text are taken out first, by their exact spelling. What lies between them is
// cleaned (control characters go, white space becomes a space), each Chinese character is set apart by spaces, accents are
// stripped (canonical decomposition without its nonspacing marks), and letters become lower case. The text is then cut into
// words at white space, every punctuation character being a word of its own. A word is covered from the left, each time by
// the longest piece of the vocabulary: the first piece under its own spelling, the following ones under ## and their
// spelling. A word that can't be covered, or of more than 100 characters, becomes [UNK] as a whole:
//
//	"Héllo unaffable" -> hello una ##ffa ##ble
//
// [CLS] and [SEP] are put around the ids of a text, and both count towards the length it is truncated to.
//
// # What is equal to what
//
// The ids are those of the Hugging Face library tokenizers (0.23.3) for tokenizer.json files of BERT models. That library classifies
// characters by several versions of Unicode, most of them older than Go's; unicode.go holds the differences.
// Invalid UTF-8 counts as U+FFFD, one for each maximal sequence, as with Python's errors="replace".
//
// Files are foreign: sizes are bounded, and a setting that would change ids and isn't implemented is an error that names it.
package wordpiece

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/model/tokenizer"
)

// Errors that a caller decides by. The wrapped text says which file and entry is at fault.
var (
	// ErrCorrupt marks files that are malformed or contradict themselves: fetch them again.
	ErrCorrupt = errors.New("wordpiece files are not valid")
	// ErrUnsupported marks well-formed files that need what this package doesn't have; the text names it.
	ErrUnsupported = errors.New("wordpiece feature is not supported")
)

// Settings of a tokenizer whose vocabulary is a plain list (see ParseVocab). The zero value keeps case and accents;
// Uncased is what nearly all sentence encoders use.
type Settings struct {
	Lowercase     bool
	StripAccents  bool
	SplitChinese  bool // every Chinese character a word of its own
	CleanText     bool // drop control characters, make every white space a space
	MaxInputChars int  // characters of the longest word that isn't [UNK]; 0 counts as 100
}

// Uncased are the settings of bert-base-uncased and the MiniLM models.
var Uncased = Settings{Lowercase: true, StripAccents: true, SplitChinese: true, CleanText: true, MaxInputChars: 100}

// Tokenizer turns text into ids. It doesn't change once loaded; any number of goroutines may use it.
type Tokenizer struct {
	settings Settings

	tokens  []string         // by id; "" where there is none
	first   map[string]int32 // pieces that begin a word
	follow  map[string]int32 // pieces that continue one, without their prefix
	longest int              // bytes of the longest key of either
	prefix  string
	unknown int32
	max     int // longest sequence that the files ask for, 0 for none

	before, after []int32 // ids around every text

	added [256][]addedToken // by first byte, longest first
}

// addedToken is found in the text as it stands.
type addedToken struct {
	text string
	id   int32
}

// VocabSize is one more than the largest id.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Unknown is the id of a word that the vocabulary can't cover.
func (t *Tokenizer) Unknown() int32 { return t.unknown }

// MaxLength is the longest sequence that the tokenizer's own files name (model_max_length of tokenizer_config.json), special tokens included; 0 for none.
// A sentence-transformers folder may name a shorter one.
func (t *Tokenizer) MaxLength() int { return t.max }

// Overhead is the number of special tokens that Encode puts around a text.
func (t *Tokenizer) Overhead() int { return len(t.before) + len(t.after) }

// Settings gives the settings in force.
func (t *Tokenizer) Settings() Settings { return t.settings }

// Token is the spelling of an id in the vocabulary, with the prefix of a continuation, or "" if there is none.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// ID is the id of a token spelled as in the vocabulary.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.first[token]
	return id, ok
}

// Encode gives the ids of a text between the special tokens of the model, truncated on the right to limit ids in all; a limit of 0 is
// none, and one below Overhead gives the special tokens alone. Text behind the cut isn't encoded.
func (t *Tokenizer) Encode(text string, limit int) []int32 {
	room := -1
	if limit > 0 {
		room = max(0, limit-t.Overhead())
	}
	ids := slices.Clone(t.before)
	ids = t.appendText(ids, text, room)
	return append(ids, t.after...)
}

// Plain gives the ids of a text without the special tokens around it, at most limit of them; 0 is no limit.
func (t *Tokenizer) Plain(text string, limit int) []int32 {
	room := -1
	if limit > 0 {
		room = limit
	}
	return t.appendText(nil, text, room)
}

// writer collects ids until there is no room left; room < 0 is no bound.
type writer struct {
	ids  []int32
	room int
	word []rune // the word in work
	text []byte // a word's spelling
}

func (w *writer) full() bool { return w.room == 0 }

func (w *writer) put(ids ...int32) {
	for _, id := range ids {
		if w.room == 0 {
			return
		}
		w.ids = append(w.ids, id)
		w.room--
	}
}

func (t *Tokenizer) appendText(ids []int32, text string, room int) []int32 {
	w := &writer{ids: ids, room: room}
	text = tokenizer.Lossy(text)
	for len(text) > 0 && !w.full() {
		at, a := t.nextAdded(text)
		t.plain(w, text[:at])
		if a.text == "" {
			break
		}
		w.put(a.id)
		text = text[at+len(a.text):]
	}
	return w.ids
}

// nextAdded finds the first added token in text, the longest where several begin, or gives the length of text.
func (t *Tokenizer) nextAdded(text string) (at int, a addedToken) {
	for i := range len(text) {
		for _, a := range t.added[text[i]] {
			if strings.HasPrefix(text[i:], a.text) {
				return i, a
			}
		}
	}
	return len(text), addedToken{}
}

// plain encodes a text without added tokens: white space and Chinese characters bound the words that are normalised one by one.
func (t *Tokenizer) plain(w *writer, text string) {
	w.word = w.word[:0]
	for _, r := range text {
		if t.settings.CleanText && dropped(r) {
			continue
		}
		switch {
		case unicode.IsSpace(r):
			t.flush(w)
		case t.settings.SplitChinese && isChinese(r):
			t.flush(w)
			w.word = append(w.word, r)
			t.flush(w)
		default:
			w.word = append(w.word, r)
		}
		if w.full() {
			return
		}
	}
	t.flush(w)
}

// flush normalises the collected word, cuts it at punctuation, and writes the pieces.
func (t *Tokenizer) flush(w *writer) {
	word := w.word
	w.word = w.word[:0]
	if len(word) == 0 {
		return
	}
	if t.settings.StripAccents {
		word = stripAccents(word)
	}
	if t.settings.Lowercase {
		word = lower(word)
	}
	begin := 0
	for i, r := range word {
		if isPunctuation(r) {
			t.cover(w, word[begin:i])
			t.cover(w, word[i:i+1])
			begin = i + 1
		}
		if w.full() {
			return
		}
	}
	t.cover(w, word[begin:])
}

// cover writes the pieces of one word.
func (t *Tokenizer) cover(w *writer, word []rune) {
	if len(word) == 0 {
		return
	}
	if len(word) > t.settings.MaxInputChars {
		w.put(t.unknown)
		return
	}
	w.text = w.text[:0]
	for _, r := range word {
		w.text = utf8.AppendRune(w.text, r)
	}
	mark, room := len(w.ids), w.room
	table := t.first
	for rest := w.text; len(rest) > 0; table = t.follow {
		n, id := longestPiece(table, rest, t.longest)
		if n == 0 {
			w.ids, w.room = w.ids[:mark], room
			w.put(t.unknown)
			return
		}
		w.put(id)
		rest = rest[n:]
	}
}

// longestPiece finds the longest key of table that rest begins with, and its length in bytes.
func longestPiece(table map[string]int32, rest []byte, longest int) (int, int32) {
	n := min(len(rest), longest)
	for ; n > 0; n-- {
		if n < len(rest) && !utf8.RuneStart(rest[n]) {
			continue
		}
		if id, ok := table[string(rest[:n])]; ok {
			return n, id
		}
	}
	return 0, 0
}
