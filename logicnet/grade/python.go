package grade

import (
	"strings"
)

// maxDepth bounds how deep brackets and signs may nest.
const maxDepth = 48

// python reads the arithmetic that the reference leaves to a Python evaluator: numbers, + - * /, brackets, postfix !, sqrt, abs, max, min,
// factorial, the constructors of numbers, pi and E, and the words "and" and "or", which in Python choose one of two numbers. Nothing else
// is known, so nothing else can happen; powers cannot be written, as the reference does not come here with them.
type python struct {
	s     string
	i     int
	depth int
	meter *meter
}

// evaluatePython works s out, and returns false where Python or sympy would do anything but plain arithmetic.
func evaluatePython(s string) (value, bool) {
	p := &python{s: s, meter: newMeter()}
	v, err := p.or()
	p.space()
	return v, err == nil && p.i == len(p.s)
}

func (p *python) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

func (p *python) peek() byte {
	p.space()
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// word consumes w when it stands next as a whole word.
func (p *python) word(w string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.s[p.i:], w)
	if !ok || rest != "" && wordByte(rest[0]) {
		return false
	}
	p.i += len(w)
	return true
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func (p *python) enter() error {
	if p.depth++; p.depth > maxDepth {
		return errBounds
	}
	return nil
}

func (p *python) or() (value, error) {
	if err := p.enter(); err != nil {
		return value{}, err
	}
	defer func() { p.depth-- }()
	v, err := p.and()
	for err == nil && p.word("or") {
		var w value
		if w, err = p.and(); err == nil && v.sign() == 0 {
			v = w
		}
	}
	return v, err
}

func (p *python) and() (value, error) {
	v, err := p.sum()
	for err == nil && p.word("and") {
		var w value
		if w, err = p.sum(); err == nil && v.sign() != 0 {
			v = w
		}
	}
	return v, err
}

func (p *python) sum() (value, error) {
	v, err := p.product()
	for err == nil {
		op := p.peek()
		if op != '+' && op != '-' {
			break
		}
		p.i++
		var w value
		if w, err = p.product(); err != nil {
			break
		}
		if op == '+' {
			v, err = p.paid(add(v, w))
		} else {
			v, err = p.paid(sub(v, w))
		}
	}
	return v, err
}

func (p *python) product() (value, error) {
	v, err := p.signed()
	for err == nil {
		op := p.peek()
		if op != '*' && op != '/' {
			break
		}
		p.i++
		var w value
		if w, err = p.signed(); err != nil {
			break
		}
		if op == '*' {
			v, err = p.paid(mul(v, w))
		} else {
			v, err = p.paid(quo(v, w))
		}
	}
	return v, err
}

func (p *python) paid(v value, err error) (value, error) {
	if err == nil {
		err = p.meter.spend(v)
	}
	return v, err
}

func (p *python) signed() (value, error) {
	minus := false
	for n := 0; ; n++ {
		switch p.peek() {
		case '-':
			minus = !minus
		case '+':
		default:
			v, err := p.postfix()
			if err == nil && minus {
				v = negate(v)
			}
			return v, err
		}
		if n > maxDepth {
			return value{}, errBounds
		}
		p.i++
	}
}

func (p *python) postfix() (value, error) {
	v, err := p.primary()
	if err == nil && p.peek() == '!' {
		p.i++
		if c := p.peek(); c == '!' || c == '=' {
			return value{}, errUndefined
		}
		v, err = p.paid(factorial(v))
	}
	return v, err
}

func (p *python) primary() (value, error) {
	c := p.peek()
	switch {
	case c == '(':
		p.i++
		v, err := p.or()
		if err == nil && p.peek() != ')' {
			err = errUndefined
		}
		p.i++
		return v, err
	case c >= '0' && c <= '9' || c == '.':
		return p.number()
	}
	start := p.i
	for p.i < len(p.s) && wordByte(p.s[p.i]) {
		p.i++
	}
	name := p.s[start:p.i]
	switch name {
	case "pi":
		return valuePi, nil
	case "E":
		return valueE, nil
	}
	if known, ok := pythonFunctions[name]; ok && p.peek() == '(' {
		args, err := p.arguments()
		if err != nil {
			return value{}, err
		}
		return p.paid(known(args))
	}
	return value{}, errUndefined
}

func (p *python) arguments() ([]value, error) {
	p.i++
	var args []value
	for {
		v, err := p.or()
		if err != nil {
			return nil, err
		}
		args = append(args, v)
		c := p.peek()
		p.i++
		switch c {
		case ')':
			return args, nil
		case ',':
		default:
			return nil, errUndefined
		}
	}
}

// number reads a decimal literal: underscores between digits, a point, an exponent. A whole number does not begin with 0.
func (p *python) number() (value, error) {
	start, whole := p.i, true
	if err := p.digits(); err != nil {
		return value{}, err
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		whole = false
		p.i++
		if p.i == start+1 && (p.i == len(p.s) || p.s[p.i] < '0' || p.s[p.i] > '9') {
			return value{}, errUndefined
		}
		if err := p.digits(); err != nil {
			return value{}, err
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		whole = false
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		from := p.i
		if err := p.digits(); err != nil || p.i == from {
			return value{}, errUndefined
		}
	}
	text := strings.ReplaceAll(p.s[start:p.i], "_", "")
	if p.i < len(p.s) && wordByte(p.s[p.i]) {
		return value{}, errUndefined
	}
	if whole && text[0] == '0' && strings.Trim(text, "0") != "" {
		return value{}, errUndefined
	}
	return p.paid(literal(text))
}

// digits skips digits with single underscores between them.
func (p *python) digits() error {
	last := byte('_')
	from := p.i
	for p.i < len(p.s) && (p.s[p.i] >= '0' && p.s[p.i] <= '9' || p.s[p.i] == '_') {
		if p.s[p.i] == '_' && last == '_' {
			return errUndefined
		}
		last = p.s[p.i]
		p.i++
	}
	if p.i > from && last == '_' {
		return errUndefined
	}
	return nil
}

var pythonFunctions = map[string]func([]value) (value, error){
	"sqrt": func(a []value) (value, error) { return one(a, func(v value) (value, error) { return root(v, 2) }) },
	"abs": func(a []value) (value, error) {
		return one(a, func(v value) (value, error) { return absolute(v), nil })
	},
	"Abs": func(a []value) (value, error) {
		return one(a, func(v value) (value, error) { return absolute(v), nil })
	},
	"factorial": func(a []value) (value, error) { return one(a, factorial) },
	"S":         func(a []value) (value, error) { return one(a, func(v value) (value, error) { return v, nil }) },
	"Float":     func(a []value) (value, error) { return one(a, func(v value) (value, error) { return v, nil }) },
	"Integer":   func(a []value) (value, error) { return one(a, wholeOnly) },
	"Rational":  rational,
	"max":       func(a []value) (value, error) { return extreme(a, 1) },
	"min":       func(a []value) (value, error) { return extreme(a, -1) },
}

func one(a []value, f func(value) (value, error)) (value, error) {
	if len(a) != 1 {
		return value{}, errUndefined
	}
	return f(a[0])
}

func wholeOnly(v value) (value, error) {
	if v.r == nil || !v.r.IsInt() {
		return value{}, errUndefined
	}
	return v, nil
}

func rational(a []value) (value, error) {
	if len(a) != 2 || a[0].r == nil || a[1].r == nil || !a[0].r.IsInt() || !a[1].r.IsInt() {
		return value{}, errUndefined
	}
	return quo(a[0], a[1])
}

// extreme returns the largest (order 1) or smallest (-1) of at least two numbers.
func extreme(a []value, order int) (value, error) {
	if len(a) < 2 {
		return value{}, errUndefined
	}
	v := a[0]
	for _, w := range a[1:] {
		if compareValues(w, v) == order {
			v = w
		}
	}
	return v, nil
}
