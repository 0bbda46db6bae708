package grade

import "testing"

func TestDecide(t *testing.T) {
	tests := []struct {
		truth, answer string
		want          verdict
	}{
		{"42", "42", yes}, {"42", "42.", yes}, {"42", " $42$ ", yes}, {"42", `\boxed{42}`, yes}, {"42", "42.0", yes}, {"42", "42.00", yes},
		{"42", "43", no}, {"42", "-42", no}, {"-5", "5", no}, {"-5", "−5", yes}, {"-5", "- 5", yes}, {"42", "99", no}, {"100", "99", no},
		{"42", "x = 42", yes}, {"42", "The final answer is $42$.", yes}, {"42", "Answer: 42", yes}, {"42", "**42**", yes}, {"42", "6*7", yes},
		{"42", "6*7 = 42", yes}, {"42", "6*7 = 43", unknown}, {"42", "7 = 42", unknown}, {"42", "forty-two", yes}, {"42", "forty three", no},
		{"245", "two hundred and forty-five", yes}, {"3000000", "3 million", yes}, {"3000000", "three million", yes},
		{"1234", "1,234", yes}, {"1,234", "1234", yes}, {"1234567.5", "1,234,567.5", yes}, {"1234", `1{,}234`, yes}, {"1234", `1\,234`, yes},
		{"1234", "1 234", yes}, {"1234", "1,235", no}, {"[1, 234]", "1,234", yes},
		{"0.75", "3/4", yes}, {"0.75", `\frac{3}{4}`, yes}, {"0.75", `\dfrac34`, yes}, {"0.75", "75%", yes}, {"75%", "75", yes}, {"75%", "0.75", yes},
		{"75%", `75\%`, yes}, {"75%", "76%", no}, {"0.5%", "50%", no}, {"3.8", "3 4/5", yes}, {"3.8", `3\frac{4}{5}`, yes}, {"-3.8", "-3 4/5", yes},
		{"3.8", "3½", no}, {"3.5", "3½", yes}, {"½", "0.5", yes}, {"2.4", "3 * 4/5", yes}, {"1/3", "0.333", yes}, {"1/3", "0.33", no}, {"1/3", "0.3333333", yes},
		{"1/3", "0.334", no}, {"33.33", "100/3", yes}, {"33.33", "33.333333", yes}, {"33.33", "33.34", no}, {"0.5", "0.54", no}, {"3.14159", "3.14", yes},
		{"8.5", "8.49", no}, {"pi", "3.14", yes}, {"pi", "3.1415926", yes}, {"pi", "3.15", no}, {"2*pi", `2\pi`, yes}, {"2*pi", "2π", yes}, {"2*pi", "6.283", yes},
		{"sqrt(8)", `2\sqrt{2}`, yes}, {"sqrt(8)", "2√2", yes}, {"sqrt(16)", "4", yes}, {`\sqrt[3]{27}`, "3", yes}, {`\sqrt[3]{-8}`, "-2", yes}, {"2^(1/2)", "sqrt(2)", yes},
		{"8^(2/3)", "4", yes}, {"120", "5!", yes}, {"1e5", "100000", yes}, {"1e5", `10^5`, yes}, {"1.2e5", `1.2 \times 10^5`, yes}, {"1.2e5", "1.2 x 10^5", yes},
		{"1.2e-3", "0.0012", yes}, {"1024", "2^10", yes}, {"1024", "2**10", yes}, {"1024", "2¹⁰", yes}, {"1/0", "5", unknown}, {"5", "1/0", unknown},
		{"5", "5 apples", yes}, {"5 m", "5 meters", yes}, {"5 m", "500 cm", yes}, {"5 m", "5", yes}, {"5 m", "50 cm", no}, {"5 m^2", "5 square meters", yes}, {"5 m²", "5 m^2", yes},
		{"5 km/h", "5 km/h", yes}, {"90", `90^\circ`, yes}, {"90°", "90 degrees", yes}, {"$45", "45 dollars", yes}, {"45", "$45", yes}, {"45", "€45", yes}, {"5 s", "5 kg", unknown},
		{"5 s", "6 kg", no}, {"12 m^3", "12", yes}, {"2 hours", "120 minutes", yes},
		{"(1, 2)", "(1,2)", yes}, {"(1, 2)", "(2,1)", no}, {"{1, 2}", "{2, 1}", yes}, {"{1,2}", `\{2,1\}`, yes}, {"{1,2}", "{1,3}", no}, {"[1, 2, 3]", "1, 2, 3", yes},
		{"[1, 2, 3]", "[3,2,1]", no}, {"[1, 2, 3]", "[1, 2]", no}, {"10 and 20", "10, 20", yes}, {"10 and 20", "20 and 10", unknown}, {"10 and 20", "10 and 21", no},
		{"x = 2 or x = 3", "x=3, x=2", yes}, {"x = 2, y = 3", "y = 3, x = 2", yes}, {"x = 2, y = 3", "x = 3, y = 2", unknown}, {"[1, 2)", "[1,2)", yes}, {"[1, 2)", "(1,2)", no},
		{"(-∞, 3]", `(-\infty, 3]`, yes}, {"(-∞, 3]", "(-inf, 3)", no}, {"infinity", `\infty`, yes}, {"infinity", "-∞", no}, {"infinity", "5", no}, {"3:4", "3 : 4", yes}, {"3:4", "6:8", unknown},
		{"[[1, 2], [3, 4]]", `\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`, yes}, {"[[1, 2], [3, 4]]", "[[1,2],[3,5]]", no}, {"{5}", "5", yes}, {"{}", `\emptyset`, yes},
		{"yes", "True", yes}, {"yes", "No.", no}, {"yes", "Yes, because 7 is prime", yes}, {"yes", "No, because 7 is prime", no}, {"yes", "Yes and no", unknown}, {"false", "no", yes}, {"yes", "1", unknown},
		{"x^4 + 9x^2 + 12", "12 + 9x^2 + x^4", yes}, {"x^4 + 9x^2 + 12", "x^4+9x^2+13", no}, {"(x+1)^2", "x^2+2x+1", yes}, {"2x", "2y", no}, {"x/2", `\frac{x}{2}`, yes}, {"x/2", "1/2x", unknown},
		{"sin(x) + 1", "1 + sin(x)", yes}, {"sin(2x)", `\sin(x+x)`, yes}, {"sin(x)", "cos(x)", unknown}, {"y = 2x + 1", "2x+1", yes}, {"2x+1", "f(x) = 1 + 2x", yes}, {"sqrt(x^2)", "x", no}, {"|x|", "sqrt(x^2)", yes},
		{"a", "(A)", yes}, {"A", "B", no}, {"the man's son", "The man’s son", unknown}, {"the man's son", "man's son.", yes}, {"Paris", "paris", yes}, {"Paris", "London", unknown},
		{"42", "So after adding them we obtain 42 marbles.", yes}, {"42", "So after adding them we obtain 41 marbles.", no}, {"42", "It is not 42", unknown}, {"42", "7 or 42", unknown}, {"42", "1 2 3 4 5 6 7 8 9 10 42", unknown},
		{"42", "Paris", no}, {"42", "I do not know", no}, {"42", "", no}, {"42", "The sum of 20 and 22 is 42", unknown}, {"42", `We compute. \boxed{42}`, yes}, {"42", `We compute 42. \boxed{41}`, no},
		{"42", `\boxed{41} \boxed{42}`, unknown}, {"42", "４２", no}, {"5", "x=5, y=3", unknown}, {"0", "-0", yes}, {"0", "0.000", yes}, {"0", "1e-9", no}, {"100000", "99999.99", no},
	}
	for _, test := range tests {
		r, ok := decide(Task{Truth: test.truth}, test.answer)
		got := unknown
		if ok && r.Outcome == Correct {
			got = yes
		} else if ok {
			got = no
		}
		if got != test.want {
			t.Errorf("%q for %q: %v (%s, %s), want %v", test.answer, test.truth, got, r.Method, r.Reason, test.want)
		}
	}
	t.Logf("%d pairs", len(tests))
}
