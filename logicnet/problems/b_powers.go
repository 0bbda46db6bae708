package problems

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// powers returns the generators of powers and scientific notation.
func powers() []*Generator {
	return []*Generator{
		{ID: 97, Name: "power_of_powers", Topic: "basic_math", Form: "Simplify $%d^{%d^{%d}}$",
			Defect:   "the question shows a tower of powers, the answer is that of a power raised",
			Defaults: Params{"max_base": 50, "max_power": 10},
			Draw:     draws("1", "max_base", "1", "max_power", "1", "max_power"), Valid: between(1, 1e6),
			Answer: func(a Args) string { return fmt.Sprintf("$%d^{%d}$", a[0], a[1]*a[2]) },
		},
		{ID: 98, Name: "quotient_of_power_same_base", Topic: "misc",
			Defaults: Params{"max_base": 50, "max_power": 10}, Wide: Params{"max_base": 999, "max_power": 20},
			Draw: draws("1", "max_base", "1", "max_power", "1", "max_power"),
			Ask: func(a Args) string {
				return fmt.Sprintf("The Quotient of $%d^{%d}$ and $%d^{%d} = %d^{%d-%d} = %d^{%d}$",
					a[0], a[1], a[0], a[2], a[0], a[1], a[2], a[0], a[1]-a[2])
			},
			Parse: picks(0, 1, 3), Valid: func(a Args) bool { return a[0] >= 1 && a[0] <= 1e6 && within(a[1:], 1, 60) },
			Answer: func(a Args) string {
				if n := a[1] - a[2]; n < 0 {
					return dollarsF(power(float64(a[0]), n))
				}
				return "$" + raise(a[0], a[1]-a[2]).String() + "$"
			},
			Check: func(a Args, answer string) bool {
				x, ok := new(big.Rat).SetString(Truth(answer))
				if !ok {
					return false
				}
				v := new(big.Rat).SetFrac(raise(a[0], a[1]), raise(a[0], a[2]))
				d := new(big.Rat).Sub(x, v)
				return d.Abs(d).Cmp(v.Mul(v, big.NewRat(1, 1e15))) <= 0
			},
		},
		{ID: 99, Name: "quotient_of_power_same_power", Topic: "misc",
			Defaults: Params{"max_base": 50, "max_power": 10}, Wide: Params{"max_base": 9_999, "max_power": 10},
			Draw: draws("1", "max_base", "1", "max_base", "1", "max_power"),
			Ask: func(a Args) string {
				return fmt.Sprintf("The quotient of $%d^{%d}$ and $%d^{%d} = (%d/%d)^%d = %s^{%d}$",
					a[0], a[2], a[1], a[2], a[0], a[1], a[2], repr(float64(a[0])/float64(a[1])), a[2])
			},
			Parse: func(q string) (Args, bool) {
				q, _, _ = strings.Cut(q, "=")
				return picks(0, 2, 1)(q)
			},
			Valid:  func(a Args) bool { return within(a[:2], 1, 1e6) && within(a[2:], 1, 20) },
			Answer: func(a Args) string { return dollarsF(round2(power(float64(a[0])/float64(a[1]), a[2]))) },
			Check: rounded(func(a Args) float64 {
				return exactly(raise(a[0], a[2]), raise(a[1], a[2]))
			}),
		},
		{ID: 121, Name: "product_of_scientific_notations", Topic: "misc",
			Defaults: Params{"min_exp_val": -100, "max_exp_val": 100}, Wide: Params{"min_exp_val": -999, "max_exp_val": 999},
			Draw: func(r *cpython.Rand, p Params) Args {
				mantissa := func() int { return inCents(round2(uniform(r, 1, 10))) }
				exponent := func() int { return r.RandInt(p["min_exp_val"], p["max_exp_val"]) }
				return Args{mantissa(), mantissa(), exponent(), exponent()}
			},
			Ask: func(a Args) string {
				return fmt.Sprintf(`Product of scientific notations $%s \times 10^{%d}$ and $%s \times 10^{%d} = $`,
					cents(a[0]), a[2], cents(a[1]), a[3])
			},
			Parse: func(q string) (Args, bool) {
				a, ok := inHundredths(q)
				if !ok || len(a) != 6 {
					return nil, false
				}
				return Args{a[0], a[3], a[2] / 100, a[5] / 100}, true
			},
			Valid:  func(a Args) bool { return within(a[:2], 100, 1000) && within(a[2:], -1e6, 1e6) },
			Answer: func(a Args) string { return "$" + product(a) + "$" },
			Check: func(a Args, answer string) bool {
				var x float64
				var e int
				if n, err := fmt.Sscanf(Truth(answer), `%g \times 10^{%d}`, &x, &e); n != 2 || err != nil {
					return false
				}
				v := float64(a[0]*a[1]) / 1e4 * math.Pow10(a[2]+a[3]-e)
				return math.Abs(x-v) <= half(x)
			},
		},
	}
}

// product writes the product of two numbers in scientific notation, whose mantissa is brought below ten once.
func product(a Args) string {
	m, e := float64(a[0])/100*(float64(a[1])/100), a[2]+a[3]
	if m >= 10 {
		m, e = m/10, e+1
	}
	return fmt.Sprintf(`%s \times 10^{%d}`, repr(round2(m)), e)
}

// picks returns a Parse that takes the integers of a question at the given places.
func picks(places ...int) func(string) (Args, bool) {
	return func(q string) (Args, bool) {
		all, ok := ints(q)
		a := make(Args, len(places))
		for i, p := range places {
			if !ok || p >= len(all) {
				return nil, false
			}
			a[i] = all[p]
		}
		return a, true
	}
}
