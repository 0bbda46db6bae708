package problems

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// progressions returns the generators of sequences.
func progressions() []*Generator {
	step := func(a Args) bool { return a[0] >= 1 && a[0] <= 1e6 && within(a, -1e9, 1e9) && a[3]-a[2] == a[2]-a[1] }
	draw := func(r *cpython.Rand, p Params) Args {
		d, first, n := r.RandInt(-p["max_d"], p["max_d"]), r.RandInt(-p["max_a"], p["max_a"]), r.RandInt(4, p["max_n"])
		return Args{n, first, first + d, first + 2*d}
	}
	return []*Generator{
		{ID: 66, Name: "geometric_progression", Topic: "misc",
			Defaults: Params{"number_values": 6, "min_value": 2, "max_value": 12, "n_term": 7, "sum_term": 5},
			Wide:     Params{"number_values": 6, "min_value": 2, "max_value": 199, "n_term": 7, "sum_term": 5},
			Draw: func(r *cpython.Rand, p Params) Args {
				n := p["number_values"]
				return Args{r.RandInt(p["min_value"], p["max_value"]), r.RandInt(p["min_value"], p["max_value"]),
					r.RandInt(n, n+5), r.RandInt(n, n+5)}
			},
			Ask: func(a Args) string {
				terms := make([]string, 6)
				for i := range terms {
					terms[i] = termGP(a, i+1).String()
				}
				return fmt.Sprintf("For the given GP $[%s]$. Find the value of a common ratio, %s term value, sum upto %s term",
					strings.Join(terms, ", "), ordinal(a[2]), ordinal(a[3]))
			},
			Parse: func(q string) (Args, bool) {
				a, ok := ints(q)
				if !ok || len(a) != 8 || a[0] == 0 || a[1]%a[0] != 0 {
					return nil, false
				}
				return Args{a[0], a[1] / a[0], a[6], a[7]}, true
			},
			Valid: func(a Args) bool { return a[0] >= 1 && a[1] >= 2 && within(a[:2], 1, 1e4) && within(a[2:], 1, 60) },
			Answer: func(a Args) string {
				sum := new(big.Int).Sub(raise(a[1], a[3]), big.NewInt(1))
				return fmt.Sprintf("The value of a is $%d$, common ratio is $%d$ , %s term is $%s$, sum upto %s term is $%s$",
					a[0], a[1], ordinal(a[2]), termGP(a, a[2]), ordinal(a[3]),
					repr(exactly(sum.Mul(sum, big.NewInt(int64(a[0]))), big.NewInt(int64(a[1]-1)))))
			},
			Check: func(a Args, answer string) bool {
				t, sum := big.NewInt(int64(a[0])), new(big.Int)
				var nth string
				for i := 1; i <= max(a[2], a[3]); i++ {
					if i == a[2] {
						nth = t.String()
					}
					if i <= a[3] {
						sum.Add(sum, t)
					}
					t.Mul(t, big.NewInt(int64(a[1])))
				}
				f, _ := new(big.Float).SetInt(sum).Float64()
				return strings.Contains(answer, "term is $"+nth+"$,") && strings.HasSuffix(answer, "term is $"+repr(f)+"$")
			},
		},
		{ID: 82, Name: "arithmetic_progression_term", Topic: "misc", Form: "Find term number $%d$ of the AP series: $%d, %d, %d ... $",
			Defaults: Params{"max_d": 100, "max_a": 100, "max_n": 100}, Wide: Params{"max_d": 9_999, "max_a": 9_999, "max_n": 999},
			Draw: draw, Valid: step,
			Answer: func(a Args) string { return dollars(a[1] + (a[0]-1)*(a[2]-a[1])) },
			Check:  whole(func(a Args, x int) bool { return x-a[3] == (a[0]-3)*(a[3]-a[2]) }),
		},
		{ID: 83, Name: "arithmetic_progression_sum", Topic: "misc",
			Form:     "Find the sum of first $%d$ terms of the AP series: $%d, %d, %d ... $",
			Defaults: Params{"max_d": 100, "max_a": 100, "max_n": 100}, Wide: Params{"max_d": 9_999, "max_a": 9_999, "max_n": 999},
			Draw: draw, Valid: step,
			Answer: func(a Args) string {
				return dollarsF(float64(a[0]*(2*a[1]+(a[0]-1)*(a[2]-a[1]))) / 2)
			},
			Check: floats(func(a Args, x []float64) bool {
				s, t := 0, a[1]
				for range a[0] {
					s, t = s+t, t+a[2]-a[1]
				}
				return len(x) == 1 && x[0] == float64(s)
			}),
		},
		{ID: 130, Name: "tribonacci_series", Topic: "computer_science", Defect: "the question hides how many numbers it wants",
			Defaults: Params{"min_length": 1, "max_length": 80},
			Draw:     draws("min_length", "max_length"),
			Ask:      func(Args) string { return "The Tribonacci Series of the first ${n}$ numbers is ?" },
			Answer: func(a Args) string {
				var texts []string
				for _, t := range tribonacci(a[0]) {
					texts = append(texts, t.String())
				}
				return "$" + strings.Join(texts, ", ") + "$"
			},
		},
		{ID: 131, Name: "nth_tribonacci_number", Topic: "computer_science", Form: "What is the %dth Tribonacci number?",
			Defaults: Params{"min_length": 1, "max_length": 80},
			Draw:     draws("min_length", "max_length"), Valid: between(1, 80),
			Answer: func(a Args) string { return "$" + tribonacci(a[0])[a[0]-1].String() + "$" },
			Check: large(func(a Args, x *big.Int) bool { // the powers of the companion matrix
				t := [3]*big.Int{big.NewInt(0), big.NewInt(0), big.NewInt(1)}
				for range a[0] - 1 {
					s := new(big.Int).Add(t[0], t[1])
					t = [3]*big.Int{t[1], t[2], s.Add(s, t[2])}
				}
				return t[0].Cmp(x) == 0
			}),
		},
		{ID: 89, Name: "definite_integral", Topic: "calculus",
			Form:     "The definite integral within limits $0$ to $1$ of the equation $%dx^2 + %dx + %d = $",
			Defaults: Params{"max_coef": 100}, Wide: Params{"max_coef": 99_999},
			Draw: draws("0", "max_coef", "0", "max_coef", "0", "max_coef"), Valid: between(0, 1e9),
			Answer: func(a Args) string { return dollarsF(round2(float64(2*a[0]+3*a[1]+6*a[2]) / 6)) },
			Check: rounded(func(a Args) float64 { // Simpson's rule is exact for cubics
				at := func(x float64) float64 { return (float64(a[0])*x+float64(a[1]))*x + float64(a[2]) }
				return (at(0) + 4*at(0.5) + at(1)) / 6
			}),
		},
		{ID: 88, Name: "trig_differentiation", Topic: "calculus", Defaults: Params{},
			Draw: func(r *cpython.Rand, _ Params) Args { return Args{r.Below(len(derivatives))} },
			Ask:  func(a Args) string { return `$\frac{d}{dx}(` + derivatives[a[0]][0] + `)=$` },
			Parse: func(q string) (Args, bool) {
				i := slices.IndexFunc(derivatives[:], func(d [2]string) bool { return strings.Contains(q, "("+d[0]+")") })
				return Args{i}, i >= 0
			},
			Answer: func(a Args) string { return "$" + derivatives[a[0]][1] + "$" },
		},
		{ID: 106, Name: "signum_function", Topic: "misc", Form: "Signum of $%d$ is =",
			Defaults: Params{"min": -999, "max": 999}, Draw: draws("min", "max"),
			Answer: func(a Args) string { return dollars(min(1, max(-1, a[0]))) },
			Check:  whole(func(a Args, x int) bool { return x*a[0] == int(math.Abs(float64(a[0]))) && (x == 0) == (a[0] == 0) }),
		},
	}
}

var derivatives = [...][2]string{
	{`\sin`, `\cos`}, {`\cos`, `-\sin`}, {`\tan`, `\sec^{{2}}`},
	{`\cot`, `-\csc^{{2}}`}, {`\sec`, `\sec \cdot \tan`}, {`\csc`, `-\csc \cdot \cot`},
}

func termGP(a Args, n int) *big.Int {
	t := raise(a[1], n-1)
	return t.Mul(t, big.NewInt(int64(a[0])))
}

// tribonacci returns the first n numbers, of 0, 0, 1. From the 80th on they exceed a 64-bit word.
func tribonacci(n int) []*big.Int {
	t := []*big.Int{big.NewInt(0), big.NewInt(0), big.NewInt(1)}
	for k := len(t); k < n; k++ {
		s := new(big.Int).Add(t[k-1], t[k-2])
		t = append(t, s.Add(s, t[k-3]))
	}
	return t[:n]
}
