package problems

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// signed writes a number with its sign, zero as nothing.
func signed(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", n)
}

var (
	monic      = regexp.MustCompile(`^\$x\^2(?:([+-][0-9]{0,7})x)?([+-][0-9]{1,14})?\$$`)
	factorPair = regexp.MustCompile(`^\$\(x([+-][0-9]+)?\)\(x([+-][0-9]+)?\)\$$`)
)

// parseQuadratic reads x^2+bx+c and returns the numbers p >= q for which it is (x+p)(x+q).
func parseQuadratic(question string) (Args, bool) {
	m := monic.FindStringSubmatch(question)
	if m == nil {
		return nil, false
	}
	if m[1] == "+" {
		m[1] = "1"
	}
	b, _ := strconv.Atoi(m[1])
	c, _ := strconv.Atoi(m[2])
	d := b*b - 4*c
	if d < 0 || isqrt(d)*isqrt(d) != d {
		return nil, false
	}
	return Args{(b + isqrt(d)) / 2, (b - isqrt(d)) / 2}, true
}

// equation writes ax + by = c as system_of_equations does: ones are left out, signs are operators, and a zero leaves its
// operator behind.
func equation(a Args) string {
	coefficient := func(n int, name string) string {
		if n = max(n, -n); n != 1 {
			name = strconv.Itoa(n) + name
		}
		return name
	}
	var b strings.Builder
	if a[0] < 0 {
		b.WriteByte('-')
	}
	if a[0] != 0 {
		b.WriteString(coefficient(a[0], "x"))
	}
	switch {
	case a[1] < 0:
		b.WriteString(" - ")
	case a[0] != 0:
		b.WriteString(" + ") // even before nothing
	}
	if a[1] != 0 {
		b.WriteString(coefficient(a[1], "y"))
	}
	return b.String() + " = " + strconv.Itoa(a[2])
}

// sumEquation writes ax + by = c as linear_equations does: only zeros are left out.
func sumEquation(a Args) string {
	var b []string
	for i, name := range []string{"x", "y"} {
		if a[i] != 0 {
			b = append(b, strconv.Itoa(a[i])+name)
		}
	}
	return strings.Join(b, " + ") + " = " + strconv.Itoa(a[2])
}

var linear = regexp.MustCompile(`^(?:(-?[0-9]{0,7})x)?(?: ?([+-]?) ?(?:(-?[0-9]{0,7})y)?)? = (-?[0-9]{1,14})$`)

var systems = map[string]*regexp.Regexp{
	"system_of_equations": regexp.MustCompile(`^Given \$(.*)\$ and \$(.*)\$, solve for \$x\$ and \$y\$\.$`),
	"linear_equations":    regexp.MustCompile(`^Given the equations \$(.*)\$ and \$(.*)\$, solve for \$x\$ and \$y\$$`),
}

// parseSystem reads two equations and solves them by Cramer's rule. It refuses those without or with several solutions.
func parseSystem(name string) func(string) (Args, bool) {
	return func(question string) (Args, bool) {
		a, ok := readSystem(name, question)
		if !ok {
			return nil, false
		}
		d := a[0]*a[4] - a[1]*a[3]
		x, y := a[2]*a[4]-a[1]*a[5], a[0]*a[5]-a[2]*a[3]
		if d == 0 || x%d != 0 || y%d != 0 {
			return nil, false
		}
		return append(a, x/d, y/d), true
	}
}

// readSystem reads the six numbers of two equations.
func readSystem(name, question string) (a Args, ok bool) {
	m := systems[name].FindStringSubmatch(question)
	if m == nil {
		return nil, false
	}
	for _, e := range m[1:] {
		t := linear.FindStringSubmatch(e)
		if t == nil {
			return nil, false
		}
		x, y := readCoefficient(t[1]), readCoefficient(t[3])
		if !strings.Contains(e, "x") {
			x = 0
		}
		if !strings.Contains(e, "y") {
			y = 0
		}
		if t[2] == "-" {
			y = -y
		}
		c, _ := strconv.Atoi(t[4])
		a = append(a, x, y, c)
	}
	return a, within(a, -1e8, 1e8)
}

// readCoefficient reads the number before a variable, which may be left out.
func readCoefficient(s string) int {
	switch s {
	case "", "+":
		return 1
	case "-":
		return -1
	}
	n, _ := strconv.Atoi(s)
	return n
}

// checkSystem says whether an answer solves both equations, and they have no other solution.
var checkSystem = numbers(func(a, x Args) bool {
	return len(x) == 2 && a[0]*a[4] != a[1]*a[3] && a[0]*x[0]+a[1]*x[1] == a[2] && a[3]*x[0]+a[4]*x[1] == a[5]
})

// line writes y = n/d x + b, for a = n, d, b.
func line(a Args) string {
	m := fmt.Sprintf(`\frac{%d}{%d}x`, a[0], a[1])
	if a[1] == 1 {
		switch a[0] {
		case 0:
			return fmt.Sprintf("y = %d", a[2])
		case 1:
			m = "x"
		case -1:
			m = "-x"
		default:
			m = strconv.Itoa(a[0]) + "x"
		}
	}
	switch {
	case a[2] > 0:
		m += fmt.Sprintf(" + %d", a[2])
	case a[2] < 0:
		m += fmt.Sprintf(" - %d", -a[2])
	}
	return "y = " + m
}

