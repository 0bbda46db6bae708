package base

import (
	"fmt"
	"math/rand/v2"
)

// Example is one training sequence. The loss counts the tokens from
// PromptLength on; the prompt is only read.
type Example struct {
	Tokens       []int32
	PromptLength int
}

// Mixture says what the examples of a phase look like.
type Mixture struct {
	Arithmetic   float64 `json:"arithmetic"`    // share of small sums instead of SAT problems
	Uniform      float64 `json:"uniform"`       // share of SAT problems with evenly drawn sizes
	MaxVariables int     `json:"max_variables"` // most variables of a SAT problem, 5 to 11
	Careless     float64 `json:"careless"`      // probability that a decision is a careless one
}

// source is the generator of example n of a seed: any example can be made
// again on its own, whoever made the others.
func source(seed uint64, n int64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(n)*0x9e3779b97f4a7c15+0x2545f4914f6cdd1d))
}

// Example makes example number n of a seed.
func (m Mixture) Example(v *Vocabulary, seed uint64, n int64) Example {
	r := source(seed, n)
	var user, answer string
	if r.Float64() < m.Arithmetic {
		user, answer, _ = arithmetic(r)
	} else {
		p := randomProblem(r, r.Float64() < m.Uniform, m.MaxVariables)
		for len(p.solutions()) == 0 {
			p = randomProblem(r, false, m.MaxVariables)
		}
		user = p.prompt()
		answer, _ = p.solve(r, m.Careless)
	}
	prompt := v.Encode(render(user))
	return Example{Tokens: append(prompt, v.Encode(answer)...), PromptLength: len(prompt)}
}

// arithmetic draws a sum or difference of two numbers below 100 and works it
// out in columns, after writing both numbers with two digits so that every
// later digit is found at a fixed distance:
//
//	digits: 07, 25
//	ones: 7 + 5 + 0 = 12, carry 1
//	tens: 0 + 2 + 1 = 03, carry 0
//	total: 032
//
// The result is never negative.
func arithmetic(r *rand.Rand) (user, answer string, result int) {
	a, b := r.IntN(100), r.IntN(100)
	word := wordPlus
	result = a + b
	if r.IntN(2) == 1 {
		if a < b {
			a, b = b, a
		}
		word, result = wordMinus, a-b
	}
	user = fmt.Sprintf("%s%d%s%d?", wordWhat, a, word, b)
	answer = fmt.Sprintf("%s%s%02d%s%02d", thinkOpen, wordDigits, a, wordComma, b)
	carry := 0
	for i, name := range []string{wordOnes, wordTens} {
		x, y := a%10, b%10
		if i == 1 {
			x, y = a/10, b/10
		}
		in, column := carry, 0
		if word == wordPlus {
			column = x + y + in
			carry = column / 10
		} else {
			column, carry = x-y-in, 0
			if column < 0 {
				column, carry = column+10, 1
			}
		}
		answer += fmt.Sprintf("%s%d%s%d%s%d%s%02d%s%d", name, x, word, y, word, in, wordEqual, column, wordCarry, carry)
	}
	answer += fmt.Sprintf("%s%03d\n%s%s%d%s%s", wordTotal, result, thinkClose, answerOpen, result, answerClose, imEnd)
	return user, answer, result
}
