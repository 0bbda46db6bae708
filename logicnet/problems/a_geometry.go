package problems

import (
	"fmt"
	"math"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// geometryA is triangles, polygons and bodies.
func geometryA() []*Generator {
	return []*Generator{
		{ID: 18, Name: "area_of_triangle", Topic: "geometry", Form: "Area of triangle with side lengths: $%d, %d, %d = $",
			Defaults: Params{"max_a": 20, "max_b": 20}, Wide: Params{"max_a": 9_999, "max_b": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, b := r.RandInt(1, p["max_a"]), r.RandInt(1, p["max_b"])
				return Args{a, b, r.RandInt(max(a-b, b-a)+1, a+b-1)}
			},
			Valid: func(a Args) bool { return within(a, 1, 1e9) && triangle(a) },
			Answer: func(a Args) string { // Heron
				s := float64(a[0]+a[1]+a[2]) / 2
				return dollarsF(round2(math.Sqrt(s * (s - float64(a[0])) * (s - float64(a[1])) * (s - float64(a[2])))))
			},
			Check: rounded(func(a Args) float64 { // base times height
				p, q, c := float64(a[0]), float64(a[1]), float64(a[2])
				x := (float64((p-q)*(p+q)) + c*c) / (2 * c)
				return c * math.Sqrt(float64((p-x)*(p+x))) / 2
			})},
		{ID: 19, Name: "valid_triangle", Topic: "geometry", // two answers: a guess is right half of the time
			Form:     "Does triangle with sides $%d, %d$ and $%d$ exist?",
			Defaults: Params{"max_side_length": 50},
			Draw:     draws("1", "max_side_length", "1", "max_side_length", "1", "max_side_length"),
			Answer: func(a Args) string {
				if triangle(a) {
					return "$Yes$"
				}
				return "$No$"
			},
			Check: func(a Args, answer string) bool {
				if 2*max(a[0], a[1], a[2]) < a[0]+a[1]+a[2] {
					return answer == "$Yes$"
				}
				return answer == "$No$"
			}},
		{ID: 22, Name: "third_angle_of_triangle", Topic: "geometry", Form: "Third angle of triangle with angles $%d$ and $%d = $",
			Defaults: Params{"max_angle": 89}, Wide: Params{"max_angle": 89},
			Draw:   draws("1", "max_angle", "1", "max_angle"),
			Answer: func(a Args) string { return dollars(180 - a[0] - a[1]) },
			Check:  whole(func(a Args, x int) bool { return x+a[0]+a[1] == 180 && x > 0 })},
		{ID: 25, Name: "pythagorean_theorem", Topic: "geometry",
			Form:     "What is the hypotenuse of a right triangle given the other two sides have lengths $%d$ and $%d$?",
			Defaults: Params{"max_length": 20}, Wide: Params{"max_length": 9_999},
			Draw:   draws("1", "max_length", "1", "max_length"),
			Valid:  between(0, 1e9),
			Answer: func(a Args) string { return dollarsF(round2(math.Sqrt(float64(a[0]*a[0] + a[1]*a[1])))) },
			Check:  rounded(func(a Args) float64 { return math.Hypot(float64(a[0]), float64(a[1])) })},
		{ID: 29, Name: "angle_regular_polygon", Topic: "geometry", Form: "Find the angle of a regular polygon with $%d$ sides",
			Defaults: Params{"min_val": 3, "max_val": 20}, Wide: Params{"min_val": 3, "max_val": 9_999},
			Draw:   draws("min_val", "max_val"),
			Valid:  between(1, 1e9),
			Answer: func(a Args) string { return dollarsF(180 - round2(360/float64(a[0]))) },
			Check:  ratio(func(a Args) (int, int) { return 180 * (a[0] - 2), a[0] })},
		{ID: 32, Name: "surface_area_cube", Topic: "geometry", Form: "Surface area of cube with side $= %dm$ is",
			Defaults: Params{"max_side": 20}, Wide: Params{"max_side": 99_999},
			Draw:   draws("1", "max_side"),
			Valid:  between(1, 1e6),
			Answer: func(a Args) string { return fmt.Sprintf("$%d m^2$", 6*a[0]*a[0]) },
			Check:  whole(func(a Args, x int) bool { return x%6 == 0 && isqrt(x/6) == a[0] && x/6%a[0] == 0 })},
		{ID: 33, Name: "surface_area_cuboid", Topic: "geometry",
			Form:     "Surface area of cuboid with sides of lengths: $%dm, %dm, %dm$ is",
			Defaults: Params{"max_side": 20}, Wide: Params{"max_side": 9_999},
			Draw:   draws("1", "max_side", "1", "max_side", "1", "max_side"),
			Valid:  between(1, 1e6),
			Answer: func(a Args) string { return fmt.Sprintf("$%d m^2$", 2*(a[0]*a[1]+a[1]*a[2]+a[0]*a[2])) },
			Check: whole(func(a Args, x int) bool { // (a+b+c)^2 - a^2 - b^2 - c^2
				s := a[0] + a[1] + a[2]
				return x == s*s-inner(a, a)
			})},
		{ID: 34, Name: "surface_area_cylinder", Topic: "geometry",
			Form:     "Surface area of cylinder with height $= %dm$ and radius $= %dm$ is",
			Defaults: Params{"max_radius": 20, "max_height": 50}, Wide: Params{"max_radius": 999, "max_height": 9_999},
			Draw:  draws("1", "max_height", "1", "max_radius"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				h, r := float64(a[0]), float64(a[1])
				return fmt.Sprintf("$%d m^2$", int(float64(2*math.Pi*h*r)+2*math.Pi*r*r))
			},
			Check: truncated(func(a Args) float64 { return 2 * math.Pi * float64(a[1]*(a[0]+a[1])) })},
		{ID: 35, Name: "volume_cube", Topic: "geometry", Form: "Volume of cube with a side length of $%dm$ is",
			Defaults: Params{"max_side": 20}, Wide: Params{"max_side": 9_999},
			Draw:   draws("1", "max_side"),
			Valid:  between(1, 1e6),
			Answer: func(a Args) string { return fmt.Sprintf("$%d m^3$", a[0]*a[0]*a[0]) },
			Check: whole(func(a Args, x int) bool {
				return x%(a[0]*a[0]) == 0 && int(math.Round(math.Cbrt(float64(x)))) == a[0]
			})},
		{ID: 36, Name: "volume_cuboid", Topic: "geometry", Form: "Volume of cuboid with sides = $%dm, %dm, %dm$ is",
			Defaults: Params{"max_side": 20}, Wide: Params{"max_side": 999},
			Draw:   draws("1", "max_side", "1", "max_side", "1", "max_side"),
			Valid:  between(1, 1e6),
			Answer: func(a Args) string { return fmt.Sprintf("$%d m^3$", a[0]*a[1]*a[2]) },
			Check:  whole(func(a Args, x int) bool { return x%a[2] == 0 && x/a[2]%a[1] == 0 && x/a[2]/a[1] == a[0] })},
		{ID: 37, Name: "volume_cylinder", Topic: "geometry", Form: "Volume of cylinder with height $= %dm$ and radius $= %dm$ is",
			Defaults: Params{"max_radius": 20, "max_height": 50}, Wide: Params{"max_radius": 999, "max_height": 9_999},
			Draw:  draws("1", "max_height", "1", "max_radius"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				h, r := float64(a[0]), float64(a[1])
				return fmt.Sprintf("$%d m^3$", int(math.Pi*r*r*h))
			},
			Check: truncated(func(a Args) float64 { return math.Pi * float64(a[1]*a[1]*a[0]) })},
		{ID: 38, Name: "surface_area_cone", Topic: "geometry",
			Form:     "Surface area of cone with height $= %dm$ and radius $= %dm$ is",
			Defaults: Params{"max_radius": 20, "max_height": 50}, Wide: Params{"max_radius": 999, "max_height": 9_999},
			Draw:  draws("1", "max_height", "1", "max_radius"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				h, r := float64(a[0]), float64(a[1])
				slant := math.Sqrt(float64(h*h) + float64(r*r))
				return fmt.Sprintf("$%d m^2$", int(float64(math.Pi*r*slant)+math.Pi*r*r))
			},
			Check: truncated(func(a Args) float64 {
				r := float64(a[1])
				return math.Pi * r * (r + math.Hypot(float64(a[0]), r))
			})},
		{ID: 39, Name: "volume_cone", Topic: "geometry", Form: "Volume of cone with height $= %dm$ and radius $= %dm$ is",
			Defaults: Params{"max_radius": 20, "max_height": 50}, Wide: Params{"max_radius": 999, "max_height": 9_999},
			Draw:  draws("1", "max_height", "1", "max_radius"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				h, r := float64(a[0]), float64(a[1])
				return fmt.Sprintf("$%d m^3$", int(math.Pi*r*r*h/3))
			},
			Check: truncated(func(a Args) float64 { return math.Pi / 3 * float64(a[1]*a[1]*a[0]) })},
		{ID: 49, Name: "fourth_angle_of_quadrilateral", Topic: "geometry",
			Form:     "Fourth angle of quadrilateral with angles $%d , %d, %d =$",
			Defaults: Params{"max_angle": 180}, Wide: Params{"max_angle": 180},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := r.RandInt(1, p["max_angle"])
				b := r.RandInt(1, 240-a)
				return Args{a, b, r.RandInt(1, 340-a-b)}
			},
			Answer: func(a Args) string { return dollars(360 - a[0] - a[1] - a[2]) },
			Check:  whole(func(a Args, x int) bool { return x > 0 && x+a[0]+a[1]+a[2] == 360 })},
		{ID: 57, Name: "basic_trigonometry", Topic: "geometry", // fifteen questions: no secret
			Defaults: Params{},
			Draw: func(r *cpython.Rand, _ Params) Args {
				angle := angles[r.Below(len(angles))]
				return Args{r.Below(3), angle}
			},
			Ask: func(a Args) string { return `$\` + functions[a[0]] + "(" + strconv.Itoa(a[1]) + ") = $" },
			Parse: func(q string) (Args, bool) {
				a, ok := ints(q)
				for i, f := range functions {
					if ok && len(a) == 1 && len(q) > 5 && q[2:5] == f {
						return Args{i, a[0]}, true
					}
				}
				return nil, false
			},
			Valid:  func(a Args) bool { return exactValue(a) != "" },
			Answer: func(a Args) string { return "$" + exactValue(a) + "$" }},
		{ID: 58, Name: "sum_of_polygon_angles", Topic: "geometry",
			Form:     "What is the sum of interior angles of a polygon with $%d$ sides?",
			Defaults: Params{"max_sides": 12}, Wide: Params{"max_sides": 99_999},
			Draw:   draws("3", "max_sides"),
			Valid:  between(3, 1e12),
			Answer: func(a Args) string { return dollars((a[0] - 2) * 180) },
			Check:  whole(func(a Args, x int) bool { return x+360 == 180*a[0] })}, // the outer angles are one turn
		{ID: 60, Name: "surface_area_sphere", Topic: "geometry", Form: "Surface area of a sphere with radius $= %dm$ is",
			Defaults: Params{"max_side": 20}, Wide: Params{"max_side": 99_999},
			Draw:  draws("1", "max_side"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				r := float64(a[0])
				return "$" + repr(round2(4*math.Pi*r*r)) + " m^2$"
			},
			Check: rounded(func(a Args) float64 { return math.Pi * float64(4*a[0]*a[0]) })},
		{ID: 61, Name: "volume_sphere", Topic: "geometry", Form: "Volume of sphere with radius $%d m = $",
			Defaults: Params{"max_radius": 100}, Wide: Params{"max_radius": 9_999},
			Draw:  draws("1", "max_radius"),
			Valid: between(1, 1e6),
			Answer: func(a Args) string {
				r := float64(a[0])
				return "$" + repr(round2(4*math.Pi/3*r*r*r)) + " m^3$"
			},
			Check: rounded(func(a Args) float64 { return math.Pi * float64(4*a[0]*a[0]*a[0]) / 3 })},
	}
}

// triangle says whether three lengths are the sides of one.
func triangle(a Args) bool {
	return a[0]+a[1] > a[2] && a[1]+a[2] > a[0] && a[0]+a[2] > a[1]
}

var (
	functions = [3]string{"sin", "cos", "tan"}
	angles    = [5]int{0, 30, 45, 60, 90}
	sines     = [5]string{"0", `\frac{1}{2}`, `\frac{1}{\sqrt{2}}`, `\frac{\sqrt{3}}{2}`, "1"}
	tangents  = [5]string{"0", `\frac{1}{\sqrt{3}}`, "1", `\sqrt{3}`, `\infty`}
)

// exactValue returns sine, cosine or tangent of one of the five angles, or nothing.
func exactValue(a Args) string {
	for i, angle := range angles {
		if angle != a[1] {
			continue
		}
		return [3]string{sines[i], sines[4-i], tangents[i]}[a[0]]
	}
	return ""
}
