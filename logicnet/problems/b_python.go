package problems

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// power returns base**n for a float base as a correctly rounded pow gives it.
func power(base float64, n int) float64 {
	if base == 0 || math.IsInf(base, 0) || math.IsNaN(base) {
		return math.Pow(base, float64(n))
	}
	p := new(big.Float).SetPrec(400).SetInt64(1)
	b := new(big.Float).SetPrec(400).SetFloat64(base)
	for m := max(n, -n); m > 0; m >>= 1 {
		if m&1 == 1 {
			p.Mul(p, b)
		}
		b.Mul(b, b)
	}
	if n < 0 {
		p.Quo(big.NewFloat(1).SetPrec(400), p)
	}
	f, _ := p.Float64()
	return f
}

// exactly returns the double nearest to n/d, Python's n / d for ints of any size.
func exactly(n, d *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(n, d).Float64()
	return f
}

// raise returns b**n for n >= 0.
func raise(b, n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(int64(b)), big.NewInt(int64(n)), nil)
}

// cents returns repr of a float that is given in hundredths.
func cents(n int) string { return repr(float64(n) / 100) }

// places writes a number of hundredths with both of its decimals.
func places(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// inCents returns a float of two decimals in hundredths.
func inCents(f float64) int { return int(math.Round(f * 100)) }

// uniform returns random.uniform(a, b).
func uniform(r *cpython.Rand, a, b float64) float64 {
	return a + float64((b-a)*r.Float64())
}

// after returns a Parse for questions whose numbers are all integers and of which the first n are no Args.
func after(n int) func(string) (Args, bool) {
	return func(q string) (Args, bool) {
		a, ok := ints(q)
		if !ok || len(a) < n {
			return nil, false
		}
		return a[n:], true
	}
}

// inHundredths returns a Parse that reads every number of a question in hundredths.
func inHundredths(q string) (Args, bool) {
	var a Args
	for _, s := range plain.FindAllString(q, -1) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Abs(f) > 1e12 {
			return nil, false
		}
		a = append(a, inCents(f))
	}
	return a, true
}

var plain = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)

// ordinal returns what the reference puts after a position, whatever the position is.
func ordinal(n int) string { return strconv.Itoa(n) + "th" }

// yesNo returns Yes or No.
func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// fraction returns n/d as the reference writes it: reduced, an integer where it is one.
func fraction(n, d int) string {
	if n, d = reduce(n, d); d == 1 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf(`\frac{%d}{%d}`, n, d)
}

// listOf returns a Python list of texts.
func listOf(texts []string) string { return "[" + strings.Join(texts, ", ") + "]" }

// centList returns a Python list of floats in hundredths.
func centList(a Args) string {
	texts := make([]string, len(a))
	for i, v := range a {
		texts[i] = cents(v)
	}
	return listOf(texts)
}
