package solve

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestArithmetic(t *testing.T) {
	for _, c := range []struct{ question, want string }{
		{"What is 2+2?", "4"},
		{"$12+40=$", "52"},
		{"12 + 40 = ?", "52"},
		{"Calculate 3 * (4 + 5)", "27"},
		{"What is 7 times 8?", "56"},
		{"what's twenty-three plus nineteen", "42"},
		{"What is one hundred and five minus six?", "99"},
		{"Compute two thousand three hundred and four divided by four", "576"},
		{"Evaluate 2^10", "1024"},
		{"Evaluate $2^{10}$.", "1024"},
		{"What is (-5)^2?", "25"},
		{"What is 3 squared?", "9"},
		{"What is the square root of 144?", "12"},
		{`Find $\sqrt{2.25}$.`, "1.5"},
		{`What is \frac{1}{2} + \frac{1}{3}?`, "5/6"},
		{"What is 25% of 80?", "20"},
		{"What is 12.5 percent of 64?", "8"},
		{"1,234 + 1 =", "1235"},
		{"What is 5!?", "120"},
		{"What is 10 / 4?", "2.5"},
		{"What is 39 divided by 65?", "0.6"},
		{"38--52=", "90"},
		{"6/2*3=", "9"},
		{"10 - 3 - 2 =", "5"},
		{"What is the sum of 12 and 30?", "42"},
		{"What is the difference between 30 and 12?", "18"},
		{"What is the product of 6 and -7?", "-42"},
		{"Subtract 5 from 12.", "7"},
		{"Add 5 and 12.", "17"},
		{"As a curious math student, I'm wondering: what is 12 plus 40?", "52"},
		{"I'm excited to know, what does 9 multiplied by 9 equal?", "81"},
		{"12 × 12 ÷ 9 =", "16"},
		{"What is 12 plus 40? I'm curious.", "52"},
		{"What is 5 + 3 equal to?", "8"},
		{"Let's see if we can figure this out! What do you get when you add 12 and 40 together?", "52"},
		{"I'm trying to understand this better: what is the result of adding 12 and 40?", "52"},
		{"Please find the value of the expression 5 + 3.", "8"},
		{"0.1 + 0.2 =", "0.3"},
		{"2^-2 =", "0.25"},
		{"Find the solution of this question:\n---\nWhat is 2 + 3?\n---\n", "5"},
		{fallbackQuestion, "180"},
	} {
		answer, ok := Solve(c.question)
		if !ok || answer.Value != c.want {
			t.Errorf("%q: %q, %v, want %q", c.question, answer.Value, ok, c.want)
		}
		if ok && !strings.Contains(answer.Steps, c.want) {
			t.Errorf("%q: steps %q don't lead to %q", c.question, answer.Steps, c.want)
		}
	}
}

