package problems

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// lengths returns the generators of plane geometry: angles, lengths and areas.
func lengths() []*Generator {
	f := func(a Args, i int) float64 { return float64(a[i]) }
	return []*Generator{
		{ID: 75, Name: "sector_area", Topic: "geometry", Form: "What is the area of a sector with radius $%d$ and angle $%d$ degrees?",
			Defaults: Params{"max_radius": 49, "max_angle": 359}, Wide: Params{"max_radius": 99_999, "max_angle": 359},
			Draw: draws("1", "max_radius", "1", "max_angle"), Valid: between(1, 1e5),
			Answer: func(a Args) string {
				return dollarsF(round2(f(a, 1) / 360 * math.Pi * f(a, 0) * f(a, 0)))
			},
			Check: rounded(func(a Args) float64 { return f(a, 0) * f(a, 0) / 2 * (f(a, 1) * math.Pi / 180) }),
		},
		{ID: 86, Name: "degree_to_rad", Topic: "geometry", Form: "Angle $%d$ degrees in radians is: ",
			Defaults: Params{"max_deg": 360}, Wide: Params{"max_deg": 9_999_999},
			Draw: draws("0", "max_deg"), Valid: between(0, 1e8),
			Answer: func(a Args) string { return dollarsF(round2(math.Pi * f(a, 0) / 180)) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) / (180 / math.Pi) }),
		},
		{ID: 87, Name: "radian_to_deg", Topic: "geometry",
			Defaults: Params{}, Wide: Params{"max_rad": 99_999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				most := p["max_rad"]
				if most == 0 {
					most = 628
				}
				return Args{r.RandInt(0, most)}
			},
			Ask:   func(a Args) string { return "Angle $" + cents(a[0]) + "$ radians in degrees is: " },
			Parse: inHundredths, Valid: func(a Args) bool { return len(a) == 1 && within(a, 0, 1e9) },
			Answer: func(a Args) string { return dollarsF(round2(180 * (f(a, 0) / 100) / math.Pi)) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) * (1.8 / math.Pi) }),
		},
		{ID: 95, Name: "curved_surface_area_cylinder", Topic: "geometry",
			Form:     "What is the curved surface area of a cylinder of radius, $%d$ and height, $%d$?",
			Defaults: Params{"max_radius": 49, "max_height": 99}, Wide: Params{"max_radius": 9_999, "max_height": 9_999},
			Draw: draws("1", "max_radius", "1", "max_height"), Valid: between(1, 1e5),
			Answer: func(a Args) string { return dollarsF(round2(2 * math.Pi * f(a, 0) * f(a, 1))) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) * f(a, 1) * math.Pi / 0.5 }),
		},
		{ID: 96, Name: "perimeter_of_polygons", Topic: "geometry",
			Defaults: Params{"max_sides": 12, "max_length": 120}, Wide: Params{"max_sides": 12, "max_length": 99_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				return some(r, r.RandInt(3, p["max_sides"]), 1, p["max_length"])
			},
			Ask: func(a Args) string {
				return fmt.Sprintf("The perimeter of a $%d$ sided polygon with lengths of $%s$cm is: ", len(a), join(a, ", "))
			},
			Parse: after(1), Valid: func(a Args) bool { return len(a) >= 3 && within(a, 1, 1e9) },
			Answer: func(a Args) string { return dollars(total(a)) },
			Check: whole(func(a Args, x int) bool {
				for _, v := range a {
					x -= v
				}
				return x == 0
			}),
		},
		{ID: 104, Name: "circumference", Topic: "geometry", Form: "Circumference of circle with radius $%d = $",
			Defaults: Params{"max_radius": 100}, Wide: Params{"max_radius": 9_999_999},
			Draw: draws("0", "max_radius"), Valid: between(0, 1e8),
			Answer: func(a Args) string { return dollarsF(round2(2 * math.Pi * f(a, 0))) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) * math.Pi / 0.5 }),
		},
		{ID: 108, Name: "arc_length", Topic: "geometry", Form: "Given radius, $%d$ and angle, $%d$. Find the arc length of the angle.",
			Defaults: Params{"max_radius": 49, "max_angle": 359}, Wide: Params{"max_radius": 99_999, "max_angle": 359},
			Draw: draws("1", "max_radius", "1", "max_angle"), Valid: between(1, 1e6),
			Answer: func(a Args) string {
				return "Arc length of the angle $= " + strconv.FormatFloat(2*math.Pi*f(a, 0)*(f(a, 1)/360), 'f', 5, 64) + "$"
			},
			Check: floats(func(a Args, x []float64) bool {
				v := f(a, 0) * (f(a, 1) * math.Pi / 180)
				return len(x) == 1 && math.Abs(x[0]-v) <= 0.000005+1e-9+1e-12*v
			}),
		},
		{ID: 112, Name: "area_of_circle", Topic: "geometry", Form: "Area of circle with radius $%d=$",
			Defaults: Params{"max_radius": 100}, Wide: Params{"max_radius": 999_999},
			Draw: draws("0", "max_radius"), Valid: between(0, 1e6),
			Answer: func(a Args) string { return dollarsF(round2(math.Pi * (f(a, 0) * f(a, 0)))) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) * (math.Pi * f(a, 0)) }),
		},
		circleThrough(),
		{ID: 125, Name: "complementary_and_supplementary_angle", Topic: "geometry",
			Defaults: Params{"max_supp": 180, "max_comp": 90},
			Draw: func(r *cpython.Rand, p Params) Args {
				if r.Below(2) == 0 {
					return Args{180, r.RandInt(1, p["max_supp"])}
				}
				return Args{90, r.RandInt(1, p["max_comp"])}
			},
			Ask: func(a Args) string {
				kind := "supplementary"
				if a[0] == 90 {
					kind = "complementary"
				}
				return fmt.Sprintf("The %s angle of $%d =$", kind, a[1])
			},
			Parse: func(q string) (Args, bool) {
				a, ok := ints(q)
				if !ok || len(a) != 1 {
					return nil, false
				}
				if strings.Contains(q, "complementary") {
					return Args{90, a[0]}, true
				}
				return Args{180, a[0]}, true
			},
			Valid:  func(a Args) bool { return a[1] >= 1 && a[1] <= a[0] },
			Answer: func(a Args) string { return dollars(a[0] - a[1]) },
			Check:  whole(func(a Args, x int) bool { return x+a[1] == a[0] }),
		},
		{ID: 129, Name: "area_of_trapezoid", Topic: "geometry", Form: "Area of trapezoid with height $%d$ and base lengths: $%d, %d, = $",
			Defaults: Params{"max_len": 20}, Wide: Params{"max_len": 99_999},
			Draw: draws("1", "max_len", "1", "max_len", "1", "max_len"), Valid: between(1, 1e6),
			Answer: func(a Args) string { return dollarsF(round2(f(a, 0) * float64(a[1]+a[2]) / 2)) },
			Check:  ratio(func(a Args) (int, int) { return a[0]*a[1] + a[0]*a[2], 2 }),
		},
	}
}

