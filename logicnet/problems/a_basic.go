package problems

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// generatorsA returns the generators with ids 0 to 65; 10 and 51 were deleted by the reference.
func generatorsA() []*Generator {
	var gs []*Generator
	for _, family := range [][]*Generator{basicA(), digitsA(), algebraA(), geometryA(), numbersA(), statisticsA()} {
		gs = append(gs, family...)
	}
	return gs
}

// basicA is arithmetic.
func basicA() []*Generator {
	return []*Generator{
		{ID: 0, Name: "addition", Topic: "basic_math", Form: "$%d+%d=$",
			Defaults: Params{"max_sum": 99, "max_addend": 50}, Wide: Params{"max_sum": 1_999_999, "max_addend": 999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := r.RandInt(0, p["max_addend"])
				return Args{a, r.RandInt(0, min(p["max_sum"]-a, p["max_addend"]))}
			},
			Answer: func(a Args) string { return dollars(a[0] + a[1]) },
			Check:  whole(func(a Args, x int) bool { return x-a[1] == a[0] })},
		{ID: 1, Name: "subtraction", Topic: "basic_math", Form: "$%d-%d=$",
			Defaults: Params{"max_minuend": 99, "max_diff": 99}, Wide: Params{"max_minuend": 999_999, "max_diff": 999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := r.RandInt(0, p["max_minuend"])
				return Args{a, r.RandInt(max(0, a-p["max_diff"]), a)}
			},
			Answer: func(a Args) string { return dollars(a[0] - a[1]) },
			Check:  whole(func(a Args, x int) bool { return x+a[1] == a[0] })},
		{ID: 2, Name: "multiplication", Topic: "basic_math", Form: `$%d\cdot%d=$`,
			Defaults: Params{"max_multi": 12}, Wide: Params{"max_multi": 99_999},
			Draw:   draws("0", "max_multi", "0", "max_multi"),
			Valid:  between(-1e9, 1e9),
			Answer: func(a Args) string { return dollars(a[0] * a[1]) },
			Check: whole(func(a Args, x int) bool {
				return a[0] == 0 && x == 0 || a[0] != 0 && x%a[0] == 0 && x/a[0] == a[1]
			})},
		{ID: 3, Name: "division", Topic: "basic_math", Form: `$%d\div%d=$`,
			Defaults: Params{"max_a": 25, "max_b": 25}, Wide: Params{"max_a": 9_999, "max_b": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, b := r.RandInt(1, p["max_a"]), r.RandInt(1, p["max_b"])
				return Args{a * b, [2]int{a, b}[r.Below(2)]}
			},
			Valid:  func(a Args) bool { return a[1] != 0 && a[0]%a[1] == 0 },
			Answer: func(a Args) string { return dollars(a[0] / a[1]) },
			Check:  whole(func(a Args, x int) bool { return x*a[1] == a[0] })},
		{ID: 6, Name: "square_root", Topic: "basic_math", Form: `$\sqrt{%d}=$`,
			Defaults: Params{"min_no": 1, "max_no": 12}, Wide: Params{"min_no": 1, "max_no": 99_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				b := r.RandInt(p["min_no"], p["max_no"])
				return Args{b * b}
			},
			Valid:  func(a Args) bool { return a[0] >= 0 && isqrt(a[0])*isqrt(a[0]) == a[0] },
			Answer: func(a Args) string { return dollars(isqrt(a[0])) },
			Check:  whole(func(a Args, x int) bool { return x >= 0 && x*x == a[0] })},
		{ID: 8, Name: "square", Topic: "basic_math", Form: "$%d^2=$",
			Defaults: Params{"max_square_num": 20}, Wide: Params{"max_square_num": 99_999},
			Draw:   draws("1", "max_square_num"),
			Valid:  between(1, 1e9),
			Answer: func(a Args) string { return dollars(a[0] * a[0]) },
			Check:  whole(func(a Args, x int) bool { return x >= 0 && isqrt(x) == a[0] && x%a[0] == 0 })},
		{ID: 13, Name: "fraction_to_decimal", Topic: "basic_math", Form: `$%d\div%d=$`,
			Defaults: Params{"max_res": 99, "max_divid": 99}, Wide: Params{"max_res": 99_999, "max_divid": 999},
			Draw:   draws("0", "max_res", "1", "max_divid"),
			Valid:  func(a Args) bool { return a[1] != 0 },
			Answer: func(a Args) string { return dollarsF(round2(float64(a[0]) / float64(a[1]))) },
			Check:  ratio(func(a Args) (int, int) { return a[0], a[1] })},
		{ID: 16, Name: "divide_fractions", Topic: "basic_math", Form: `$\frac{%d}{%d}\div\frac{%d}{%d}=$`,
			Defect:   `the answer has a form feed where the backslash of \frac belongs`,
			Defaults: Params{"max_val": 10},
			Draw:     drawFractions,
			Valid:    func(a Args) bool { return within(a, -1e6, 1e6) && a[1] != 0 && a[2] != 0 && a[3] != 0 },
			Answer: func(a Args) string {
				n, d := reduce(a[0]*a[3], a[1]*a[2])
				return fmt.Sprintf("$\frac{%d}{%d}$", n, d)
			},
			Check: numbers(func(a, x Args) bool { return len(x) == 2 && a[0]*a[3]*x[1] == a[1]*a[2]*x[0] })},
		{ID: 28, Name: "fraction_multiplication", Topic: "basic_math", Form: `$\frac{%d}{%d}\cdot\frac{%d}{%d}=$`,
			Defaults: Params{"max_val": 10}, Wide: Params{"max_val": 999},
			Draw:  drawFractions,
			Valid: func(a Args) bool { return within(a, -1e6, 1e6) && a[1] != 0 && a[3] != 0 },
			Answer: func(a Args) string {
				n, d := a[0]*a[2], a[1]*a[3]
				g := gcd(n, d)
				if d == 1 || d == g {
					return fmt.Sprintf(`$\frac{%d}{%d}$`, n, g)
				}
				return fmt.Sprintf(`$\frac{%d}{%d}$`, n/g, d/g)
			},
			Check: numbers(func(a, x Args) bool { return len(x) == 2 && x[1] > 0 && a[0]*a[2]*x[1] == a[1]*a[3]*x[0] })},
		{ID: 31, Name: "factorial", Topic: "basic_math", Form: "$%d! =$",
			Defaults: Params{"max_input": 6},
			Draw:     draws("0", "max_input"),
			Valid:    between(0, 1000),
			Answer:   func(a Args) string { return "$" + new(big.Int).MulRange(1, int64(a[0])).String() + "$" },
			Check: large(func(a Args, x *big.Int) bool {
				rest := new(big.Int)
				for k := a[0]; k > 1; k-- {
					if x.QuoRem(x, big.NewInt(int64(k)), rest); rest.Sign() != 0 {
						return false
					}
				}
				return x.IsInt64() && x.Int64() == 1
			})},
		{ID: 44, Name: "compare_fractions", Topic: "basic_math", // few answers: a guess is right half of the time
			Form:     `Which symbol represents the comparison between $\frac{%d}{%d}$ and $\frac{%d}{%d}$?`,
			Defaults: Params{"max_val": 10},
			Draw:     drawFractions,
			Valid:    func(a Args) bool { return within(a, -1e6, 1e6) && a[1] > 0 && a[3] > 0 },
			Answer: func(a Args) string {
				return sign(float64(a[0])/float64(a[1]), float64(a[2])/float64(a[3]))
			},
			Check: func(a Args, answer string) bool {
				return answer == sign(float64(a[0]*a[3]), float64(a[2]*a[1]))
			}},
		{ID: 47, Name: "cube_root", Topic: "basic_math", Form: `What is the cube root of: $\sqrt[3]{%d}=$ to 2 decimal places?`,
			Defaults: Params{"min_no": 1, "max_no": 1000}, Wide: Params{"min_no": 1, "max_no": 99_999_999},
			Draw:   draws("min_no", "max_no"),
			Valid:  func(a Args) bool { return a[0] >= 0 },
			Answer: func(a Args) string { return dollarsF(round2(math.Pow(float64(a[0]), 1.0/3))) },
			Check:  rounded(func(a Args) float64 { return math.Cbrt(float64(a[0])) })},
		{ID: 53, Name: "exponentiation", Topic: "basic_math", Form: "$%d^{%d}=$",
			Defaults: Params{"max_base": 20, "max_expo": 10}, Wide: Params{"max_base": 9_999, "max_expo": 5},
			Draw:  draws("1", "max_base", "1", "max_expo"),
			Valid: func(a Args) bool { return a[0] >= 1 && a[1] >= 0 && a[1] <= 1000 },
			Answer: func(a Args) string {
				return "$" + new(big.Int).Exp(big.NewInt(int64(a[0])), big.NewInt(int64(a[1])), nil).String() + "$"
			},
			Check: large(func(a Args, x *big.Int) bool {
				rest, base := new(big.Int), big.NewInt(int64(a[0]))
				for range a[1] {
					if x.QuoRem(x, base, rest); rest.Sign() != 0 {
						return false
					}
				}
				return x.IsInt64() && x.Int64() == 1
			})},
	}
}

