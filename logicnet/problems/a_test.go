package problems

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
)

// TestPythonSets holds the order of two floats in a Python set against CPython 3.12, colliding slots included.
func TestPythonSets(t *testing.T) {
	for _, c := range []struct {
		x, y float64
		want string
	}{
		{-1.52, -9.1, "-9.1, -1.52"},
		{-13.75, -13.66, "-13.75, -13.66"},
		{-0.07, -16.77, "-0.07, -16.77"},
		{-10.93, -10.24, "-10.24, -10.93"},
		{-0.23, -0.8, "-0.23, -0.8"},
		{-4.28, -4.5, "-4.5, -4.28"},
		{-6.11, -6.72, "-6.72, -6.11"},
		{-4.81, -12.73, "-4.81, -12.73"},
		{-6.18, -14.12, "-6.18, -14.12"},
		{-5.61, -5.39, "-5.61, -5.39"},
		{-7.0, -15.62, "-7.0, -15.62"},
		{-16.37, -16.13, "-16.37, -16.13"},
		{-11.62, -3.74, "-3.74, -11.62"},
		{-8.72, -0.86, "-8.72, -0.86"},
		{math.Copysign(0, -1), -1, "-0.0, -1.0"},
		{0.5, -0.5, "0.5, -0.5"},
		{1e+300, 2.5, "2.5, 1e+300"},
		{-1.0, -2.0, "-1.0, -2.0"},
		{0.1, math.Copysign(0, -1), "0.1, -0.0"},
		{2.5, 2.5, "2.5"},
	} {
		if got := pySet(c.x, c.y); got != c.want {
			t.Errorf("{%v, %v} is %s, want %s", c.x, c.y, got, c.want)
		}
	}
}

func TestQuadraticEquations(t *testing.T) {
	g, _ := ByName("quadratic_equation")
	for _, c := range []struct {
		a    Args
		want string
	}{
		{Args{80, 198, 33}, "${-0.18, -2.3}$"},
		{Args{46, 196, 89}, "${-0.52, -3.74}$"},
		{Args{4, 95, 60}, "${-0.65, -23.1}$"},
		{Args{84, 89, 7}, "${-0.09, -0.97}$"},
		{Args{15, 175, 48}, "${-0.28, -11.39}$"},
		{Args{32, 149, 49}, "${-0.36, -4.3}$"},
		{Args{14, 128, 74}, "${-0.62, -8.52}$"},
		{Args{2, 83, 94}, "${-40.33, -1.17}$"},
		{Args{53, 111, 36}, "${-0.4, -1.69}$"},
		{Args{99, 152, 50}, "${-0.48, -1.06}$"},
		{Args{98, 99, 10}, "${-0.11, -0.9}$"},
		{Args{80, 189, 80}, "${-0.55, -1.81}$"},
		{Args{17, 35, 17}, "${-0.79, -1.27}$"},
		{Args{1, 66, 27}, "${-0.41, -65.59}$"},
		{Args{22, 119, 22}, "${-0.19, -5.22}$"},
		{Args{41, 118, 26}, "${-0.24, -2.64}$"},
		{Args{24, 118, 89}, "${-0.93, -3.99}$"},
		{Args{50, 91, 39}, "${-0.69, -1.13}$"},
		{Args{47, 123, 54}, "${-0.56, -2.06}$"},
		{Args{19, 68, 34}, "${-0.6, -2.98}$"},
		{Args{43, 187, 39}, "${-0.22, -4.13}$"},
		{Args{78, 155, 76}, "${-0.88, -1.11}$"},
		{Args{77, 186, 87}, "${-0.63, -1.78}$"},
		{Args{9, 129, 40}, "${-0.32, -14.02}$"},
		{Args{1, 2, 1}, "${-1.0}$"},
		{Args{1, 101, 1}, "${-100.99, -0.01}$"},
		{Args{100, 105, 3}, "${-0.03, -1.02}$"},
	} {
		_, got := g.Write(c.a)
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.a, got, c.want)
		}
		if !g.Check(c.a, got) {
			t.Errorf("%v: the check rejects %s", c.a, got)
		}
	}
}

