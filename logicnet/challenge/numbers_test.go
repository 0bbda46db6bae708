package challenge

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestNumbersOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "",
		"no numbers, no point.":                    "",
		"12 apples and 7":                          "12 7",
		"3.14, .5, 0.50 and 2.0.":                  "3.14 0.5 0.5 2",
		"010 is binary, 0 is not":                  "010 0",
		"1.2.3":                                    "1.2 3",
		"1,234,567 and 1,234.5":                    "1234567 1234.5",
		"1,23 and 12,3456 and 0,123":               "1 23 12 3456 0 123",
		"1,234,5":                                  "1 234 5",
		"[1,234] and (613,111) and {1,234}":        "1 234 613 111 1 234",
		"1{,}234 and 1\\,234 and 1\u202f234":       "1234 1234 1234",
		"1'234 and 1’234 and 1\u00a0234":           "1234 1234 1234",
		"5'11 and 1 234":                           "5 11 1 234",
		"-5":                                       "-5",
		"x = -5, y=-6 and (-7,-8)":                 "-5 -6 -7 -8",
		"is -5 or − 5 or –5":                       "-5 -5 -5",
		"5-3 and 5 - 3 and x-3 and x - 3":          "5 3 5 3 3 3",
		"5 -3 and (2) -1":                          "5 -3 2 -1",
		"5 - -3 and 5--3 and 2*-3":                 "5 -3 5 -3 2 -3",
		"(2)-3 and x^{2}-4":                        "2 3 ^2 4",
		"covid-19 and 2-3 and 3-sided":             "19 2 3 3",
		"\n---\n5":                                 "5",
		"minus 5 and negative 6":                   "-5 -6",
		"8 minus 5 and 8 plus 5":                   "8 5 8 5",
		"7%, 7 %, 7 percent, $7$% and 7\\%":        "7% 7% 7% 7% 7%",
		"-7%":                                      "-7%",
		`\frac{1}{2}, \dfrac34 and \frac{x+1}{-2}`: "1 2 3 4 1 -2",
		`2\frac{1}{2}3`:                            "2 1 2 3",
		`51^{\frac{1}{5}}`:                         "51 ^1 5",
		`\frac{1}`:                                 "1",
		"½ and 2¾":                                 "1 2 2 3 4",
		"x² + y³ and 10⁻³ and a₁":                  "^2 ^3 10 ^-3 1",
		"x squared and y cubed":                    "^2 ^3",
		"٣ and １２":                                 "3 12",
		"Ⅷ and ①":                                  "Ⅷ ①",
		"$12$ and \\$13":                           "12 13",
		"3rd, 10th, 2's, 12m and x1":               "3 10 2 12 1",
		"seventeen, Twenty-One, zero":              "17 21 0",
		"one hundred and five":                     "105",
		"two thousand three hundred forty":         "2340",
		"three million":                            "3000000",
		"a hundred, a dozen":                       "100 12",
		"two three and five twenty":                "2 3 5 20",
		"twelve hundred":                           "1200",
		"third, twenty-first, hundred":             "3 21 100",
		"half, two thirds, three quarters":         "1 2 2 3 3 4",
		"twice and triple":                         "2 3",
		"79 seconds, zeros, tenfold, often":        "79",
		"hundred and then":                         "100",
		"one first second":                         "?1 ?1 ?2",
		"one third and one half":                   "1 3 1 2",
	} {
		var got []string
		for _, n := range numbersOf([]rune(plain(text))) {
			s := n.text
			if n.soft {
				s = "?" + s
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
}

func TestCheckNumbersAccepts(t *testing.T) {
	for _, c := range [][2]string{
		{"$12+40=$", "What do you get when you compute 12+40?"},
		{"$12+40=$", "I'm adding 12 and 40 - what is their sum?"},
		{"$12+40=$", "Could one of you tell me what $12 + 40$ equals?"},
		{"$12+40=$", "What is twelve plus forty?"},
		{"$64-62=$", "What's the difference when I subtract, starting with 64 and taking off 62?"},
		{"$64-62=$", "What is 64 minus 62?"},
		{"$64-62=$", "What is 64 − 62?"},
		{"$132\\div6=$", "What is 132 divided by 6?"},
		{"$132\\div6=$", "What is 132 ÷ 6?"},
		{"$2\\cdot2=$", "How much is 2 × 2?"},
		{"$2\\cdot2=$", "What's the product of 2 and 2?"},
		{"$16^2=$", "What is 16 squared?"},
		{"$16^2=$", "What is 16²?"},
		{"$13^{10}=$", "What is 13 raised to the power of 10?"},
		{"$\\frac{1}{9}\\div\\frac{5}{4}=$", "Divide: what is \\frac{1}{9} ÷ \\frac{5}{4}?"},
		{"What is 2/3 of 9?", "How much is two thirds of nine?"},
		{"What is 1/2 of 9?", "How much is half of 9?"},
		{"Convert $-31$ degrees Celsius", "It's negative 31 degrees Celsius here! Convert it."},
		{"The price is 1,234 dollars", "It costs $1234 in total"},
		{"It weighs 2.50 kg", "It weighs 2.5 kg"},
		{"What is $26$% of $94$?", "What is 26 percent of 94?"},
		{"Third angle of triangle with angles $76$ and $28 = $", "What is the 3rd angle of a triangle whose angles are 76 and 28?"},
		{"Find the distance between $(7, 0)$ and $(-6, 14)$", "I'm so excited! How far is it from (7, 0) to (-6, 14)?"},
		{"$8x + 1 = 7$", "Solve 8x + 1 = 7 for me, please."},
		{"Compute 3 * 4", "Compute **3** times **4**"},
		{"$|-99-20|=$", "What is the absolute value of -99-20?"},
		{"$\\sqrt{48}$", "How does one simplify the square root of 48?"},
		{"$2! =$", "What is the factorial of 2?"},
		{"$GCD(613,111)=$", "Find the GCD of 613 and 111."},
		{"What is the 86th Fibonacci number?", "I wonder which is the eighty-sixth Fibonacci number?"},
		{"Is there one way or 2?", "Is there 1 way or 2?"},
		{"no numbers", "still none, at first"},
		{"1 and 5", "Here is one for you: 1 and 5"},
	} {
		if err := CheckNumbers(c[0], c[1]); err != nil {
			t.Errorf("%q as %q: %v", c[0], c[1], err)
		}
	}
}

func TestCheckNumbersRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"$12+40=$", "What is 12+41?"},
		{"$12+40=$", "What is 12?"},
		{"$12+40=$", "What is 12+40+1?"},
		{"$12+40=$", "1. What is 12+40?"},
		{"$12+40=$", "What is 12-40?"},
		{"$12+40=$", "What is 12*40?"},
		{"$12+40=$", "What are 12 and 40?"},
		{"$12+40=$", "What is thirteen plus forty?"},
		{"$12+40=$", "What is 12+40, twice?"},
		{"$64-62=$", "What is 62-64?"},
		{"$64-62=$", "Subtract 62 from 64."},
		{"$64-62=$", "What is the sum of 64 and 62?"},
		{"5 and 3", "5 and -3"},
		{"5 and 3", "5-3"},
		{"5 and 3", "5+3"},
		{"5 and 3", "5/3"},
		{"5 and -3", "5 and 3"},
		{"5, -3", "5 - 3"},
		{"5 3", "53"},
		{"1/2", "1 and 2"},
		{"1/2", "2/1"},
		{"2/4", "1/2"},
		{"2/3", "two and three"},
		{"2^3", "2 and 3"},
		{"2^3", "2*3"},
		{"2^3", "23"},
		{"(613,111)", "613111"},
		{"[1, 234]", "1234"},
		{"1,234", "1,235"},
		{"1234", "1 234"},
		{"3.14", "314"},
		{"3.14", "3,14"},
		{"3.14", "3.141"},
		{"26%", "26"},
		{"26", "26%"},
		{"01001", "1001"},
		{"3x + 4", "3y + 4"},
		{"3x + 4", "three times x plus four"},
		{"x²", "x³"},
		{"x^2", "What is x2?"},
		{"$3x^{2}$", "3x2"},
		{"x2", "x^2"},
		{"\\sqrt{48}", "Simplify 48"},
		{"48", "\\sqrt{48}"},
		{"|-99-20|", "-99-20"},
		{"2! =", "What is 2?"},
		{"$\\sin(0) = $", "What is 0?"},
		{"log_{2}(8)", "What are 2 and 8?"},
		{"$GCD(613,111)=$", "Find the LCM of 613 and 111."},
		{"5 apples", "Five apples and ten pears"},
		{"one apple and 3 pears", "an apple and 3 pears"},
		{"12", "a dozen and 12"},
		{"Ⅷ", "Ⅸ"},
		{"7", "no number"},
		{"no number", "7"},
	} {
		if err := CheckNumbers(c[0], c[1]); !errors.Is(err, ErrCheck) {
			t.Errorf("%q as %q: %v", c[0], c[1], err)
		}
	}
}

