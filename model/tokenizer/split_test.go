package tokenizer

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func words(next splitter, s string) (out []string) {
	for len(s) > 0 {
		n := next(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func TestSplitters(t *testing.T) {
	for _, c := range []struct{ text, qwen2, llama3, gpt2 string }{
		{"Hello world", "Hello| world", "Hello| world", "Hello| world"},
		{"a  b", "a| | b", "a| | b", "a| | b"},
		{"a   ", "a|   ", "a|   ", "a|   "},
		{"1234567", "1|2|3|4|5|6|7", "123|456|7", "1234567"},
		{" 12", " |1|2", " |12", " 12"},
		{"x=12.5", "x|=|1|2|.|5", "x|=|12|.|5", "x|=|12|.|5"},
		{"it's IT'S 'ſa", "it|'s| IT|'S| '|ſa", "it|'s| IT|'S| '|ſa", "it|'s| IT|'|S| '|ſa"},
		{"we'll'RE'x", "we|'ll|'RE|'x", "we|'ll|'RE|'x", "we|'ll|'|RE|'|x"},
		{"a\n\n b", "a|\n\n| b", "a|\n\n| b", "a|\n\n| b"},
		{"a \n\n  b", "a| \n\n| | b", "a| \n\n| | b", "a| \n\n | b"},
		{"a;\r\n\tb", "a|;\r\n|\tb", "a|;\r\n|\tb", "a|;|\r\n|\t|b"},
		{"(x) {y}", "(x|)| {|y|}", "(x|)| {|y|}", "(|x|)| {|y|}"},
		{"\u00a0a\u00a0\u00a0a", "\u00a0a|\u00a0|\u00a0a", "\u00a0a|\u00a0|\u00a0a", "\u00a0|a|\u00a0|\u00a0|a"},
		{"日本。語", "日本|。語", "日本|。語", "日本|。|語"},
		{"e\u0301a", "e|\u0301a", "e|\u0301a", "e|\u0301|a"},
		{"\U00011390x\U00010d40", "\U00011390x|\U00010d40", "\U00011390x|\U00010d40", "\U00011390x|\U00010d40"}, // letters and digits of Unicode 16
	} {
		for name, pair := range map[string]struct {
			next splitter
			want string
		}{"qwen2": {splitters[regexQwen2], c.qwen2}, "llama3": {splitters[regexLlama3], c.llama3}, "gpt2": {splitters[regexGPT2], c.gpt2}} {
			if got := strings.Join(words(pair.next, c.text), "|"); got != pair.want {
				t.Errorf("%s: %q splits into %q, want %q", name, c.text, got, pair.want)
			}
		}
	}
	for text, want := range map[string]string{"ab12c": "ab|1|2|c", "²x": "²|x", "": "", "abc": "abc"} {
		if got := strings.Join(words(nextDigit, text), "|"); got != want {
			t.Errorf("%q splits into %q, want %q", text, got, want)
		}
	}
	if got := words(nextDigits, "ab12c3"); !slices.Equal(got, []string{"ab", "12", "c", "3"}) {
		t.Errorf("digits together: %q", got)
	}
}

// TestUnicodeVersion pins the sets of the reference (tokenizers 0.22.1). If it fails after an upgrade of Go, take the ranges that
// Go now knows out of newLetters and newNumbers; if Go knows more than Unicode 16, subtract them.
func TestUnicodeVersion(t *testing.T) {
	letters, numbers, spaces := 0, 0, 0
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		switch c := classOf(r); {
		case c == letter:
			letters++
		case c == number:
			numbers++
		case c.white():
			spaces++
		}
	}
	if letters != 141028 || numbers != 1911 || spaces != 25 {
		t.Errorf("%d letters, %d numbers, %d white space; the reference has 141028, 1911, 25", letters, numbers, spaces)
	}
}

func TestNFC(t *testing.T) {
	marks := strings.Repeat("\u0301", 40)
	for in, want := range map[string]string{
		"plain": "plain", "e\u0301": "é", "\u212b": "Å", "\u1100\u1161\u11a8": "각", "a\u0301\u0316": "\u00e1\u0316", "\u0344": "\u0308\u0301",
		"e" + marks: "é" + marks[2:], "x" + marks: "x" + marks, marks: marks, // x/text would put U+034F into runs of more than 30
		"a" + strings.Repeat("\u0316", 20) + strings.Repeat("\u0301", 20): "á" + strings.Repeat("\u0316", 20) + strings.Repeat("\u0301", 19),
	} {
		if got := normalizeNFC(in); got != want {
			t.Errorf("NFC(%+q) = %+q, want %+q", in, got, want)
		}
	}
	for r := rune(0); r <= utf8.MaxRune; r++ { // the book and the library agree on every character
		if s := string(r); utf8.ValidRune(r) && r >= 0xc0 && composeSlow(s+"\u0301") != normalizeNFC(s+"\u0301") {
			t.Fatalf("NFC of U+%04X: %+q by the book, %+q", r, composeSlow(s+"\u0301"), normalizeNFC(s+"\u0301"))
		}
	}
}
