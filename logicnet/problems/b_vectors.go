package problems

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// vectors returns the generators of vectors and matrices.
func vectors() []*Generator {
	return []*Generator{
		{ID: 69, Name: "euclidian_norm", Topic: "misc", // the numbers are the bits of the floats
			Defaults: Params{"maxEltAmt": 20}, Wide: Params{"maxEltAmt": 20},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := make(Args, r.RandInt(2, p["maxEltAmt"]))
				for i := range a {
					a[i] = int(math.Float64bits(uniform(r, 0, 1000)))
				}
				return a
			},
			Ask: func(a Args) string {
				texts := make([]string, len(a))
				for i, f := range floatsOf(a) {
					texts[i] = repr(f)
				}
				return "Euclidian norm or L2 norm of the vector $" + listOf(texts) + "$ is:"
			},
			Parse: func(q string) (Args, bool) {
				_, q, ok := strings.Cut(q, "[")
				q, _, found := strings.Cut(q, "]")
				var a Args
				for s := range strings.SplitSeq(q, ", ") {
					f, err := strconv.ParseFloat(s, 64)
					if err != nil || !(f >= 0 && f <= 1e9) || math.Signbit(f) {
						return nil, false
					}
					a = append(a, int(math.Float64bits(f)))
				}
				return a, ok && found
			},
			Answer: func(a Args) string {
				squares := floatsOf(a)
				for i, f := range squares {
					squares[i] = f * f
				}
				return dollarsF(round2(math.Sqrt(cpython.Sum(squares))))
			},
			Check: rounded(func(a Args) float64 {
				h := 0.0
				for _, f := range floatsOf(a) {
					h = math.Hypot(h, f)
				}
				return h
			}),
		},
		{ID: 70, Name: "angle_btw_vectors", Topic: "geometry",
			Defaults: Params{"max_elt_amt": 20}, Wide: Params{"max_elt_amt": 20},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := make(Args, 2*r.RandInt(2, p["max_elt_amt"]))
				for i := range a {
					a[i] = inCents(round2(uniform(r, 0, 1000)))
				}
				return a
			},
			Ask: func(a Args) string {
				n := len(a) / 2
				return "angle between the vectors $" + centList(a[:n]) + "$ and $" + centList(a[n:]) + "$ is:"
			},
			Parse: inHundredths,
			Valid: func(a Args) bool {
				n := len(a) / 2
				return len(a)%2 == 0 && n >= 2 && n <= 1000 && within(a, 0, 1e8) && dot(a[:n], a[:n]) > 0 && dot(a[n:], a[n:]) > 0
			},
			Answer: func(a Args) string { return "$" + repr(round2(math.Acos(min(1, cosine(a))))) + "$ radians" },
			Check: rounded(func(a Args) float64 { // half the angle from the difference and the sum of the unit vectors
				n := len(a) / 2
				u, v := math.Sqrt(dot(a[:n], a[:n])), math.Sqrt(dot(a[n:], a[n:]))
				minus, plus := 0.0, 0.0
				for i := range n {
					x, y := float64(a[i])/u, float64(a[n+i])/v
					minus, plus = math.Hypot(minus, x-y), math.Hypot(plus, x+y)
				}
				return 2 * math.Atan2(minus, plus)
			}),
		},
		{ID: 72, Name: "vector_dot", Topic: "algebra", Form: `$[%d, %d, %d]\cdot[%d, %d, %d]=$`,
			Defaults: Params{"min_val": -20, "max_val": 20}, Wide: Params{"min_val": -9_999, "max_val": 9_999},
			Draw:   func(r *cpython.Rand, p Params) Args { return some(r, 6, p["min_val"], p["max_val"]) },
			Valid:  between(-1e6, 1e6),
			Answer: func(a Args) string { return dollars(a[0]*a[3] + a[1]*a[4] + a[2]*a[5]) },
			Check: whole(func(a Args, x int) bool { // polarisation: |u+v|² - |u-v|² = 4 u·v
				for i := range 3 {
					s, d := a[i]+a[3+i], a[i]-a[3+i]
					x += (d*d - s*s) / 4
				}
				return x == 0
			}),
		},
		{ID: 128, Name: "orthogonal_projection", Topic: "algebra", Form: "Find the orthogonal projection of $[%d, %d]$ onto $[%d, %d]$",
			Defaults: Params{"min_val": -10, "max_val": 10}, Wide: Params{"min_val": -999, "max_val": 999},
			Draw: func(r *cpython.Rand, p Params) Args {
				a := some(r, 4, p["min_val"], p["max_val"])
				if a[2] == 0 && a[3] == 0 {
					return nil
				}
				return a
			},
			Valid: func(a Args) bool { return within(a, -1e4, 1e4) && (a[2] != 0 || a[3] != 0) },
			Answer: func(a Args) string {
				n, d := a[0]*a[2]+a[1]*a[3], a[2]*a[2]+a[3]*a[3]
				return "$[" + fraction(n*a[2], d) + ", " + fraction(n*a[3], d) + "]$"
			},
			Check: func(a Args, answer string) bool { // along u, and what is left is orthogonal to it
				left, right, _ := strings.Cut(strings.Trim(Truth(answer), "[]"), ", ")
				x, ok := readProjection(left)
				y, okay := readProjection(right)
				return ok && okay && x[0]*a[3]*y[1] == y[0]*a[2]*x[1] &&
					(a[0]*x[1]-x[0])*a[2]*y[1]+(a[1]*y[1]-y[0])*a[3]*x[1] == 0
			},
		},
		{ID: 77, Name: "int_matrix_22_determinant", Topic: "algebra",
			Form:     `$\det \begin{bmatrix} %d & %d \\\ %d & %d \end{bmatrix}= $`,
			Defaults: Params{"max_matrix_val": 100}, Wide: Params{"max_matrix_val": 99_999},
			Draw: func(r *cpython.Rand, p Params) Args { return some(r, 4, 0, p["max_matrix_val"]) }, Valid: between(-1e6, 1e6),
			Answer: func(a Args) string { return dollars(a[0]*a[3] - a[1]*a[2]) },
			Check: whole(func(a Args, x int) bool { // eliminate below the first entry
				if a[0] == 0 {
					return x == -a[1]*a[2]
				}
				return x*a[0] == a[0]*(a[3]*a[0]-a[1]*a[2])
			}),
		},
		{ID: 74, Name: "invert_matrix", Topic: "algebra",
			Form:     `Inverse of Matrix $\begin{bmatrix} %d & %d & %d \\\ %d & %d & %d \\\ %d & %d & %d \end{bmatrix}$ is:`,
			Defaults: Params{"square_matrix_dimension": 3, "max_matrix_element": 99},
			Wide:     Params{"square_matrix_dimension": 3, "max_matrix_element": 99_999},
			Draw:     drawUnimodular,
			Valid:    func(a Args) bool { return within(a, -1e5, 1e5) && max(det3(a), -det3(a)) == 1 },
			Answer: func(a Args) string {
				d, inverse := det3(a), make(Args, 9)
				for i := range 3 {
					for j := range 3 {
						inverse[3*i+j] = d * cofactor(a, j, i)
					}
				}
				return "$" + matrix(inverse, 3) + "$"
			},
			Check: numbers(func(a, x Args) bool {
				if len(x) != 9 {
					return false
				}
				for i := range 9 {
					s := 0
					for k := range 3 {
						s += a[i/3*3+k] * x[3*k+i%3]
					}
					if (i%4 == 0) != (s == 1) || i%4 != 0 && s != 0 {
						return false
					}
				}
				return true
			}),
		},
	}
}

