package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The reference's regular expressions and its digit splitter (tokenizers 0.22.1) know Unicode 16, and Go 1.26 Unicode 15.0.
// These tables hold the difference, taken from the reference by asking it about every code point.
// A test counts the sets, so that a Go with newer tables is noticed instead of splitting text differently.
// (The digit splitter of tokenizers 0.23 knows the 13 new digits of Unicode 17 too.)
var (
	newLetters = &unicode.RangeTable{
		R16: []unicode.Range16{{0x1c89, 0x1c8a, 1}, {0xa7cb, 0xa7cd, 1}, {0xa7da, 0xa7dc, 1}},
		R32: []unicode.Range32{
			{0x105c0, 0x105f3, 1}, {0x10d4a, 0x10d65, 1}, {0x10d6f, 0x10d85, 1}, {0x10ec2, 0x10ec4, 1}, {0x11380, 0x11389, 1},
			{0x1138b, 0x1138b, 1}, {0x1138e, 0x1138e, 1}, {0x11390, 0x113b5, 1}, {0x113b7, 0x113b7, 1}, {0x113d1, 0x113d1, 1},
			{0x113d3, 0x113d3, 1}, {0x11bc0, 0x11be0, 1}, {0x13460, 0x143fa, 1}, {0x16100, 0x1611d, 1}, {0x16d40, 0x16d6c, 1},
			{0x18cff, 0x18cff, 1}, {0x1e5d0, 0x1e5ed, 1}, {0x1e5f0, 0x1e5f0, 1}, {0x2ebf0, 0x2ee5d, 1},
		},
	}
	newNumbers = &unicode.RangeTable{R32: []unicode.Range32{
		{0x10d40, 0x10d49, 1}, {0x116d0, 0x116e3, 1}, {0x11bf0, 0x11bf9, 1}, {0x16130, 0x16139, 1}, {0x16d70, 0x16d79, 1},
		{0x1ccf0, 0x1ccf9, 1}, {0x1e5f1, 0x1e5fa, 1},
	}}
)

// isLetter is \p{L}.
func isLetter(r rune) bool {
	return unicode.IsLetter(r) || r >= 0x1c89 && unicode.Is(newLetters, r)
}

// isNumber is \p{N}.
func isNumber(r rune) bool {
	return unicode.IsNumber(r) || r >= 0x10d40 && unicode.Is(newNumbers, r)
}

// safeRun is the number of characters that don't begin a segment which golang.org/x/text may meet in a row. From 30 on it inserts U+034F
// (the stream-safe format of UAX 15), which the reference doesn't.
const safeRun = 8

// normalizeNFC gives s in normalization form C.
func normalizeNFC(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	switch {
	case norm.NFC.IsNormalString(s):
		return s
	case longMarks(s):
		return composeSlow(s)
	}
	return norm.NFC.String(s)
}

// longMarks says whether s has a run of combining marks that the fast path may not see.
func longMarks(s string) bool {
	marks := 0
	for i, r := range s {
		if r < 0x300 || !norm.NFC.PropertiesString(s[i:]).BoundaryBefore() || norm.NFD.PropertiesString(s[i:]).CCC() != 0 {
			if marks++; r < 0x300 {
				marks = 0
			}
			if marks > safeRun {
				return true
			}
		} else {
			marks = 0
		}
	}
	return false
}

// composeSlow is canonical decomposition, ordering and composition by the book (Unicode section 3.11), for runs of marks of any length.
func composeSlow(s string) string {
	type char struct {
		r   rune
		ccc uint8
	}
	var in []char
	for i, r := range s {
		p := norm.NFD.PropertiesString(s[i:])
		if d := p.Decomposition(); d != nil {
			for len(d) > 0 {
				r, n := utf8.DecodeRune(d)
				in = append(in, char{r, norm.NFD.Properties(d).CCC()})
				d = d[n:]
			}
			continue
		}
		for _, r := range norm.NFD.String(string(r)) { // Hangul has no table entry
			in = append(in, char{r, norm.NFD.PropertiesString(string(r)).CCC()})
		}
	}
	for i := 0; i < len(in); { // counting sort of each run of marks, stable and linear
		j := i
		for j < len(in) && in[j].ccc != 0 {
			j++
		}
		if j-i > 1 {
			var buckets [256][]char
			for _, c := range in[i:j] {
				buckets[c.ccc] = append(buckets[c.ccc], c)
			}
			k := i
			for _, b := range buckets {
				k += copy(in[k:], b)
			}
		}
		i = max(j, i+1)
	}
	out := in[:0:0]
	starter := -1
	for _, c := range in {
		if starter >= 0 {
			last := out[len(out)-1]
			blocked := len(out)-1 > starter && last.ccc >= c.ccc // equal class, or a starter in between
			if !blocked {
				if r, ok := composePair(out[starter].r, c.r); ok {
					out[starter].r = r
					continue
				}
			}
		}
		if c.ccc == 0 {
			starter = len(out)
		}
		out = append(out, c)
	}
	var b strings.Builder
	for _, c := range out {
		b.WriteRune(c.r)
	}
	return b.String()
}

// composePair gives the primary composite of two characters, if there is one.
func composePair(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
