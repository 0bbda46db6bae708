package problems

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// polynomials returns the generators of algebraic expressions.
func polynomials() []*Generator {
	return []*Generator{
		{ID: 100, Name: "complex_quadratic", Topic: "algebra",
			Defaults: Params{"prob_type": 0, "max_range": 10}, Wide: Params{"prob_type": 0, "max_range": 999},
			Draw: func(r *cpython.Rand, p Params) Args {
				for range 1000 {
					if a := some(r, 3, 1, p["max_range"]-1); a[1]*a[1] >= 4*a[0]*a[2] {
						return a
					}
				}
				return nil
			},
			Ask: func(a Args) string {
				return fmt.Sprintf("Find the roots of given Quadratic Equation $%sx^2 + %sx + %d = 0$", implicit(a[0]), implicit(a[1]), a[2])
			},
			Parse: func(q string) (Args, bool) { return implied(quadratic.FindStringSubmatch(q)) },
			Valid: func(a Args) bool { return within(a, 1, 1e6) && a[1]*a[1] >= 4*a[0]*a[2] },
			Answer: func(a Args) string {
				d := a[1]*a[1] - 4*a[0]*a[2]
				root := func(s float64) string {
					return repr(roundTo((float64(-a[1])+s*math.Sqrt(float64(d)))/float64(2*a[0]), 3))
				}
				forms := `\frac{%d + %s}{%d}, \frac{%d - %s}{%d}`
				radical := strconv.Itoa(int(math.Sqrt(float64(d))))
				if s := int(math.Sqrt(float64(d))); s*s != d {
					forms, radical = `\frac{%d + %s}{%d}, (\frac{%d - %s}{%d}`, fmt.Sprintf(`\sqrt{%d}`, d)
				}
				return fmt.Sprintf(`$((%s, %s)) = (`+forms+`)$`, root(1), root(-1), -a[1], radical, 2*a[0], -a[1], radical, 2*a[0])
			},
			Check: floats(func(a Args, x []float64) bool { // Vieta
				if len(x) < 2 {
					return false
				}
				sum, product, most := -float64(a[1])/float64(a[0]), float64(a[2])/float64(a[0]), math.Abs(x[0])+math.Abs(x[1])+1
				return math.Abs(x[0]+x[1]-sum) < 0.00101 && math.Abs(x[0]*x[1]-product) < 0.00051*most
			}),
		},
		{ID: 105, Name: "combine_like_terms", Topic: "algebra",
			Defaults: Params{"max_coef": 10, "max_exp": 20, "max_terms": 10}, Wide: Params{"max_coef": 9_999, "max_exp": 20, "max_terms": 10},
			Draw: func(r *cpython.Rand, p Params) Args {
				var a Args
				for range r.RandInt(1, p["max_terms"]) {
					a = append(a, r.RandInt(1, p["max_coef"]), r.RandInt(1, p["max_exp"]-1))
				}
				return a
			},
			Ask:   func(a Args) string { return "$" + sumOfTerms(a) + "$" },
			Parse: after(0), Valid: func(a Args) bool { return len(a) >= 2 && len(a)%2 == 0 && within(a, 1, 1e6) && shortTerms(a) },
			Answer: func(a Args) string { return "$" + sumOfTerms(combine(a)) + "$" },
			Check: numbers(func(a, x Args) bool { // the same values, at a few points modulo a prime; ascending
				const prime = 1_000_003
				for i := 3; i < len(x); i += 2 {
					if x[i] <= x[i-2] {
						return false
					}
				}
				for _, at := range []int{1, 2, 7, 12345} {
					if value(a, at, prime) != value(x, at, prime) {
						return false
					}
				}
				return true
			}),
		},
		{ID: 111, Name: "expanding", Topic: "algebra",
			Defaults: Params{"range_x1": 10, "range_x2": 10, "range_a": 10, "range_b": 10},
			Wide:     Params{"range_x1": 999, "range_x2": 999, "range_a": 999, "range_b": 999, "proper": 1},
			Draw: func(r *cpython.Rand, p Params) Args {
				at := func(name string) int { return r.RandInt(-p[name], p[name]) }
				a := Args{at("range_x1"), at("range_x2"), at("range_a"), at("range_b")}
				b := a[2]*a[1] + a[3]*a[0]
				if a[3] == 0 || p["proper"] == 1 && (a[2] == 0 || b == 0 || b == 1) {
					return nil
				}
				return Args{a[2], a[0], a[3], a[1]}
			},
			Ask: func(a Args) string {
				signed := func(i int) string { return strings.TrimPrefix(coefficient(a[i]), "+") + "x" + constant(a[i+1]) }
				return "$(" + signed(0) + ")(" + signed(2) + ")$"
			},
			Parse: readFactors,
			// A zero coefficient shows as a bare x in the question or in the answer: nobody could tell.
			Valid: func(a Args) bool {
				b := a[0]*a[3] + a[1]*a[2]
				return within(a, -1e6, 1e6) && a[0] != 0 && a[2] != 0 && b != 0 && b != 1
			},
			Answer: func(a Args) string {
				return "$" + strings.TrimPrefix(coefficient(a[0]*a[2]), "+") + "x^2" + coefficient(a[0]*a[3]+a[1]*a[2]) + "x" +
					constant(a[1]*a[3]) + "$"
			},
			Check: func(a Args, answer string) bool {
				m := expansion.FindStringSubmatch(Truth(answer))
				if m != nil && m[3] == "" {
					m[3] = "0"
				}
				x, ok := implied(m)
				for at := -1; ok && at <= 1; at++ {
					ok = (x[0]*at+x[1])*at+x[2] == (a[0]*at+a[1])*(a[2]*at+a[3])
				}
				return ok
			},
		},
	}
}