func readProjection(s string) ([2]int, bool) {
	a, ok := ints(s)
	switch {
	case ok && len(a) == 1 && s == strconv.Itoa(a[0]):
		return [2]int{a[0], 1}, true
	case ok && len(a) == 2 && s == fmt.Sprintf(`\frac{%d}{%d}`, a[0], a[1]):
		return [2]int{a[0], a[1]}, true
	}
	return [2]int{}, false
}

// floatsOf returns the floats whose bits the numbers are.
func floatsOf(a Args) []float64 {
	f := make([]float64, len(a))
	for i, v := range a {
		f[i] = math.Float64frombits(uint64(v))
	}
	return f
}

// dot returns the scalar product of vectors in hundredths.
func dot(u, v Args) float64 {
	terms := make([]float64, len(u))
	for i := range u {
		terms[i] = float64(u[i]) / 100 * (float64(v[i]) / 100)
	}
	return cpython.Sum(terms)
}

func cosine(a Args) float64 {
	u, v := a[:len(a)/2], a[len(a)/2:]
	return dot(u, v) / (math.Sqrt(dot(u, u)) * math.Sqrt(dot(v, v)))
}

// cofactor returns the signed determinant of what is left of a 3x3 matrix without a row and a column.
func cofactor(a Args, row, column int) int {
	at := func(i, j int) int { return a[(row+i)%3*3+(column+j)%3] }
	return at(1, 1)*at(2, 2) - at(1, 2)*at(2, 1)
}

func det3(a Args) int {
	return a[0]*cofactor(a, 0, 0) + a[1]*cofactor(a, 0, 1) + a[2]*cofactor(a, 0, 2)
}

// drawUnimodular adds multiples of rows of the unit matrix to each other, and shuffles rows and columns: the determinant stays 1 or -1
// and the inverse has integers only.
func drawUnimodular(r *cpython.Rand, p Params) Args {
	most := p["max_matrix_element"]
	multipliers := int(math.Ceil(math.Cbrt(float64(most)))) + 1
	for range 1000 {
		m := Args{1, 0, 0, 0, 1, 0, 0, 0, 1}
		for i := range 3 {
			for k, f := range r.Sample(multipliers, 2) {
				j := (i + 1 + k) % 3
				for c := range 3 {
					m[3*j+c] += f * m[3*i+c]
				}
			}
		}
		r.Shuffle(3, func(i, j int) {
			for c := range 3 {
				m[3*i+c], m[3*j+c] = m[3*j+c], m[3*i+c]
			}
		})
		r.Shuffle(3, func(i, j int) {
			for c := range 3 {
				m[3*c+i], m[3*c+j] = m[3*c+j], m[3*c+i]
			}
		})
		if within(m, 0, most) {
			return m
		}
	}
	return nil
}
