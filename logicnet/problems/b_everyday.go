package problems

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// everyday returns the generators of percentages, interest, units and speeds.
func everyday() []*Generator {
	f := func(a Args, i int) float64 { return float64(a[i]) }
	return []*Generator{
		{ID: 71, Name: "absolute_difference", Topic: "basic_math", Form: "$|%d-%d|=$",
			Defaults: Params{"max_a": 100, "max_b": 100}, Wide: Params{"max_a": 9_999_999, "max_b": 9_999_999},
			Draw:   draws("-max_a", "max_a", "-max_b", "max_b"),
			Answer: func(a Args) string { return dollars(max(a[0]-a[1], a[1]-a[0])) },
			Check:  whole(func(a Args, x int) bool { return x >= 0 && (a[1]+x == a[0] || a[0]+x == a[1]) }),
		},
		{ID: 78, Name: "compound_interest", Topic: "algebra",
			Form:     "Compound interest for a principle amount of $%d$ dollars, $%d$%% rate of interest and for a time period of $%d$ years is $=$",
			Defaults: Params{"max_principle": 10000, "max_rate": 10, "max_time": 10},
			Wide:     Params{"max_principle": 999_999, "max_rate": 40, "max_time": 10},
			Draw:     draws("1000", "max_principle", "1", "max_rate", "1", "max_time"),
			Valid:    func(a Args) bool { return within(a[:1], 1, 1e7) && within(a[1:2], 1, 100) && within(a[2:], 1, 20) },
			Answer: func(a Args) string {
				return dollarsF(round2(f(a, 0) * power(1+f(a, 1)/100, a[2])))
			},
			Check: rounded(func(a Args) float64 {
				v := raise(100+a[1], a[2])
				return exactly(v.Mul(v, big.NewInt(int64(a[0]))), raise(100, a[2]))
			}),
		},
		{ID: 80, Name: "percentage", Topic: "basic_math", Form: "What is $%d$%% of $%d$?",
			Defaults: Params{"max_value": 99, "max_percentage": 99}, Wide: Params{"max_value": 999_999, "max_percentage": 99},
			Draw: draws("1", "max_percentage", "1", "max_value"), Valid: between(0, 1e7),
			Answer: func(a Args) string { return fmt.Sprintf("$%d.%02d$", a[0]*a[1]/100, a[0]*a[1]%100) },
			Check:  ratio(func(a Args) (int, int) { return a[0] * a[1], 100 }),
		},
		{ID: 81, Name: "celsius_to_fahrenheit", Topic: "misc", Form: "Convert $%d$ degrees Celsius to degrees Fahrenheit",
			Defaults: Params{"max_temp": 100}, Wide: Params{"max_temp": 9_999_999},
			Draw: draws("-50", "max_temp"), Valid: between(-1e9, 1e9),
			Answer: func(a Args) string {
				fifths := 9.0 / 5
				return dollarsF(float64(f(a, 0)*fifths) + 32)
			},
			Check: floats(func(a Args, x []float64) bool {
				return len(x) == 1 && math.Abs((x[0]-32)*5-9*f(a, 0)) < 1e-12*math.Abs(9*f(a, 0))+1e-9
			}),
		},
		{ID: 92, Name: "complex_to_polar", Topic: "misc", Defect: "the question shows an expression and asks nothing",
			Defaults: Params{"min_real_imaginary_num": -20, "max_real_imaginary_num": 20},
			Draw: func(r *cpython.Rand, p Params) Args {
				return some(r, 2, p["min_real_imaginary_num"], p["max_real_imaginary_num"])
			},
			Ask: func(a Args) string {
				return fmt.Sprintf(`$%s(%s\theta + i%s\theta)$`, repr(round2(math.Hypot(f(a, 0), f(a, 1)))), repr(f(a, 0)), repr(f(a, 1)))
			},
			Parse: func(q string) (Args, bool) {
				a, ok := inHundredths(q)
				if !ok || len(a) != 3 {
					return nil, false
				}
				return Args{a[1] / 100, a[2] / 100}, true
			},
			Answer: func(a Args) string { return dollarsF(round2(math.Atan2(f(a, 1), f(a, 0)))) },
		},
		{ID: 102, Name: "minutes_to_hours", Topic: "misc", Form: "Convert $%d$ minutes to hours & minutes",
			Defaults: Params{"max_minutes": 999}, Wide: Params{"max_minutes": 9_999_999},
			Draw: draws("1", "max_minutes"), Valid: between(0, 1e12),
			Answer: func(a Args) string { return fmt.Sprintf("$%d$ hours and $%d$ minutes", a[0]/60, a[0]%60) },
			Check: numbers(func(a, x Args) bool {
				return len(x) == 2 && x[1] >= 0 && x[1] < 60 && x[0]*60+x[1] == a[0]
			}),
		},
		{ID: 118, Name: "percentage_difference", Topic: "basic_math", Form: "What is the percentage difference between $%d$ and $%d$?",
			Defaults: Params{"max_value": 200, "min_value": 0}, Wide: Params{"max_value": 999_999, "min_value": 0},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := some(r, 2, p["min_value"], p["max_value"])
				if a[0]+a[1] == 0 {
					return nil
				}
				return a
			},
			Valid: func(a Args) bool { return within(a, 0, 1e9) && a[0]+a[1] > 0 },
			Answer: func(a Args) string {
				return dollarsF(round2(2*math.Abs(f(a, 0)-f(a, 1))/math.Abs(f(a, 0)+f(a, 1))*100)) + "%"
			},
			Check: percent(func(a Args) (int, int) { return 200 * max(a[0]-a[1], a[1]-a[0]), a[0] + a[1] }),
		},
		{ID: 119, Name: "percentage_error", Topic: "basic_math",
			Form:     "Find the percentage error when observed value equals $%d$ and exact value equals $%d$.",
			Defaults: Params{"max_value": 100, "min_value": -100}, Wide: Params{"max_value": 99_999, "min_value": -99_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := some(r, 2, p["min_value"], p["max_value"])
				switch {
				case a[1] == 0:
					return nil
				case a[0]*a[1] < 0:
					a[0] = -a[0]
				}
				return a
			},
			Valid: func(a Args) bool { return within(a, -1e9, 1e9) && a[1] != 0 },
			Answer: func(a Args) string {
				return dollarsF(round2(math.Abs(f(a, 0)-f(a, 1))/math.Abs(f(a, 1))*100)) + "%"
			},
			Check: percent(func(a Args) (int, int) { return 100 * max(a[0]-a[1], a[1]-a[0]), max(a[1], -a[1]) }),
		},
		{ID: 132, Name: "velocity_of_object", Topic: "misc",
			Form:     "An object travels at uniform velocity a distance of $%d m$ in $%d$ seconds. What is the velocity of the car? ",
			Defaults: Params{"max_displacement": 1000, "max_time": 100}, Wide: Params{"max_displacement": 999_999, "max_time": 9_999},
			Draw: draws("1", "max_displacement", "1", "max_time"), Valid: between(1, 1e9),
			Answer: func(a Args) string { return "$" + repr(round2(f(a, 0)/f(a, 1))) + " m/s$" },
			Check:  ratio(func(a Args) (int, int) { return a[0], a[1] }),
		},
	}
}

// percent is ratio for an answer with a percent sign.
func percent(value func(a Args) (int, int)) check {
	holds := ratio(value)
	return func(a Args, answer string) bool {
		x, ok := strings.CutSuffix(answer, "%")
		return ok && holds(a, x)
	}
}
