package grade

import (
	"math"
	"math/big"
	"strings"
	"unicode"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Compare is the reference's comparison of an answer with a truth without a judge, section 7.1 A: the score in [0, 1], and false when it
// is undecided. Signs do not count, and a number nearby has a score nearby.
//
// The reference decides some texts by running a Python evaluator on them. Of those, only plain arithmetic is decided here, and the rest
// is undecided: a judge sees it.
func Compare(truth, answer string) (float64, bool) {
	score, _, ok := compare(truth, answer)
	return score, ok
}

// maxEvaluated bounds the texts that are worked out as arithmetic.
const maxEvaluated = MaxAnswer

func compare(truth, answer string) (float64, Method, bool) {
	answer = cpython.Strip(answer)
	if lower(cpython.Strip(truth)) == lower(answer) {
		return 1, ByText, true
	}
	t, a := plain.Replace(truth), plain.Replace(answer)
	tn, an := Numbers(t), Numbers(a)
	if len(tn) == 0 {
		return 0, "", false
	}
	if len(tn) == 1 && len(an) == 1 {
		return closeness(tn[0], an[0]), ByNumber, true
	}
	if powers(t) || powers(a) || len(t) > maxEvaluated || len(a) > maxEvaluated {
		return 0, "", false
	}
	tv, ok := evaluatePython(t)
	if !ok {
		return 0, "", false
	}
	av, ok := evaluatePython(a)
	if !ok {
		return 0, "", false
	}
	score, ok := closenessExact(tv, av)
	return score, ByValue, ok
}

// plain removes what the reference removes before it looks for numbers, one kind after the other.
var plain = replacers{"$", "", `\[`, "", `\]`, "", "%", "", "m^2", "", "m^3", ""}

// cleaner is what the reference does to an answer before the cheat detector sees it.
var cleaner = replacers{
	"$", " ", "$$", " ", `\[`, " ", `\]`, " ", "%", " ", "-", " ", "<", " ", ">", " ", "/", " ", "*", " ", "#", " ", "!", " ",
}

// Clean returns the answer as the reference's cheat detector sees it: each of $ $$ \[ \] % - < > / * # ! is a space. Section 7.1 B.
func Clean(answer string) string { return cleaner.Replace(answer) }

// replacers are pairs of old and new text. They are applied one after the other, unlike those of a strings.Replacer.
type replacers []string

func (r replacers) Replace(s string) string {
	for i := 0; i < len(r); i += 2 {
		s = strings.ReplaceAll(s, r[i], r[i+1])
	}
	return s
}

func powers(s string) bool { return strings.Contains(s, "**") || strings.Contains(s, "^") }

// Numbers returns all runs of decimal digits in s, with a fraction where a point and digits follow, as floats; there are neither signs
// nor exponents, and the digits of every script count. What is too large is +Inf. Section 7.1 A.
func Numbers(s string) []float64 {
	var out []float64
	rs := []rune(s)
	for i := 0; i < len(rs); {
		if digit(rs[i]) < 0 {
			i++
			continue
		}
		var b []byte
		for i < len(rs) && digit(rs[i]) >= 0 {
			b = append(b, byte('0'+digit(rs[i])))
			i++
		}
		if i+1 < len(rs) && rs[i] == '.' && digit(rs[i+1]) >= 0 {
			b = append(b, '.')
			for i++; i < len(rs) && digit(rs[i]) >= 0; i++ {
				b = append(b, byte('0'+digit(rs[i])))
			}
		}
		f, err := cpython.ParseFloat(string(b))
		if err != nil {
			continue // cannot be: b is a decimal literal
		}
		out = append(out, f)
	}
	return out
}

// digit returns the value of a decimal digit of any script, or -1. Unicode lists the digits of a script in order from zero.
func digit(r rune) int {
	if r < 0x80 {
		if r >= '0' && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	if r <= 0xffff {
		for _, x := range unicode.Nd.R16 {
			if r >= rune(x.Lo) && r <= rune(x.Hi) {
				return int(r-rune(x.Lo)) % 10
			}
		}
		return -1
	}
	for _, x := range unicode.Nd.R32 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	return -1
}

// closeness is max(0, 1 - |t-a| / (|t| + 1e-8)), 0 where that is not a number, at most 1.
func closeness(t, a float64) float64 {
	return clampScore(1 - math.Abs(t-a)/(math.Abs(t)+1e-8))
}

func clampScore(s float64) float64 {
	if !(s > 0) {
		return 0
	}
	return math.Min(1, s)
}

// closenessExact is closeness for values of any size.
func closenessExact(t, a value) (float64, bool) {
	d, err := sub(t, a)
	if err != nil {
		return 0, false
	}
	den, err := add(absolute(t), exact(big.NewRat(1, 100_000_000)))
	if err != nil {
		return 0, false
	}
	q, err := quo(absolute(d), den)
	if err != nil {
		return 0, false
	}
	return clampScore(1 - q.float64()), true
}

// lower returns s.lower(). It differs from strings.ToLower in two letters: İ becomes two characters, and a capital sigma at the end of a
// word becomes ς.
func lower(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return strings.ToLower(s)
	}
	var b strings.Builder
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r == 'İ':
			b.WriteString("i̇")
		case r == 'Σ' && finalSigma(rs, i):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// finalSigma reports whether a cased letter stands before position i and none after it, marks between them not counting.
func finalSigma(rs []rune, i int) bool {
	before, after := i-1, i+1
	for before >= 0 && ignorable(rs[before]) {
		before--
	}
	for after < len(rs) && ignorable(rs[after]) {
		after++
	}
	return before >= 0 && cased(rs[before]) && !(after < len(rs) && cased(rs[after]))
}

func cased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

func ignorable(r rune) bool {
	return r == '\'' || r == '.' || r == ':' || r == '·' || r == '’' || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}