var (
	quadratic = regexp.MustCompile(`\$?([0-9]{0,9})x\^2 \+ ([0-9]{0,9})x \+ ([0-9]{1,9}) = 0\$?$`)
	expansion = regexp.MustCompile(`^(-?[0-9]*)x\^2([+-][0-9]+)x([+-][0-9]+)?$`)
	binomials = regexp.MustCompile(`^\$?\((-?[0-9]{0,9})x([+-][0-9]{1,9})?\)\((-?[0-9]{0,9})x([+-][0-9]{1,9})?\)\$?$`)
)

// implicit writes a coefficient, which is not shown when it is one.
func implicit(n int) string {
	if n == 1 {
		return ""
	}
	return strconv.Itoa(n)
}

// implied reads coefficients: nothing is one.
func implied(m []string) (Args, bool) {
	if m == nil {
		return nil, false
	}
	a := make(Args, len(m)-1)
	for i, s := range m[1:] {
		if s == "" || s == "-" {
			s += "1"
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, false
		}
		a[i] = n
	}
	return a, true
}

// readFactors reads (ax+b)(cx+d); a constant that is not shown is zero.
func readFactors(q string) (Args, bool) {
	m := binomials.FindStringSubmatch(q)
	if m == nil {
		return nil, false
	}
	for _, i := range []int{2, 4} {
		if m[i] == "" {
			m[i] = "0"
		}
	}
	return implied(m)
}

// constant writes a number with its sign, zero as nothing.
func constant(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", n)
}

// coefficient is constant, but +1 is nothing, too.
func coefficient(n int) string {
	if n == 1 {
		return ""
	}
	return constant(n)
}

func sumOfTerms(a Args) string {
	var terms []string
	for i := 0; i+1 < len(a); i += 2 {
		terms = append(terms, fmt.Sprintf("%dx^{%d}", a[i], a[i+1]))
	}
	return strings.Join(terms, " + ")
}

// combine adds the coefficients of equal powers, ascending.
func combine(a Args) Args {
	sums := map[int]int{}
	for i := 0; i+1 < len(a); i += 2 {
		sums[a[i+1]] += a[i]
	}
	var c Args
	for _, e := range slices.Sorted(maps.Keys(sums)) {
		c = append(c, sums[e], e)
	}
	return c
}

// value evaluates terms at x modulo a prime.
func value(terms Args, x, prime int) int {
	s := 0
	for i := 0; i+1 < len(terms); i += 2 {
		t := terms[i] % prime
		for range terms[i+1] {
			t = t * x % prime
		}
		s = (s + t) % prime
	}
	return s
}
