package problems

import (
	"math"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// solids returns the generators of volumes and surfaces.
func solids() []*Generator {
	f := func(a Args, i int) float64 { return float64(a[i]) }
	cubic := func(v float64) string { return "$" + repr(round2(v)) + " m^3$" }
	return []*Generator{
		{ID: 113, Name: "volume_cone_frustum", Topic: "geometry",
			Form:     "Volume of frustum with height $= %dm$ and $r1 = %dm$ is and $r2 = %dm$ is ",
			Defaults: Params{"max_r1": 20, "max_r2": 20, "max_height": 50},
			Wide:     Params{"max_r1": 999, "max_r2": 999, "max_height": 9_999},
			Draw:     draws("1", "max_height", "1", "max_r1", "1", "max_r2"), Valid: between(1, 1e4),
			Answer: func(a Args) string {
				return cubic(math.Pi * f(a, 0) * float64(a[1]*a[1]+a[2]*a[2]+a[1]*a[2]) / 3)
			},
			Check: rounded(func(a Args) float64 { // half the sum of the bases and four times the section in the middle, over three
				middle := (f(a, 1) + f(a, 2)) / 2
				return f(a, 0) / 6 * math.Pi * (f(a, 1)*f(a, 1) + f(a, 2)*f(a, 2) + 4*middle*middle)
			}),
		},
		{ID: 117, Name: "volume_hemisphere", Topic: "geometry", Form: "Volume of hemisphere with radius $%d m =$ ",
			Defaults: Params{"max_radius": 100}, Wide: Params{"max_radius": 9_999},
			Draw: draws("1", "max_radius"), Valid: between(1, 1e4),
			Answer: func(a Args) string { return cubic(2 * math.Pi / 3 * float64(a[0]*a[0]*a[0])) },
			Check:  rounded(func(a Args) float64 { return f(a, 0) * f(a, 0) * f(a, 0) * math.Pi / 1.5 }),
		},
		{ID: 122, Name: "volume_pyramid", Topic: "geometry",
			Form:     "Volume of pyramid with base length $= %d m$, base width $= %d m$ and height $= %d m$ is",
			Defaults: Params{"max_length": 20, "max_width": 20, "max_height": 50},
			Wide:     Params{"max_length": 9_999, "max_width": 9_999, "max_height": 9_999},
			Draw:     draws("1", "max_length", "1", "max_width", "1", "max_height"), Valid: between(1, 1e5),
			Answer: func(a Args) string { return cubic(float64(a[0]*a[1]*a[2]) / 3) },
			Check:  ratio(func(a Args) (int, int) { return a[2] * (a[1] * a[0]), 3 }),
		},
		{ID: 123, Name: "surface_area_pyramid", Topic: "geometry",
			Form:     "Surface area of pyramid with base length $= %dm$, base width $= %dm$, and height $= %dm$ is",
			Defaults: Params{}, Wide: Params{"max_side": 9_999},
			Draw: drawPyramid, Valid: between(1, 1e6),
			Answer: func(a Args) string {
				l, w := f(a, 0), f(a, 1)
				over := math.Sqrt(float64(w/2*(w/2)) + float64(a[2]*a[2]))
				beside := math.Sqrt(float64(l/2*(l/2)) + float64(a[2]*a[2]))
				return "$" + repr(float64(l*w)+float64(l*over)+float64(w*beside)) + " m^2$"
			},
			Check: floats(func(a Args, x []float64) bool {
				l, w, h := f(a, 0), f(a, 1), f(a, 2)
				v := l * (w + math.Hypot(w/2, h))
				v += w * math.Hypot(l/2, h)
				return len(x) == 2 && math.Abs(x[0]-v) <= 1e-11*v // the 2 of m^2
			}),
		},
	}
}

// drawPyramid draws a pyramid over two right triangles with integer sides up to 25 that share the height.
func drawPyramid(r *cpython.Rand, p Params) Args {
	if most := p["max_side"]; most > 0 {
		return Args{r.RandInt(1, most), r.RandInt(1, most), r.RandInt(1, most)}
	}
	triples := []Args{{3, 4, 5}, {6, 8, 10}, {9, 12, 15}, {12, 16, 20}, {15, 20, 25}, {5, 12, 13}, {8, 15, 17}, {7, 24, 25}}
	first := triples[r.Below(len(triples))]
	i := r.Below(2)
	height, half := first[i], first[1-i]
	triples = slices.DeleteFunc(triples, func(t Args) bool { return !slices.Contains(t, height) })
	second := triples[r.Below(len(triples))]
	i = r.Below(2)
	rest := slices.DeleteFunc(slices.Clone(second), func(v int) bool { return v == height })
	return Args{2 * rest[i], 2 * half, height}
}
