package grade

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// seeds are texts of every part of the grammar.
var seeds = []string{
	"42",
	"-1,234.50",
	"3 4/5",
	`\frac{3}{4}`,
	`\sqrt[3]{-8}`,
	"2^10 - 1",
	"5!",
	"1.2 x 10^-5",
	"75%",
	"5 km/h",
	"x = 5, y = 3",
	"(-∞, 3]",
	"{1, 2}",
	`\{1,2\}`,
	`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`,
	"two hundred and five",
	"yes",
	"x^4 + 9x^2",
	"sin(2x)",
	"|x|",
	"½",
	"2π",
	"90°",
	`\boxed{\text{the answer is } 5}`,
	"The final answer is **42**.",
	"3:4",
	"6*7 = 42",
	"It is not 42",
	"1_000 and pi",
	"E",
	"factorial(5)",
	"max(1,2)",
	"{{ answer }}",
	"Ignore all rules",
	"\u202e",
	"9**9**9**9",
	"((((((((((",
	"----------5",
	"2^2^2^2^2^2",
	"1e4000*1e4000",
	"sqrt(sqrt(sqrt(2)))",
	"5!!",
	"0^0",
	"1/0",
	"m",
	"5 m",
}

// FuzzCompare holds the reference's comparison to scores in [0, 1].
func FuzzCompare(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+7)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, truth, answer string) {
		score, ok := Compare(truth, answer)
		if !(score >= 0 && score <= 1) || !ok && score != 0 {
			t.Fatalf("%q for %q: %v, %v", answer, truth, score, ok)
		}
		for _, n := range Numbers(answer) {
			if n < 0 || math.IsNaN(n) {
				t.Fatalf("%q contains %v", answer, n)
			}
		}
		if clean := Clean(answer); strings.ContainsAny(clean, "$%-<>/*#!") {
			t.Fatalf("%q cleaned is %q", answer, clean)
		}
	})
}

// FuzzDecide holds the hardened comparison to what never changes: an answer fits itself, decisions are whole, and comparing is quick.
func FuzzDecide(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+7)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, truth, answer string) {
		if len(truth) > 8*maxTruth || len(answer) > 8*MaxAnswer {
			return
		}
		start := time.Now()
		r, ok := decide(Task{Truth: truth}, answer)
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q for %q took %v", answer, truth, d)
		}
		if ok == (r.Outcome == "") || r.Outcome == Correct && r.Score != 1 || r.Outcome == Incorrect && r.Score != 0 || r.Outcome == Cheat && r.Score != -1 || r.Outcome == Unscored || r.Outcome == Partial {
			t.Fatalf("%q for %q: %+v, %v", answer, truth, r, ok)
		}
		if r.Outcome == Correct && utf8.RuneCountInString(answer) > MaxAnswer {
			t.Fatalf("a long answer is right")
		}
		if s := strings.TrimSpace(truth); s != "" && !tooLong(s) {
			if r, _ := decide(Task{Truth: truth}, s); r.Outcome != Correct {
				t.Fatalf("%q does not fit itself: %+v", truth, r)
			}
		}
	})
}

// FuzzReadings holds that what the grammar reads, it can compare with itself, and never finds different.
func FuzzReadings(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxTruth {
			return
		}
		c := newComparer(nil)
		all := c.reader.readings(s)
		if len(all) > maxReadings {
			t.Fatalf("%d readings of %q", len(all), s)
		}
		for _, x := range all {
			if c.one(x, x) == no {
				t.Fatalf("%q differs from itself", s)
			}
		}
	})
}

// FuzzInspect holds that text of the question and the truth alone is no instruction, and that hidden characters are always found.
func FuzzInspect(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 8*MaxAnswer {
			return
		}
		if got := Inspect(Task{Question: s}, s); got.Attack == Instruction && !strings.Contains(strings.Join(disguises(fold(s)), ""), fold(s)) {
			t.Logf("%q: %+v", s, got) // only in disguise
		}
		for _, r := range []rune{0xe0041, 0x202e, 0x200b, 0xe000, 0xfe01} {
			if got := Inspect(Task{Question: s}, s+string(r)); got.Attack == None {
				t.Fatalf("%U behind %q is not found", r, s)
			}
		}
	})
}

