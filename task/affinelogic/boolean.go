package affinelogic

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// statement is a fact or a falsehood.
type statement struct {
	text string
	true bool
}

// BooleanVerifier judges answers to boolean_expressions: name the options that are true. Answer is their letters with commas between them.
type BooleanVerifier struct{ Answer string }

// Verify says whether the letters in the last box of an answer are those of the true options, in any case and order. quirks makes no difference.
func (v BooleanVerifier) Verify(answer string, _ bool) bool {
	box, ok := lastBox(answer)
	return ok && letters(box) == letters(v.Answer)
}

// letters returns the set of ASCII letters in a text, without regard to case, as bits.
func letters(text string) (set uint32) {
	for i := range len(text) {
		if c := text[i] | 0x20; c >= 'a' && c <= 'z' {
			set |= 1 << (c - 'a')
		}
	}
	return set
}

// boolean makes a boolean_expressions puzzle of our own: four to eight options, each statements about numbers joined by not, and, or.
func boolean(seed uint32) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	depth := r.RandInt(1, 3)
	options := make([]statement, r.RandInt(4, 8))
	var right []string
	for len(right) == 0 {
		var lines []string
		right = nil
		for i := range options {
			options[i] = drawBoolean(r, depth)
			label := string(rune('A' + i))
			lines = append(lines, label+". "+options[i].text)
			if options[i].true {
				right = append(right, label)
			}
		}
		if len(right) > 0 {
			answer := strings.Join(right, ",")
			return &Puzzle{
				Question: "Which of the following are true? not binds more tightly than and, and more tightly than or; parentheses go first.\n\n" +
					strings.Join(lines, "\n") + "\n\nPlease put the letters of all that are true into \\boxed{}, with commas between them, such as \\boxed{X,Y}.",
				Answer: answer,
				Metadata: map[string]any{
					"seed": seed, "language": "en", "depth": depth, "num_options": len(options), "true_count": len(right),
				},
				verifier: BooleanVerifier{answer},
				solution: `\boxed{` + answer + `}`,
			}
		}
	}
	return nil
}

// drawBoolean draws an expression of at most a depth.
func drawBoolean(r *cpython.Rand, depth int) statement {
	if depth == 0 || depth <= 2 && r.Float64() < 0.3 {
		return drawStatement(r)
	}
	choice := r.Float64()
	a := drawBoolean(r, depth-1)
	if choice < 0.3 {
		return statement{"not (" + a.text + ")", !a.true}
	}
	b := drawBoolean(r, depth-1)
	if choice < 0.65 {
		return statement{"(" + a.text + ") and (" + b.text + ")", a.true && b.true}
	}
	return statement{"(" + a.text + ") or (" + b.text + ")", a.true || b.true}
}

// drawStatement draws a statement about numbers.
func drawStatement(r *cpython.Rand) statement {
	switch r.Below(5) {
	case 0:
		a, b := r.RandInt(1, 12), r.RandInt(2, 100)
		return statement{fmt.Sprintf("%d is divisible by %d", b, a), b%a == 0}
	case 1:
		n := r.RandInt(2, 100)
		return statement{fmt.Sprintf("%d is a prime number", n), big.NewInt(int64(n)).ProbablyPrime(0)}
	case 2:
		n := r.RandInt(1700, 2400)
		return statement{fmt.Sprintf("%d is a leap year", n), n%4 == 0 && n%100 != 0 || n%400 == 0}
	case 3:
		n := r.RandInt(1, 15) * r.RandInt(1, 15)
		root := new(big.Int).Sqrt(big.NewInt(int64(n))).Int64()
		return statement{strconv.Itoa(n) + " is the square of a whole number", root*root == int64(n)}
	}
	a, b, c, d := r.RandInt(-20, 20), r.RandInt(-20, 20), r.RandInt(-20, 20), r.RandInt(-20, 20)
	left, right := a*b, c+d
	if r.Below(2) == 0 {
		left, right = a-b, c*d
		return compared(r, fmt.Sprintf("%d - %s", a, signed(b)), left, fmt.Sprintf("%d * %s", c, signed(d)), right)
	}
	return compared(r, fmt.Sprintf("%d * %s", a, signed(b)), left, fmt.Sprintf("%d + %s", c, signed(d)), right)
}

// signed writes a number so that it can follow an operator.
func signed(n int) string {
	if n < 0 {
		return fmt.Sprintf("(%d)", n)
	}
	return strconv.Itoa(n)
}

func compared(r *cpython.Rand, leftText string, left int, rightText string, right int) statement {
	relations := []statement{{"<", left < right}, {"<=", left <= right}, {">", left > right}, {">=", left >= right}, {"==", left == right}, {"!=", left != right}}
	relation := relations[r.Below(len(relations))]
	return statement{leftText + " " + relation.text + " " + rightText, relation.true}
}
