package expr

import (
	"strings"
	"testing"
	"time"
)

// TestCompare holds verdicts that sympy 1.14 gave.
func TestCompare(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want Result
	}{
		// numbers, and Floats as binary numbers
		{"1/2", "0.5", Result{Equal, Equal}},
		{"0.1", "1/10", Result{Equal, Equal}},
		{"0.1+0.2", "0.3", Result{Different, Equal}},
		{"1/3", "0.3333333333333333", Result{Different, Different}},
		{"1.[9]", "2", Result{Equal, Equal}},
		{"0.2[1]", "19/90", Result{Equal, Equal}},
		{"1e20", "10**20", Result{Equal, Equal}},
		{"9007199254740993", "9007199254740992.0", Result{Different, Different}}, // 17 digits, 60 bits
		{"0x10+0b11+0o17+1_0", "44", Result{Equal, Equal}},
		{"2^3", "1", Result{Equal, Equal}}, // here ^ is exclusive or; SameAnswer has powers
		{"~1&7|8<<1>>1", "14", Result{Equal, Equal}},
		{"-7//2", "-4", Result{Equal, Equal}},
		{"-7%3", "2", Result{Equal, Equal}},
		{"7/2%1", "1/2", Result{Equal, Equal}},
		{"4**0.5", "2", Result{Equal, Equal}},
		{"100.0**-2", "1/10000", Result{Equal, Equal}},
		{"-2**2", "-4", Result{Equal, Equal}},
		{"2**-1**2", "1/2", Result{Equal, Equal}},
		{"5!+3!!", "123", Result{Equal, Equal}},
		{"(2+1)!", "6", Result{Equal, Equal}},
		{"max(1,7/2,2)+min(1,2)", "9/2", Result{Equal, Equal}},
		{"gcd(12,18)*lcm(4,6)", "72", Result{Equal, Equal}},
		{"binomial(5,2)+gamma(5)", "34", Result{Equal, Equal}},
		{"floor(-7/2)+ceiling(7/2)", "0", Result{Equal, Equal}},
		{"sum([1,x,2])", "3+x", Result{Equal, Equal}},
		{"5#c", "5", Result{Equal, Equal}},
		// radicals and constants
		{"sqrt(8)", "2*sqrt(2)", Result{Equal, Equal}},
		{"2/(sqrt(5)-1)", "(1+sqrt(5))/2", Result{Equal, Equal}},
		{"sqrt(-4)", "2j", Result{Equal, Equal}},
		{"8**(1/3)", "2", Result{Equal, Equal}},
		{"(-8)**(1/3)", "-2", Result{Different, Different}},
		{"sqrt(2)", "2**0.5", Result{Undecided, Equal}},
		{"sqrt(2)", "1.41421356237", Result{Undecided, Different}},
		{"sqrt(5+2*sqrt(6))", "sqrt(2)+sqrt(3)", Result{Undecided, Equal}},
		{"sqrt(5+2*sqrt(6))", "sqrt(2)+sqrt(5)", Result{Different, Different}},
		{"log(8,2)", "3", Result{Equal, Equal}},
		{"log(100)", "2*log(10)", Result{Equal, Equal}},
		{"exp(2*log(3))", "9", Result{Equal, Equal}},
		{"sin(pi/6)+cos(2*pi/3)", "0", Result{Equal, Equal}},
		{"tan(pi/12)", "2-sqrt(3)", Result{Equal, Equal}},
		{"cos(pi/5)", "(1+sqrt(5))/4", Result{Equal, Equal}},
		{"cos(pi/7)", "9/10", Result{Different, Different}},
		{"asin(1/2)", "pi/6", Result{Equal, Equal}},
		{"atan(2)+atan(1/2)", "pi/2", Result{Undecided, Equal}},
		{"22/7", "pi", Result{Different, Different}},
		{"asinh(1)", "log(1+sqrt(2))", Result{Undecided, Equal}},
		// symbols
		{"(x+1)**2", "x**2+2*x+1", Result{Equal, Equal}},
		{"(x**2-1)/(x-1)", "x+1", Result{Equal, Equal}},
		{"1/x+1/y", "(x+y)/(x*y)", Result{Equal, Equal}},
		{"xy", "yx", Result{Different, Different}},
		{"x/x", "1", Result{Equal, Equal}},
		{"2*x+0.5*x", "2.5*x", Result{Equal, Equal}},
		{"x*0.1", "x/10", Result{Undecided, Equal}},
		{"x**0.5", "sqrt(x)", Result{Undecided, Equal}},
		{"sqrt(x*y)", "sqrt(x)*sqrt(y)", Result{Different, Different}},
		{"sqrt(a**2)", "a", Result{Different, Different}},
		{"log(a*b)", "log(a)+log(b)", Result{Different, Different}},
		{"log(x**2)", "2*log(x)", Result{Different, Different}},
		{"exp(x)*exp(-x)", "1", Result{Equal, Equal}},
		{"2**(x+1)", "2*2**x", Result{Equal, Equal}},
		{"sin(x)**2+cos(x)**2", "1", Result{Undecided, Equal}},
		{"sin(2*x)", "2*sin(x)", Result{Different, Different}},
		{"f(x+y)", "f(y+x)", Result{Equal, Equal}},
		{"f(2)", "g(2)", Result{Different, Different}},
		{"½+1", "1+½", Result{Equal, Equal}}, // a symbol to sympy
		// what equals nothing
		{`\frac{1}{2}`, "1/2", Result{Reference: Different}},
		{"2x", "x*2", Result{Reference: Different}},
		{"2(3)", "6", Result{Reference: Different}},
		{"(x)(y)", "x*y", Result{Reference: Different}},
		{"x=2", "2", Result{Reference: Different}},
		{"1,000", "1000", Result{Reference: Different}},
		{"(1,2)", "1,2", Result{Reference: Different}},
		{"{1,2}", "{2,1}", Result{Reference: Different}},
		{"x<2", "2>x", Result{Reference: Different}},
		{"x^2", "x**2", Result{Reference: Different}},
		{"x^y", "0", Result{Reference: Different}},
		{"beta", "gamma", Result{Reference: Different}},
		{"true", "1", Result{Reference: Different}},
		{"oo", "oo+1", Result{Reference: Different}},
		{"1/0", "zoo", Result{Reference: Different}},
		{"x'", "x", Result{Reference: Different}},
		{"1..2", "1.2", Result{Reference: Different}},
		{"007", "7", Result{Reference: Different}},
		{"(5", "5", Result{Reference: Different}},
		{"5;", "5", Result{Reference: Different}},
		{"#5", "5", Result{Reference: Different}},
		{"2×3", "6", Result{Reference: Different}},
		{"import", "1", Result{Reference: Different}},
		{"", "5", Result{Reference: Different}},
		// what is left to sympy
		{"x==2", "0", Result{}},
		{"'a'", "'b'", Result{}},
		{"x.real", "x", Result{}},
		{"[iforiin[1]]", "[1]", Result{Reference: Different}},
		{"1if1else2", "1", Result{}},
		{"zeta(2)", "pi**2/6", Result{}},
		{"oo-oo+x", "x", Result{}},
	} {
		for _, swap := range []bool{false, true} {
			a, b := test.a, test.b
			if swap {
				a, b = b, a
			}
			if got := Compare(a, b); got != test.want {
				t.Errorf("%q and %q: got %v, want %v", a, b, got, test.want)
			}
		}
	}
}

