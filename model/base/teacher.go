package base

import (
	"math/rand/v2"
	"strings"
)

// The worked solution of a SAT problem is a walk over the clauses, from the
// last to the first:
//
//	<start_working_out>
//	1. x3 NOT x6 x4 => x3=1
//	2. NOT x1 x6 x3 => holds
//	...</end_working_out><SOLUTION>0 1 1 0 0 1</SOLUTION><|im_end|>
//
// Each token needs one lookup: a literal is found at a distance that only
// depends on the step number (this is why the walk goes backwards and why a
// clause is a fixed number of tokens in prompt and walk), whether a literal
// holds is found at the one setting of its variable, and a bit of the answer
// likewise. Variables that no step has set are 0.
//
// A step that finds no literal true sets one that is still free. The teacher
// takes one after which the formula can still be satisfied, and of those the
// one that helps the most clauses. A careless decision takes any free literal
// and tosses a coin for its value: mixed in at the end of the training it leaves a
// model that has the skill without the habit, which is what reinforcement
// learning needs to have something to do.

// solve writes the worked solution and gives the assignment that it ends in.
// careless is the probability that a decision is a careless one.
func (p problem) solve(r *rand.Rand, careless float64) (text string, assignment uint32) {
	var b strings.Builder
	b.WriteString(thinkOpen)
	solutions, margins := p.solutions(), p.margins()
	var set, value uint32 // variables set so far, and their values
	for k := 1; k <= len(p.clauses); k++ {
		c := p.clauses[len(p.clauses)-k]
		b.WriteString(stepMark(k))
		for _, l := range c {
			b.WriteString(" " + l.String())
		}
		var free []literal
		holds := false
		for _, l := range c {
			bit := uint32(1) << (l.variable() - 1)
			if set&bit == 0 {
				free = append(free, l)
			} else if (value&bit != 0) == (l > 0) {
				holds = true
			}
		}
		switch {
		case holds:
			b.WriteString(wordHolds)
		case len(free) == 0:
			b.WriteString(wordConflict)
		default:
			l := best(free, margins, solutions, set, value)
			if careless > 0 && r.Float64() < careless {
				l = free[r.IntN(len(free))]
				if r.IntN(2) == 0 {
					l = -l
				}
			}
			b.WriteString(setting(l))
			bit := uint32(1) << (l.variable() - 1)
			set |= bit
			if l > 0 {
				value |= bit
			}
		}
	}
	b.WriteString("\n" + thinkClose + answerOpen)
	for x := 0; x < p.variables; x++ {
		if x > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('0' + byte(value>>x&1))
	}
	b.WriteString(answerClose + imEnd)
	return b.String(), value
}

// best chooses among the free literals of a clause.
func best(free []literal, margins []int, solutions []uint32, set, value uint32) literal {
	choice, choiceRank := free[0], -1000
	for _, l := range free {
		rank := margins[l.variable()]
		bit := uint32(1) << (l.variable() - 1)
		s, v := set|bit, value
		if l < 0 {
			rank = -rank
		} else {
			v |= bit
		}
		if !reachable(solutions, s, v) {
			rank -= 100
		}
		if rank > choiceRank {
			choice, choiceRank = l, rank
		}
	}
	return choice
}

// reachable reports whether some solution agrees with the variables set.
func reachable(solutions []uint32, set, value uint32) bool {
	for _, s := range solutions {
		if s&set == value {
			return true
		}
	}
	return false
}
