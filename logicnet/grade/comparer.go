package grade

import (
	"math/big"
	"slices"
	"strings"
)

// verdict is what a comparison says.
type verdict int

const (
	// unknown leaves it to others.
	unknown verdict = iota
	no
	yes
)

// enough is the number of significant digits from which on a rounded number stands for the exact one.
const enough = 3

// cut is the number from which on its last digit may be cut off rather than rounded.
const cut = 6

// comparer compares what two texts mean, within a bound of work.
type comparer struct {
	reader reader
	meter  *meter
}

func newComparer(vocabulary map[string]bool) *comparer {
	return &comparer{reader: reader{vocabulary: vocabulary}, meter: newMeter()}
}

// readings compares an answer with a truth in all their readings: one that fits is enough, and the answer is wrong when none can fit.
// Without readings of both nothing is known.
func (c *comparer) readings(t, a []shape) verdict {
	if len(t) == 0 || len(a) == 0 {
		return unknown
	}
	if len(t) == 0 || len(a) == 0 {
		return unknown
	}
	result := no
	for _, x := range t {
		for _, y := range a {
			switch c.one(x, y) {
			case yes:
				return yes
			case unknown:
				result = unknown
			}
		}
	}
	return result
}

// one compares an answer with a truth.
func (c *comparer) one(t, a shape) verdict {
	v := c.unnamed(t, a)
	if v == yes && t.name != "" && a.name != "" && t.name != a.name {
		return unknown // the right number for another letter
	}
	return v
}

func (c *comparer) unnamed(t, a shape) verdict {
	switch {
	case t.kind == list && a.kind == list:
		return c.lists(t, a)
	case a.kind == list && len(a.items) == 1:
		return c.one(t, a.items[0])
	case t.kind == list && len(t.items) == 1:
		return c.one(t.items[0], a)
	case t.kind == list:
		if t.open == ":" {
			return unknown // 3:4 and 0.75
		}
		return no
	case a.kind == list:
		if a.open == ":" || slices.ContainsFunc(a.items, func(x shape) bool { return c.one(t, x) != no }) {
			return unknown // one of several is right
		}
		return no
	case t.kind != a.kind:
		if t.kind == truth && a.kind == scalar || t.kind == scalar && a.kind == truth && a.yes {
			return unknown // 1 for true
		}
		return no
	case t.kind == truth:
		return said(t.yes == a.yes)
	case t.kind == infinite:
		return said(t.negative == a.negative)
	}
	return c.scalars(t, a)
}

