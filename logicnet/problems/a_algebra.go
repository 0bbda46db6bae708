package problems

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// algebraA is equations, vectors and matrices, complex numbers, and the two power rules of calculus.
func algebraA() []*Generator {
	return []*Generator{
		{ID: 11, Name: "basic_algebra", Topic: "algebra", Form: "$%dx + %d = %d$",
			Defaults: Params{"max_variable": 10}, Wide: Params{"max_variable": 9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, b := r.RandInt(1, p["max_variable"]), r.RandInt(1, p["max_variable"])
				return Args{a, b, r.RandInt(b, p["max_variable"])}
			},
			Valid: func(a Args) bool { return a[0] != 0 },
			Answer: func(a Args) string {
				n, d := reduce(a[2]-a[1], a[0])
				if d == 1 || n == 0 {
					return dollars(n)
				}
				return fmt.Sprintf("$%d/%d$", n, d)
			},
			Check: numbers(func(a, x Args) bool {
				if len(x) == 1 {
					x = append(x, 1)
				}
				return len(x) == 2 && x[1] > 0 && gcd(x[0], x[1]) == 1 && a[0]*x[0]+a[1]*x[1] == a[2]*x[1]
			})},
		{ID: 12, Name: "log", Topic: "algebra", Form: "$log_{%d}(%d)=$",
			Defaults: Params{"max_base": 3, "max_val": 8}, Wide: Params{"max_base": 999, "max_val": 5},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, b := r.RandInt(1, p["max_val"]), r.RandInt(2, p["max_base"])
				n := 1
				for range a {
					n *= b
				}
				return Args{b, n}
			},
			Valid: func(a Args) bool {
				n := a[1]
				for a[0] > 1 && n > 1 && n%a[0] == 0 {
					n /= a[0]
				}
				return a[0] > 1 && n == 1
			},
			Answer: func(a Args) string {
				k := 0
				for n := a[1]; n > 1; n /= a[0] {
					k++
				}
				return dollars(k)
			},
			Check: whole(func(a Args, x int) bool {
				return new(big.Int).Exp(big.NewInt(int64(a[0])), big.NewInt(int64(x)), nil).Cmp(big.NewInt(int64(a[1]))) == 0
			})},
		{ID: 17, Name: "multiply_int_to_22_matrix", Topic: "algebra",
			Form:     `$%d * \begin{bmatrix} %d & %d \\\ %d & %d \end{bmatrix} =$`,
			Defaults: Params{"max_matrix_val": 10, "max_res": 100}, Wide: Params{"max_matrix_val": 999, "max_res": 999_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a, most := make(Args, 5), 0
				for i := 1; i < 5; i++ {
					a[i] = r.RandInt(0, p["max_matrix_val"])
					most = max(most, a[i])
				}
				if most == 0 {
					return nil
				}
				a[0] = r.RandInt(0, p["max_res"]/most)
				return a
			},
			Valid: between(-1e9, 1e9),
			Answer: func(a Args) string {
				x := make(Args, 4)
				for i := range x {
					x[i] = a[0] * a[i+1]
				}
				return "$" + matrix(x, 2) + "$"
			},
			Check: numbers(func(a, x Args) bool {
				ok := len(x) == 4
				for i := range x {
					ok = ok && (a[0] == 0 && x[i] == 0 || a[0] != 0 && x[i]%a[0] == 0 && x[i]/a[0] == a[i+1])
				}
				return ok
			})},
		{ID: 20, Name: "midpoint_of_two_points", Topic: "algebra", Form: "The midpoint of $(%d,%d)$ and $(%d,%d) = $",
			Defaults: Params{"max_value": 20}, Wide: Params{"max_value": 9_999},
			Draw: draws("-max_value", "max_value", "-max_value", "max_value", "-max_value", "max_value", "-max_value", "max_value"),
			Answer: func(a Args) string {
				return "$(" + repr(float64(a[0]+a[2])/2) + "," + repr(float64(a[1]+a[3])/2) + ")$"
			},
			Check: floats(func(a Args, x []float64) bool {
				return len(x) == 2 && x[0]-float64(a[0]) == float64(a[2])-x[0] && x[1]-float64(a[1]) == float64(a[3])-x[1]
			})},
		{ID: 21, Name: "factoring", Topic: "algebra",
			Defaults: Params{"range_x1": 10, "range_x2": 10}, Wide: Params{"range_x1": 999, "range_x2": 999},
			Draw: draws("-range_x1", "range_x1", "-range_x2", "range_x2"),
			Ask: func(a Args) string {
				b, c := signed(a[0]+a[1]), signed(a[0]*a[1])
				switch b {
				case "+1":
					b = "+x"
				case "":
				default:
					b += "x"
				}
				return "$x^2" + b + c + "$"
			},
			Parse:  parseQuadratic,
			Answer: func(a Args) string { return "$(x" + signed(a[0]) + ")(x" + signed(a[1]) + ")$" },
			Check: func(a Args, answer string) bool {
				m := factorPair.FindStringSubmatch(answer)
				if m == nil {
					return false
				}
				p, _ := strconv.Atoi(m[1])
				q, _ := strconv.Atoi(m[2])
				ok := true
				for x := range 3 { // two monic polynomials of degree two that agree at three places are one
					ok = ok && (x+p)*(x+q) == x*x+(a[0]+a[1])*x+a[0]*a[1]
				}
				return ok
			}},
		{ID: 23, Name: "system_of_equations", Topic: "algebra",
			Defaults: Params{"range_x": 10, "range_y": 10, "coeff_mult_range": 10},
			Wide:     Params{"range_x": 999, "range_y": 999, "coeff_mult_range": 99},
			Draw: func(r *cpython.Rand, p Params) Args {
				x, y := r.RandInt(-p["range_x"], p["range_x"]), r.RandInt(-p["range_y"], p["range_y"])
				var m [4]int // multiples of each equation added to the other, then to itself
				for i := range m {
					if m[i] = r.Below(2*p["coeff_mult_range"]) - p["coeff_mult_range"]; m[i] >= 0 {
						m[i]++
					}
				}
				return Args{1 + m[2], m[0], (1+m[2])*x + m[0]*y, m[1], 1 + m[3], m[1]*x + (1+m[3])*y, x, y}
			},
			Ask: func(a Args) string {
				return "Given $" + equation(a[:3]) + "$ and $" + equation(a[3:]) + "$, solve for $x$ and $y$."
			},
			Parse:  parseSystem("system_of_equations"),
			Answer: func(a Args) string { return fmt.Sprintf("$x = %d$, $y = %d$", a[6], a[7]) },
			Check:  checkSystem},
		{ID: 24, Name: "distance_two_points", Topic: "algebra", Form: "Find the distance between $(%d, %d)$ and $(%d, %d)$",
			Defaults: Params{"max_val_xy": 20, "min_val_xy": -20}, Wide: Params{"max_val_xy": 9_999, "min_val_xy": -9_999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := make(Args, 4)
				for i := range a {
					a[i] = r.RandInt(p["min_val_xy"], p["max_val_xy"]+1)
				}
				return a
			},
			Valid: between(-1e9, 1e9),
			Answer: func(a Args) string {
				dx, dy := a[0]-a[2], a[1]-a[3]
				return fmt.Sprintf(`$\sqrt{%d}$`, dx*dx+dy*dy)
			},
			Check: numbers(func(a, x Args) bool { // |p|^2 + |q|^2 - 2 p.q
				return len(x) == 1 && x[0] == a[0]*a[0]+a[1]*a[1]+a[2]*a[2]+a[3]*a[3]-2*(a[0]*a[2]+a[1]*a[3])
			})},
		{ID: 26, Name: "linear_equations", Topic: "algebra",
			Defaults: Params{"n": 2, "var_range": 20, "coeff_range": 20}, Wide: Params{"n": 2, "var_range": 999, "coeff_range": 99},
			Draw: func(r *cpython.Rand, p Params) Args {
				x, y := r.RandInt(-p["var_range"], p["var_range"]), r.RandInt(-p["var_range"], p["var_range"])
				a := make(Args, 0, 8)
				for range 2 {
					b, c := r.RandInt(-p["coeff_range"], p["coeff_range"]), r.RandInt(-p["coeff_range"], p["coeff_range"])
					a = append(a, b, c, b*x+c*y)
				}
				return append(a, x, y)
			},
			Ask: func(a Args) string {
				return "Given the equations $" + sumEquation(a[:3]) + "$ and $" + sumEquation(a[3:]) + "$, solve for $x$ and $y$"
			},
			Parse:  parseSystem("linear_equations"),
			Answer: func(a Args) string { return fmt.Sprintf("$x = %d$, $y = %d$", a[6], a[7]) },
			Check:  checkSystem},
		{ID: 41, Name: "intersection_of_two_lines", Topic: "algebra",
			Defaults: Params{"min_m": -10, "max_m": 10, "min_b": -10, "max_b": 10, "min_denominator": 1, "max_denominator": 6},
			Wide:     Params{"min_m": -99, "max_m": 99, "min_b": -999, "max_b": 999, "min_denominator": 1, "max_denominator": 99},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := draws("min_m", "max_m", "min_denominator", "max_denominator", "min_m", "max_m", "min_denominator", "max_denominator",
					"min_b", "max_b", "min_b", "max_b")(r, p)
				return Args{a[0], a[1], a[4], a[2], a[3], a[5]}
			},
			Ask: func(a Args) string {
				return "Find the point of intersection of the two lines: $" + line(a[:3]) + "$ and $" + line(a[3:]) + "$"
			},
			Parse:  parseLines,
			Valid:  func(a Args) bool { return within(a, -1e4, 1e4) && a[1] > 0 && a[4] > 0 },
			Answer: intersection,
			Check: func(a Args, answer string) bool { // both lines pass through the point
				if answer == "No Solution" {
					return a[0]*a[4] == a[3]*a[1] && a[2] != a[5]
				}
				m := point.FindStringSubmatch(answer)
				if m == nil {
					return false
				}
				var x [4]int
				for i := range x {
					if x[i], _ = strconv.Atoi(m[i+1]); m[i+1] == "" {
						x[i] = 1
					}
				}
				for _, l := range []Args{a[:3], a[3:]} { // y = m/d x + b
					if x[2]*l[1]*x[1] != l[0]*x[0]*x[3]+l[2]*l[1]*x[1]*x[3] {
						return false
					}
				}
				return true
			}},
		{ID: 43, Name: "vector_cross", Topic: "algebra", Form: `$[%d, %d, %d] \times [%d, %d, %d] = $`,
			Defaults: Params{"min_val": -20, "max_val": 20}, Wide: Params{"min_val": -999, "max_val": 999},
			Draw: draws("min_val", "max_val", "min_val", "max_val", "min_val", "max_val",
				"min_val", "max_val", "min_val", "max_val", "min_val", "max_val"),
			Valid: between(-1e6, 1e6),
			Answer: func(a Args) string {
				return "$" + list(Args{a[1]*a[5] - a[2]*a[4], a[2]*a[3] - a[0]*a[5], a[0]*a[4] - a[1]*a[3]}) + "$"
			},
			Check: numbers(func(a, x Args) bool { // orthogonal to both, of Lagrange's length, and right-handed
				if len(x) != 3 {
					return false
				}
				u, v := a[:3], a[3:]
				return inner(x, u) == 0 && inner(x, v) == 0 && inner(x, x) == inner(u, u)*inner(v, v)-inner(u, v)*inner(u, v) &&
					inner(x, Args{u[1]*v[2] - u[2]*v[1], u[2]*v[0] - u[0]*v[2], u[0]*v[1] - u[1]*v[0]}) == inner(x, x)
			})},
		{ID: 45, Name: "simple_interest", Topic: "algebra",
			Form: "Simple interest for a principle amount of $%d$ dollars, $%d$%% rate of interest and for a time period of $%d$ years is $=$ ",

			Defaults: Params{"max_principle": 10_000, "max_rate": 10, "max_time": 10},
			Wide:     Params{"max_principle": 999_999, "max_rate": 40, "max_time": 40},
			Draw:     draws("1000", "max_principle", "1", "max_rate", "1", "max_time"),
			Valid:    func(a Args) bool { return within(a, 0, 1e9) && within(a[1:], 0, 1e3) },
			Answer:   func(a Args) string { return dollarsF(round2(float64(a[0]*a[1]*a[2]) / 100)) },
			Check:    ratio(func(a Args) (int, int) { return a[0] * a[1] * a[2], 100 })},
		{ID: 46, Name: "matrix_multiplication", Topic: "algebra",
			Defaults: Params{"max_val": 100, "max_dim": 10}, Wide: Params{"max_val": 999, "max_dim": 4},
			Draw: func(r *cpython.Rand, p Params) Args {
				m, n, k := r.RandInt(2, p["max_dim"]), r.RandInt(2, p["max_dim"]), r.RandInt(2, p["max_dim"])
				a := Args{m, n, k}
				for range m*n + n*k {
					a = append(a, r.RandInt(-p["max_val"], p["max_val"]))
				}
				return a
			},
			Ask: func(a Args) string {
				m, n, k := a[0], a[1], a[2]
				return "Multiply $" + matrix(a[3:3+m*n], n) + "$ and $" + matrix(a[3+m*n:], k) + "$"
			},
			Parse: func(q string) (Args, bool) {
				one, two, ok := strings.Cut(q, "$ and $")
				x, ok1 := ints(one)
				y, ok2 := ints(two)
				m, n := 1+strings.Count(one, `\\\`), 1+strings.Count(two, `\\\`)
				if !ok || !ok1 || !ok2 || len(x) != m*n || len(y) == 0 || len(y)%n != 0 {
					return nil, false
				}
				return append(append(Args{m, n, len(y) / n}, x...), y...), true
			},
			Valid:  between(-1e6, 1e6),
			Answer: func(a Args) string { return "$" + matrix(matrixProduct(a), a[2]) + "$" },
			Check: numbers(func(a, x Args) bool { // Freivalds: x v = A (B v) for a few v
				m, n, k := a[0], a[1], a[2]
				if len(x) != m*k {
					return false
				}
				for seed := 1; seed <= 3; seed++ {
					v := make(Args, k)
					for i := range v {
						v[i] = (i*i*31+i*17+5)*seed%101 + seed
					}
					ax := times(a[3:3+m*n], n, times(a[3+m*n:], k, v))
					for i, s := range times(x, k, v) {
						if s != ax[i] {
							return false
						}
					}
				}
				return true
			})},
		{ID: 65, Name: "multiply_complex_numbers", Topic: "algebra",
			Defaults: Params{"min_real_imaginary_num": -20, "max_real_imaginary_num": 20},
			Wide:     Params{"min_real_imaginary_num": -9_999, "max_real_imaginary_num": 9_999},
			Draw: draws("min_real_imaginary_num", "max_real_imaginary_num", "min_real_imaginary_num", "max_real_imaginary_num",
				"min_real_imaginary_num", "max_real_imaginary_num", "min_real_imaginary_num", "max_real_imaginary_num"),
			Ask: func(a Args) string {
				return "$" + pyComplex(float64(a[0]), float64(a[1])) + " * " + pyComplex(float64(a[2]), float64(a[3])) + " = $"
			},
			Parse: func(q string) (Args, bool) {
				m := complexes.FindStringSubmatch(q)
				if m == nil {
					return nil, false
				}
				a := make(Args, 4)
				for i := range 2 {
					a[2*i], _ = strconv.Atoi(m[3*i+1])
					a[2*i+1], _ = strconv.Atoi(m[3*i+2] + m[3*i+3])
				}
				return a, true
			},
			Answer: func(a Args) string {
				p, q, s, t := float64(a[0]), float64(a[1]), float64(a[2]), float64(a[3])
				return "$" + pyComplex(float64(p*s)-float64(q*t), float64(p*t)+float64(q*s)) + "$"
			},
			Check: func(a Args, answer string) bool { // x (s - t i) = (p + q i) (s^2 + t^2), or one of the factors is zero
				m := oneComplex.FindStringSubmatch(Truth(answer))
				if m == nil {
					return false
				}
				x, _ := strconv.Atoi(m[1])
				y, _ := strconv.Atoi(m[2] + m[3])
				n := a[2]*a[2] + a[3]*a[3]
				return (n != 0 || x == 0 && y == 0) && x*a[2]+y*a[3] == a[0]*n && y*a[2]-x*a[3] == a[1]*n
			}},
		{ID: 7, Name: "power_rule_differentiation", Topic: "calculus",
			Defaults: Params{"max_coef": 10, "max_exp": 10, "max_terms": 5}, Wide: Params{"max_coef": 999, "max_exp": 30, "max_terms": 6},
			Draw:  drawTerms,
			Ask:   func(a Args) string { return "Differentiate $" + terms(a, "%dx^{%d}") + "$" },
			Parse: parseTerms("Differentiate $"),
			Valid: shortTerms,
			Answer: func(a Args) string {
				d := make(Args, len(a))
				for i := 0; i < len(a); i += 2 {
					d[i], d[i+1] = a[i]*a[i+1], a[i+1]-1
				}
				return "$" + terms(d, "%dx^{%d}") + "$"
			},
			Check: numbers(checkDerivative)},
		{ID: 48, Name: "power_rule_integration", Topic: "calculus",
			Defect:   "divides each coefficient by the old exponent instead of the new one",
			Defaults: Params{"max_coef": 10, "max_exp": 10, "max_terms": 5},
			Draw:     drawTerms,
			Ask:      func(a Args) string { return "Integrate $" + terms(a, "%dx^{%d}") + "$" },
			Parse:    parseTerms("Integrate $"),
			Valid:    shortTerms,
			Answer: func(a Args) string {
				var b []string
				for i := 0; i < len(a); i += 2 {
					b = append(b, fmt.Sprintf(`\frac{%d}{%d}x^{%d}`, a[i], a[i+1], a[i+1]+1))
				}
				return "$" + strings.Join(b, " + ") + " + C$"
			}},
	}
}