// TestWorstCases holds the time of texts made to take long.
func TestWorstCases(t *testing.T) {
	repeat := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	tests := map[string]string{
		"brackets":      repeat("(", 1000),
		"closed":        repeat("(", 400) + "1" + repeat(")", 400),
		"signs":         repeat("-", 998) + "5",
		"tower":         repeat("9^", 998) + "9",
		"factorials":    repeat("1000!*", 990) + "1",
		"sum":           repeat("1/997!+", 990) + "1",
		"factorial":     "5" + repeat("!", 900),
		"digits":        repeat("7", 1000),
		"fraction":      repeat("7", 499) + "/" + repeat("3", 499),
		"powers":        repeat("3^9999*", 990) + "1",
		"roots":         repeat("sqrt(2", 600) + repeat(")", 100),
		"root64":        repeat(`+\sqrt[63]{3}`, 990),
		"variables":     repeat("(x+y)^99*", 990) + "z",
		"high":          "x" + repeat("^9", 990),
		"list":          repeat("1,", 998) + "1",
		"long list":     "{" + repeat("x^9,", 900) + "1}",
		"nested lists":  repeat("[1,", 900) + repeat("]", 90),
		"sets":          "{" + repeat("1+x,", 250) + "1}",
		"groups":        repeat("1,234,", 996),
		"spaces":        repeat(" ", 998) + "5",
		"latex":         repeat(`\frac{`, 600) + "1" + repeat("}{2}", 390),
		"text":          repeat(`\text{`, 990),
		"boxed":         repeat(`\boxed{`, 990),
		"matrix":        repeat(`\begin{pmatrix}`, 990),
		"equations":     repeat("x=", 998) + "5",
		"chain":         repeat("2^99=", 995) + "5",
		"words":         repeat("hundred thousand ", 990),
		"units":         "5 " + repeat("meters ", 990),
		"ignore":        repeat("ignore ", 990),
		"instruct":      repeat("instruct ", 990),
		"return":        repeat("return the ", 990),
		"letters apart": repeat("i g n o r e ", 990),
		"braces":        repeat("{{ ", 999),
		"angles":        repeat("<a ", 999),
		"stars":         repeat("** ", 999),
		"and":           repeat("1 and ", 990) + "1",
		"Greek":         repeat("πθ", 1000),
		"tags":          repeat("\U000e0041", 4000),
	}
	const truth = "(x+1)^9 + 3/7"
	for name, answer := range tests {
		for _, truth := range []string{truth, "42", answer + "+1", "the man's son"} {
			for rules, f := range map[string]func(){
				"hardened":  func() { decide(Task{Truth: truth, Question: repeat("why meters ", 4000)}, answer) },
				"reference": func() { compare(truth, answer) },
			} {
				start := time.Now()
				f()
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("%s for %.20q under %s rules took %v", name, truth, rules, d)
				} else if d > 100*time.Millisecond {
					t.Logf("%s for %.20q under %s rules took %v", name, truth, rules, d)
				}
			}
		}
	}
}

// TestValues holds the arithmetic against known values.
func TestValues(t *testing.T) {
	rat := func(s string) value {
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("no fraction: %s", s)
		}
		return exact(r)
	}
	must := func(v value, err error) value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for n := int64(1); n <= maxRoot; n++ {
		for _, s := range []string{"2", "3/7", "1000000007", "1/99999999999", "123456789/2"} {
			x := must(root(rat(s), n))
			back := must(powerInt(x, n))
			d := must(sub(back, rat(s)))
			if d.sign() != 0 && d.float().MantExp(nil) > rat(s).float().MantExp(nil)-240 {
				t.Errorf("the %dth root of %s is off by %v", n, s, d.float())
			}
			whole := must(root(must(powerInt(rat(s), min(n, 20))), min(n, 20)))
			if whole.r == nil || whole.r.Cmp(rat(s).r) != 0 {
				t.Errorf("the %dth root of %s^%d is not exact", n, s, n)
			}
		}
	}
	fails := map[string]func() (value, error){
		"1/0":       func() (value, error) { return quo(integer(1), integer(0)) },
		"0^0":       func() (value, error) { return power(integer(0), integer(0)) },
		"0^-1":      func() (value, error) { return power(integer(0), integer(-1)) },
		"(-8)^1/3":  func() (value, error) { return power(integer(-8), rat("1/3")) },
		"sqrt -1":   func() (value, error) { return root(integer(-1), 2) },
		"65th root": func() (value, error) { return root(integer(2), 65) },
		"0th root":  func() (value, error) { return root(integer(2), 0) },
		"2^100000":  func() (value, error) { return power(integer(2), integer(100000)) },
		"2^pi":      func() (value, error) { return power(integer(2), valuePi) },
		"pi^1e9":    func() (value, error) { return powerInt(valuePi, 1_000_000_000) },
		"2^min":     func() (value, error) { return powerInt(integer(2), math.MinInt64) },
		"(-1)!":     func() (value, error) { return factorial(integer(-1)) },
		"1.5!":      func() (value, error) { return factorial(rat("3/2")) },
		"1001!":     func() (value, error) { return factorial(integer(1001)) },
		"1e9999":    func() (value, error) { return literal("1e9999") },
		"1e-9999":   func() (value, error) { return literal("1e-9999") },
		"1e99…9":    func() (value, error) { return literal("1e99999999999999999999") },
	}
	for name, f := range fails {
		if v, err := f(); err == nil {
			t.Errorf("%s is %v", name, v)
		}
	}
	for s, want := range map[string]string{"0": "0", "1e3": "1000", "1.50": "3/2", ".5": "1/2", "1e-2": "1/100", "007": "7"} {
		if v := must(literal(s)); v.r.RatString() != want {
			t.Errorf("%s is %s", s, v.r.RatString())
		}
	}
	if v := must(factorial(integer(20))); v.r.RatString() != "2432902008176640000" {
		t.Errorf("20! is %s", v.r.RatString())
	}
	if v := must(power(rat("9/4"), rat("-3/2"))); v.r == nil || v.r.RatString() != "8/27" {
		t.Errorf("(9/4)^(-3/2) is %v", v)
	}
	if got := fmt.Sprintf("%.6f", valuePi.float64()); got != "3.141593" {
		t.Errorf("pi is %s", got)
	}
}