// drawFractions draws two fractions, neither of which is n/n.
func drawFractions(r *cpython.Rand, p Params) Args {
	a := make(Args, 4)
	for i := 0; i < 4; i += 2 {
		a[i], a[i+1] = r.RandInt(1, p["max_val"]), r.RandInt(1, p["max_val"])
		for a[i] == a[i+1] {
			a[i+1] = r.RandInt(1, p["max_val"])
		}
	}
	return a
}

// sign returns how x compares with y.
func sign(x, y float64) string {
	switch {
	case x > y:
		return ">"
	case x < y:
		return "<"
	}
	return "="
}

// isqrt returns the integer part of the square root of n >= 0.
func isqrt(n int) int { return int(new(big.Int).Sqrt(big.NewInt(int64(n))).Int64()) }

// digitsA is binary numbers and remainders.
func digitsA() []*Generator {
	return []*Generator{
		{ID: 4, Name: "binary_complement_1s", Topic: "computer_science",
			Defaults: Params{"maxDigits": 10}, Wide: Params{"maxDigits": 64},
			Draw:   drawBits("maxDigits"),
			Ask:    func(a Args) string { return "$" + join(a, "") + " = $" },
			Parse:  parseBits("$", " = $"),
			Answer: func(a Args) string { return "$" + flip.Replace(join(a, "")) + "$" },
			Check: func(a Args, answer string) bool {
				b, ok := parseBits("$", "$")(answer)
				for i := range a {
					ok = ok && len(a) == len(b) && a[i]+b[i] == 1
				}
				return ok
			}},
		{ID: 5, Name: "modulo_division", Topic: "computer_science", Form: "$%d$ %% $%d = $",
			Defaults: Params{"max_res": 99, "max_modulo": 99}, Wide: Params{"max_res": 999_999, "max_modulo": 9_999},
			Draw:  draws("0", "max_res", "0", "max_modulo"),
			Valid: func(a Args) bool { return a[0] >= 0 && a[1] >= 0 },
			Answer: func(a Args) string {
				if a[1] == 0 {
					return "$0$" // the reference's word for what is not defined
				}
				return dollars(a[0] % a[1])
			},
			Check: whole(func(a Args, x int) bool { return a[1] > 0 && 0 <= x && x < a[1] && (a[0]-x)/a[1]*a[1] == a[0]-x })},
		{ID: 14, Name: "decimal_to_binary", Topic: "computer_science", Form: "Binary of $%d = $",
			Defaults: Params{"max_dec": 99}, Wide: Params{"max_dec": 9_999_999},
			Draw:   draws("1", "max_dec"),
			Valid:  func(a Args) bool { return a[0] >= 0 },
			Answer: func(a Args) string { return "$" + strconv.FormatInt(int64(a[0]), 2) + "$" },
			Check: func(a Args, answer string) bool {
				b, ok := parseBits("$", "$")(answer)
				return ok && b[0] == 1 && horner(b, 2) == a[0]
			}},
		{ID: 15, Name: "binary_to_decimal", Topic: "computer_science",
			Defaults: Params{"max_dig": 10}, Wide: Params{"max_dig": 48},
			Draw:   drawBits("max_dig"),
			Ask:    func(a Args) string { return "$" + join(a, "") + "$" },
			Parse:  parseBits("$", "$"),
			Valid:  func(a Args) bool { return len(a) < 63 },
			Answer: func(a Args) string { return dollars(horner(a, 2)) },
			Check: whole(func(a Args, x int) bool {
				return strings.TrimLeft(strconv.FormatInt(int64(x), 2), "0") == strings.TrimLeft(join(a, ""), "0")
			})},
		{ID: 64, Name: "binary_to_hex", Topic: "computer_science",
			Defaults: Params{"max_dig": 10}, Wide: Params{"max_dig": 48},
			Draw:   drawBits("max_dig"),
			Ask:    func(a Args) string { return "$" + join(a, "") + "$" },
			Parse:  parseBits("$", "$"),
			Valid:  func(a Args) bool { return len(a) < 63 },
			Answer: func(a Args) string { return "$0x" + strconv.FormatInt(int64(horner(a, 2)), 16) + "$" },
			Check: func(a Args, answer string) bool {
				n, err := strconv.ParseInt(Truth(answer), 0, 64)
				return err == nil && strings.TrimLeft(strconv.FormatInt(n, 2), "0") == strings.TrimLeft(join(a, ""), "0")
			}},
		{ID: 56, Name: "fibonacci_series", Topic: "computer_science",
			Defect:   "the question does not say of how many numbers",
			Defaults: Params{"min_no": 1},
			Draw:     draws("min_no", "20"),
			Ask:      func(Args) string { return "The Fibonacci Series of the first ${n}$ numbers is ?" },
			Answer: func(a Args) string {
				series := []int{0, 1}
				for len(series) < a[0] {
					series = append(series, series[len(series)-1]+series[len(series)-2])
				}
				return "$" + join(series[:a[0]], ", ") + "$"
			}},
		{ID: 62, Name: "nth_fibonacci_number", Topic: "computer_science", Form: "What is the %dth Fibonacci number?",
			Defect:   "a formula in doubles, wrong from the 72nd number on",
			Defaults: Params{"max_n": 100},
			Draw:     draws("1", "max_n"),
			Valid:    between(1, 1000),
			Answer: func(a Args) string {
				n, _ := big.NewFloat(binet(a[0])).Int(nil)
				return "$" + n.String() + "$"
			}},
	}
}

