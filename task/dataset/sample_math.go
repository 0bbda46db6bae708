package dataset

import (
	"fmt"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// exercise is a template of MATH: a problem, how it is solved, the answer in the box, and a Python expression with the answer's value, by which a test
// checks it in another way.
type exercise func(d *draw) (problem, way, answer, check string)

// sampleTypes are the subjects as the column type names them, in the order of Subjects.
var sampleTypes = []string{"Algebra", "Counting & Probability", "Geometry", "Intermediate Algebra", "Number Theory", "Prealgebra", "Precalculus"}

// exercises has templates for each of Subjects.
var exercises = [][]exercise{
	{ // algebra
		func(d *draw) (string, string, string, string) {
			a, x, b := d.RandInt(2, 9), d.RandInt(-9, 12), d.RandInt(1, 20)
			return fmt.Sprintf("Solve for $x$: $%dx + %d = %d$.", a, b, a*x+b), fmt.Sprintf("Subtracting $%d$ gives $%dx = %d$.", b, a, a*x), strconv.Itoa(x),
				fmt.Sprintf("Fraction(%d - %d, %d)", a*x+b, b, a)
		},
		func(d *draw) (string, string, string, string) {
			p, q := d.RandInt(1, 9), d.RandInt(2, 9)
			return fmt.Sprintf("What is the sum of the roots of $x^2 - %dx + %d$?", p+q, p*q), "The sum of the roots is the negative of the coefficient of $x$.", strconv.Itoa(p + q),
				fmt.Sprintf("sum(r for r in range(-100, 100) if r*r - %d*r + %d == 0) if %d != %d else %d", p+q, p*q, p, q, p+q)
		},
		func(d *draw) (string, string, string, string) {
			x, y := d.RandInt(2, 12), d.RandInt(1, 9)
			return fmt.Sprintf("If $x + y = %d$ and $x - y = %d$, what is $xy$?", x+y, x-y), fmt.Sprintf("Adding the equations gives $x = %d$, so $y = %d$.", x, y), strconv.Itoa(x * y),
				fmt.Sprintf("Fraction(%d**2 - (%d)**2, 4)", x+y, x-y)
		},
	},
	{ // counting and probability
		func(d *draw) (string, string, string, string) {
			n := d.RandInt(4, 9)
			return fmt.Sprintf("In how many ways can a committee of 3 people be chosen from %d people?", n), fmt.Sprintf("That is $\\binom{%d}{3}$.", n), strconv.Itoa(n * (n - 1) * (n - 2) / 6),
				fmt.Sprintf("len(list(combinations(range(%d), 3)))", n)
		},
		func(d *draw) (string, string, string, string) {
			red, blue := d.RandInt(2, 7), d.RandInt(2, 9)
			a, b := lowest(red, red+blue)
			return fmt.Sprintf("A bag holds %d red and %d blue balls. One ball is drawn at random. What is the probability that it is red? Give a common fraction.", red, blue),
				fmt.Sprintf("Of %d balls %d are red.", red+blue, red), fmt.Sprintf("\\frac{%d}{%d}", a, b), fmt.Sprintf("Fraction(%d, %d)", red, red+blue)
		},
		func(d *draw) (string, string, string, string) {
			n := d.RandInt(3, 6)
			f := 1
			for i := 2; i <= n; i++ {
				f *= i
			}
			return fmt.Sprintf("In how many orders can %d different books stand on a shelf?", n), fmt.Sprintf("That is $%d!$.", n), strconv.Itoa(f), fmt.Sprintf("len(list(permutations(range(%d))))", n)
		},
	},
	{ // geometry
		func(d *draw) (string, string, string, string) {
			t := [...][3]int{{3, 4, 5}, {5, 12, 13}, {8, 15, 17}, {7, 24, 25}}[d.Below(4)]
			k := d.RandInt(1, 4)
			return fmt.Sprintf("The legs of a right triangle are %d and %d. How long is its hypotenuse?", t[0]*k, t[1]*k), "By the theorem of Pythagoras its square is the sum of the squares of the legs.",
				strconv.Itoa(t[2] * k), fmt.Sprintf("isqrt(%d**2 + %d**2)", t[0]*k, t[1]*k)
		},
		func(d *draw) (string, string, string, string) {
			r := d.RandInt(2, 15)
			return fmt.Sprintf("What is the area of a circle of radius %d, in terms of $\\pi$?", r), "The area is $\\pi r^2$.", fmt.Sprintf("%d\\pi", r*r), fmt.Sprintf("%d**2", r)
		},
		func(d *draw) (string, string, string, string) {
			n := d.RandInt(5, 12)
			return fmt.Sprintf("What is the sum of the interior angles of a polygon with %d sides, in degrees?", n), fmt.Sprintf("It divides into %d triangles.", n-2), strconv.Itoa((n - 2) * 180),
				fmt.Sprintf("180 * %d - 360", n)
		},
	},
	{ // intermediate algebra
		func(d *draw) (string, string, string, string) {
			a, b, c := d.RandInt(-4, 4), d.RandInt(1, 5), d.RandInt(2, 6)
			return fmt.Sprintf("Let $p(x) = x^3 + %dx + %d$. What is the remainder when $p(x)$ is divided by $x - %d$?", b, a+9, c), fmt.Sprintf("The remainder is $p(%d)$.", c),
				strconv.Itoa(c*c*c + b*c + a + 9), fmt.Sprintf("%d**3 + %d*%d + %d", c, b, c, a+9)
		},
		func(d *draw) (string, string, string, string) {
			a, b := d.RandInt(2, 6), d.RandInt(2, 6)
			return fmt.Sprintf("Evaluate $\\log_{%d} %d$.", a, pow(a, b)), fmt.Sprintf("Since $%d = %d^{%d}$, it is %d.", pow(a, b), a, b, b), strconv.Itoa(b), fmt.Sprintf("next(k for k in range(20) if %d**k == %d)", a, pow(a, b))
		},
		func(d *draw) (string, string, string, string) {
			p, q := d.RandInt(1, 6), d.RandInt(1, 6)
			return fmt.Sprintf("Find the value of $(%d + %di)(%d - %di)$.", p, q, p, q), "It is the sum of the squares of the real and the imaginary part.", strconv.Itoa(p*p + q*q), fmt.Sprintf("int(abs(complex(%d, %d))**2 + 0.5)", p, q)
		},
	},
	{ // number theory
		func(d *draw) (string, string, string, string) {
			g, a, b := d.RandInt(2, 15), d.RandInt(2, 9), d.RandInt(2, 9)
			_, k := lowest(a, b)
			return fmt.Sprintf("What is the greatest common divisor of %d and %d?", g*a, g*b), "Take out what divides both.", strconv.Itoa(g * b / k), fmt.Sprintf("gcd(%d, %d)", g*a, g*b)
		},
		func(d *draw) (string, string, string, string) {
			a, n, m := d.RandInt(2, 9), d.RandInt(5, 20), d.RandInt(5, 13)
			r := 1
			for range n {
				r = r * a % m
			}
			return fmt.Sprintf("What is the remainder when $%d^{%d}$ is divided by %d?", a, n, m), fmt.Sprintf("Multiply step by step and keep only the remainder modulo %d.", m), strconv.Itoa(r), fmt.Sprintf("%d**%d %% %d", a, n, m)
		},
		func(d *draw) (string, string, string, string) {
			n := d.RandInt(20, 99)
			return fmt.Sprintf("Write %d in base 2. (You need not give the subscript.)", n), "Divide by 2 again and again and read the remainders from the last to the first.", strconv.FormatInt(int64(n), 2), fmt.Sprintf("int(bin(%d)[2:])", n)
		},
	},
	{ // prealgebra
		func(d *draw) (string, string, string, string) {
			a, b, c := d.RandInt(2, 9), d.RandInt(2, 9), d.RandInt(2, 9)
			return fmt.Sprintf("Compute $%d + %d \\times %d$.", a, b, c), "Multiplication comes first.", strconv.Itoa(a + b*c), fmt.Sprintf("%d + %d * %d", a, b, c)
		},
		func(d *draw) (string, string, string, string) {
			a, b, n := d.RandInt(1, 4), d.RandInt(1, 4), d.RandInt(5, 9)
			x, y := lowest(a+b, n)
			answer := fmt.Sprintf("\\frac{%d}{%d}", x, y)
			if y == 1 {
				answer = strconv.Itoa(x)
			}
			return fmt.Sprintf("What is $\\frac{%d}{%d} + \\frac{%d}{%d}$ in simplest form?", a, n, b, n), fmt.Sprintf("The sum is $\\frac{%d}{%d}$.", a+b, n), answer, fmt.Sprintf("Fraction(%d, %d) + Fraction(%d, %d)", a, n, b, n)
		},
		func(d *draw) (string, string, string, string) {
			p, n := d.RandInt(1, 9)*10, d.RandInt(2, 20)*10
			return fmt.Sprintf("What is $%d\\%%$ of %d?", p, n), fmt.Sprintf("It is $\\frac{%d}{100} \\cdot %d$.", p, n), strconv.Itoa(p * n / 100), fmt.Sprintf("Fraction(%d * %d, 100)", p, n)
		},
	},
	{ // precalculus
		func(d *draw) (string, string, string, string) {
			a, b, c, e := d.RandInt(-5, 9), d.RandInt(-5, 9), d.RandInt(1, 9), d.RandInt(1, 9)
			return fmt.Sprintf("What is the dot product of the vectors $\\begin{pmatrix} %d \\\\ %d \\end{pmatrix}$ and $\\begin{pmatrix} %d \\\\ %d \\end{pmatrix}$?", a, b, c, e),
				"Multiply the components and add.", strconv.Itoa(a*c + b*e), fmt.Sprintf("sum(x*y for x, y in zip((%d, %d), (%d, %d)))", a, b, c, e)
		},
		func(d *draw) (string, string, string, string) {
			a, b, c, e := d.RandInt(1, 9), d.RandInt(-4, 9), d.RandInt(-4, 9), d.RandInt(1, 9)
			return fmt.Sprintf("Find the determinant of $\\begin{pmatrix} %d & %d \\\\ %d & %d \\end{pmatrix}$.", a, b, c, e), "It is the product of the diagonal less that of the other two.",
				strconv.Itoa(a*e - b*c), fmt.Sprintf("%d*%d - (%d)*(%d)", a, e, b, c)
		},
		func(d *draw) (string, string, string, string) {
			a, r, n := d.RandInt(1, 5), d.RandInt(2, 4), d.RandInt(3, 6)
			return fmt.Sprintf("A geometric sequence begins with %d and each term is %d times the one before. What is the sum of its first %d terms?", a, r, n),
				fmt.Sprintf("The sum is $%d \\cdot \\frac{%d^{%d} - 1}{%d - 1}$.", a, r, n, r), strconv.Itoa(a * (pow(r, n) - 1) / (r - 1)), fmt.Sprintf("sum(%d * %d**k for k in range(%d))", a, r, n)
		},
	},
}

func pow(a, b int) int {
	out := 1
	for range b {
		out *= a
	}
	return out
}

// lowest reduces a fraction.
func lowest(a, b int) (int, int) {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x, b / x
}

// sampleEach is how many rows each table of MATH has: one of each level.
const sampleEach = 5

// mathSamples calls f for every row of the sample of MATH.
func mathSamples(f func(table string, row Row, answer, check string)) {
	for split, seed := range map[string]uint64{"train": sampleSeedTrain, "test": sampleSeedTest} {
		d := &draw{cpython.NewRandFromUint64(seed)}
		for i, subject := range Subjects {
			for n := range sampleEach {
				problem, way, answer, check := exercises[i][n%len(exercises[i])](d)
				f(subject+"/"+split, Row{
					"problem": problem, "solution": way + " The answer is $\\boxed{" + answer + "}$.", "level": fmt.Sprintf("Level %d", n+1), "type": sampleTypes[i],
				}, answer, check)
			}
		}
	}
}

func sampleMATH() (map[string][]Row, error) {
	tables := map[string][]Row{}
	mathSamples(func(table string, row Row, _, _ string) { tables[table] = append(tables[table], row) })
	return tables, nil
}
