package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAdded bounds the bytes of one added token, and so the look-ahead at each byte of a text.
const maxAdded = 1024

// AddedToken is a token that is found in the text as a whole, before any splitting.
type AddedToken struct {
	ID      int32
	Content string
	// Special tokens are left out by Decode with skipSpecial.
	Special bool
	// Normalized tokens are looked for in the normalized text instead of the raw one.
	Normalized bool
	// LStrip and RStrip swallow the white space on that side.
	LStrip, RStrip bool
	// SingleWord tokens count only where no word character touches them.
	SingleWord bool
}

type addedToken struct {
	AddedToken
	bytes string // what it decodes to
}

// addedTokens is the second vocabulary, ahead of the model's.
type addedTokens struct {
	list            []addedToken // by ascending id
	byContent       map[string]int32
	index           map[int32]int
	raw, normalized trie
}

func (a *addedTokens) byID(id int32) *addedToken {
	if i, ok := a.index[id]; ok {
		return &a.list[i]
	}
	return nil
}

// set takes the tokens, which are ordered by ascending id and have distinct contents.
func (a *addedTokens) set(list []AddedToken) {
	a.byContent, a.index = make(map[string]int32, len(list)), make(map[int32]int, len(list))
	a.list = make([]addedToken, len(list))
	for i, t := range list {
		raw, ok := appendRaw(nil, t.Content) // the decoder reads added tokens in the byte alphabet too, if it can
		if !ok {
			raw = []byte(t.Content)
		}
		a.list[i] = addedToken{t, string(raw)}
		a.byContent[t.Content] = t.ID
		a.index[t.ID] = i
	}
	for i := range a.list {
		t := &a.list[i].AddedToken
		if t.Normalized {
			a.normalized.insert(t.Content, t)
		} else {
			a.raw.insert(t.Content, t)
		}
	}
}

// trie finds added tokens, leftmost and then longest.
type trie struct {
	nodes []trieNode
	first [256]bool
}

type trieNode struct {
	next  map[byte]int32
	token *AddedToken
}

func (t *trie) insert(text string, token *AddedToken) {
	if text == "" {
		return
	}
	if t.nodes == nil {
		t.nodes = make([]trieNode, 1)
	}
	t.first[text[0]] = true
	at := int32(0)
	for i := range len(text) {
		to, ok := t.nodes[at].next[text[i]]
		if !ok {
			to = int32(len(t.nodes))
			t.nodes = append(t.nodes, trieNode{})
			if t.nodes[at].next == nil {
				t.nodes[at].next = map[byte]int32{}
			}
			t.nodes[at].next[text[i]] = to
		}
		at = to
	}
	t.nodes[at].token = token
}

// longest gives the longest token that s begins with, and its length.
func (t *trie) longest(s string) (token *AddedToken, n int) {
	at := int32(0)
	for i := range len(s) {
		to, ok := t.nodes[at].next[s[i]]
		if !ok {
			break
		}
		if at = to; t.nodes[at].token != nil {
			token, n = t.nodes[at].token, i+1
		}
	}
	return token, n
}

// cut walks text and calls token for each added token and plain for each piece between them that isn't empty.
func (t *trie) cut(text string, token func(id int32), plain func(piece string)) {
	done := 0 // everything before is handed out
	if t.nodes != nil {
		for i := 0; i < len(text); {
			if !t.first[text[i]] {
				i++
				continue
			}
			tok, n := t.longest(text[i:])
			if tok == nil {
				i++
				continue
			}
			start, stop := i, i+n
			i = stop // a match that is turned down below isn't searched again
			if tok.SingleWord && (endsWithWord(text[:start]) || beginsWithWord(text[stop:])) {
				continue
			}
			if tok.LStrip {
				start = len(strings.TrimRightFunc(text[:start], unicode.IsSpace))
			}
			if tok.RStrip {
				stop = len(text) - len(strings.TrimLeftFunc(text[stop:], unicode.IsSpace))
			}
			if start = max(start, done); done < start {
				plain(text[done:start])
			}
			token(tok.ID)
			done = max(stop, done)
		}
	}
	if done < len(text) {
		plain(text[done:])
	}
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func beginsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// isWord is \w of Unicode regular expressions (UTS 18, annex C).
func isWord(r rune) bool {
	return isLetter(r) || unicode.In(r, unicode.Other_Alphabetic, unicode.Nl, unicode.M, unicode.Nd, unicode.Pc) || r == 0x200c || r == 0x200d
}