// binet returns the n-th Fibonacci number by Binet's formula, each power and operation rounded to a double.
func binet(n int) float64 {
	root := math.Sqrt(5)
	golden := (1 + root) / 2
	return (libmPower(golden, n) - libmPower(-1/golden, n)) / root
}

// libmPower returns x to the n rounded once, as a C library's pow does (math.Pow may err in the last bit).
func libmPower(x float64, n int) float64 {
	const bits = 2048
	y := big.NewFloat(1).SetPrec(bits)
	for range n {
		y.Mul(y, big.NewFloat(x).SetPrec(bits))
	}
	f, _ := y.Float64()
	return f
}

var flip = strings.NewReplacer("0", "1", "1", "0")

// horner returns the number of which a are the digits.
func horner(a Args, base int) int {
	n := 0
	for _, d := range a {
		n = n*base + d
	}
	return n
}

// drawBits draws a number of digits and then as many bits.
func drawBits(most string) func(*cpython.Rand, Params) Args {
	return func(r *cpython.Rand, p Params) Args {
		a := make(Args, r.RandInt(1, p[most]))
		for i := range a {
			a[i] = r.RandInt(0, 1)
		}
		return a
	}
}

// parseBits reads bits between two texts.
func parseBits(before, after string) func(string) (Args, bool) {
	return func(s string) (Args, bool) {
		s, ok1 := strings.CutPrefix(s, before)
		s, ok2 := strings.CutSuffix(s, after)
		if !ok1 || !ok2 || s == "" || len(s) > 4096 || strings.Trim(s, "01") != "" {
			return nil, false
		}
		a := make(Args, len(s))
		for i := range a {
			a[i] = int(s[i] - '0')
		}
		return a, true
	}
}