// circleThrough asks for a circle by its centre and a point on it, whose coordinates are rounded.
func circleThrough() *Generator {
	angles := [...]float64{0, 1, math.Pi, 4}
	ask := func(a Args) string {
		at := func(c int, along float64) string { return repr(float64(c) + round2(float64(a[2])*along)) }
		return fmt.Sprintf("Area of circle with center $(%d,%d)$ and passing through $(%s, %s)$ is",
			a[0], a[1], at(a[0], math.Cos(angles[a[3]])), at(a[1], math.Sin(angles[a[3]])))
	}
	return &Generator{ID: 115, Name: "area_of_circle_given_center_and_point", Topic: "geometry",
		Defect:   "the point is rounded: a circle through it has another area than the answer",
		Defaults: Params{"max_coordinate": 10, "max_radius": 10},
		Draw: func(r *cpython.Rand, p Params) Args {
			c := p["max_coordinate"]
			a := Args{r.RandInt(-c, c), r.RandInt(-c, c), r.RandInt(0, p["max_radius"]), r.Below(len(angles))}
			if a[2] == 0 {
				a[3] = 0
			}
			return a
		},
		Ask: ask,
		Parse: func(q string) (Args, bool) {
			centre, _, _ := strings.Cut(q, ")")
			a, ok := ints(centre)
			if !ok || len(a) != 2 {
				return nil, false
			}
			for radius := range 101 {
				for angle := range angles {
					if b := (Args{a[0], a[1], radius, angle}); Truth(ask(b)) == Truth(q) {
						return b, true
					}
				}
			}
			return nil, false
		},
		Answer: func(a Args) string { return dollarsF(round2(math.Pi * float64(a[2]*a[2]))) },
	}
}

// some returns n uniform integers in [lo, hi].
func some(r *cpython.Rand, n, lo, hi int) Args {
	a := make(Args, n)
	for i := range a {
		a[i] = r.RandInt(lo, hi)
	}
	return a
}

func total(a Args) int {
	s := 0
	for _, v := range a {
		s += v
	}
	return s
}
