package problems

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// repr returns str(f) for a float.
func repr(f float64) string { return string(cpython.AppendFloat(nil, f)) }

// round2 returns round(f, 2): the double nearest to the decimal that is nearest to f.
func round2(f float64) float64 { return roundTo(f, 2) }

func roundTo(f float64, digits int) float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
	return r
}

// dollars returns a number between dollar signs, the form of most answers.
func dollars(n int) string { return "$" + strconv.Itoa(n) + "$" }

// dollarsF returns a float between dollar signs.
func dollarsF(f float64) string { return "$" + repr(f) + "$" }

// join writes numbers with a separator.
func join(a []int, sep string) string {
	var b strings.Builder
	for i, v := range a {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(strconv.Itoa(v))
	}
	return b.String()
}

// list returns str(list) of ints.
func list(a []int) string { return "[" + join(a, ", ") + "]" }

// matrix writes rows of the given width as the reference's bmatrix, which has three backslashes between rows.
func matrix(a []int, width int) string {
	var b strings.Builder
	b.WriteString(`\begin{bmatrix} `)
	for i := 0; i < len(a); i += width {
		if i > 0 {
			b.WriteString(` \\\ `)
		}
		b.WriteString(join(a[i:i+width], " & "))
	}
	b.WriteString(` \end{bmatrix}`)
	return b.String()
}

var number = regexp.MustCompile(`-?[0-9]+`)

// ints returns the integers in s, a minus before digits being a sign; ok is false when one has more than 15 digits.
func ints(s string) (a Args, ok bool) {
	for _, m := range number.FindAllString(s, -1) {
		if len(m) > 16 {
			return nil, false
		}
		n, err := strconv.Atoi(m)
		if err != nil {
			return nil, false
		}
		a = append(a, n)
	}
	return a, true
}

// draws returns a draw of independent uniform integers, given as names of the parameters (or numbers) that bound them:
// lo, hi, lo, hi, ... Names may be preceded by a minus.
func draws(bounds ...string) func(*cpython.Rand, Params) Args {
	return func(r *cpython.Rand, p Params) Args {
		a := make(Args, len(bounds)/2)
		for i := range a {
			a[i] = r.RandInt(bound(bounds[2*i], p), bound(bounds[2*i+1], p))
		}
		return a
	}
}

func bound(s string, p Params) int {
	name, negative := strings.CutPrefix(s, "-")
	n, err := strconv.Atoi(name)
	if err != nil {
		n = p[name]
	}
	if negative {
		n = -n
	}
	return n
}
