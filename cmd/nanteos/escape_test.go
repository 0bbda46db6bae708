package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"plain text, ä 語 <tag>", "plain text, ä 語 <tag>"}, {"a\nb\tc\r", `a\nb\tc\r`}, {"\x1b[31m", `\x1b[31m`}, {"\x7f\u0085", `\x7f\u0085`},
		{"\u202eabc\u2066", `\u202eabc\u2066`}, {"\xff\xfe", `\xff\xfe`}, {"\x01", `\x01`}, {"�", `�`}, {`a\x1b`, `a\\x1b`}, {"'\"", `'"`},
		{"\U000e0001", `\U000e0001`}, {"\u00a0", `\u00a0`},
	} {
		if got := escape(c.in); got != c.want {
			t.Errorf("escape(%q) is %q, want %q", c.in, got, c.want)
		}
	}
}

func TestBlock(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "  | (nothing)\n"}, {"a", "  | a\n"}, {"a\nb\n", "  | a\n  | b\n"}, {"a\r\n\x1bb", "  | a\\r\n  | \\x1bb\n"}, {"\n", "  | \n"},
	} {
		if got := block(c.in); got != c.want {
			t.Errorf("block(%q) is %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a", "\x1b", "\u202e", "\xff", `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("escape(%q) holds %U", s, r)
			}
		}
		if !utf8.ValidString(got) {
			t.Fatalf("escape(%q) is no text", s)
		}
		// Texts that differ look different.
		if strings.Contains(s, `\`) != strings.Contains(got, `\\`) {
			t.Fatalf("escape(%q) is %q", s, got)
		}
	})
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		rows []int64
		want string
	}{
		{nil, ""}, {[]int64{4}, "4"}, {[]int64{0, 1, 2}, "0-2"}, {[]int64{0, 2, 3, 7}, "0, 2-3, 7"},
		{[]int64{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}, "0, 2, 4, 6, 8, 10, 12, 14, ..."},
	} {
		if got := ranges(c.rows); got != c.want {
			t.Errorf("ranges(%v) is %q, want %q", c.rows, got, c.want)
		}
	}
}
