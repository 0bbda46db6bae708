package serve

import (
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/model/tokenizer"
)

// textStream turns the tokens of one completion into text as they arrive, and finds
// stop strings. It holds back what may still change: the beginning of a character, and
// what may be the beginning of a stop string. Its pieces joined are the text
// of all tokens, up to the stop.
type textStream struct {
	tokens      *tokenizer.Tokenizer
	stops       []string
	keepStop    bool // a stop string belongs to the text
	keepSpecial bool
	raw         []byte // bytes that aren't text yet
	text        string // text that isn't given yet
}

// add takes a token and returns the text that is certain now. If a stop string is complete, it is
// returned too, and nothing must be added any more.
func (t *textStream) add(id int32) (text, stop string) {
	t.raw = t.tokens.AppendBytes(t.raw, []int32{id}, !t.keepSpecial)
	whole := len(t.raw) - unfinished(t.raw)
	if whole == 0 {
		return "", ""
	}
	t.text += tokenizer.Lossy(string(t.raw[:whole]))
	t.raw = append(t.raw[:0], t.raw[whole:]...)
	return t.give()
}

// end returns what was held back.
func (t *textStream) end() (text, stop string) {
	t.text += tokenizer.Lossy(string(t.raw))
	t.raw = nil
	if text, stop = t.give(); stop == "" {
		text += t.text
		t.text = ""
	}
	return text, stop
}

// give cuts off what is certain: all before a stop string, or what can't be part of one.
func (t *textStream) give() (text, stop string) {
	at := -1
	for _, s := range t.stops {
		if i := strings.Index(t.text, s); i >= 0 && (at < 0 || i < at) {
			at, stop = i, s
		}
	}
	if at >= 0 {
		if t.keepStop {
			at += len(stop)
		}
		text, t.text = t.text[:at], ""
		return text, stop
	}
	certain := len(t.text)
	for _, s := range t.stops {
		for n := min(len(s)-1, len(t.text)); n > 0; n-- {
			if strings.HasSuffix(t.text, s[:n]) {
				certain = min(certain, len(t.text)-n)
				break
			}
		}
	}
	text, t.text = t.text[:certain], t.text[certain:]
	return text, ""
}

// unfinished is the number of bytes at the end that may be the beginning of a
// character.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
