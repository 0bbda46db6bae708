package problems

import (
	"math"
	"math/big"

	"github.com/nanteos/nanteos/internal/cpython"
)

// numbersA is divisors, primes, roots and percentages.
func numbersA() []*Generator {
	return []*Generator{
		{ID: 9, Name: "lcm", Topic: "misc", Form: "LCM of $%d$ and $%d =$",
			Defaults: Params{"max_val": 20}, Wide: Params{"max_val": 9_999},
			Draw:   draws("1", "max_val", "1", "max_val"),
			Valid:  between(1, 1e9),
			Answer: func(a Args) string { return dollars(a[0] / gcd(a[0], a[1]) * a[1]) },
			Check: whole(func(a Args, x int) bool {
				return x > 0 && x%a[0] == 0 && x%a[1] == 0 && gcd(x/a[0], x/a[1]) == 1
			})},
		{ID: 27, Name: "prime_factors", Topic: "misc", Form: "Find prime factors of $%d$",
			Defaults: Params{"min_val": 1, "max_val": 200}, Wide: Params{"min_val": 1_000, "max_val": 999_999},
			Draw:   draws("min_val", "max_val"),
			Valid:  between(1, 1e12),
			Answer: func(a Args) string { return "$" + join(primeFactors(a[0]), ", ") + "$" },
			Check: numbers(func(a, x Args) bool {
				n := 1
				for i, p := range x {
					if !big.NewInt(int64(p)).ProbablyPrime(0) || i > 0 && p < x[i-1] {
						return false
					}
					n *= p
				}
				return n == a[0]
			})},
		{ID: 40, Name: "common_factors", Topic: "misc", // six in ten answers are [1]: a guess is too often right
			Form:     "Common Factors of $%d$ and $%d = $",
			Defaults: Params{"max_val": 100},
			Draw:     draws("1", "max_val", "1", "max_val"),
			Valid:    between(1, 1e6),
			Answer: func(a Args) string {
				var x []int
				for k := 1; k <= min(a[0], a[1]); k++ {
					if a[0]%k == 0 && a[1]%k == 0 {
						x = append(x, k)
					}
				}
				return "$" + list(x) + "$"
			},
			Check: numbers(func(a, x Args) bool { // as many as the exponents of the greatest allow
				g, count := gcd(a[0], a[1]), 1
				for f := primeFactors(g); len(f) > 0; {
					k := 1
					for k < len(f) && f[k] == f[0] {
						k++
					}
					count, f = count*(k+1), f[k:]
				}
				ok := len(x) == count
				for i := range x {
					ok = ok && x[i] > 0 && g%x[i] == 0 && (i == 0 || x[i] > x[i-1])
				}
				return ok
			})},
		{ID: 55, Name: "surds_comparison", Topic: "misc", // two answers: a guess is right half of the time
			Form:     `Fill in the blanks $%d^{\frac{1}{%d}}$ _ $%d^{\frac{1}{%d}}$`,
			Defaults: Params{"max_value": 100, "max_root": 10},
			Draw: func(r *cpython.Rand, p Params) Args {
				n, k := r.Sample(p["max_value"]-1, 2), r.Sample(p["max_root"]-1, 2)
				return Args{n[0] + 1, k[0] + 1, n[1] + 1, k[1] + 1}
			},
			Valid:  func(a Args) bool { return within(a, 1, 1e6) && within(Args{a[1], a[3]}, 1, 100) },
			Answer: func(a Args) string { return "$" + sign(root(a[0], a[1]), root(a[2], a[3])) + "$" },
			Check: func(a Args, answer string) bool { // without roots: both to the power of both degrees
				x := new(big.Int).Exp(big.NewInt(int64(a[0])), big.NewInt(int64(a[3])), nil)
				y := new(big.Int).Exp(big.NewInt(int64(a[2])), big.NewInt(int64(a[1])), nil)
				return answer == "$"+sign(float64(x.Cmp(y)), 0)+"$"
			}},
		{ID: 63, Name: "profit_loss_percent", Topic: "misc",
			Defaults: Params{"max_cp": 1000, "max_sp": 1000}, Wide: Params{"max_cp": 99_999, "max_sp": 99_999},
			Draw: draws("1", "max_cp", "1", "max_sp"),
			Ask: func(a Args) string {
				word := "Profit"
				if a[1] < a[0] {
					word = "Loss"
				}
				return word + " percent when $CP = " + join(a[:1], "") + "$ and $SP = " + join(a[1:], "") + "$ is: "
			},
			Parse: func(q string) (Args, bool) {
				a, ok := ints(q)
				return a, ok && len(a) == 2
			},
			Valid: func(a Args) bool { return within(a, 0, 1e12) && a[0] > 0 },
			Answer: func(a Args) string {
				return dollarsF(round2(float64(max(a[1]-a[0], a[0]-a[1])) / float64(a[0]) * 100))
			},
			Check: ratio(func(a Args) (int, int) { return 100 * max(a[1]-a[0], a[0]-a[1]), a[0] })},
	}
}

// primeFactors returns the prime factors of n >= 1, ascending, each as often as it divides n.
func primeFactors(n int) (f []int) {
	for p := 2; p*p <= n; p++ {
		for n%p == 0 {
			f, n = append(f, p), n/p
		}
	}
	if n > 1 {
		f = append(f, n)
	}
	return f
}

// root returns n ** (1/k) as Python does: the exponent is the double next to 1/k, so that a perfect power may miss its root by a bit.
func root(n, k int) float64 {
	exponent := 1 / float64(k)
	c := math.Round(math.Pow(float64(n), exponent))
	if new(big.Int).Exp(big.NewInt(int64(c)), big.NewInt(int64(k)), nil).Cmp(big.NewInt(int64(n))) != 0 {
		return math.Pow(float64(n), exponent)
	}
	// n^(1/k+e) = c (1 + e ln n), rounded once.
	error := new(big.Rat).SetFloat64(exponent)
	e, _ := error.Sub(error, big.NewRat(1, int64(k))).Float64()
	return c + float64(c*e*math.Log(float64(n)))
}
