package grade

import (
	"math"
	"strings"
	"testing"
)

// TestPython holds the arithmetic that stands in for the reference's evaluator.
func TestPython(t *testing.T) {
	values := map[string]float64{
		"1":                       1,
		" 3 + 4 ":                 7,
		"3 - -4":                  7,
		"+-+5":                    -5,
		"2*3/4":                   1.5,
		"(1+2)*3":                 9,
		"((2))":                   2,
		"1_000":                   1000,
		"1.5e3":                   1500,
		"1.e2":                    100,
		".5":                      0.5,
		"5.":                      5,
		"00":                      0,
		"08.5":                    8.5,
		"1E-3":                    0.001,
		"5!":                      120,
		"sqrt(16) + 0":            4,
		"sqrt(2)":                 math.Sqrt2,
		"pi":                      math.Pi,
		"E":                       math.E,
		"abs(-3)":                 3,
		"Abs(-3)":                 3,
		"max(1, 2, 3)":            3,
		"min(1, 2)":               1,
		"factorial(5)":            120,
		"Rational(1, 2)":          0.5,
		"Integer(7)":              7,
		"Float(2.5)":              2.5,
		"S(5)":                    5,
		"3 and 4":                 4,
		"0 and 4":                 0,
		"0 or 4":                  4,
		"3 or 4":                  3,
		"1 and 2 or 3":            2,
		"0 and 2 or 3":            3,
		"(3 and 4) * 2":           8,
		"1/3 + 1/6":               0.5,
		"1e400 / 1e399":           10,
		"4 and sqrt(9)":           3,
		"100/3 - 33":              1.0 / 3,
		"factorial(20)/5!":        20274183401472000,
		"max(sqrt(2), pi, 1)":     math.Pi,
		"min(0.1, Rational(1,3))": 0.1,
	}
	for s, want := range values {
		v, ok := evaluatePython(s)
		if !ok || math.Abs(v.float64()-want) > 1e-12*math.Max(1, math.Abs(want)) {
			t.Errorf("%q: %v, %v, want %v", s, v.float64(), ok, want)
		}
	}
	for _, s := range []string{
		"", " ", "x", "2x", "x + 1", "1 2", "1 +", "* 2", "(1", "1)", "()", "1,2", "[1]", "{1}", "'5'", "5;6", "5 == 5", "6 < 7", "1 if 1 else 2", "lambda: 5",
		"0x10", "0b11", "0o7", "1__0", "_1", "1_", "007", "08", "1e", "1e+", "1.2.3", "5!!", "5 != 5", "3 andx 4", "3 and", "and 4", "not 3", "sin(0)", "log(100)",
		"I", "oo", "zoo", "nan", "1/0", "0/0", "sqrt(-1)", "sqrt()", "sqrt(1, 2)", "max(1)", "Integer(2.5)", "Rational(1, 2, 3)", "Rational(0.5, 1)", "abs", "abs 3",
		"pi()", "__import__('os')", "exec(1)", "1 + eval(2)", "2\n3", "2 # 3", "٣", "½", "π", "5j", "1.5!", "(-1)!", "2000!", "1e5000", "1//2", "1 % 2", "~1", "1 << 2",
		strings.Repeat("(", 60) + "1" + strings.Repeat(")", 60), strings.Repeat("-", 60) + "1", strings.Repeat("1000!*", 150) + "1",
	} {
		if v, ok := evaluatePython(s); ok {
			t.Errorf("%.40q is %v", s, v.float64())
		}
	}
}