var (
	lineFrame = regexp.MustCompile(`\$(.*)\$ and \$(.*)\$$`)
	oneLine   = regexp.MustCompile(`^y = (?:(?:\\frac\{(-?[0-9]{1,6})\}\{([0-9]{1,6})\}|(-?[0-9]{0,6}))x)?(?: ?([+-]?) ?(-?[0-9]{1,6}))?$`)
	point     = regexp.MustCompile(`^\$\((?:\\frac\{)?(-?[0-9]+)(?:\}\{([0-9]+)\})?, (?:\\frac\{)?(-?[0-9]+)(?:\}\{([0-9]+)\})?\)\$$`)
)

func parseLines(question string) (Args, bool) {
	m := lineFrame.FindStringSubmatch(question)
	if m == nil {
		return nil, false
	}
	var a Args
	for _, e := range m[1:] {
		t := oneLine.FindStringSubmatch(e)
		if t == nil {
			return nil, false
		}
		n, d := 0, 1
		switch {
		case t[1] != "":
			n, _ = strconv.Atoi(t[1])
			d, _ = strconv.Atoi(t[2])
		case strings.Contains(e, "x"):
			n = readCoefficient(t[3])
		}
		b, _ := strconv.Atoi(t[4] + t[5])
		a = append(a, n, d, b)
	}
	return a, true
}

// intersection writes the point in which two lines meet.
func intersection(a Args) string {
	d := a[0]*a[4] - a[3]*a[1] // of the slopes, over the product of their denominators
	if d == 0 {
		return "No Solution"
	}
	x := (a[5] - a[2]) * a[1] * a[4]
	return "$(" + latexFraction(x, d) + ", " + latexFraction(a[0]*x+a[2]*a[1]*d, a[1]*d) + ")$"
}

// latexFraction writes n/d in lowest terms, an integer without denominator.
func latexFraction(n, d int) string {
	if n, d = reduce(n, d); d == 1 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf(`\frac{%d}{%d}`, n, d)
}

func inner(u, v Args) int {
	s := 0
	for i := range u {
		s += u[i] * v[i]
	}
	return s
}

// times returns the product of a matrix of the given width with a vector.
func times(m Args, width int, v Args) Args {
	x := make(Args, len(m)/width)
	for i := range x {
		x[i] = inner(m[i*width:(i+1)*width], v)
	}
	return x
}

// matrixProduct returns the m x k matrix that is the product of the m x n and the n x k matrix in a = m, n, k, first, second.
func matrixProduct(a Args) Args {
	m, n, k := a[0], a[1], a[2]
	one, two := a[3:3+m*n], a[3+m*n:]
	x := make(Args, m*k)
	for i := range x {
		for j := range n {
			x[i] += one[i/k*n+j] * two[j*k+i%k]
		}
	}
	return x
}

const complexNumber = `(?:\((-?[0-9]{1,7})([+-][0-9]{1,7})j\)|(-?[0-9]{1,7})j)`

var (
	complexes  = regexp.MustCompile(`^\$` + complexNumber + ` \* ` + complexNumber + ` = \$$`)
	oneComplex = regexp.MustCompile(`^(?:\((-?[0-9]{1,15})([+-][0-9]{1,15})j\)|(-?[0-9]{1,15})j)$`)
)

// pyComplex returns str(complex(re, im)) for integral parts: a real part of +0 is left out, and the parentheses with it.
func pyComplex(re, im float64) string {
	part := func(f float64) string { return strings.TrimSuffix(repr(f), ".0") }
	if re == 0 && !math.Signbit(re) {
		return part(im) + "j"
	}
	s := part(im)
	if !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return "(" + part(re) + s + "j)"
}

func drawTerms(r *cpython.Rand, p Params) Args {
	a := make(Args, 2*r.RandInt(1, p["max_terms"]))
	for i := 0; i < len(a); i += 2 {
		a[i], a[i+1] = r.RandInt(1, p["max_coef"]), r.RandInt(1, p["max_exp"])
	}
	return a
}

// terms writes a sum of terms, each of a coefficient and an exponent.
func terms(a Args, form string) string {
	var b []string
	for i := 0; i < len(a); i += 2 {
		b = append(b, fmt.Sprintf(form, a[i], a[i+1]))
	}
	return strings.Join(b, " + ")
}

func parseTerms(before string) func(string) (Args, bool) {
	return func(q string) (Args, bool) {
		s, ok := strings.CutPrefix(q, before)
		a, ok2 := ints(s)
		return a, ok && ok2 && len(a) > 0 && len(a)%2 == 0
	}
}

// shortTerms bounds a polynomial to 64 terms with exponents up to 1000.
func shortTerms(a Args) bool {
	ok := len(a) <= 128 && within(a, -1e6, 1e6)
	for i := 1; i < len(a); i += 2 {
		ok = ok && a[i] >= 0 && a[i] <= 1000
	}
	return ok
}

// checkDerivative compares two polynomials at a place modulo a prime: the second with the dual part of the first at 3 + e.
func checkDerivative(a, d Args) bool {
	const prime = 2_147_483_647
	power := func(k int) (value, dual int) {
		value = 1
		for range min(k, 1000) { // (value + dual e) (3 + e)
			value, dual = value*3%prime, (dual*3+value)%prime
		}
		return value, dual
	}
	if len(d) != len(a) {
		return false
	}
	want, got := 0, 0
	for i := 0; i < len(a); i += 2 {
		_, dual := power(a[i+1])
		value, _ := power(d[i+1])
		want, got = (want+a[i]*dual)%prime, (got+d[i]*value)%prime
	}
	return want == got
}