func TestCheckNumbersAnyOrder(t *testing.T) {
	for _, c := range []struct {
		question, rewrite string
		ok                bool
	}{
		{"Tom has 5 apples and 3 pears", "Tom has 3 pears and 5 apples", true},
		{"Tom has 5 apples and 3 pears", "Tom has 3 pears and 3 apples", false},
		{"5, 5 and 3", "3, 5", false},
		{"5, 3", "3, 5, 5", false},
		{"5, 3", "one has 3 and 5", true},
		{"What is 1 and 2?", "For one thing, what are 2 and 1?", true},
		{"64-62", "62-64", true},
		{"64-62", "add 62 and 64", false},
		{"5 and 3", "3 and -5", false},
	} {
		err := CheckNumbersAnyOrder(c.question, c.rewrite)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrCheck) {
			t.Errorf("%q as %q: %v", c.question, c.rewrite, err)
		}
	}
}

func TestTooManyNumbers(t *testing.T) {
	many := strings.Repeat("1 ", maxNumbers+1)
	if err := CheckNumbers(many, many); !errors.Is(err, ErrCheck) {
		t.Error(err)
	}
	if err := CheckNumbers(many[2:], many[2:]); err != nil {
		t.Error(err)
	}
	long := strings.Repeat("9", 10000)
	if err := CheckNumbers(long, "1"); !errors.Is(err, ErrCheck) || len(err.Error()) > 200 {
		t.Error(err)
	}
}