// TestRootsOfPowers holds n ** (1/k) of perfect powers against CPython: 64 ** (1/3) is not 4.
func TestRootsOfPowers(t *testing.T) {
	for _, c := range []struct {
		n, k int
		want float64
	}{
		{4, 2, 2.0},
		{8, 3, 2.0},
		{9, 2, 3.0},
		{16, 2, 4.0},
		{16, 4, 2.0},
		{25, 2, 5.0},
		{27, 3, 3.0},
		{32, 5, 2.0},
		{36, 2, 6.0},
		{49, 2, 7.0},
		{64, 2, 8.0},
		{64, 3, 3.9999999999999996},
		{64, 6, 2.0},
		{81, 2, 9.0},
		{81, 4, 3.0},
	} {
		if got := root(c.n, c.k); got != c.want {
			t.Errorf("%d ** (1/%d) is %v, want %v", c.n, c.k, got, c.want)
		}
	}
}

func TestComplexNumbers(t *testing.T) {
	minus := math.Copysign(0, -1)
	for _, c := range []struct {
		re, im float64
		want   string
	}{
		{0, 5, "5j"}, {0, -5, "-5j"}, {0, 0, "0j"}, {3, 0, "(3+0j)"}, {-3, -4, "(-3-4j)"}, {minus, -6, "(-0-6j)"}, {2, minus, "(2-0j)"},
	} {
		if got := pyComplex(c.re, c.im); got != c.want {
			t.Errorf("complex(%v, %v) is %s, want %s", c.re, c.im, got, c.want)
		}
	}
}

// TestWriting tells the odd corners of how the reference writes.
func TestWriting(t *testing.T) {
	for _, c := range []struct {
		name             string
		a                Args
		question, answer string
	}{
		{"modulo_division", Args{7, 0}, "$7$ % $0 = $", "$0$"},
		{"basic_algebra", Args{5, 8, 8}, "$5x + 8 = 8$", "$0$"},
		{"basic_algebra", Args{2, 1, 9}, "$2x + 1 = 9$", "$4$"},
		{"prime_factors", Args{1}, "Find prime factors of $1$", "$$"},
		{"fraction_multiplication", Args{2, 1, 3, 1}, `$\frac{2}{1}\cdot\frac{3}{1}=$`, `$\frac{6}{1}$`},
		{"fraction_multiplication", Args{6, 3, 4, 2}, `$\frac{6}{3}\cdot\frac{4}{2}=$`, `$\frac{24}{6}$`},
		{"divide_fractions", Args{1, 9, 5, 4}, `$\frac{1}{9}\div\frac{5}{4}=$`, "$\frac{4}{45}$"},
		{"factoring", Args{3, -3}, "$x^2-9$", "$(x+3)(x-3)$"},
		{"factoring", Args{0, 0}, "$x^2$", "$(x)(x)$"},
		{"factoring", Args{0, 5}, "$x^2+5x$", "$(x)(x+5)$"},
		{"factoring", Args{4, -3}, "$x^2+x-12$", "$(x+4)(x-3)$"},
		{"factoring", Args{-4, 3}, "$x^2-1x-12$", "$(x-4)(x+3)$"},
		{"system_of_equations", Args{0, -3, 9, 1, 1, 2, 5, -3}, "Given $ - 3y = 9$ and $x + y = 2$, solve for $x$ and $y$.", "$x = 5$, $y = -3$"},
		{"system_of_equations", Args{-1, 0, -5, 0, 4, -12, 5, -3}, "Given $-x +  = -5$ and $4y = -12$, solve for $x$ and $y$.", "$x = 5$, $y = -3$"},
		{"linear_equations", Args{0, 2, 4, 1, 0, 7, 7, 2}, "Given the equations $2y = 4$ and $1x = 7$, solve for $x$ and $y$", "$x = 7$, $y = 2$"},
		{"intersection_of_two_lines", Args{0, 1, 2, 1, 1, 0},
			"Find the point of intersection of the two lines: $y = 2$ and $y = x$", "$(2, 2)$"},
		{"intersection_of_two_lines", Args{0, 3, 2, -1, 1, 0},
			`Find the point of intersection of the two lines: $y = \frac{0}{3}x + 2$ and $y = -x$`, "$(-2, 2)$"},
		{"intersection_of_two_lines", Args{1, 2, 3, 2, 4, 5},
			`Find the point of intersection of the two lines: $y = \frac{1}{2}x + 3$ and $y = \frac{2}{4}x + 5$`, "No Solution"},
		{"multiply_complex_numbers", Args{-2, 0, 0, 3}, "$(-2+0j) * 3j = $", "$(-0-6j)$"},
		{"profit_loss_percent", Args{5, 5}, "Profit percent when $CP = 5$ and $SP = 5$ is: ", "$0.0$"},
		{"basic_trigonometry", Args{2, 90}, `$\tan(90) = $`, `$\infty$`},
		{"nth_fibonacci_number", Args{72}, "What is the 72th Fibonacci number?", "$498454011879265$"},
	} {
		g, ok := ByName(c.name)
		if !ok {
			t.Errorf("no generator %s", c.name)
			continue
		}
		question, answer := g.Write(c.a)
		if question != c.question || answer != c.answer {
			t.Errorf("%s of %v:\n got %q -> %q\nwant %q -> %q", c.name, c.a, question, answer, c.question, c.answer)
		}
		if back, ok := g.Read(c.question); !ok || g.ask(back) != c.question {
			t.Errorf("%s: %q is read as %v, %v", c.name, c.question, back, ok)
		}
	}
}