// TestUnsure holds what nobody can be sure of, or what isn't arithmetic.
func TestUnsure(t *testing.T) {
	for _, q := range []string{
		"", " ", "?", "7", "-7", "What is 7?", "What is 2?+3", "6/2(1+2)=", "2(3)=", "2^3^2=", "-2^2=", "1/0=", "0^0=", "0^-1=", "5 % 3 =", "28 % 39 =",
		"What is 5 plus 3 times 2?", "What is the square root of 16 plus 9?", "What is 12 divided by 3 times 2?", "What is twice 5 plus 3?",
		"What is 10% of 50 plus 3?", "What is 5 more than 3?", "What is not 2+2?", "What is 2+2 in base 3?", "Is 2+2 = 5?", "2+2=4", "x+2=4",
		"3x+2=", "2 + 3 apples", "What is 2 + 3 rounded to the nearest ten?", "2024-11-12", "2024-01-05=", "555-1234", "12:30 - 11:20 =", "3,5 + 2 =",
		"12 345 + 1 =", "1 1/2 + 1 =", "sqrt(2) =", "What is the square root of -4?", "((((1+1)=", "1+=", "+1=", "--1=", "1+-+1=", "5!! =",
		"999999999! =", "9^999999 =", "2^2000000000 =", "What is the difference between 12 and 30?", "What is the sum of 1, 2 and 3?",
		"What is the sum of 1 and 2 times 3?", "Divide 10 into 5.", "Subtract 5 and 12.", "three =", "twenty ten plus one =", "What is 2+3!",
		"If I have 5 apples and eat 2, how many are left?", "two plus two equals fish", "What is 1e5 + 1?", "0x10 + 1 =", "What is half of 10?",
		"What is 5 minus three negative?", "What is minus 5 squared?", "What is negative 5 squared?", "What is the area of a circle?",
		"What is the radius of a circle with area 11?", "What is the area of a circle with diameter 11?",
		"What is the area of a circle with radius 11 and of a circle with radius 5?", "What is the area of a circle with circumference 11?",
		"What is the circumference and the area of a circle with radius 11?", "What is the area of a circle with radius 3 m and height 20 cm?",
		"What is the volume of a cylinder with a height of 3 m and a radius of 20 cm?", "What is the area of a half circle with radius 11?",
		"What is the area of a circle with radius 1/2?", "What is the area of a circle with radius -2?", "What is the area of a circle with radius 2%?",
		"What is the GCD of 12, 18 and 24?", "What is the LCM of 4?", "What is the GCD of 1,234 and 5?", "Is 7 not prime?", "Is 7 prime and 9 composite?",
		"Which factors of 12 are prime?", "What is the sum of the factors of 12?", "How many factors does 12 have?", "What is the number of factors of 12?",
		"Is 91 or 97 prime?", "What are the prime factors of 0?", "What is the factorial of 3 factorial?", "What is the 5th prime?",
		"What is 20% off of 50?", "50 is 20% of what?", "What percent of 50 is 20?", "What percentage of 50 is 20?",
		"The simple interest on 100 dollars at 5% is 15 dollars. How many years?", "What is the principal if the simple interest is 100 at 5% for 2 years?",
		"What is the interest rate if simple interest on a principal of 100 dollars for 2 years is 10%?",
		"What is the probability of picking 3 of 12 objects?", "Convert 100 degrees Fahrenheit to Celsius.", "Convert 30 degrees Fahrenheit from Celsius",
		"What is 100 degrees Fahrenheit in Celsius?", "Convert 3 radians to degrees and 90 degrees to radians.",
		"How many radians are there in 2 times 90 degrees?", "What is the binary number 101 in decimal?", "Convert binary 101 to decimal.",
		"What is the octal number 17 in decimal?", "What is the decimal form of octal 17?", "What is the decimal value of the binary number 101?",
		"What is the decimal representation of hexadecimal 10?", "What decimal number has the hexadecimal representation 10?",
		"What is the midpoint of the midpoint of (1, 2) and (3, 4)?", "The midpoint of (1, 2) and a point is (3, 4). What is the point?",
		"What is the hypotenuse of a right triangle with hypotenuse 5 and side 3?", "In a right triangle the hypotenuse is 5 and a leg is 3. What is the other leg?",
		"What is the length of the other side of a right triangle with hypotenuse 13 and side 5?",
		"A triangle has angles 50 and 60. What is the supplementary of the third angle?", "What is the side of a cube with volume 27?",
		"What is the edge of a cube with a surface area of 24?", "What is the radius of a sphere with volume 36?",
		"What height has a cylinder of volume 20 and radius 2?", "What is the height of a cone with volume 20 and radius 3?",
		"Find the solution of this math problem:\n---\nTopic: Basic math, Subtopic: Addition.\n2-3=\n---\n",
		"Find the solution of this math problem:\n---\nTopic: Geometry, Subtopic: Addition.\n2+3=\n---\n",
		"Find the solution of this math problem:\n---\nTopic: Basic math, Subtopic: Magic.\n2+3=\n---\n",
		"Find the solution of this math problem:\n---\nTopic: Statistics, Subtopic: Harmonic mean.\nHarmonic mean of 2 numbers 10, 31 =\n---\n",
		"Find the solution of this math problem:\n---\nTopic: Computer science, Subtopic: Modulo division.\n5 % 0 =\n---\n",
		strings.Repeat("(", 5000), strings.Repeat("1+", 5000) + "1=", strings.Repeat("9", 10000) + "+1=", "\xff\xfe", strings.Repeat("a ", 9000),
	} {
		if answer, ok := Solve(q); ok {
			t.Errorf("%.100q: sure of %q (%s)", q, answer.Value, answer.Family)
		}
	}
}

// TestArithmeticRandom writes random expressions with every operation in parentheses, and compares with a plain evaluation.
func TestArithmeticRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var write func(depth int) (string, *big.Rat)
	write = func(depth int) (string, *big.Rat) {
		if depth == 0 || r.IntN(4) == 0 {
			n := int64(r.IntN(2000))
			if r.IntN(3) == 0 {
				return fmt.Sprintf("%d.%02d", n/100, n%100), big.NewRat(n, 100)
			}
			return fmt.Sprint(n), big.NewRat(n, 1)
		}
		a, x := write(depth - 1)
		b, y := write(depth - 1)
		z := new(big.Rat)
		switch op := r.IntN(4); {
		case op == 0:
			return "(" + a + " + " + b + ")", z.Add(x, y)
		case op == 1:
			return "(" + a + " - " + b + ")", z.Sub(x, y)
		case op == 2 || y.Sign() == 0:
			return "(" + a + " * " + b + ")", z.Mul(x, y)
		}
		return "(" + a + " / " + b + ")", z.Quo(x, y)
	}
	sure := 0
	const n = 3000
	for range n {
		text, want := write(4)
		answer, ok := Solve("What is " + text + "?")
		if !ok {
			if strings.ContainsAny(text, "+-*/") && len(text) < 200 {
				t.Fatalf("not sure of %q", text)
			}
			continue
		}
		sure++
		if got, fine := new(big.Rat).SetString(answer.Value); !fine || got.Cmp(want) != 0 {
			t.Fatalf("%q: %q, want %s", text, answer.Value, want.RatString())
		}
	}
	t.Logf("sure of %d of %d expressions", sure, n)
}

func FuzzSolve(f *testing.F) {
	for _, q := range []string{"What is 2+2?", "2^1024=", `\frac{1}{\sqrt{4}}=`, "What is 25% of 80?", "What is the GCD of 12 and 18?",
		"Find the solution of this math problem:\n---\nTopic: Misc, Subtopic: Factors.\nFactors of 934 =\n---\n",
		"Find the solution of this math problem:\n---\nTopic: Algebra, Subtopic: Matrix multiplication.\nMultiply \\begin{bmatrix} 1 \\end{bmatrix} and 2\n---\n",
		"What is the midpoint between the points (1, 2) and (3, 4)?"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		began := time.Now()
		answer, ok := Solve(q)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("took %s", d)
		}
		if ok && (answer.Value == "" || answer.Steps == "" || answer.Family == "") {
			t.Errorf("sure of %+v", answer)
		}
		if len(answer.Value)+len(answer.Steps) > 1<<17 {
			t.Errorf("an answer of %d bytes", len(answer.Value)+len(answer.Steps))
		}
	})
}
