package expr

import (
	"errors"
	"math/big"
	"slices"
)

// Verdict is what a comparison found.
type Verdict uint8

// The verdicts. Undecided is the zero value: it says nothing.
const (
	Undecided Verdict = iota
	Equal
	Different
)

// String names a verdict.
func (v Verdict) String() string {
	return [...]string{"undecided", "equal", "different"}[min(v, Different)]
}

// Result is a comparison under both rules.
type Result struct {
	// Reference is what simplify(parse_expr(a) - parse_expr(b)) == 0 says in sympy 1.14, or Undecided where its heuristics decide.
	Reference Verdict
	// Value is whether both have the same value: decimals are exact, and identities hold whether sympy sees them or not. Undecided where one of them isn't
	// understood or has no finite value.
	Value Verdict
}

// side is one of the two expressions.
type side struct {
	node *node
	value
	err error
}

// Compare compares two texts as Python expressions of sympy. Both are normalised: without white space and in lower case. It takes bounded time:
// microseconds for numbers, milliseconds where values have to be computed, tenths of a second for the worst texts.
func Compare(a, b string) Result {
	e := &evaluator{}
	return e.compareSides(e.read(parse(a)), e.read(parse(b)))
}

func (e *evaluator) read(n *node, err error) side {
	s := side{node: n, err: err}
	if err == nil {
		s.value, s.err = e.eval(n)
	}
	return s
}

func (e *evaluator) compareSides(a, b side) Result {
	for _, s := range []side{a, b} {
		if errors.Is(s.err, errFails) || s.other || errors.Is(s.err, errInfinite) {
			return Result{Reference: Different}
		}
	}
	if a.err != nil || b.err != nil {
		return Result{}
	}
	if a.num != nil && b.num != nil {
		return Result{verdict(a.num.sub(*b.num).rat.Sign() == 0), verdict(a.num.meant().Cmp(b.num.meant()) == 0)}
	}
	if a.known() && b.known() {
		e.steps = 0
		diff := e.add(a.value, e.neg(b.value))
		if e.over {
			return e.byValue(a, b)
		}
		if len(diff.n) == 0 {
			r := Result{Value: Equal}
			if !diff.unsure && !diff.inexact && e.seen(a, b) {
				r.Reference = Equal
			}
			return r
		}
		if !diff.float && diff.n.independent() && diff.d.independent() {
			return Result{Different, Different}
		}
	}
	return e.byValue(a, b)
}

func verdict(equal bool) Verdict {
	if equal {
		return Equal
	}
	return Different
}

// seen reports whether sympy is certain to see that two equal forms are equal: where it has to multiply out or to cancel, that is so for rational
// functions of symbols and square roots, not for fractions with radicals of other kinds.
func (e *evaluator) seen(a, b side) bool {
	if !a.expanded && !b.expanded {
		return true
	}
	symbols, roots, others := false, false, false
	for _, p := range []poly{a.n, a.d, b.n, b.d} {
		for _, t := range p {
			for _, f := range t.mono {
				switch {
				case f.gen[0] == 's' && f.exp.d == 1:
					symbols = true
				case f.gen[0] == 'p' && f.exp.d == 2:
					roots = true
				default:
					others = true
				}
			}
		}
	}
	if others || roots && symbols {
		return a.d == nil && b.d == nil && !others
	}
	return true
}

// Thresholds of values: zero is what stays below 2^-same, and Floats make no difference above 2^-floats clear.
const (
	same       = 170 // about 50 digits
	floatNoise = 30
)

// byValue evaluates both at several points.
func (e *evaluator) byValue(a, b side) Result {
	float := a.float || b.float
	agree := 0
	for p := range point(points) {
		m := &numeric{point: p, steps: 2000}
		x, ok := m.eval(a.node)
		y, ok2 := m.eval(b.node)
		if !ok || !ok2 {
			continue
		}
		d := x.add(y.neg())
		scale := bound().Add(bound().SetInt64(1), bound().Add(x.size(), y.size()))
		if d.least().Sign() > 0 {
			if !float {
				return Result{Different, Different}
			}
			r := Result{Value: Different}
			if d.least().Cmp(bound().SetMantExp(scale, -floatNoise)) > 0 && !e.lossy(a) && !e.lossy(b) {
				r.Reference = Different
			}
			return r
		}
		if bound().Add(d.size(), d.err).Cmp(bound().SetMantExp(scale, -same)) < 0 {
			agree++
		}
		if !a.symbolic() && !b.symbolic() {
			break
		}
	}
	if agree == points || agree == 1 && !a.symbolic() && !b.symbolic() {
		return Result{Value: Equal}
	}
	return Result{}
}

// symbolic reports whether names other than functions and constants occur.
func (s side) symbolic() bool { return hasSymbol(s.node) }

func hasSymbol(n *node) bool {
	return n.kind == nodeName && n.text != "pi" && n.text != imaginaryUnit || slices.ContainsFunc(n.args, hasSymbol)
}

// lossy reports whether Floats of very different sizes meet in an expression, so that its value in Floats may be far from its value.
func (e *evaluator) lossy(s side) bool { return tooWide(s.node) }

func tooWide(n *node) bool {
	if n.kind == nodeNumber {
		num, err := literal(n.text)
		limit := big.NewRat(1_000_000, 1)
		if err != nil || num.meant().Cmp(limit) > 0 || num.meant().Sign() != 0 && newRat().Inv(num.meant()).Cmp(limit) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(n.args, tooWide)
}
