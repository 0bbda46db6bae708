package base

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// problem is one 3-SAT instance.
type problem struct {
	name      string // what the environment shows as "seed", at most 8 characters
	variables int
	clauses   [][3]literal
}

// randomProblem draws an instance with the distribution of the SAT
// environment's generator (spec/grail-environments.md 7.1: difficulty
// 0.3 + (seed mod 100)/250) but from its own generator, so that no training
// instance comes from a seed of the protocol. With uniform, numbers of
// variables and clauses are equally likely over the environment's whole range,
// up to maxVars, which gives the rare large ones their share of practice.
func randomProblem(r *rand.Rand, uniform bool, maxVars int) problem {
	var p problem
	p.name = strconv.FormatUint(uint64(r.Uint32()), 10)
	if len(p.name) > 8 {
		p.name = p.name[:8]
	}
	between := func(a, b int) int { return a + r.IntN(b-a+1) }
	clauses := 0
	if uniform {
		p.variables, clauses = between(5, maxVars), between(7, 15)
	} else {
		d := 0.3 + float64(r.IntN(100))/250.0
		p.variables = between(4+int(11*d*0.5), 4+int(11*d))
		clauses = between(5+int(15*d*0.5), 5+int(15*d))
		p.variables = min(p.variables, maxVars)
	}
	for range clauses {
		order := r.Perm(p.variables)
		var c [3]literal
		for i := range c {
			c[i] = literal(order[i] + 1)
			if r.IntN(2) == 0 {
				c[i] = -c[i]
			}
		}
		p.clauses = append(p.clauses, c)
	}
	return p
}

// prompt is the user message that the environment renders (7.2).
func (p problem) prompt() string {
	var b strings.Builder
	b.WriteString(satHead + p.name + satHeader(p.variables))
	for _, c := range p.clauses {
		b.WriteString("  (" + c[0].String() + " OR " + c[1].String() + " OR " + c[2].String() + ")\n")
	}
	b.WriteString(satTail)
	return b.String()
}

// render wraps a user message in the instructed chat template, ready for the
// assistant's turn.
func render(user string) string {
	return imStart + "system\n" + systemPrompt + imEnd + "\n" +
		imStart + "user\n" + user + imEnd + "\n" +
		imStart + "assistant\n"
}

// satisfied reports whether the assignment (bit v-1 is variable v) makes every
// clause true.
func (p problem) satisfied(assignment uint32) bool {
	for _, c := range p.clauses {
		if !clauseTrue(c, assignment) {
			return false
		}
	}
	return true
}

func clauseTrue(c [3]literal, assignment uint32) bool {
	for _, l := range c {
		if (assignment>>(l.variable()-1)&1 == 1) == (l > 0) {
			return true
		}
	}
	return false
}

// solutions lists all satisfying assignments, ascending. With at most 15
// variables that is quick enough to look ahead exactly.
func (p problem) solutions() []uint32 {
	var list []uint32
	for a := uint32(0); a < 1<<p.variables; a++ {
		if p.satisfied(a) {
			list = append(list, a)
		}
	}
	return list
}

// margins gives for each variable (index from 1) how many more clauses it
// helps when true than when false.
func (p problem) margins() []int {
	m := make([]int, p.variables+1)
	for _, c := range p.clauses {
		for _, l := range c {
			if l > 0 {
				m[l.variable()]++
			} else {
				m[l.variable()]--
			}
		}
	}
	return m
}
