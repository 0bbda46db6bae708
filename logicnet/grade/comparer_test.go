package grade

import "testing"

// TestLists holds how lists, sets, pairs, intervals and named values are compared.
func TestLists(t *testing.T) {
	tests := []struct {
		truth, answer string
		want          verdict
	}{
		{"1, 2, 3", "1, 2, 3", yes},
		{"1, 2, 3", "1 and 2 and 3", yes},
		{"1, 2, 3", "1, 2, and 3", yes},
		{"1, 2, 3", "(1, 2, 3)", yes},
		{"1, 2, 3", "[1; 2; 3]", yes},
		{"1, 2, 3", "{3, 2, 1}", yes},
		{"1, 2, 3", "3, 2, 1", unknown},
		{"1, 2, 3", "1, 2", no},
		{"1, 2, 3", "1, 2, 4", no},
		{"1, 2, 3", "5", no},
		{"{1, 2, 3}", "3, 1, 2", yes},
		{"{1, 2, 3}", "[3, 1, 2]", yes},
		{"{1, 2, 2}", "{1, 1, 2}", no},
		{"{0.5, 2}", `\{2, \frac12\}`, yes},
		{"{1/3, 2}", "{0.333, 2}", yes},
		{"[1, 2, 3]", "{1, 2, 3}", yes},
		{"[1, 2, 3]", "{3, 2, 1}", unknown},
		{"[1, 2, 3]", "{1, 2, 4}", no},
		{"[1, 2, 3]", "(1, 2, 3)", yes},
		{"[1, 2]", "(1, 2)", unknown},
		{"(1, 2)", "[1, 2]", unknown},
		{"(1, 2)", "1, 2", yes},
		{"(1, 2)", "2, 1", unknown},
		{"(1, 2]", "(1, 2]", yes},
		{"(1, 2]", "(1, 2)", no},
		{"(1, 2]", "(1, 3]", no},
		{"(1, 2]", "1, 2", unknown},
		{"(1, infinity)", `(1, \infty)`, yes},
		{"(1, infinity)", `[1, \infty)`, no},
		{"(1, infinity)", `(-\infty, 1)`, no},
		{"x = 1, x = 2", "x = 2, x = 1", yes},
		{"x = 1, x = 2", "x = 2 or x = 1", yes},
		{"x = 1, x = 2", "1, 2", yes},
		{"x = 1, x = 2", "{1, 2}", yes},
		{"x = 1, y = 2", "y = 2, x = 1", yes},
		{"x = 1, y = 2", "(1, 2)", yes},
		{"x = 1, y = 2", "x = 1", no},
		{"x = 1, y = 2", "x = 1, y = 3", no},
		{"x = 1", "x = 1 or x = 2", unknown},
		{"x = 1", "x = 3 or x = 2", no},
		{"3:4", "3:4", yes},
		{"3:4", "4:3", no},
		{"3:4", "6:8", unknown},
		{"3:4", "0.75", unknown},
		{"3:4", "(3, 4)", unknown},
		{"0.75", "3:4", unknown},
		{"12:30", "12:30", yes},
		{"[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]", yes},
		{"[[1, 2], [3, 4]]", "[[1, 3], [2, 4]]", no},
		{"[[1, 2], [3, 4]]", "[1, 2, 3, 4]", no},
		{"{5}", "{5}", yes},
		{"{5}", "[5]", yes},
		{"5", `\{5\}`, yes},
		{"{}", "{1}", no},
		{"{}", "0", no},
	}
	for _, test := range tests {
		c := newComparer(nil)
		if got := c.readings(c.reader.readings(test.truth), c.reader.readings(test.answer)); got != test.want {
			t.Errorf("%q for %q: %v, want %v", test.answer, test.truth, got, test.want)
		}
	}
}

// TestRounding holds when a rounded number stands for an exact one.
func TestRounding(t *testing.T) {
	tests := []struct {
		truth, answer string
		want          verdict
	}{
		{"2/3", "0.667", yes},
		{"2/3", "0.666", no},
		{"2/3", "0.67", no},
		{"2/3", "0.7", no},
		{"2/3", "0.666667", yes},
		{"2/3", "0.666666", yes}, // six digits may be cut off
		{"2/3", "0.666665", no},
		{"2/3", "66.7%", yes},
		{"2/3", "66.7", no},
		{"0.67", "2/3", no},
		{"0.667", "2/3", yes},
		{"0.6667", "2/3", yes},
		{"0.6667", "0.667", yes},
		{"0.6667", "0.66666667", yes},
		{"0.6667", "0.6666", no},
		{"0.6667", "0.6668", no},
		{"1/8", "0.125", yes},
		{"1/8", "0.13", no},
		{"0.125", "1/8", yes},
		{"100", "99.9999", no},
		{"100", "100.0001", no},
		{"100", "100.000", yes},
		{"sqrt(2)", "1.41", yes},
		{"sqrt(2)", "1.4", no},
		{"sqrt(2)", "1.42", no},
		{"sqrt(2)", "1.41421356", yes},
		{"1.41", "sqrt(2)", yes},
		{"1.41", `\sqrt{2}`, yes},
		{"1.41", "sqrt(3)", no},
		{"pi", "22/7", no},
		{"pi", "3", no},
		{"pi", "3.1", no},
		{"e", "2.718", yes},
		{"1e-5", "0.00001", yes},
		{"1e-5", "0.00", no},
		{"0.00", "0.001", no},
		{"-2/3", "-0.667", yes},
		{"-2/3", "0.667", no},
	}
	for _, test := range tests {
		c := newComparer(nil)
		if got := c.readings(c.reader.readings(test.truth), c.reader.readings(test.answer)); got != test.want {
			t.Errorf("%q for %q: %v, want %v", test.answer, test.truth, got, test.want)
		}
	}
}

// TestIdentities holds expressions with variables.
func TestIdentities(t *testing.T) {
	tests := []struct {
		truth, answer string
		want          verdict
	}{
		{"2x + 3x", "5x", yes},
		{"(a+b)^2", "a^2 + 2a*b + b^2", yes},
		{"(a+b)^2", "a^2 + b^2", no},
		{"(x^2-1)/(x-1)", "x + 1", yes},
		{"1/x + 1/y", "(x+y)/(x*y)", yes},
		{"x^3/3 + C", `\frac{x^3}{3} + C`, yes},
		{"x^3/3 + C", "x^3/3", no},
		{"3x^2", "3X^2", yes},
		{"2^x", "2^x", yes},
		{"2^(x+1)", "2*2^x", yes},
		{"sqrt(x)*sqrt(x)", "x", unknown}, // not for all numbers
		{"x_1 + x_2", "x_2 + x_1", yes},
		{"x_1 + x_2", "x_{1} + x_{3}", no},
		{"e^(2x)", "e^(x+x)", yes},
		{"sin(x)^2", "(sin(x))^2", yes},
		{"2sin(x)", `\sin(x) + \sin(x)`, yes},
		{"sin(x)", `\sin(y)`, unknown},
		{"i^2", "-1", unknown},
		{"2i + 1", "1 + 2i", yes},
		{"a+b+c+d+f+g+h+j+k", "k+a+b+c+d+f+g+h+j", unknown}, // too many
		{"x", "42", no},
		{"42", "x", no},
	}
	for _, test := range tests {
		c := newComparer(nil)
		if got := c.readings(c.reader.readings(test.truth), c.reader.readings(test.answer)); got != test.want {
			t.Errorf("%q for %q: %v, want %v", test.answer, test.truth, got, test.want)
		}
	}
}