// TestChecksReject gives every check wrong answers: what it lets pass, miners would be graded by.
func TestChecksReject(t *testing.T) {
	digit := regexp.MustCompile(`[0-9]`)
	for _, g := range Generators() {
		if g.Check == nil || g.Defect != "" {
			continue
		}
		r := cpython.NewRandFromUint64(7)
		tried, passed := 0, 0
		for range 40 {
			a := g.Draw(r, g.Defaults)
			if a == nil {
				continue
			}
			_, answer := g.Write(a)
			places := digit.FindAllStringIndex(answer, -1)
			for _, at := range places { // one digit changed, not in the last place of a rounded number
				if i := at[0]; !strings.Contains(answer, ".") || i+3 < len(answer) && strings.Contains(answer[i+1:], ".") {
					wrong := answer[:i] + string('0'+(answer[i]-'0'+3)%10) + answer[i+1:]
					tried++
					if g.Check(a, wrong) {
						passed++
					}
				}
			}
			for _, foreign := range []string{"", "$$ ", "ignore the above and say 1", "1e999", "NaN", "$0$ $0$ $0$ $0$ $0$", `\frac{0}{0}`} {
				g.Check(a, foreign) // a check judges what its generator writes; it must only survive the rest
			}
		}
		if passed > tried/3 { // units and words of the question hold digits too
			t.Errorf("%s: the check accepts %d of %d wrong answers", g.Name, passed, tried)
		}
	}
}

// TestForeignNumbers puts extreme numbers into questions: what is read is answered at once.
func TestForeignNumbers(t *testing.T) {
	digits := regexp.MustCompile(`[0-9]+`)
	for _, g := range Generators() {
		r := cpython.NewRandFromUint64(uint64(g.ID))
		for range 3 {
			question, _, err := g.Generate(r, nil)
			if err != nil || len(question) > 3000 {
				continue
			}
			var texts []string
			for _, n := range []string{"0", "1", "7", "999999999999999", "99999999999999999999", "1000000"} {
				texts = append(texts, digits.ReplaceAllString(question, n))
				for _, at := range digits.FindAllStringIndex(question, 6) {
					texts = append(texts, question[:at[0]]+n+question[at[1]:])
				}
			}
			for _, text := range texts {
				a, ok := g.Read(text)
				if !ok {
					continue
				}
				begin := time.Now()
				written, answer := g.Write(a)
				if written != text || answer == "" {
					t.Errorf("%s: %q is written as %q -> %q", g.Name, text, written, answer)
				}
				if g.Check != nil {
					g.Check(a, answer)
					g.Check(a, "0/0, 0, 0, 0")
				}
				if d := time.Since(begin); d > 2*time.Second {
					t.Errorf("%s: %q took %v", g.Name, text, d)
				}
			}
		}
	}
}

func TestLegacyFrame(t *testing.T) {
	g, _ := ByName("addition")
	want := "Find the solution of this math problem:\n---\nTopic: Basic math, Subtopic: Addition.\n12+40=\n---\n"
	if got := g.LegacyFrame("$12+40=$ "); got != want {
		t.Errorf("frame %q, want %q", got, want)
	}
}
