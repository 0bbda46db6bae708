package wordpiece

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The reference (tokenizers 0.23.3) classifies characters by tables of about Unicode 8, decomposes by Unicode 9 and lowers by Unicode 17, while
// Go 1.26 knows Unicode 15.0. These tables hold the difference, taken from the reference by asking it about every code
// point. A test digests every class over all code points, so that a Go with newer tables is noticed instead of giving other ids.
var (
	// notMarks are nonspacing marks to Go and not to the reference.
	notMarks = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x7fd, 0x7fd, 1}, {0x898, 0x89f, 1}, {0x8ca, 0x8e1, 1}, {0x9fe, 0x9fe, 1}, {0xafa, 0xaff, 1}, {0xb55, 0xb55, 1}, {0xc04, 0xc04, 1},
			{0xc3c, 0xc3c, 1}, {0xd00, 0xd00, 1}, {0xd3b, 0xd3c, 1}, {0xd81, 0xd81, 1}, {0xeba, 0xeba, 1}, {0xece, 0xece, 1}, {0x180f, 0x180f, 1},
			{0x1885, 0x1886, 1}, {0x1abf, 0x1ace, 1}, {0x1df6, 0x1dfb, 1}, {0xa82c, 0xa82c, 1}, {0xa8c5, 0xa8c5, 1}, {0xa8ff, 0xa8ff, 1},
			{0xa9bd, 0xa9bd, 1},
		},
		R32: []unicode.Range32{
			{0x10d24, 0x10d27, 1}, {0x10eab, 0x10eac, 1}, {0x10efd, 0x10eff, 1}, {0x10f46, 0x10f50, 1}, {0x10f82, 0x10f85, 1}, {0x11070, 0x11070, 1},
			{0x11073, 0x11074, 1}, {0x110c2, 0x110c2, 1}, {0x111c9, 0x111c9, 1}, {0x111cf, 0x111cf, 1}, {0x1123e, 0x1123e, 1}, {0x11241, 0x11241, 1},
			{0x1133b, 0x1133b, 1}, {0x11438, 0x1143f, 1}, {0x11442, 0x11444, 1}, {0x11446, 0x11446, 1}, {0x1145e, 0x1145e, 1}, {0x1182f, 0x11837, 1},
			{0x11839, 0x1183a, 1}, {0x1193b, 0x1193c, 1}, {0x1193e, 0x1193e, 1}, {0x11943, 0x11943, 1}, {0x119d4, 0x119d7, 1}, {0x119da, 0x119db, 1},
			{0x119e0, 0x119e0, 1}, {0x11a01, 0x11a0a, 1}, {0x11a33, 0x11a38, 1}, {0x11a3b, 0x11a3e, 1}, {0x11a47, 0x11a47, 1}, {0x11a51, 0x11a56, 1},
			{0x11a59, 0x11a5b, 1}, {0x11a8a, 0x11a96, 1}, {0x11a98, 0x11a99, 1}, {0x11c30, 0x11c36, 1}, {0x11c38, 0x11c3d, 1}, {0x11c3f, 0x11c3f, 1},
			{0x11c92, 0x11ca7, 1}, {0x11caa, 0x11cb0, 1}, {0x11cb2, 0x11cb3, 1}, {0x11cb5, 0x11cb6, 1}, {0x11d31, 0x11d36, 1}, {0x11d3a, 0x11d3a, 1},
			{0x11d3c, 0x11d3d, 1}, {0x11d3f, 0x11d45, 1}, {0x11d47, 0x11d47, 1}, {0x11d90, 0x11d91, 1}, {0x11d95, 0x11d95, 1}, {0x11d97, 0x11d97, 1},
			{0x11ef3, 0x11ef4, 1}, {0x11f00, 0x11f01, 1}, {0x11f36, 0x11f3a, 1}, {0x11f40, 0x11f40, 1}, {0x11f42, 0x11f42, 1}, {0x13440, 0x13440, 1},
			{0x13447, 0x13455, 1}, {0x16f4f, 0x16f4f, 1}, {0x16fe4, 0x16fe4, 1}, {0x1cf00, 0x1cf2d, 1}, {0x1cf30, 0x1cf46, 1}, {0x1e000, 0x1e006, 1},
			{0x1e008, 0x1e018, 1}, {0x1e01b, 0x1e021, 1}, {0x1e023, 0x1e024, 1}, {0x1e026, 0x1e02a, 1}, {0x1e08f, 0x1e08f, 1}, {0x1e130, 0x1e136, 1},
			{0x1e2ae, 0x1e2ae, 1}, {0x1e2ec, 0x1e2ef, 1}, {0x1e4ec, 0x1e4ef, 1}, {0x1e944, 0x1e94a, 1},
		},
	}
	// notPunctuation is punctuation to Go and not to the reference.
	notPunctuation = &unicode.RangeTable{
		R16: []unicode.Range16{
			{0x61d, 0x61d, 1}, {0x9fd, 0x9fd, 1}, {0xa76, 0xa76, 1}, {0xc77, 0xc77, 1}, {0xc84, 0xc84, 1}, {0x1b7d, 0x1b7e, 1}, {0x2e43, 0x2e4f, 1},
			{0x2e52, 0x2e5d, 1},
		},
		R32: []unicode.Range32{
			{0x10ead, 0x10ead, 1}, {0x10f55, 0x10f59, 1}, {0x10f86, 0x10f89, 1}, {0x1144b, 0x1144f, 1}, {0x1145a, 0x1145b, 1}, {0x1145d, 0x1145d, 1},
			{0x11660, 0x1166c, 1}, {0x116b9, 0x116b9, 1}, {0x1183b, 0x1183b, 1}, {0x11944, 0x11946, 1}, {0x119e2, 0x119e2, 1}, {0x11a3f, 0x11a46, 1},
			{0x11a9a, 0x11a9c, 1}, {0x11a9e, 0x11aa2, 1}, {0x11b00, 0x11b09, 1}, {0x11c41, 0x11c45, 1}, {0x11c70, 0x11c71, 1}, {0x11ef7, 0x11ef8, 1},
			{0x11f43, 0x11f4f, 1}, {0x11fff, 0x11fff, 1}, {0x12ff1, 0x12ff2, 1}, {0x16e97, 0x16e9a, 1}, {0x16fe2, 0x16fe2, 1}, {0x1e95e, 0x1e95f, 1},
		},
	}
	// notFormat are format characters to Go and not to the reference.
	notFormat = &unicode.RangeTable{
		R16: []unicode.Range16{{0x890, 0x891, 1}, {0x8e2, 0x8e2, 1}},
		R32: []unicode.Range32{{0x110cd, 0x110cd, 1}, {0x13430, 0x1343f, 1}},
	}
)