// TestCompareBounds tries texts that would keep sympy busy for long, or for ever.
func TestCompareBounds(t *testing.T) {
	deep := strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000)
	for _, text := range []string{
		"9**9**9", "9**9**9**9", "-9**-9**9", "2**(2**100)", "10**1000000000000", "1e999999999", "1e-999999999", "(10**10)!", "999999999!!", "binomial(10**9,10**8)",
		"1<<10**9", "gamma(10**9)", "x**(10**9)", "(x+y+z+1)**200", "(x+y)**1000/(x-y)**999", deep, strings.Repeat("-", 5000) + "1",
		strings.Repeat("9", 100000), strings.Repeat("x+", 2000) + "x", strings.Repeat("(x+1)*", 600) + "1", strings.Repeat("sin(", 50) + "x" + strings.Repeat(")", 50),
		strings.Repeat("sqrt(2)+", 500) + "1", "2" + strings.Repeat("**2", 60), "exp(exp(exp(exp(100))))", "sin(10**5000)", "log(10**2000+1)", "sqrt(10**300+1)",
		"0.[" + strings.Repeat("1", 3000) + "]", strings.Repeat("[", 3000), strings.Repeat("f(", 55) + "x" + strings.Repeat(")", 55),
		"(1+1/3)**9999", "(sqrt(2)+sqrt(3)+sqrt(5)+sqrt(7)+sqrt(11)+sqrt(13))**60", "cos(x)**(1/1000)", strings.Repeat("1/(1+", 50) + "x" + strings.Repeat(")", 50),
	} {
		start := time.Now()
		got := Compare(text, "x+1")
		if d := time.Since(start); d > time.Second {
			t.Errorf("%.40q took %v", text, d)
		}
		if got.Reference == Equal {
			t.Errorf("%.40q: got %v", text, got)
		}
	}
	if got := Compare("9**9**9", "1"); got.Reference != Different {
		t.Errorf("9**9**9: got %v", got)
	}
}