// TestGeneratedQuestions takes the questions of all generators: each is itself, is itself with words around it, and is another one with any
// digit changed.
func TestGeneratedQuestions(t *testing.T) {
	questions := generated(t)
	for _, q := range questions {
		if err := CheckNumbers(q, unframed(q)); err != nil {
			t.Errorf("%q: %v", q, err)
		}
		if err := CheckNumbers(q, "Hey, I've been wondering: "+unframed(q)+" That would help me at work."); err != nil {
			t.Errorf("%q with words around it: %v", q, err)
		}
		if err := CheckNumbers(q, strings.ReplaceAll(q, "$", "")); err != nil {
			t.Errorf("%q without dollars: %v", q, err)
		}
		if len(q) < 200 && q == unframed(q) {
			breakDigits(t, q)
		}
	}
	t.Logf("%d questions", len(questions))
}

func breakDigits(t *testing.T, q string) {
	t.Helper()
	for i := range len(q) {
		if q[i] < '0' || q[i] > '9' {
			continue
		}
		b := []byte(q)
		b[i] = '0' + (q[i]-'0'+1)%10
		if CheckNumbers(q, string(b)) == nil {
			t.Errorf("%q became %q", q, b)
		}
		if CheckNumbers(q, q[:i]+q[i+1:]) == nil && !sameValue(q, i) {
			t.Errorf("%q became %q", q, q[:i]+q[i+1:])
		}
	}
}

// sameValue says whether leaving the digit out changes no value: 2.50, 2.0, 0.5.
func sameValue(q string, i int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(q) && q[i] >= '0' && q[i] <= '9' }
	start, end := i, i
	for digit(end) {
		end++
	}
	for digit(start - 1) {
		start--
	}
	return start > 0 && q[start-1] == '.' && strings.Trim(q[i:end], "0") == "" || end == start+1 && q[i] == '0' && end < len(q) && q[end] == '.' && digit(end+1)
}

func generated(t testing.TB) []string {
	var v struct {
		Cases []struct {
			Samples []struct {
				Question string `json:"question"`
				Framed   string `json:"legacy_raw_question"`
			} `json:"samples"`
		} `json:"cases"`
	}
	raw := vectortest.Open(t, "logicnet/mathgenerator.json")
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range v.Cases {
		for _, s := range c.Samples {
			all = append(all, s.Question, s.Framed)
		}
	}
	return all
}