func said(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// ordered compares item by item.
func (c *comparer) ordered(t, a []shape) verdict {
	if len(t) != len(a) {
		return no
	}
	result := yes
	for i := range t {
		switch c.one(t[i], a[i]) {
		case no:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

// unordered finds a partner for every item.
func (c *comparer) unordered(t, a []shape) verdict {
	if len(t) != len(a) {
		return no
	}
	used := make([]bool, len(a))
	result := yes
	for i := range t {
		best, at := no, -1
		for j := range a {
			if used[j] {
				continue
			}
			if v := c.one(t[i], a[j]); v == yes {
				best, at = yes, j
				break
			} else if v == unknown {
				best = unknown
			}
		}
		switch {
		case best == yes:
			used[at] = true
		case best == no:
			return no
		default:
			result = unknown
		}
	}
	return result
}

func (c *comparer) lists(t, a shape) verdict {
	if named(t.items) && named(a.items) {
		return c.byName(t.items, a.items)
	}
	ordered := c.ordered(t.items, a.items)
	unordered := ordered
	if ordered != yes {
		unordered = c.unordered(t.items, a.items)
	}
	if unordered == no {
		if t.open == ":" && a.open == ":" {
			return unknown // 3:4 and 6:8
		}
		return no
	}
	switch t.open {
	case "{":
		return unordered
	case "":
		if ordered == yes || a.open == "{" {
			return unordered
		}
		return unknown // roots have no order, a sorted list has one
	}
	interval := t.open != ":" && (slices.ContainsFunc(t.items, func(x shape) bool { return x.kind == infinite }) ||
		(t.open == "(") != (t.close == ")"))
	same := t.open == a.open && t.close == a.close
	switch {
	case interval && a.open != "" && a.open != "{":
		return min(ordered, said(same))
	case interval:
		return unknown
	case ordered == yes && (same || a.open == "" || len(t.items) > 2):
		return yes
	case ordered == no && same:
		return no
	}
	return unknown // an interval with other ends, or a pair in other brackets
}

func named(items []shape) bool {
	return len(items) > 0 && !slices.ContainsFunc(items, func(x shape) bool { return x.name == "" })
}

// byName compares x = 5, y = 3 with y = 3, x = 5, and the roots x = 2, x = 3 in any order.
func (c *comparer) byName(t, a []shape) verdict {
	if v := c.unordered(t, a); v != yes {
		return v
	}
	names := func(items []shape) string {
		var n []string
		for _, x := range items {
			n = append(n, x.name)
		}
		slices.Sort(n)
		return strings.Join(n, " ")
	}
	if names(t) != names(a) {
		return unknown
	}
	return yes
}

// scalars compares two numbers or expressions with their units.
func (c *comparer) scalars(t, a shape) verdict {
	names := map[string]bool{}
	t.node.variables(names)
	a.node.variables(names)
	if len(names) > 0 || t.node.opaque() || a.node.opaque() {
		if t.unit != nil && a.unit != nil && *t.unit != *a.unit || t.percent != a.percent {
			return unknown
		}
		return c.identity(t.node, a.node, names)
	}
	tv, err1 := t.node.eval(nil, c.meter)
	av, err2 := a.node.eval(nil, c.meter)
	if err1 != nil || err2 != nil {
		return unknown
	}
	if t.unit != nil && a.unit != nil {
		if t.unit.dimension != a.unit.dimension {
			if c.numbers(t, a, tv, av) == yes {
				return unknown // 5 apples, 5 oranges
			}
			return no
		}
		if t.unit.factor.Cmp(a.unit.factor) != 0 {
			tv, err1 = mul(tv, exact(t.unit.factor))
			av, err2 = mul(av, exact(a.unit.factor))
			if err1 != nil || err2 != nil {
				return unknown
			}
			t.places, a.places = -1, -1
		}
	}
	v := no
	if t.percent == a.percent || t.percent || c.reader.vocabulary["percent"] {
		// A missing percent sign is forgiven; one too many is when percent are asked for.
		v = c.numbers(t, a, tv, av)
	}
	if t.percent == a.percent || v == yes {
		return v
	}
	hundred := integer(100)
	if t.percent {
		t.places = shift(t.places)
		tv, err1 = quo(tv, hundred)
	} else {
		a.places = shift(a.places)
		av, err2 = quo(av, hundred)
	}
	if err1 != nil || err2 != nil {
		return unknown
	}
	return c.numbers(t, a, tv, av)
}

// shift returns the digits after the point of a decimal number's hundredth.
func shift(places int) int {
	if places < 0 {
		return places
	}
	return places + 2
}

// numbers compares two numbers: exactly, to all bits but the last 76 where one is not a fraction, and as rounded where one is a decimal
// number of at least three significant digits that the other rounds to. Whole truths are not rounded to.
func (c *comparer) numbers(t, a shape, tv, av value) verdict {
	if tv.r != nil && av.r != nil {
		if tv.r.Cmp(av.r) == 0 {
			return yes
		}
		if tv.r.IsInt() {
			return no
		}
	} else {
		d, err := sub(tv, av)
		if err != nil {
			return unknown
		}
		size := max(tv.float().MantExp(nil), av.float().MantExp(nil))
		switch e := d.float().MantExp(nil); {
		case d.sign() == 0 || e < size-180:
			return yes
		case e < size-100:
			return unknown
		}
	}
	d, err := sub(tv, av)
	if err != nil {
		return unknown
	}
	rounds := func(x shape) bool {
		last := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(min(x.places, maxPlaces))), nil)
		within := new(big.Rat).SetFrac(big.NewInt(1), last)
		if x.digits < cut {
			within.Quo(within, big.NewRat(2, 1))
		}
		return compareValues(absolute(d), exact(within)) <= 0
	}
	if a.places >= 1 && a.digits >= enough && (t.places < 0 || t.places > a.places) && rounds(a) {
		return yes
	}
	if t.places >= 2 && t.digits >= enough && (a.places < 0 || a.places > t.places) && rounds(t) {
		return yes
	}
	return no
}

// maxPlaces bounds the digits after a point that rounding looks at.
const maxPlaces = 1000

// points are where expressions with variables are compared. Different expressions of the size that fits into an answer differ at one of
// them, unless they were made to agree there by somebody who knows the truth.
var points = []int64{3, -5, 7, 11, -13, 17, 23, 31, -2, 41}

// identity compares expressions by their values at points.
func (c *comparer) identity(t, a *node, names map[string]bool) verdict {
	if len(names) > 8 {
		return unknown
	}
	all := make([]string, 0, len(names))
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	tried := 0
	for i := range points {
		env := make(map[string]value, len(all))
		for j, n := range all {
			p := points[(i+3*j)%len(points)]
			env[n] = exact(big.NewRat(p*int64(j+1)+int64(j), int64(1+i%2*j)))
		}
		tv, err1 := t.eval(env, c.meter)
		av, err2 := a.eval(env, c.meter)
		if err1 != nil && err2 != nil {
			continue
		}
		if err1 != nil || err2 != nil {
			return unknown
		}
		exactly := shape{places: -1}
		switch c.numbers(exactly, exactly, tv, av) {
		case no:
			if t.opaque() || a.opaque() {
				return unknown
			}
			return no
		case unknown:
			return unknown
		}
		if tried++; tried == 6 {
			break
		}
	}
	if tried < 3 {
		return unknown
	}
	return yes
}
