package affinelogic

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// largestOperation bounds answers of our own operation puzzles.
const largestOperation = 100_000

// operation makes an operation puzzle of our own: one to three operators, defined by sums, differences and products, each perhaps by earlier ones, and an
// expression of them. All values are whole numbers.
func operation(seed uint32) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	chinese := r.Below(2) == 0
	for range attempts {
		definitions := make([]Definition, r.RandInt(1, 3))
		for i, s := range r.Sample(len(operationSymbols), len(definitions)) {
			definitions[i] = Definition{Symbol: operationSymbols[s], Default: operationBody(r, definitions[:i]), Precedence: r.RandInt(1, 5)}
			if r.Float64() < 0.5 {
				definitions[i].Condition = conditions[r.Below(len(conditions))].chinese
				definitions[i].Conditional = operationBody(r, definitions[:i])
			}
		}
		expression := operationExpression(r, definitions)
		n, err := evaluateOperation(expression, definitions)
		if err == nil && n.whole != nil && n.whole.IsInt64() && max(n.whole.Int64(), -n.whole.Int64()) < largestOperation {
			return operationPuzzle(seed, expression, definitions, n.whole.String(), chinese)
		}
	}
	definitions := []Definition{{Symbol: operationSymbols[0], Default: "x + y", Precedence: 1}}
	return operationPuzzle(seed, "3 "+operationSymbols[0]+" 5", definitions, "8", chinese)
}

func operationPuzzle(seed uint32, expression string, definitions []Definition, answer string, chinese bool) *Puzzle {
	language := "english"
	if chinese {
		language = "chinese"
	}
	return &Puzzle{
		Question: operationQuestion(expression, definitions, chinese),
		Answer:   answer,
		Metadata: map[string]any{"seed": seed, "expression": expression, "language": language, "num_symbols": len(definitions)},
		verifier: OperationVerifier{answer},
		solution: `\boxed{` + answer + `}`,
	}
}

// operationBody draws an expression in x and y of two to four operands.
func operationBody(r *cpython.Rand, earlier []Definition) string {
	operands := []string{"x", "y"}
	for range r.RandInt(0, 2) {
		operands = append(operands, []string{"x", "y", strconv.Itoa(r.RandInt(1, 5))}[r.Below(3)])
	}
	r.Shuffle(len(operands), func(i, j int) { operands[i], operands[j] = operands[j], operands[i] })
	var b strings.Builder
	b.WriteString(operands[0])
	for _, operand := range operands[1:] {
		op := []string{"+", "-", "*"}[r.Below(3)]
		if len(earlier) > 0 && r.Float64() < 0.2 {
			op = earlier[r.Below(len(earlier))].Symbol
		}
		b.WriteString(" " + op + " " + operand)
	}
	return b.String()
}

// operationExpression draws an expression of numbers 1 to 10 that has each of the operators.
func operationExpression(r *cpython.Rand, definitions []Definition) string {
	var ops []string
	for _, d := range definitions {
		ops = append(ops, d.Symbol)
	}
	choice := append(slices.Clone(ops), "+", "-", "*")
	for range r.RandInt(0, 2) {
		ops = append(ops, choice[r.Below(len(choice))])
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	var b strings.Builder
	b.WriteString(strconv.Itoa(r.RandInt(1, 10)))
	for _, op := range ops {
		b.WriteString(" " + op + " " + strconv.Itoa(r.RandInt(1, 10)))
	}
	return b.String()
}

// maxOperations bounds the operators applied for one expression: definitions multiply.
const maxOperations = 10_000

// evaluateOperation returns the value of an expression with operators as defined, all of them associating to the left; text without any of the defined ones has
// ** associate to the right, as in Python. It fails where Python's arithmetic does and where the work gets out of hand.
func evaluateOperation(expression string, definitions []Definition) (number, error) {
	e := &operationEvaluator{definitions: definitions}
	return e.evaluate(expression)
}

// operationEvaluator evaluates expressions by precedence climbing.
type operationEvaluator struct {
	definitions []Definition
	work        int
}

// evaluate returns the value of a text; arguments are what x and y stand for, none where it has neither.
func (e *operationEvaluator) evaluate(text string, arguments ...number) (number, error) {
	custom := slices.ContainsFunc(e.definitions, func(d Definition) bool { return strings.Contains(text, d.Symbol) })
	s := &operationScan{operationEvaluator: e, tokens: operationTokens(text), arguments: arguments, right: !custom}
	n, err := s.climb(1)
	if err == nil && len(s.tokens) > 0 {
		err = errArithmetic
	}
	return n, err
}

// operationTokens splits an expression: numbers, names, ** and single characters.
func operationTokens(text string) (tokens []string) {
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		n := 0
		switch c := text[0]; {
		case c >= '0' && c <= '9':
			n = len(text) - len(strings.TrimLeft(text, "0123456789"))
		case strings.HasPrefix(text, "**"):
			n = 2
		case strings.HasPrefix(text, "abs"):
			n = 3
		default:
			_, n = utf8.DecodeRuneInString(text)
		}
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens
}

type operationScan struct {
	*operationEvaluator
	tokens    []string
	arguments []number
	right     bool // ** associates to the right
}

func (s *operationScan) next() string {
	if len(s.tokens) == 0 {
		return ""
	}
	t := s.tokens[0]
	s.tokens = s.tokens[1:]
	return t
}

func (s *operationScan) precedence(op string) int {
	switch op {
	case "+", "-":
		return 1
	case "*", "/", "%":
		return 2
	case "**":
		return 3
	}
	for _, d := range s.definitions {
		if d.Symbol == op {
			return d.Precedence
		}
	}
	return 0
}

// climb reads operators of at least a rank.
func (s *operationScan) climb(rank int) (number, error) {
	n, err := s.operand()
	for err == nil && len(s.tokens) > 0 {
		op := s.tokens[0]
		p := s.precedence(op)
		if p < rank {
			return n, nil
		}
		s.next()
		above := p + 1
		if op == "**" && s.right {
			above = p
		}
		var m number
		if m, err = s.climb(above); err == nil {
			n, err = s.apply(op, n, m)
		}
	}
	return n, err
}

func (s *operationScan) operand() (number, error) {
	switch t := s.next(); {
	case t == "x" && len(s.arguments) == 2:
		return s.arguments[0], nil
	case t == "y" && len(s.arguments) == 2:
		return s.arguments[1], nil
	case t == "(":
		n, err := s.climb(1)
		if err == nil && s.next() != ")" {
			err = errArithmetic
		}
		return n, err
	case t == "abs" && len(s.tokens) > 0 && s.tokens[0] == "(":
		n, err := s.operand()
		return n.abs(), err
	default:
		i, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return number{}, errArithmetic
		}
		return whole(i), nil
	}
}

func (s *operationScan) apply(op string, x, y number) (number, error) {
	if s.work++; s.work > maxOperations {
		return number{}, errArithmetic
	}
	for _, d := range s.definitions {
		if d.Symbol != op {
			continue
		}
		body := d.Default
		if c, ok := findCondition(d.Condition); ok && x.whole != nil && y.whole != nil && x.whole.IsInt64() && y.whole.IsInt64() &&
			c.holds(x.whole.Int64(), y.whole.Int64()) {
			body = d.Conditional
		}
		return s.evaluate(body, x, y)
	}
	return apply(op, x, y)
}