// newLower are the letters whose small form is newer than Go's tables: first, last, and the distance to the small form.
var newLower = []struct{ first, last, by rune }{
	{0x1c89, 0x1c89, 1},
	{0xa7cb, 0xa7cb, -42343},
	{0xa7cc, 0xa7cc, 1},
	{0xa7ce, 0xa7ce, 1},
	{0xa7d2, 0xa7d2, 1},
	{0xa7d4, 0xa7d4, 1},
	{0xa7da, 0xa7da, 1},
	{0xa7dc, 0xa7dc, -42561},
	{0x10d50, 0x10d65, 32},
	{0x16ea0, 0x16eb8, 27},
}

// dropped says whether cleaning removes r: NUL, U+FFFD, and control, format and private-use characters except those that count as white space.
func dropped(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7f, r == '\t', r == '\n', r == '\r':
		return false
	case r == utf8.RuneError:
		return true
	case unicode.Is(notFormat, r):
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// isChinese says whether r is an ideograph of the blocks that the reference lists, the gap from 2B820 to 2B91F included.
func isChinese(r rune) bool {
	switch {
	case r < 0x3400:
		return false
	case r <= 0x4dbf, r >= 0x4e00 && r <= 0x9fff, r >= 0xf900 && r <= 0xfaff:
		return true
	case r >= 0x20000 && r <= 0x2a6df, r >= 0x2a700 && r <= 0x2b73f, r >= 0x2b740 && r <= 0x2b81f, r >= 0x2b920 && r <= 0x2ceaf:
		return true
	}
	return r >= 0x2f800 && r <= 0x2fa1f
}

// isPunctuation is every ASCII character that is neither letter, digit, space nor control, and what Unicode calls punctuation.
func isPunctuation(r rune) bool {
	switch {
	case r < 0x80:
		return r > ' ' && r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' && r < 0x7f
	case r == 0x166d || r == 0x111c9: // punctuation once, reclassified since
		return true
	}
	return unicode.IsPunct(r) && !unicode.Is(notPunctuation, r)
}

// isMark says whether r is a nonspacing mark.
func isMark(r rune) bool {
	if r < 0x300 {
		return false
	}
	return r == 0x1734 || unicode.Is(unicode.Mn, r) && !unicode.Is(notMarks, r)
}

// stripAccents decomposes the word canonically, puts runs of combining characters in canonical order, and drops the nonspacing marks.
// golang.org/x/text's own NFD would insert U+034F into long runs (the stream-safe format of UAX 15), which the reference doesn't.
func stripAccents(word []rune) []rune {
	ascii := true
	for _, r := range word {
		ascii = ascii && r < 0x80
	}
	if ascii {
		return word
	}
	out := make([]char, 0, len(word)+4)
	for _, r := range word {
		out = appendDecomposed(out, r)
	}
	sortMarks(out)
	kept := make([]rune, 0, len(out))
	for _, c := range out {
		if !isMark(c.r) {
			kept = append(kept, c.r)
		}
	}
	return kept
}

// char is a character and its canonical combining class.
type char struct {
	r     rune
	class uint8
}

func appendDecomposed(out []char, r rune) []char {
	const base, count, vowels, trails = 0xac00, 11172, 21, 28
	switch {
	case r < 0xc0 || r == 0x11938: // the latter's decomposition is newer than the reference's tables
		return append(out, char{r, 0})
	case r >= base && r < base+count: // Hangul syllables decompose by arithmetic
		s := r - base
		out = append(out, char{0x1100 + s/(vowels*trails), 0}, char{0x1161 + s%(vowels*trails)/trails, 0})
		if s%trails != 0 {
			out = append(out, char{0x11a7 + s%trails, 0})
		}
		return out
	}
	var buf [utf8.UTFMax]byte
	p := norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], r)])
	d := p.Decomposition()
	if d == nil {
		return append(out, char{r, p.CCC()})
	}
	for len(d) > 0 {
		r, n := utf8.DecodeRune(d)
		out = append(out, char{r, norm.NFD.Properties(d).CCC()})
		d = d[n:]
	}
	return out
}

