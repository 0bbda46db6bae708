package challenge

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// gap is what stands between two numbers.
type gap struct {
	symbols   string // without spaces, braces and words
	operators string // those among the symbols, in their order
	words     bool   // whether there are words, which can say anything
}

var (
	errFormula  = errors.New("the formula is another one")
	errOperator = errors.New("an operator came or went")
)

const operators = "+*/^<>"

// readGap reads a part of a plain text.
func readGap(rs []rune) gap {
	var g gap
	var b, ops strings.Builder
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		switch {
		case unicode.IsLetter(r):
			j := i
			for j < len(rs) && (unicode.IsLetter(rs[j]) || unicode.IsMark(rs[j])) {
				j++
			}
			switch {
			case i > 0 && rs[i-1] == '\\':
				b.WriteString(string(rs[i:j]))
			case j-i > 1, strings.ContainsRune("aAI", r) && (i == 0 || rs[i-1] == ' ') && j < len(rs) && rs[j] == ' ':
				g.words = true
			default:
				b.WriteRune(r)
			}
			i = j - 1
		case r == soft:
			g.words = true
			for i+1 < len(rs) && ascii(rs[i+1]) {
				i++
			}
		case unicode.IsSpace(r), strings.ContainsRune("{}\"`“”", r):
		default:
			b.WriteRune(r)
			if strings.ContainsRune(operators, r) {
				ops.WriteRune(r)
			}
		}
	}
	g.symbols, g.operators = b.String(), ops.String()
	return g
}

// gapError compares what stands between two numbers in the problem and in its rewrite. Where there are only symbols in both, they must be
// equal. Words may take the place of symbols, except for / and ^, and the other way round; but no operator + * / ^ < > may come that
// was not there. What words must be there when a symbol went is looked after for the whole text: see operations.
func gapError(question, rewrite []rune) error {
	q, r := readGap(question), readGap(rewrite)
	if !q.words && !r.words {
		if q.symbols != r.symbols {
			return errFormula
		}
		return nil
	}
	for _, op := range operators {
		had, has := strings.Count(q.operators, string(op)), strings.Count(r.operators, string(op))
		if has > had || has < had && (op == '/' || op == '^') {
			return errOperator
		}
	}
	if q.words && !r.words && strings.ContainsRune(r.symbols, '-') && !strings.ContainsRune(q.symbols, '-') {
		return errOperator
	}
	return nil
}

// notations are symbols and functions with the texts of which one must be in the rewrite when one is in the problem, and in the problem
// when one is in the rewrite.
var notations = []struct {
	name   string
	both   bool     // adding it changes the problem, too
	of     []string // texts in the problem
	become []string // texts in the rewrite, besides those of the problem
}{
	{"addition", false, []string{"+"}, []string{"sum", "add", "total", "altogether", "together", "combin", "increas", "more"}},
	{"multiplication", false, []string{"*"}, []string{"product", "multipl", " by "}},
	{"root", true, []string{`\sqrt`, "√", "∛", "sqrt", "square root", "cube root"}, []string{"root", "radical"}},
	{"logarithm", true, []string{`\log`, `\ln`, "log(", "log_", "ln(", "logarithm"}, []string{"log "}},
	{"sine", true, []string{`\sin`, "sin("}, []string{"sine", "sin of", "sin "}},
	{"cosine", true, []string{`\cos`, "cos("}, []string{"cosine", "cos of", "cos "}},
	{"tangent", true, []string{`\tan`, "tan("}, []string{"tangent", "tan of", "tan "}},
	{"secant", true, []string{`\sec`, "sec("}, []string{"secant", "sec of"}},
	{"cosecant", true, []string{`\csc`, "csc("}, []string{"cosecant", "csc of"}},
	{"cotangent", true, []string{`\cot`, "cot("}, []string{"cotangent", "cot of"}},
	{"determinant", true, []string{`\det`, "det("}, []string{"determinant"}},
	{"absolute value", true, []string{"|"}, []string{"absolute", "modulus", "magnitude"}},
	{"common divisor", true, []string{"gcd", "common divisor", "common factor"}, []string{"hcf"}},
	{"common multiple", true, []string{"lcm", "common multiple"}, nil},
}

// unframed returns the problem in the legacy frame, or all of a question that stands in none. Section 6.4.
func unframed(question string) string {
	inner, ok1 := strings.CutPrefix(question, "Find the solution of this math problem:\n---\nTopic: ")
	_, inner, ok2 := strings.Cut(inner, ".\n")
	inner, ok3 := strings.CutSuffix(inner, "\n---\n")
	if ok1 && ok2 && ok3 {
		return inner
	}
	return question
}

// operations looks for operations that are lost or added, wherever they stand. full is the question with its frame, whose topic may name
// an operation.
func operations(full string, question, rewrite []rune) error {
	q, r := strings.ToLower(string(question)), strings.ToLower(string(rewrite))
	topic := strings.ToLower(full)
	for _, n := range notations {
		switch {
		case containsAny(q, n.of) && !containsAny(r, n.of) && !containsAny(r, n.become):
			return fmt.Errorf("%w: %s is gone", ErrCheck, n.name)
		case n.both && containsAny(r, n.of) && !containsAny(topic, n.of) && !containsAny(topic, n.become) && !containsAny(q, n.of):
			return fmt.Errorf("%w: %s is new", ErrCheck, n.name)
		}
	}
	taken := []string{"subtract", "differ", "less", "take", "taking", "took", "reduc", "decreas", "remov", "deduct", "fewer"}
	switch {
	case subtracts(question) && !subtracts(rewrite) && !containsAny(r, taken):
		return fmt.Errorf("%w: subtraction is gone", ErrCheck)
	case factorial(question) && !factorial(rewrite) && !strings.Contains(r, "factorial"):
		return fmt.Errorf("%w: factorial is gone", ErrCheck)
	}
	return nil
}

func containsAny(s string, any []string) bool {
	for _, x := range any {
		if strings.Contains(s, x) {
			return true
		}
	}
	return false
}

// subtracts says whether a plain text takes a number from something.
func subtracts(rs []rune) bool {
	for _, n := range numbersOf(rs) {
		k := n.start - 1
		for k >= 0 && rs[k] == ' ' {
			k--
		}
		if k > 0 && rs[k] == '-' && rs[k-1] != '-' && n.text[0] != '-' {
			p := k - 1
			for p >= 0 && rs[p] == ' ' {
				p--
			}
			if p >= 0 && (ascii(rs[p]) || strings.ContainsRune(")]}%", rs[p]) || unicode.IsLetter(rs[p]) && (p == 0 || !unicode.IsLetter(rs[p-1]))) {
				return true
			}
		}
	}
	return false
}

// factorial says whether a plain text has a factorial: a number and !, and nothing that makes it the end of a sentence.
func factorial(rs []rune) bool {
	for _, n := range numbersOf(rs) {
		if n.end < len(rs) && rs[n.end] == '!' {
			return true
		}
	}
	return false
}
