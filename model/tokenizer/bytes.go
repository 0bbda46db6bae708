package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Byte-level BPE writes each byte as one printable character, so that a vocabulary is readable text: printable
// Latin-1 stands for itself, the other 68 bytes for U+0100 and up. A space is Ġ, a line feed Ċ.
var (
	byteRune [256]rune
	runeByte [324]int16 // -1 where the character stands for no byte
)

func init() {
	for i := range runeByte {
		runeByte[i] = -1
	}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b < 0x21 || (b > 0x7e && b < 0xa1) || b == 0xad {
			r = next
			next++
		}
		byteRune[b] = r
		runeByte[r] = int16(b)
	}
}

// appendText appends the bytes of raw in the byte alphabet.
func appendText(dst []byte, raw string) []byte {
	for i := range len(raw) {
		dst = utf8.AppendRune(dst, byteRune[raw[i]])
	}
	return dst
}

// appendRaw appends the bytes that text stands for; ok is false, and dst is as long as before, if a character stands for none.
func appendRaw(dst []byte, text string) (out []byte, ok bool) {
	start := len(dst)
	for _, r := range text {
		if r < 0 || int(r) >= len(runeByte) || runeByte[r] < 0 {
			return dst[:start], false
		}
		dst = append(dst, byte(runeByte[r]))
	}
	return dst, true
}

// Lossy gives s with each maximal sequence of bytes that begins like UTF-8 but isn't replaced by one U+FFFD: the practice of
// the Unicode standard (section 3.9), Rust's from_utf8_lossy and Python's errors="replace".
// Go's range replaces every byte and strings.ToValidUTF8 whole runs.
func Lossy(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n <= 1 {
			n = invalidLen(s)
			b.WriteString("\uFFFD")
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// invalidLen is the length of the maximal invalid sequence that s begins with: the longest start of a well-formed character, at least one byte.
func invalidLen(s string) int {
	lo, hi, want := byte(0x80), byte(0xbf), 0
	switch c := s[0]; {
	case c >= 0xc2 && c <= 0xdf:
		want = 2
	case c >= 0xe0 && c <= 0xef:
		want = 3
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		want = 4
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	}
	n := 1
	for n < want && n < len(s) && s[n] >= lo && s[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}