func TestNumbers(t *testing.T) {
	tests := map[string][]float64{
		"":            nil,
		"none":        nil,
		"-5.5e3":      {5.5, 3},
		"1.2.3":       {1.2, 3},
		"1..2":        {1, 2},
		".5 5.":       {5, 5},
		"٣.٤":         {3.4},
		"𝟙𝟚":          {12},
		"７":           {7},
		"५०":          {50},
		"1٢":          {12},
		"½ ² ④":       nil,
		"\xff1\xfe":   {1},
		"0.1 and 007": {0.1, 7},
	}
	for s, want := range tests {
		got := Numbers(s)
		if len(got) != len(want) {
			t.Errorf("%q: %v, want %v", s, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q: %v, want %v", s, got, want)
			}
		}
	}
	if got := Numbers(strings.Repeat("9", 400)); len(got) != 1 || !math.IsInf(got[0], 1) {
		t.Errorf("a number beyond floats: %v", got)
	}
}

// TestCompareHabits holds the habits of the reference's comparison that its documentation warns of.
func TestCompareHabits(t *testing.T) {
	tests := []struct {
		truth, answer string
		want          float64
		ok            bool
	}{
		{"5", "-5", 1, true},
		{"100", "99", 0.99, true},
		{"5", "x = 5", 1, true},
		{"1,234", "1234", 0, false},
		{"1234", "1,234", 0, false},
		{"0", "0.0", 1, true},
		{"0", "0.000000001", 0.9, true},
		{"0", "1", 0, true},
		{"yes", "YES ", 1, true},
		{"yes", "no", 0, false},
		{"7", "2^3", 0, false},
		{"7", "2**3 4", 0, false},
		{"4", "3 and 4", 1, true},
		{"İ", "i̇", 1, true},
		{"ΟΔΟΣ", "οδος", 1, true},
		{"m$^25", "5", 1, true}, // removing $ leaves m^2, which is removed then
		{"3", `\$[3`, 1, true},
	}
	for _, test := range tests {
		score, ok := Compare(test.truth, test.answer)
		if ok != test.ok || math.Abs(score-test.want) > 1e-6 {
			t.Errorf("%q for %q: %v, %v, want %v, %v", test.answer, test.truth, score, ok, test.want, test.ok)
		}
	}
}

func TestRating(t *testing.T) {
	tests := map[string]float64{
		"1": 1, "0": 0, "0.85": 0.85, " 0.7\n": 0.7, "2": 1, "-3": 0, "inf": 1, "-inf": 0, "1_0": 1, "٠.٥": 0.5, "1e-1": 0.1,
		"score: 0.9": 0.5, "0.2 out of 1": 1, "": 0.5, "yes": 0.5, "one": 0.5, "**1**": 1, "0,9": 0.5,
	}
	for reply, want := range tests {
		if got := Rating(reply); got != want {
			t.Errorf("%q: %v, want %v", reply, got, want)
		}
	}
	if got := Rating("NaN"); !math.IsNaN(got) {
		t.Errorf("nan: %v", got)
	}
}

