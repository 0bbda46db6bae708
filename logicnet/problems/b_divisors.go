package problems

import (
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
)

// divisors returns the generators of elementary number theory.
func divisors() []*Generator {
	return []*Generator{
		{ID: 90, Name: "is_prime", Topic: "basic_math", Form: "Is $%d$ prime?",
			Defaults: Params{"max_num": 100}, Draw: draws("2", "max_num"), Valid: between(2, 1e12),
			Answer: func(a Args) string { return yesNo(leastFactor(a[0]) == a[0]) },
		},
		{ID: 124, Name: "is_composite", Topic: "basic_math", Form: "Is $%d$ composite?",
			Defaults: Params{"max_num": 250}, Draw: draws("2", "max_num"), Valid: between(2, 1e12),
			Answer: func(a Args) string { return yesNo(leastFactor(a[0]) != a[0]) },
		},
		{ID: 116, Name: "factors", Topic: "misc", Form: "Factors of $%d = $",
			Defaults: Params{"max_val": 1000}, Wide: Params{"max_val": 999_999},
			Draw: draws("1", "max_val"), Valid: between(1, 1e10),
			Answer: func(a Args) string { return "$" + list(factors(a[0])) + "$" },
			Check: numbers(func(a, x Args) bool { // as many as the exponents of its primes say, ascending
				n, count := a[0], 1
				for n > 1 {
					p, e := leastFactor(n), 1
					for n /= p; n%p == 0 && n > 1; n /= p {
						e++
					}
					count *= e + 1
				}
				for i, v := range x {
					if v <= 0 || a[0]%v != 0 || i > 0 && v <= x[i-1] {
						return false
					}
				}
				return len(x) == count
			}),
		},
		{ID: 120, Name: "greatest_common_divisor", Topic: "basic_math", Form: "$GCD(%d,%d)=$",
			Defaults: Params{"numbers_count": 2, "max_num": 1000}, Wide: Params{"numbers_count": 2, "max_num": 9_999_999},
			Draw: draws("0", "max_num", "0", "max_num"), Valid: between(0, 1e14),
			Answer: func(a Args) string { return dollars(gcd(a[0], a[1])) },
			Check: whole(func(a Args, x int) bool { // Stein's: halves and differences
				u, v, twos := a[0], a[1], 0
				if u == 0 || v == 0 {
					return x == u+v
				}
				for u != v {
					switch {
					case u%2 == 0 && v%2 == 0:
						u, v, twos = u/2, v/2, twos+1
					case u%2 == 0:
						u /= 2
					case v%2 == 0:
						v /= 2
					case u > v:
						u -= v
					default:
						v -= u
					}
				}
				return x == u<<twos
			}),
		},
		{ID: 126, Name: "simplify_square_root", Topic: "basic_math", Form: `$\sqrt{%d}$`,
			Defaults: Params{"max_variable": 100}, Wide: Params{"max_variable": 99_999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				for range 1000 {
					x := r.RandInt(1, p["max_variable"])
					if a, b := squareOut(x); a != 1 && b != 1 {
						return Args{x}
					}
				}
				return nil
			},
			Valid: func(a Args) bool {
				if a[0] < 1 || a[0] > 1e10 {
					return false
				}
				x, y := squareOut(a[0])
				return x != 1 && y != 1
			},
			Answer: func(a Args) string {
				x, y := squareOut(a[0])
				return fmt.Sprintf(`$%d\sqrt{%d}$`, x, y)
			},
			Check: numbers(func(a, x Args) bool {
				if len(x) != 2 || x[0]*x[0]*x[1] != a[0] {
					return false
				}
				for d := 2; d*d <= x[1]; d++ {
					if x[1]%(d*d) == 0 {
						return false
					}
				}
				return true
			}),
		},
		{ID: 101, Name: "is_leap_year", Topic: "misc", Form: "Is %d a leap year?",
			Defaults: Params{"minNumber": 1900, "max_number": 2099},
			Draw:     draws("minNumber", "max_number"), Valid: between(1, 9999),
			Answer: func(a Args) string {
				if a[0]%4 == 0 && a[0]%100 != 0 || a[0]%400 == 0 {
					return fmt.Sprintf("%d is a leap year", a[0])
				}
				return fmt.Sprintf("%d is not a leap year", a[0])
			},
		},
	}
}

// leastFactor returns the least prime factor of n >= 2, and 1 for 1.
func leastFactor(n int) int {
	for p := 2; p*p <= n; p++ {
		if n%p == 0 {
			return p
		}
	}
	return n
}

// factors returns the divisors of n, ascending.
func factors(n int) []int {
	var low, high []int
	for d := 1; d*d <= n; d++ {
		if n%d == 0 {
			low = append(low, d)
			if d*d != n {
				high = append(high, n/d)
			}
		}
	}
	for i := len(high) - 1; i >= 0; i-- {
		low = append(low, high[i])
	}
	return low
}

// squareOut returns a, b with x = a²b and b free of squares.
func squareOut(x int) (a, b int) {
	a, b = 1, x
	for d := 2; d*d <= b; d++ {
		for b%(d*d) == 0 {
			a, b = a*d, b/(d*d)
		}
	}
	return a, b
}
