package problems

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// statisticsA is counting, chance and samples, and the roots of quadratics.
func statisticsA() []*Generator {
	return []*Generator{
		{ID: 30, Name: "combinations", Topic: "statistics",
			Form:     "Find the number of combinations from $%d$ objects picked $%d$ at a time.",
			Defaults: Params{"max_lengthgth": 20}, Wide: Params{"max_lengthgth": 200},
			Draw:  draws("10", "max_lengthgth", "0", "9"),
			Valid: func(a Args) bool { return within(a, 0, 400) && a[1] <= a[0] },
			Answer: func(a Args) string { // a quotient of factorials in doubles: exact below 2^53
				f, _ := new(big.Float).SetInt(new(big.Int).Binomial(int64(a[0]), int64(a[1]))).Float64()
				n, _ := big.NewFloat(f).Int(nil)
				return "$" + n.String() + "$"
			},
			Check: large(func(a Args, x *big.Int) bool { // Pascal's triangle
				row := []*big.Int{big.NewInt(1)}
				for range a[0] {
					next := append(slices.Clone(row), new(big.Int))
					for i, v := range row {
						next[i+1] = new(big.Int).Add(v, next[i+1])
					}
					row = next[:min(len(next), a[1]+1)]
				}
				return row[a[1]].Cmp(x) == 0
			})},
		{ID: 42, Name: "permutation", Topic: "statistics",
			Form:     "Number of Permutations from $%d$ objects picked $%d$ at a time is: ",
			Defaults: Params{"max_lengthgth": 20}, Wide: Params{"max_lengthgth": 400},
			Draw:   draws("10", "max_lengthgth", "0", "9"),
			Valid:  func(a Args) bool { return within(a, 0, 1000) && a[1] <= a[0] },
			Answer: func(a Args) string { return "$" + falling(a[0], a[1]).String() + "$" },
			Check: large(func(a Args, x *big.Int) bool { // choose, then order
				n := new(big.Int).Binomial(int64(a[0]), int64(a[1]))
				return n.Mul(n, new(big.Int).MulRange(1, int64(a[1]))).Cmp(x) == 0
			})},
		{ID: 50, Name: "quadratic_equation", Topic: "algebra",
			Form:     "What are the zeros of the quadratic equation $%dx^2+%dx+%d=0$",
			Defaults: Params{"max_val": 100}, Wide: Params{"max_val": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, c := r.RandInt(1, p["max_val"]), r.RandInt(1, p["max_val"])
				least := int(math.RoundToEven(math.Sqrt(float64(4*a*c)))) + 1
				if least > 2*p["max_val"] {
					return nil
				}
				return Args{a, r.RandInt(least, 2*p["max_val"]), c}
			},
			Valid: func(a Args) bool { return within(a, -1e6, 1e6) && a[0] > 0 && a[1]*a[1] >= 4*a[0]*a[2] },
			Answer: func(a Args) string {
				d := math.Sqrt(float64(a[1]*a[1] - 4*a[0]*a[2]))
				x := round2((d - float64(a[1])) / (2 * float64(a[0])))
				y := round2((-d - float64(a[1])) / (2 * float64(a[0])))
				return "${" + pySet(x, y) + "}$"
			},
			Check: floats(func(a Args, x []float64) bool { // the stable way: q/a and c/q
				q := -(float64(a[1]) + math.Sqrt(float64(a[1]*a[1]-4*a[0]*a[2]))) / 2
				small, big := q/float64(a[0]), float64(a[2])/q
				if len(x) == 1 {
					x = append(x, x[0])
				}
				return len(x) == 2 && math.Abs(min(x[0], x[1])-small) <= half(small) && math.Abs(max(x[0], x[1])-big) <= half(big)
			})},
		{ID: 52, Name: "dice_sum_probability", Topic: "statistics", // a table of three dice
			Form:     "If $%d$ dice are rolled at the same time, the probability of getting a sum of $%d =$",
			Defaults: Params{"max_dice": 3},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := r.RandInt(1, p["max_dice"])
				return Args{a, r.RandInt(a, 6*a)}
			},
			Valid: func(a Args) bool { return a[0] >= 1 && a[0] <= 20 && a[1] >= a[0] && a[1] <= 6*a[0] },
			Answer: func(a Args) string {
				ways := []int{1}
				all := 1
				for range a[0] {
					next := make([]int, len(ways)+6)
					for sum, n := range ways {
						for eyes := 1; eyes <= 6; eyes++ {
							next[sum+eyes] += n
						}
					}
					ways, all = next, all*6
				}
				return fmt.Sprintf(`\frac{%d}{%d}`, ways[a[1]], all)
			},
			Check: numbers(func(a, x Args) bool { // inclusion and exclusion
				sum, term := new(big.Int), new(big.Int)
				n := int64(a[0])
				for k := int64(0); k <= n && int64(a[1])-6*k >= n; k++ {
					term.Mul(new(big.Int).Binomial(n, k), new(big.Int).Binomial(int64(a[1])-6*k-1, n-1))
					if k%2 == 1 {
						term.Neg(term)
					}
					sum.Add(sum, term)
				}
				all := new(big.Int).Exp(big.NewInt(6), big.NewInt(n), nil)
				return len(x) == 2 && sum.Cmp(big.NewInt(int64(x[0]))) == 0 && all.Cmp(big.NewInt(int64(x[1]))) == 0
			})},
		{ID: 54, Name: "confidence_interval", Topic: "statistics", // not in Source: the upper end comes first, which nobody would answer
			Defaults: Params{},
			Draw: func(r *cpython.Rand, _ Params) Args {
				a := r.Sample(100, r.RandInt(20, 40))
				for i := range a {
					a[i] += 200
				}
				return append(a, levels[r.Below(len(levels))])
			},
			Ask: func(a Args) string {
				return fmt.Sprintf("The confidence interval for sample $%s$ with $%d$%% confidence is", list(a[:len(a)-1]), a[len(a)-1])
			},
			Parse: parseInts(2),
			Valid: func(a Args) bool { return within(a, -1e6, 1e6) && slices.Contains(levels[:], a[len(a)-1]) },
			Answer: func(a Args) string {
				z := quantiles[slices.Index(levels[:], a[len(a)-1])]
				mean, variance := moments(a[:len(a)-1])
				margin := z * math.Sqrt(variance/float64(len(a)-1))
				return "$(" + repr(round2(mean+margin)) + ", " + repr(round2(mean-margin)) + ")$"
			}},
		{ID: 59, Name: "data_summary", Topic: "statistics",
			Defect:   "the answer calls the variance standard deviation and the other way round",
			Defaults: Params{"number_values": 15, "min_val": 5, "max_val": 50},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := make(Args, p["number_values"])
				for i := range a {
					a[i] = r.RandInt(p["min_val"], p["max_val"])
				}
				return a
			},
			Ask: func(a Args) string {
				return "Find the mean,standard deviation and variance for the data $" + join(a, ", ") + "$"
			},
			Parse: parseInts(1),
			Valid: between(-1e6, 1e6),
			Answer: func(a Args) string {
				mean, variance := moments(a)
				off := mean - round2(mean) // the deviations are taken from the rounded mean
				mean, variance = mean-off, variance+float64(off*off)
				return "The Mean is $" + repr(round2(mean)) + "$, Standard Deviation is $" + repr(round2(variance)) +
					"$, Variance is $" + repr(round2(math.Sqrt(variance))) + "$"
			}},
	}
}