func TestEvaluable(t *testing.T) {
	for text, want := range map[string]bool{
		"x+1": true, "sqrt(5+2*sqrt(6))": true, "zeta(2)": true, "len([1,2])": true, "x==2": true, "π+1": true, "0.2[1]": true, "5!": true, "unknown(2)": true,
		"__import__('os')": false, "exec(x)": false, "eval(x)": false, "open(x)": false, "x.func": false, "(1).__class__": false, "'a'": false, "f(x=2)": false,
		"lambdax:x": false, "lambda": false, "[iforiin[1]]": true, "getattr(x,y)": false, "sympify(x)": false, "test()": false, "plot(x)": false, "x:=2": false,
		"print(1)": false, "chr(65)": false, "{1:2}": false, "1if1else2": false, `\frac12`: false, strings.Repeat("1", maxLength+1): false,
	} {
		if got := Evaluable(text); got != want {
			t.Errorf("%.40q: got %v, want %v", text, got, want)
		}
	}
}

func TestSameAnswer(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{`\frac{1}{2}`, "1/2", true},
		{`\frac{1}{2}`, "0.5", true},
		{`\frac12`, `\dfrac{1}{2}`, true},
		{`\frac{10}{4}`, `2\frac{1}{2}`, true},
		{`-2\frac{1}{2}`, `-2.5`, true},
		{"2^3", "8", true},
		{"2^3", "1", false},
		{"x^2", "x**2", true},
		{"x^{10}", "x^10", true},
		{"2x", "x*2", true},
		{"2(3)", "6", true},
		{`3\pi`, "3*pi", true},
		{"(x+1)(x-1)", "x^2-1", true},
		{"1,000", "1000", true},
		{"1{,}000{,}000", "1000000", true},
		{"1,23", "123", false},
		{"(1,000)", "1000", false},
		{"x=5", "5", true},
		{"x = 5", "x=6", false},
		{`50\%`, "50", true},
		{`50\%`, `50^\circ`, false},
		{`90^\circ`, "90", true},
		{`\$5`, "5", true},
		{"$5$", "5", true},
		{`5\text{ cm}`, "5", true},
		{`5\text{ cm}`, `5 \mathrm{cm}`, true},
		{`5\text{ cm}`, `5\text{ m}`, false},
		{`5\text{ cm}^2`, `5`, true},
		{"0.1+0.2", "0.3", true},
		{"(1,2)", `\left( 1.0, \frac{4}{2} \right)`, true},
		{"(1,2)", "[1,2]", false},
		{"(1,2)", "(2,1)", false},
		{`\{1,2\}`, `\{2,1\}`, true},
		{`\{1,2\}`, `\{1,1\}`, false},
		{"1, 2", "1,2", true},
		{`(-\infty,3]`, `(-\infty, 3]`, true},
		{`(-\infty,3]`, `(-\infty, 3)`, false},
		{`\sqrt{8}`, `2\sqrt{2}`, true},
		{`\sqrt2`, "sqrt(2)", true},
		{`\sqrt[3]{8}`, "2", true},
		{`\sqrt{5+2\sqrt{6}}`, `\sqrt2+\sqrt3`, true},
		{`\sin^2 x+\cos^2 x`, "1", true},
		{`\sin 2x`, `2\sin x\cos x`, true},
		{`\log_2 8`, "3", true},
		{`\ln e`, "1", true},
		{"i^2", "-1", true},
		{`e^{2}`, "exp(2)", true},
		{`\binom{5}{2}`, "10", true},
		{"5!", "120", true},
		{"xy", "yx", true},
		{"x_1+x_2", "x_2+x_1", true},
		{"x_1", "x_2", false},
		{"evelyn", "evelyn", true},
		{"monday", "tuesday", false},
		{`\text{June 20}`, "june 20", false},
		{`\text{Evelyn}`, "Evelyn", true},
		{"(-8)**(1/3)", "-2", false},
		{"−5", "-5", true},
		{"1/0", "1/0", false},
		{"", "", false},
		{"5", "", false},
		{`\leftarrow`, "arrow", false},
		{strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), "1", false},
	} {
		for _, swap := range []bool{false, true} {
			a, b := test.a, test.b
			if swap {
				a, b = b, a
			}
			if got := SameAnswer(a, b); got != test.want {
				t.Errorf("%q and %q: got %v, want %v", a, b, got, test.want)
			}
		}
	}
}

