package solve

import (
	"math/big"
	"strings"
)

// Bounds of an expression: numbers of tokens, levels of parentheses, bits of a number, greatest exponent and factorial.
const (
	maxTokens    = 256
	maxDepth     = 32
	maxBits      = 4096
	maxExponent  = 1024
	maxFactorial = 300
)

// arithmetic answers a question that is nothing but an expression, with words around it that ask for its value.
func arithmetic(text string) (Answer, bool) {
	tokens, ok := expressionTokens(text)
	if !ok || len(tokens) == 0 || len(tokens) > maxTokens {
		return Answer{}, false
	}
	p := &parser{tokens: tokens, kinds: map[string]bool{}}
	v, ok := p.sum(0)
	if !ok || p.at < len(tokens) || p.operations == 0 || p.words && !p.plain() {
		return Answer{}, false
	}
	if tokens[len(tokens)-1] == "!" && p.operations > 1 {
		return Answer{}, false // a factorial, or an exclamation?
	}
	value := decimalText(v)
	var b strings.Builder
	b.WriteString("Evaluate " + strings.ReplaceAll(strings.Join(tokens, " "), "_", "") + ".")
	for _, s := range p.steps {
		b.WriteString(" " + s + ".")
	}
	b.WriteString(" The result is " + value + ".")
	return Answer{Value: value, Steps: b.String(), Family: "arithmetic"}, true
}

// parser evaluates by recursive descent: sums of products of powers. In words the precedence of these is anybody's guess, so that
// expressions in words must not mix them.
type parser struct {
	tokens     []string
	at         int
	operations int
	words      bool            // an operator was a word
	kinds      map[string]bool // which operators there are
	steps      []string
}

const maxSteps = 12

// plain says whether there is one operation only, or several that everybody evaluates alike: sums, or products.
func (p *parser) plain() bool {
	switch {
	case p.operations == 1:
		return true
	case p.kinds["%"]:
		return p.operations == 2
	case p.kinds["+"] || p.kinds["-"]:
		return !p.kinds["*"] && !p.kinds["/"] && !p.kinds["^"] && !p.kinds["sqrt"] && !p.kinds["!"]
	}
	return len(p.kinds) == 1 && p.kinds["*"]
}