func TestEchoes(t *testing.T) {
	for s, want := range map[string]bool{
		"{{answer}}": true, "{{ answer }}": true, "x {{\n\tanswer\u00a0}} y": true, "{{{answer}}}": true, "{{ {{answer}}": true,
		"{answer}": false, "{{answers}}": false, "{{ the answer }}": false, "{{answer}": false, "{ {answer}}": false, "": false, "{{": false,
	} {
		if got := echoes(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestLex(t *testing.T) {
	show := func(s string, sep separators) string {
		tokens, ok := lex(s, sep)
		if !ok {
			return "no"
		}
		var b strings.Builder
		for i, x := range tokens {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(x.text)
		}
		return b.String()
	}
	tests := []struct{ s, asThousands, asItems string }{
		{"1,234", "1234", "1|,|234"},
		{"1 234", "1234", "1|234"},
		{"1,234,567.89", "1234567.89", "1|,|234|,|567.89"},
		{"1,234 567", "1234|567", "1|,|234|567"},
		{"12,34", "12|,|34", "12|,|34"},
		{"1234,567", "1234|,|567", "1234|,|567"},
		{"0,234", "0|,|234", "0|,|234"},
		{"1,2345", "1|,|2345", "1|,|2345"},
		{"2e3", "2e3", "2e3"},
		{"2e", "2|e", "2|e"},
		{"2e^3", "2|e|^|3", "2|e|^|3"},
		{"5.", "5", "5"},
		{".5", ".5", ".5"},
		{"5.x", "no", "no"},
		{"x_1 + x_{12}", "x_1|+|x_{12}", "x_1|+|x_{12}"},
		{"Pi R", "pi|r", "pi|r"},
		{"θ+α", "θ|+|α", "θ|+|α"},
		{"", "no", "no"},
		{"5 # 3", "no", "no"},
		{"\"5\"", "no", "no"},
	}
	for _, test := range tests {
		if got := show(test.s, thousands); got != test.asThousands {
			t.Errorf("%q with thousands: %s, want %s", test.s, got, test.asThousands)
		}
		if got := show(test.s, items); got != test.asItems {
			t.Errorf("%q with items: %s, want %s", test.s, got, test.asItems)
		}
	}
	if _, ok := lex(strings.Repeat("1+", maxTokens), thousands); ok {
		t.Error("too many tokens are read")
	}
}

// TestExpressions holds precedence, signs and what is refused because people read it in two ways.
func TestExpressions(t *testing.T) {
	values := map[string]float64{
		"2+3*4":      14,
		"2*3^2":      18,
		"-2^2":       -4,
		"(-2)^2":     4,
		"2^3^2":      512,
		"2^-2":       0.25,
		"2(3+4)":     14,
		"(2)(3)":     6,
		"6/2*3":      9,
		"3!^2":       36,
		"50%":        0.5,
		"200*5%":     10,
		"3 4/5":      3.8,
		"-3 4/5":     -3.8,
		"2*3 1/2":    7,
		"3 million":  3e6,
		"2 dozen":    24,
		"2pi":        2 * math.Pi,
		"2 sqrt(9)":  6,
		"sqrt 9":     3,
		"|3-5|":      2,
		"4 x 5":      20,
		"{2+3}*2":    10,
		"1.5e3":      1500,
		"root(3,27)": 3,
		"- -5":       5,
		"e^2":        math.E * math.E,
	}
	for s, want := range values {
		tokens, ok := lex(s, items)
		if !ok {
			t.Errorf("couldn't lex %q", s)
			continue
		}
		n, err := parseExpression(tokens)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		v, err := n.eval(nil, newMeter())
		if err != nil || math.Abs(v.float64()-want) > 1e-12*math.Max(1, math.Abs(want)) {
			t.Errorf("%q: %v, %v, want %v", s, v.float64(), err, want)
		}
	}
	for _, s := range []string{"1/2x", "1/2(3)", "1/2pi", "5 6", "3 5/4", "5!!", "2^", "^2", "*2", "2*", "(2", "2)", "foo", "foo(2)", "sin 2", "sqrt", "root(2)", "1.5 1/2", "| 3", "xy", "=", "2 ? 3"} {
		tokens, ok := lex(s, items)
		if !ok {
			continue
		}
		if n, err := parseExpression(tokens); err == nil {
			if v, err := n.eval(nil, newMeter()); err == nil {
				t.Errorf("%q is %v", s, v.float64())
			}
		}
	}
}

func TestBoxed(t *testing.T) {
	tests := []struct {
		s, around string
		contents  []string
	}{
		{`\boxed{42}`, " ", []string{"42"}},
		{`a \boxed{\frac{1}{2}} b`, "a   b", []string{`\frac{1}{2}`}},
		{`\boxed{1} \boxed{2}`, "   ", []string{"1", "2"}},
		{`\boxed 5`, " ", []string{"5"}},
		{`\boxed{\text{a\}b}}`, " ", []string{`\text{a\}b}`}},
		{`\boxed{1`, "", nil},
		{`none`, "none", nil},
	}
	for _, test := range tests {
		contents, around := boxed(test.s)
		if around != test.around || strings.Join(contents, "|") != strings.Join(test.contents, "|") {
			t.Errorf("%q: %q around %q", test.s, contents, around)
		}
	}
}
