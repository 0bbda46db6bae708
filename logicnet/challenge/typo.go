package challenge

import (
	"strings"
	"unicode"
)

// Typo is one letter too many in a word. The reference has the noise and does not use it. Section 6.2.
type Typo struct {
	Word   string
	Pos    int  // after how many characters of the word the letter comes: 1 to its length less 2
	Letter rune // a to z
}

// TypoWords returns the words that the reference may put a typo in: runs of at least four letters, digits or underscores. Many are
// numbers, which a typo would break.
func TypoWords(question string) []string {
	var all []string
	for _, w := range strings.FieldsFunc(question, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_' }) {
		if len([]rune(w)) >= 4 {
			all = append(all, w)
		}
	}
	return all
}

// SafeTypoWords returns those of TypoWords that a typo does no harm: plain words, whose text stands in the question for the first time
// where it is a word of its own, and which neither are numbers nor stand for an operation.
func SafeTypoWords(question string) []string {
	var all []string
	for _, w := range TypoWords(question) {
		i := strings.Index(question, w)
		inside := i > 0 && (wordByte(question[i-1]) || question[i-1] == '\\') || i+len(w) < len(question) && wordByte(question[i+len(w)])
		plainWord := !strings.ContainsFunc(w, func(r rune) bool { return !(r < 0x80 && unicode.IsLetter(r)) })
		if plainWord && !inside && !strings.ContainsFunc(plain(w), unicode.IsNumber) && strings.TrimSpace(plain(w)) == w {
			all = append(all, w)
		}
	}
	return all
}

func wordByte(c byte) bool { return letter(c) || ascii(rune(c)) || c == '_' || c >= 0x80 }

// DrawTypo draws a typo in one of the words, which have at least four characters each; ok is false when there are none.
func DrawTypo(r Rand, words []string) (t Typo, ok bool) {
	if len(words) == 0 {
		return Typo{}, false
	}
	t.Word = choice(r, words)
	t.Pos = 1 + r.Below(max(1, len([]rune(t.Word))-2))
	t.Letter = rune('a' + r.Below(26))
	return t, true
}

// Apply puts the typo into the first place where the text of its word stands in the question, be it part of a longer word.
func (t Typo) Apply(question string) string {
	rs := []rune(t.Word)
	if t.Pos < 0 || t.Pos > len(rs) || len(rs) == 0 {
		return question
	}
	return strings.Replace(question, t.Word, string(rs[:t.Pos])+string(t.Letter)+string(rs[t.Pos:]), 1)
}
