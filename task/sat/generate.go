// Package sat is the environment of random 3-SAT problems: find a truth value for each variable so that every clause has a true literal.
//
// The problems are small (5 to 15 variables), made from the seed alone, and not all can be satisfied: nobody checks when they are made. They need no
// data set, and a program can grade an answer exactly, which makes SAT the environment in which a network can be tried out anywhere.
//
// Specification: grail-environments, section 7.
package sat

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Clause is a disjunction of literals: v stands for variable v, -v for its negation. Variables count from 1.
type Clause []int

// Problem is one instance.
type Problem struct {
	Material   string  // what the generator was seeded with: the decimal seed
	Difficulty float64 // 0.3 to 0.696 on the network; more variables and clauses with more of it
	NumVars    int
	Clauses    []Clause
}

// DefaultMaterial seeds the problem of no seed at all.
const DefaultMaterial = "sat-default-seed"

// defaultSeed stands for a missing seed where the difficulty is computed.
const defaultSeed = 12345

// FromSeed returns the problem that the network poses for a seed.
func FromSeed(seed uint32) Problem {
	n := int64(seed)
	return FromSource(&n, nil)
}

// FromSource returns the problem that the reference's task source gives a seed and a task id, either of which may be missing (nil). The id, if given,
// makes the problem; the seed makes its difficulty.
func FromSource(seed *int64, taskID *string) Problem {
	material, s := DefaultMaterial, int64(defaultSeed)
	if seed != nil {
		s = *seed
		material = strconv.FormatInt(s, 10)
	}
	if taskID != nil {
		material = *taskID
	}
	mod := s % 100
	if mod < 0 {
		mod += 100
	}
	return Generate(material, 0.3+float64(mod)/250.0)
}

// Generate makes a problem from seed material and a difficulty in [0, 1]. Each clause has three variables, in the order in which they are drawn.
func Generate(material string, difficulty float64) Problem {
	digest := sha256.Sum256([]byte(material))
	r := cpython.NewRandFromBytes(digest[:])
	size := func(base int, scale float64) int {
		full := float64(scale * difficulty)
		return r.RandInt(base+int(float64(full*0.5)), base+int(full))
	}
	p := Problem{Material: material, Difficulty: difficulty}
	p.NumVars = size(4, 11)
	p.Clauses = make([]Clause, size(5, 15))
	for i := range p.Clauses {
		clause := Clause(r.Sample(p.NumVars, min(3, p.NumVars)))
		for j := range clause {
			clause[j]++
			if r.Float64() < 0.5 {
				clause[j] = -clause[j]
			}
		}
		p.Clauses[i] = clause
	}
	return p
}

// Prompt returns the text of the problem's one user message.
func (p Problem) Prompt() string {
	var b strings.Builder
	b.WriteString("SAT Problem:\nSAT Problem (seed: ")
	b.WriteString(prefix(p.Material, 8))
	b.WriteString("...):\nVariables: ")
	b.WriteString(strconv.Itoa(p.NumVars))
	b.WriteString("\nClauses:\n")
	for _, clause := range p.Clauses {
		b.WriteString("  (")
		for i, literal := range clause {
			if i > 0 {
				b.WriteString(" OR ")
			}
			if literal < 0 {
				b.WriteString("NOT ")
				literal = -literal
			}
			b.WriteString("x")
			b.WriteString(strconv.Itoa(literal))
		}
		b.WriteString(")\n")
	}
	b.WriteString("\nProvide your final assignment between <SOLUTION></SOLUTION> as space-separated 0/1 values for x1..xN" +
		" (e.g., <SOLUTION>0 1 0 1</SOLUTION>).\n")
	return b.String()
}

// prefix returns the first n code points of s.
func prefix(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Satisfied returns how many clauses an assignment makes true; assignment[v-1] is the value of variable v. An assignment of another length satisfies none.
func (p Problem) Satisfied(assignment []bool) int {
	if len(assignment) != p.NumVars {
		return 0
	}
	n := 0
	for _, clause := range p.Clauses {
		for _, literal := range clause {
			if literal > 0 && assignment[literal-1] || literal < 0 && !assignment[-literal-1] {
				n++
				break
			}
		}
	}
	return n
}

// Solve returns the satisfying assignment that comes first when assignments are counted as binary numbers with variable 1 as the lowest bit; ok is false
// when there is none. It is meant for tests, data generators and oracle miners: it tries up to 2^NumVars assignments, NumVars being 15 at most on the network.
func (p Problem) Solve() (assignment []bool, ok bool) {
	if p.NumVars > 24 {
		return nil, false
	}
	assignment = make([]bool, p.NumVars)
	for n := range uint32(1) << p.NumVars {
		for v := range assignment {
			assignment[v] = n>>v&1 == 1
		}
		if p.Satisfied(assignment) == len(p.Clauses) {
			return assignment, true
		}
	}
	return nil, false
}