func (p *parser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

// take consumes the token if it is the next. A word's operator is marked by an underscore.
func (p *parser) take(operator string) bool {
	switch p.peek() {
	case operator:
	case operator + "_":
		p.words = true
	default:
		return false
	}
	p.at++
	p.kinds[operator] = true
	return true
}

func (p *parser) note(a *big.Rat, operator string, b, c *big.Rat) bool {
	p.operations++
	if c.Num().BitLen() > maxBits || c.Denom().BitLen() > maxBits {
		return false
	}
	if len(p.steps) < maxSteps {
		p.steps = append(p.steps, short(a)+" "+operator+" "+short(b)+" = "+short(c))
	}
	return true
}

func (p *parser) sum(depth int) (*big.Rat, bool) {
	if depth > maxDepth {
		return nil, false
	}
	v, ok := p.product(depth)
	for ok {
		operator := "+"
		if !p.take("+") {
			if operator = "-"; !p.take("-") {
				return v, true
			}
		}
		var w *big.Rat
		if w, ok = p.product(depth); !ok {
			break
		}
		c := new(big.Rat)
		if operator == "+" {
			c.Add(v, w)
		} else {
			c.Sub(v, w)
		}
		ok = p.note(v, operator, w, c)
		v = c
	}
	return nil, false
}

func (p *parser) product(depth int) (*big.Rat, bool) {
	v, ok := p.power(depth)
	for ok {
		operator := "*"
		if !p.take("*") {
			if operator = "/"; !p.take("/") {
				return v, true
			}
		}
		var w *big.Rat
		if w, ok = p.power(depth); !ok || operator == "/" && w.Sign() == 0 {
			break
		}
		c := new(big.Rat)
		if operator == "*" {
			c.Mul(v, w)
		} else {
			c.Quo(v, w)
		}
		ok = p.note(v, operator, w, c)
		v = c
	}
	return nil, false
}

// power reads a primary with at most one exponent. A minus before a power and a tower of powers are ambiguous.
func (p *parser) power(depth int) (*big.Rat, bool) {
	negative := false
	if p.peek() == "-" {
		p.at++
		negative = true
	}
	v, ok := p.primary(depth)
	if !ok {
		return nil, false
	}
	if p.take("^") {
		if negative {
			return nil, false
		}
		minus := p.peek() == "-"
		if minus {
			p.at++
		}
		e, ok := p.primary(depth)
		if !ok || p.peek() == "^" || p.peek() == "^_" || !e.IsInt() || !e.Num().IsInt64() {
			return nil, false
		}
		n := e.Num().Int64()
		if minus {
			n = -n
		}
		c, ok := raise(v, n)
		if !ok || !p.note(v, "^", big.NewRat(n, 1), c) {
			return nil, false
		}
		v = c
	}
	if negative {
		v = new(big.Rat).Neg(v)
	}
	return v, true
}

func raise(v *big.Rat, n int64) (*big.Rat, bool) {
	size := max(n, -n)
	if size > maxExponent || v.Sign() == 0 && n <= 0 {
		return nil, false
	}
	if int64(v.Num().BitLen())*size > maxBits || int64(v.Denom().BitLen())*size > 2*maxBits {
		return nil, false
	}
	e := big.NewInt(size)
	num, den := new(big.Int).Exp(v.Num(), e, nil), new(big.Int).Exp(v.Denom(), e, nil)
	if n < 0 {
		num, den = den, num
	}
	return new(big.Rat).SetFrac(num, den), true
}

func (p *parser) primary(depth int) (*big.Rat, bool) {
	if depth > maxDepth {
		return nil, false
	}
	t, isRoot := p.peek(), p.take("sqrt")
	if !isRoot {
		p.at++
	}
	var v *big.Rat
	var ok bool
	switch {
	case t == "(":
		if v, ok = p.sum(depth + 1); !ok || !p.take(")") {
			return nil, false
		}
	case isRoot:
		if v, ok = p.primary(depth + 1); !ok {
			return nil, false
		}
		c, ok := root(v)
		if !ok {
			return nil, false
		}
		p.operations++
		p.steps = append(p.steps, "the square root of "+short(v)+" is "+short(c))
		v = c
	case t != "" && (t[0] >= '0' && t[0] <= '9'):
		if v, ok = new(big.Rat).SetString(t); !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	if p.take("!") {
		if v, ok = p.factorial(v); !ok || p.peek() == "!" {
			return nil, false
		}
	}
	if p.take("%") { // only before "of", which is a product
		c := new(big.Rat).Quo(v, big.NewRat(100, 1))
		if (p.peek() != "*_") || !p.note(v, "/", big.NewRat(100, 1), c) {
			return nil, false
		}
		v = c
	}
	return v, true
}

func (p *parser) factorial(v *big.Rat) (*big.Rat, bool) {
	if !v.IsInt() || v.Sign() < 0 || v.Cmp(big.NewRat(maxFactorial, 1)) > 0 {
		return nil, false
	}
	c := new(big.Rat).SetInt(new(big.Int).MulRange(1, v.Num().Int64()))
	p.operations++
	if len(p.steps) < maxSteps {
		p.steps = append(p.steps, short(v)+"! = "+short(c))
	}
	return c, true
}

// root returns the square root where it is rational.
func root(v *big.Rat) (*big.Rat, bool) {
	if v.Sign() < 0 {
		return nil, false
	}
	n, d := new(big.Int).Sqrt(v.Num()), new(big.Int).Sqrt(v.Denom())
	c := new(big.Rat).SetFrac(n, d)
	return c, new(big.Rat).Mul(c, c).Cmp(v) == 0
}

// decimalText writes a number as an integer, a finite decimal of at most twenty places, or a fraction.
func decimalText(v *big.Rat) string {
	if v.IsInt() {
		return v.Num().String()
	}
	if n, exact := v.FloatPrec(); exact && n <= 20 {
		return v.FloatString(n)
	}
	return v.RatString()
}

// short is decimalText without pages of digits.
func short(v *big.Rat) string {
	s := decimalText(v)
	if len(s) > 40 {
		return s[:18] + "..." + s[len(s)-18:]
	}
	return s
}