// FuzzCompare holds that the verdicts of a pair don't depend on its order, that a text equals itself or isn't understood, and that all ends soon.
func FuzzCompare(f *testing.F) {
	for _, seed := range []string{"1/2", "0.1+0.2", "sqrt(5+2*sqrt(6))", "(x**2-1)/(x-1)", "9**9**9", "5!#c", "0.2[1]", "2^x", "f(x,y)[1].z", "{1:2}", "exp(x)**(1/2)", "1e3j",
		"½π", "sin(pi/12)/tan(x)", "x'", "-(-(~1))", "log(8,2)//1%2"} {
		f.Add(seed, "x+1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		start := time.Now()
		r := Compare(a, b)
		if back := Compare(b, a); back != r {
			t.Fatalf("%q and %q: %v, the other way round %v", a, b, r, back)
		}
		if self := Compare(a, a); self.Value == Different {
			t.Fatalf("%q differs from itself", a)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q and %q took %v", a, b, d)
		}
	})
}

// FuzzSameAnswer holds the same for answers.
func FuzzSameAnswer(f *testing.F) {
	for _, seed := range []string{`\frac12`, `2\frac{1}{2}`, `(-\infty,3]`, `\{1,2\}`, `5\text{ cm}^2`, `\log_2 8`, `\sin^2 x`, "1,000", "x_{1}", `\sqrt[3]{8}`, "e^{i\\pi}", "$5$"} {
		f.Add(seed, "0.5")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		start := time.Now()
		if SameAnswer(a, b) != SameAnswer(b, a) {
			t.Fatalf("%q and %q: the order counts", a, b)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q and %q took %v", a, b, d)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for _, pair := range [][2]string{{"1/2", "0.5"}, {`\frac{1}{2}`, "1/2"}, {"(x+1)**2", "x**2+2*x+1"}, {"2/(sqrt(5)-1)", "(1+sqrt(5))/2"},
		{"sqrt(5+2*sqrt(6))", "sqrt(2)+sqrt(3)"}, {"sin(2*x)", "2*sin(x)*cos(x)"}, {"9**9**9", "1"}} {
		b.Run(pair[0], func(b *testing.B) {
			for b.Loop() {
				Compare(pair[0], pair[1])
			}
		})
	}
}