// sortMarks puts each run of combining characters in the order of their classes, stable and in linear time.
func sortMarks(s []char) {
	for i := 0; i < len(s); {
		j, sorted := i, true
		for j < len(s) && s[j].class != 0 {
			sorted = sorted && (j == i || s[j-1].class <= s[j].class)
			j++
		}
		if !sorted {
			var buckets [256][]char
			for _, c := range s[i:j] {
				buckets[c.class] = append(buckets[c.class], c)
			}
			k := i
			for _, b := range buckets {
				k += copy(s[k:], b)
			}
		}
		i = max(j, i+1)
	}
}

// lower makes each character lower case by itself: a final sigma is like any other.
func lower(word []rune) []rune {
	for i, r := range word {
		if r == 0x130 { // the only one that becomes two
			out := append([]rune(nil), word[:i]...)
			for _, r := range word[i:] {
				if out = append(out, lowerRune(r)); r == 0x130 {
					out = append(out, 0x307)
				}
			}
			return out
		}
		word[i] = lowerRune(r)
	}
	return word
}

func lowerRune(r rune) rune {
	switch {
	case r < 0x80:
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	case r == 0x130:
		return 'i'
	case r >= newLower[0].first:
		for _, n := range newLower {
			if r >= n.first && r <= n.last {
				return r + n.by
			}
		}
	}
	return unicode.ToLower(r)
}
