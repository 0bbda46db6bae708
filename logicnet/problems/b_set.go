package problems

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// setOperation asks for unions and differences. Python shows a set in the order of its hash table, which this follows.
func setOperation() *Generator {
	return &Generator{ID: 93, Name: "set_operation", Topic: "misc",
		Defaults: Params{"min_size": 3, "max_size": 7},
		Draw: func(r *cpython.Rand, p Params) Args {
			var sets [2]*pythonSet
			for i := range sets {
				sets[i] = newSet(some(r, r.RandInt(p["min_size"], p["max_size"]), 1, 10))
			}
			a := sets[0].elements()
			return slices.Concat(Args{len(a)}, a, sets[1].elements())
		},
		Ask: func(a Args) string {
			return fmt.Sprintf("Given the two sets $a=%s$, $b=%s$. Find the Union, intersection, $a-b$, $b-a$, and symmetric difference",
				setText(a[1:1+a[0]]), setText(a[1+a[0]:]))
		},
		Parse: func(q string) (Args, bool) {
			_, q, _ = strings.Cut(q, "{")
			first, q, _ := strings.Cut(q, "}")
			_, q, _ = strings.Cut(q, "{")
			second, _, found := strings.Cut(q, "}")
			a, ok := ints(first)
			b, okay := ints(second)
			return slices.Concat(Args{len(a)}, a, b), found && ok && okay
		},
		Valid: func(a Args) bool {
			a, b := a[1:1+a[0]], a[1+a[0]:]
			return len(a) >= 1 && len(b) >= 1 && within(a, 1, 10) && within(b, 1, 10) && shownSet(a) != nil && shownSet(b) != nil
		},
		Answer: func(args Args) string {
			a, b := shownSet(args[1:1+args[0]]), shownSet(args[1+args[0]:])
			union, small, large := a.copy(), a, b
			union.merge(b)
			if b.used() <= a.used() {
				small, large = b, a
			}
			odd := b.copy()
			for _, v := range a.elements() {
				if odd.has(v) {
					odd.discard(v)
				} else {
					odd.add(v)
				}
			}
			return fmt.Sprintf("Union is $%s$. Intersection is $%s$, $a-b$ is $%s$, $b-a$ is $%s$. Symmetric difference is $%s$.",
				setText(union.elements()), setText(small.filter(large.has).elements()),
				setText(a.filter(func(v int) bool { return !b.has(v) }).elements()),
				setText(b.filter(func(v int) bool { return !a.has(v) }).elements()), setText(odd.elements()))
		},
		Check: func(a Args, answer string) bool { // without regard to the order
			var parts []Args
			for s := range strings.SplitSeq(answer, " is $") {
				s, _, _ = strings.Cut(s, "$")
				part, ok := ints(s)
				if !ok {
					return false
				}
				parts = append(parts, part)
			}
			for v := 1; v <= 10; v++ {
				in, too := slices.Contains(a[1:1+a[0]], v), slices.Contains(a[1+a[0]:], v)
				for i, want := range []bool{in || too, in && too, in && !too, too && !in, in != too} {
					if len(parts) != 6 || slices.Contains(parts[i+1], v) != want {
						return false
					}
				}
			}
			return true
		},
	}
}

func setText(a Args) string {
	if len(a) == 0 {
		return "set()"
	}
	return "{" + join(a, ", ") + "}"
}

// pythonSet is CPython's set of small positive integers, each its own hash. Zero is a free slot, -1 one whose element left.
type pythonSet struct {
	table []int
	fill  int // slots that are not free
}

func newSet(elements Args) *pythonSet {
	s := &pythonSet{table: make([]int, 8)}
	for _, v := range elements {
		s.add(v)
	}
	return s
}

// shownSet returns a set that shows its elements in the given order, nil where there is none.
func shownSet(order Args) *pythonSet {
	var found *pythonSet
	var permute func(done, left Args)
	permute = func(done, left Args) {
		if len(left) == 0 {
			if s := newSet(done); slices.Equal(s.elements(), order) {
				found = s
			}
		}
		for i := range left {
			if found == nil {
				permute(append(slices.Clone(done), left[i]), slices.Concat(left[:i], left[i+1:]))
			}
		}
	}
	if s := newSet(order); len(order) > 4 || slices.Equal(s.elements(), order) { // five and more are in ascending order
		if slices.Equal(s.elements(), order) {
			return s
		}
		return nil
	}
	permute(nil, order)
	return found
}

// slot returns where v is, or where it would be put: the first slot on its way that an element left, or a free one.
func (s *pythonSet) slot(v int) int {
	mask, left := len(s.table)-1, -1
	for i, perturb := v&mask, v; ; {
		probes := 0
		if i+9 <= mask {
			probes = 9
		}
		for j := i; j <= i+probes; j++ {
			switch s.table[j] {
			case v:
				return j
			case -1:
				if left < 0 {
					left = j
				}
			case 0:
				if left >= 0 {
					return left
				}
				return j
			}
		}
		perturb >>= 5
		i = (i*5 + 1 + perturb) & mask
	}
}

func (s *pythonSet) has(v int) bool { return s.table[s.slot(v)] == v }

func (s *pythonSet) discard(v int) { s.table[s.slot(v)] = -1 }

func (s *pythonSet) add(v int) {
	i := s.slot(v)
	if s.table[i] == v {
		return
	}
	if s.table[i] == -1 {
		s.table[i] = v
		return
	}
	s.table[i] = v
	s.fill++
	if mask := len(s.table) - 1; s.fill*5 >= mask*3 {
		s.resize(s.used() * 4)
	}
}

func (s *pythonSet) resize(least int) {
	n := 8
	for n <= least {
		n *= 2
	}
	old := s.elements()
	s.table, s.fill = make([]int, n), len(old)
	for _, v := range old {
		s.table[s.slot(v)] = v
	}
}

// copy returns the set that set(s) makes.
func (s *pythonSet) copy() *pythonSet {
	c := &pythonSet{table: make([]int, 8)}
	if s.used()*5 >= 7*3 {
		c.resize(s.used() * 2)
	}
	if len(c.table) == len(s.table) && s.fill == s.used() {
		copy(c.table, s.table)
	} else {
		for _, v := range s.elements() {
			c.table[c.slot(v)] = v
		}
	}
	c.fill = s.used()
	return c
}

// merge adds the elements of another set, for which it makes room at once.
func (s *pythonSet) merge(other *pythonSet) {
	if mask := len(s.table) - 1; (s.fill+other.used())*5 >= mask*3 {
		s.resize((s.used() + other.used()) * 2)
	}
	for _, v := range other.elements() {
		s.add(v)
	}
}

func (s *pythonSet) filter(keep func(int) bool) *pythonSet {
	return newSet(slices.DeleteFunc(s.elements(), func(v int) bool { return !keep(v) }))
}

func (s *pythonSet) elements() Args {
	return slices.DeleteFunc(slices.Clone(Args(s.table)), func(v int) bool { return v <= 0 })
}

func (s *pythonSet) used() int { return len(s.elements()) }
