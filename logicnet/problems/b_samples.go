package problems

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// samples returns the generators of means, probabilities and sets.
func samples() []*Generator {
	few := func(r *cpython.Rand, p Params) Args { return some(r, r.RandInt(2, p["max_count"]), 1, p["max_value"]) }
	return []*Generator{
		{ID: 67, Name: "geometric_mean", Topic: "misc",
			Defaults: Params{"max_value": 100, "max_count": 4}, Wide: Params{"max_value": 9_999, "max_count": 4}, Draw: few,
			Ask: func(a Args) string {
				return fmt.Sprintf("Geometric mean of $%d$ numbers $[%s] = $", len(a), join(a, ", "))
			},
			Parse: after(1), Valid: func(a Args) bool { return len(a) >= 2 && len(a) <= 4 && within(a, 1, 1e4) },
			Answer: func(a Args) string {
				product := 1
				for _, v := range a {
					product *= v
				}
				return dollarsF(round2(math.Pow(float64(product), 1/float64(len(a)))))
			},
			Check: rounded(func(a Args) float64 {
				s := 0.0
				for _, v := range a {
					s += math.Log(float64(v))
				}
				return math.Exp(s / float64(len(a)))
			}),
		},
		{ID: 68, Name: "harmonic_mean", Topic: "misc", Defect: "the answer multiplies by the last number, not by how many there are",
			Defaults: Params{"max_value": 100, "max_count": 4}, Draw: few,
			Ask: func(a Args) string {
				return fmt.Sprintf("Harmonic mean of $%d$ numbers $%s = $", len(a), join(a, ", "))
			},
			Parse: after(1), Valid: func(a Args) bool { return len(a) >= 2 && within(a, 1, 1e6) },
			Answer: func(a Args) string {
				s := 0.0
				for _, v := range a {
					s += 1 / float64(v)
				}
				return dollarsF(round2(float64(a[len(a)-1]) / s))
			},
		},
		{ID: 76, Name: "mean_median", Topic: "statistics",
			Defaults: Params{"max_length": 10}, Wide: Params{"max_length": 10, "max_value": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := Args(r.Sample(max(98, p["max_value"]), p["max_length"]))
				for i := range a {
					a[i]++
				}
				slices.Sort(a)
				return a
			},
			Ask: func(a Args) string {
				return "Given the series of numbers $" + list(a) + "$. Find the arithmatic mean and median of the series"
			},
			Parse: after(0), Valid: func(a Args) bool { return len(a) == 10 && within(a, -1e9, 1e9) && slices.IsSorted(a) },
			Answer: func(a Args) string {
				return fmt.Sprintf("Arithmetic mean of the series is $%s$ and arithmetic median of this series is $%s$",
					repr(float64(total(a))/float64(len(a))), repr(float64(a[len(a)/2-1]+a[len(a)/2])/2))
			},
			Check: floats(func(a Args, x []float64) bool { // deviations from the mean cancel; as many lie below the median as above
				if len(x) != 2 {
					return false
				}
				s, balance := 0.0, 0
				for _, v := range a {
					s += float64(v) - x[0]
					switch {
					case float64(v) < x[1]:
						balance--
					case float64(v) > x[1]:
						balance++
					}
				}
				return math.Abs(s) < 1e-7 && balance == 0
			}),
		},
		{ID: 107, Name: "conditional_probability", Topic: "statistics",
			Defaults: Params{}, Wide: Params{},
			Draw: func(r *cpython.Rand, _ Params) Args {
				a := Args{inCents(round2(2 * r.Float64())), 0, 0}
				for i := 1; i <= 2; i++ {
					x := r.Float64()
					a[i] = inCents(round2(x + float64(r.RandInt(90, 99))))
				}
				if bayes(a) == nil {
					return nil
				}
				return a
			},
			Ask: func(a Args) string {
				return fmt.Sprintf("Someone tested positive for a nasty disease which only $%s$%% of the population have. Test sensitivity "+
					"(true positive) is equal to $SN=%s$%% whereas test specificity (true negative) $SP=%s$%%. What is the probability "+
					"that this guy really has that disease?", places(a[0]), places(a[1]), places(a[2]))
			},
			Parse: inHundredths, Valid: func(a Args) bool { return len(a) == 3 && within(a, 0, 1e4) && bayes(a) != nil },
			Answer: func(a Args) string {
				f, _ := bayes(a).Float64()
				return dollarsF(round2(f)) + "%"
			},
			Check: func(a Args, answer string) bool { // count the positive among 10^8 people
				sick, well := a[0]*a[1], (1e4-a[0])*(1e4-a[2])
				return ratio(func(Args) (int, int) { return 100 * sick, sick + well })(a, strings.TrimSuffix(answer, "%"))
			},
		},
		{ID: 109, Name: "binomial_distribution", Topic: "misc",
			Defaults: Params{}, Wide: Params{},
			Draw: func(r *cpython.Rand, _ Params) Args {
				p := r.RandInt(30, 40)
				x := r.Float64()
				return Args{inCents(round2(float64(p) + x)), r.RandInt(10, 20), r.RandInt(1, 9)}
			},
			Ask: func(a Args) string {
				return fmt.Sprintf("A manufacturer of metal pistons finds that, on average, $%s$%% of the pistons they manufacture are rejected "+
					"because they are incorrectly sized. What is the probability that a batch of $%d$ pistons will contain no more than $%d$ "+
					"rejected pistons?", cents(a[0]), a[1], a[2])
			},
			Parse: func(q string) (Args, bool) {
				a, ok := inHundredths(q)
				if !ok || len(a) != 3 {
					return nil, false
				}
				return Args{a[0], a[1] / 100, a[2] / 100}, true
			},
			Valid: func(a Args) bool {
				return a[0] >= 0 && a[0] <= 1e4 && a[1] >= 1 && a[1] <= 60 && a[2] >= 0 && a[2] <= a[1]
			},
			Answer: func(a Args) string {
				f, _ := binomial(a).Float64()
				return dollarsF(round2(f))
			},
			Check: rounded(func(a Args) float64 { // all that is not more
				p, q, s := float64(a[0])/1e4, 1-float64(a[0])/1e4, 0.0
				for k := a[2] + 1; k <= a[1]; k++ {
					c, _ := new(big.Float).SetInt(new(big.Int).Binomial(int64(a[1]), int64(k))).Float64()
					s += c * math.Pow(p, float64(k)) * math.Pow(q, float64(a[1]-k))
				}
				return 100 * (1 - s)
			}),
		},
		setOperation(),
	}
}

// bayes returns the percentage of the positive who are sick, from prevalence, sensitivity and specificity in hundredths of a percent;
// nil where nobody is positive.
func bayes(a Args) *big.Rat {
	if len(a) != 3 {
		return nil
	}
	sick := big.NewRat(int64(a[0]*a[1]), 1)
	all := new(big.Rat).Add(sick, big.NewRat(int64((1e4-a[0])*(1e4-a[2])), 1))
	if all.Sign() == 0 {
		return nil
	}
	sick.Mul(sick, big.NewRat(100, 1))
	return sick.Quo(sick, all)
}

// binomial returns the percentage of batches of a[1] with at most a[2] rejected, each with a[0] hundredths of a percent.
func binomial(a Args) *big.Rat {
	s := new(big.Int)
	for k := 0; k <= a[2]; k++ {
		t := new(big.Int).Binomial(int64(a[1]), int64(k))
		s.Add(s, t.Mul(t, raise(a[0], k)).Mul(t, raise(1e4-a[0], a[1]-k)))
	}
	return new(big.Rat).SetFrac(s.Mul(s, big.NewInt(100)), raise(1e4, a[1]))
}