var (
	levels    = [4]int{80, 90, 95, 99}
	quantiles = [4]float64{1.282, 1.645, 1.96, 2.576}
)

// moments returns the mean of a and its variance as a whole population.
func moments(a Args) (mean, variance float64) {
	for _, v := range a {
		mean += float64(v)
	}
	mean /= float64(len(a))
	for _, v := range a {
		variance += float64((float64(v) - mean) * (float64(v) - mean))
	}
	return mean, variance / float64(len(a))
}

// falling returns n (n-1) ... of k factors.
func falling(n, k int) *big.Int { return new(big.Int).MulRange(int64(n-k)+1, int64(n)) }

// parseInts reads the integers of a question that shows at least so many.
func parseInts(least int) func(string) (Args, bool) {
	return func(q string) (Args, bool) {
		a, ok := ints(q)
		return a, ok && len(a) >= least
	}
}

// pySet writes a Python set of two floats without its braces: they stand in the order of the eight slots of its hash table.
func pySet(x, y float64) string {
	if x == y {
		return repr(x)
	}
	first := pyHash(x)
	i, perturb := pyHash(y)&7, pyHash(y)
	for i == first&7 {
		perturb >>= 5
		i = (i*5 + 1 + perturb) & 7
	}
	if i < first&7 {
		x, y = y, x
	}
	return repr(x) + ", " + repr(y)
}

// pyHash returns hash(f) of a finite float as a word: the value modulo 2^61 - 1, negated with its sign.
func pyHash(f float64) uint64 {
	const bits, modulus = 61, 1<<61 - 1
	m, e := math.Frexp(math.Abs(f))
	x := uint64(0)
	for m != 0 {
		x = x<<28&modulus | x>>(bits-28)
		m *= 1 << 28
		e -= 28
		digit := math.Trunc(m)
		m -= digit
		if x += uint64(digit); x >= modulus {
			x -= modulus
		}
	}
	shift := ((e % bits) + bits) % bits
	x = x<<shift&modulus | x>>(bits-shift)
	if f < 0 {
		x = -x
	}
	if x == math.MaxUint64 {
		x--
	}
	return x
}
