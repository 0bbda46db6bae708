package devnet

import (
	"strings"
	"unicode/utf8"
)

// Palette colours text for terminals, or leaves it as it is.
type Palette struct{ On bool }

func (p Palette) paint(code, s string) string {
	if !p.On || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold, Dim, Red, Green and Yellow paint a text.
func (p Palette) Bold(s string) string   { return p.paint("1", s) }
func (p Palette) Dim(s string) string    { return p.paint("2", s) }
func (p Palette) Red(s string) string    { return p.paint("31", s) }
func (p Palette) Green(s string) string  { return p.paint("32", s) }
func (p Palette) Yellow(s string) string { return p.paint("33", s) }

// pad fills a plain text up to a width in characters, and cuts it there.
func pad(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}

// right aligns a plain text to the right.
func right(s string, width int) string {
	s = cut(s, width)
	return strings.Repeat(" ", width-utf8.RuneCountInString(s)) + s
}

// cut shortens a plain text to a width, with two dots where something is missing. Text of nodes may hold anything: control characters
// become spaces.
func cut(s string, width int) string {
	s = plain(s)
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width <= 2 {
		return strings.Repeat(".", max(0, width))
	}
	return string([]rune(s)[:width-2]) + ".."
}

// plain replaces what would move the cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}
