package base

import (
	"strconv"
	"strings"
)

// grade is what a completion is worth. It follows the SAT environment for the
// completions that this model gives (7.3, 7.4), end-of-sequence text stripped,
// so that the package can measure itself without the environment packages.
type grade struct {
	wellFormed bool // reasoning closed, one answer at the end, one bit a variable
	satisfied  bool
	reward     float64
}

// gradeSAT judges a completion of p.
func (p problem) grade(completion string) grade {
	text := strings.TrimSuffix(completion, imEnd)
	body := text
	if i := strings.Index(text, thinkClose); i >= 0 && strings.Contains(text[i:], answerOpen) {
		body = text[i:]
	}
	start := strings.Index(body, answerOpen)
	if start < 0 {
		return grade{reward: -0.2}
	}
	content := body[start+len(answerOpen):]
	end := strings.Index(content, answerClose)
	if end < 0 {
		return grade{reward: -0.2}
	}
	trailing := len([]rune(content[end+len(answerClose):]))
	content = content[:end]
	bits, only := 0, true
	var assignment uint32
	for _, c := range content {
		switch {
		case c == '0' || c == '1':
			if c == '1' && bits < 32 {
				assignment |= 1 << bits
			}
			bits++
		case !strings.ContainsRune(" \t\n\r\v\f", c):
			only = false
		}
	}
	var g grade
	right := only && trailing == 0 && bits == p.variables
	g.wellFormed = right && strings.Contains(text, thinkClose) &&
		strings.Count(text, answerOpen) == 1 && strings.Count(text, answerClose) == 1
	g.satisfied = right && p.satisfied(assignment)
	r := [6]float64{-0.2, 0, 0.2, 0, max(0, 0.2-float64(0.001*float64(trailing))), 0}
	if right {
		r[0] = 0
		if g.satisfied {
			r[0] = 1
		}
	}
	if right && strings.Count(text, answerOpen) == 1 && strings.Count(text, answerClose) == 1 {
		r[1] = 0.3
	}
	if bits == p.variables {
		r[3] = 0.3
	}
	if only {
		r[5] = 0.1
	}
	for i, w := range [6]float64{1, 0.15, 0.10, 0.15, 0.10, 0.05} {
		g.reward = g.reward + float64(w*r[i])
	}
	return g
}

// gradeNumber judges the answer to a question with a number for result.
func gradeNumber(completion string, result int) grade {
	text := strings.TrimSuffix(completion, imEnd)
	i := strings.Index(text, thinkClose+answerOpen)
	if i < 0 || !strings.HasSuffix(text, answerClose) {
		return grade{}
	}
	content := strings.TrimSuffix(text[i+len(thinkClose+answerOpen):], answerClose)
	n, err := strconv.Atoi(content)
	g := grade{wellFormed: err == nil}
	if err == nil && n == result {
		g.satisfied, g.reward = true, 1
	}
	return g
}
