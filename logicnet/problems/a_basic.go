package problems

import (
	"github.com/nanteos/nanteos/internal/cpython"
)

// generatorsA returns the generators with ids 0 to 65.
func generatorsA() []*Generator {
	return []*Generator{
		{ID: 0, Name: "addition", Topic: "basic_math", Form: "$%d+%d=$",
			Defaults: Params{"max_sum": 99, "max_addend": 50}, Wide: Params{"max_sum": 1_999_999, "max_addend": 999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := r.RandInt(0, p["max_addend"])
				return Args{a, r.RandInt(0, min(p["max_sum"]-a, p["max_addend"]))}
			},
			Answer: func(a Args) string { return dollars(a[0] + a[1]) },
		},
		{ID: 2, Name: "multiplication", Topic: "basic_math", Form: `$%d\cdot%d=$`,
			Defaults: Params{"max_multi": 12}, Wide: Params{"max_multi": 99_999},
			Draw:   draws("0", "max_multi", "0", "max_multi"),
			Valid:  func(a Args) bool { return within(a, -1e6, 1e6) },
			Answer: func(a Args) string { return dollars(a[0] * a[1]) },
		},
	}
}

// within says whether every number lies in [lo, hi].
func within(a Args, lo, hi float64) bool {
	for _, v := range a {
		if float64(v) < lo || float64(v) > hi {
			return false
		}
	}
	return true
}
