package cpython

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestIsSpace compares with unicode.IsSpace, from which Python differs in four control characters.
func TestIsSpace(t *testing.T) {
	n := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
		if IsSpace(r) != want {
			t.Errorf("%U: got %v", r, IsSpace(r))
		}
		if want {
			n++
		}
	}
	if n != 29 {
		t.Errorf("%d white space characters, want 29", n)
	}
	if IsSpace(-1) {
		t.Error("-1 is white space")
	}
}

func TestStrip(t *testing.T) {
	for in, want := range map[string]string{"": "", " \t a b\u3000\x1c": "a b", "\u2003\u2003": "", "\u200ba\u200b": "\u200ba\u200b", "\xffa\xff ": "\xffa\xff"} {
		if got := Strip(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got := IsAllSpace(in); got != (in != "" && want == "") {
			t.Errorf("IsAllSpace(%q) = %v", in, got)
		}
	}
}

func TestRuneCount(t *testing.T) {
	for in, want := range map[string]int{"": 0, "aé😀": 3, "\xed\xa0\x80": 1, "\xed\x9f\xbf\xed\xbf\xbf": 2, "\xff\xfe": 2, "\xed\xa0": 2, "\xed": 1} {
		if got := RuneCount(in); got != want {
			t.Errorf("%q: got %d, want %d", in, got, want)
		}
	}
}

func TestIndexFold(t *testing.T) {
	for _, test := range []struct {
		text, tag  string
		start, end int
		lower      bool // ContainsLower
	}{
		{"", "<a>", -1, -1, false},
		{"x<A>", "<a>", 1, 4, true},
		{"x<a>", "<A>", 1, 4, true},
		{"<<<a>", "<a>", 2, 5, true},
		{"<thin\u212a>", "<think>", 0, 9, true},
		{"<th\u0130nk>", "<think>", 0, 8, false},
		{"<th\u0131nk>", "<think>", 0, 8, false},
		{"é<\u017f>", "<s>", 2, 6, false},
		{"\u017fs", "s", 0, 2, true},
		{"\u212ak", "k", 0, 3, true},
		{"<a", "<a>", -1, -1, false},
		{"\xff\xed\xa0\x80<a>", "<a>", 4, 7, true},
		{"<à>", "<a>", -1, -1, false},
	} {
		if start, end := IndexFold(test.text, test.tag); start != test.start || end != test.end {
			t.Errorf("IndexFold(%q, %q) = %d, %d, want %d, %d", test.text, test.tag, start, end, test.start, test.end)
		}
		if got := ContainsLower(test.text, test.tag); got != test.lower {
			t.Errorf("ContainsLower(%q, %q) = %v", test.text, test.tag, got)
		}
	}
}

// TestFoldsAgreeOnOtherLetters makes sure that nothing but the listed letters folds to an ASCII one.
func TestFoldsAgreeOnOtherLetters(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		folded, lowered := foldRune(r), lowerRune(r)
		simple := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if f < 0x80 {
				simple = unicode.ToLower(f)
			}
		}
		if r == 0x130 || r == 0x131 {
			simple = 'i'
		}
		if folded != simple {
			t.Errorf("%U folds to %U, want %U", r, folded, simple)
		}
		want := r
		if l := unicode.ToLower(r); l < 0x80 && r != 0x130 {
			want = l
		}
		if lowered != want {
			t.Errorf("%U lowers to %U, want %U", r, lowered, want)
		}
	}
}

func FuzzIndexFold(f *testing.F) {
	f.Add("</THİN\u212a> </think>")
	f.Fuzz(func(t *testing.T, s string) {
		const tag = "</think>"
		start, end := IndexFold(s, tag)
		plain := strings.Index(strings.ToLower(s), tag)
		if start < 0 {
			if strings.Contains(s, tag) {
				t.Fatalf("%q: missed the tag", s)
			}
			return
		}
		if n := RuneCount(s[start:end]); n != len(tag) {
			t.Fatalf("%q: match %q has %d code points", s, s[start:end], n)
		}
		if i := strings.Index(s, tag); i >= 0 && i < start {
			t.Fatalf("%q: match at %d, but there is one at %d", s, start, i)
		}
		if ascii := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0; ascii && plain != start {
			t.Fatalf("%q: match at %d, want %d", s, start, plain)
		}
	})
}
