package affinelogic

import (
	"math/big"
	"strings"
)

// maxDepth bounds the nesting of an expression, signs counted too. Python refuses more than 200 parentheses.
const maxDepth = 200

// evaluate returns what Python's eval gives for an expression of decimal whole numbers, + - * / // ** and parentheses. Text of n bytes takes O(n) steps, each on
// numbers of bounded size. Errors mean that eval raises or that the value is out of bounds.
func evaluate(text string) (number, error) {
	p := &expression{text: strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")}
	n, err := p.sum()
	if err != nil {
		return number{}, err
	}
	if p.space(); p.at < len(p.text) {
		return number{}, errArithmetic
	}
	return n, nil
}

type expression struct {
	text   string
	at     int
	depth  int // nesting of everything
	parens int // open parentheses: inside them lines may end
}

func (p *expression) space() {
	for p.at < len(p.text) && (strings.IndexByte(" \t\f", p.text[p.at]) >= 0 || p.parens > 0 && p.text[p.at] == '\n') {
		p.at++
	}
}

// accept takes the next token if it is one of ops. A prefix of a longer operator is not that operator.
func (p *expression) accept(ops ...string) string {
	p.space()
	rest := p.text[p.at:]
	for _, op := range ops {
		if strings.HasPrefix(rest, op) && (op != "*" || !strings.HasPrefix(rest, "**")) && (op != "/" || !strings.HasPrefix(rest, "//")) {
			p.at += len(op)
			return op
		}
	}
	return ""
}

func (p *expression) sum() (number, error) {
	return p.chain(p.product, "+", "-")
}

func (p *expression) product() (number, error) {
	return p.chain(p.factor, "*", "//", "/")
}

// chain reads operands with operators of one rank between them, from left to right.
func (p *expression) chain(operand func() (number, error), ops ...string) (number, error) {
	n, err := operand()
	for err == nil {
		op := p.accept(ops...)
		if op == "" {
			return n, nil
		}
		var m number
		if m, err = operand(); err == nil {
			n, err = apply(op, n, m)
		}
	}
	return number{}, err
}

// factor reads a power with signs before it.
func (p *expression) factor() (number, error) {
	if p.depth++; p.depth > maxDepth {
		return number{}, errArithmetic
	}
	defer func() { p.depth-- }()
	if sign := p.accept("-", "+"); sign != "" {
		n, err := p.factor()
		if err == nil && sign == "-" {
			n = n.negated()
		}
		return n, err
	}
	n, err := p.atom()
	if err != nil || p.accept("**") == "" {
		return n, err
	}
	m, err := p.factor()
	if err != nil {
		return number{}, err
	}
	return apply("**", n, m)
}

func (p *expression) atom() (number, error) {
	if p.accept("(") != "" {
		p.parens++
		n, err := p.sum()
		if err == nil && p.accept(")") == "" {
			err = errArithmetic
		}
		p.parens--
		return n, err
	}
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	digits := p.text[start:p.at]
	if digits == "" || len(digits) > 20 || digits[0] == '0' && strings.Trim(digits, "0") != "" { // Python refuses leading zeros
		return number{}, errArithmetic
	}
	n, _ := new(big.Int).SetString(digits, 10)
	return number{whole: n}, nil
}
