package challenge

import (
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// IsCode says whether a problem asks for code: whether it holds "python" or "gen-code", in any case. Section 6.2.
func IsCode(question string) bool {
	return cpython.ContainsLower(question, "python") || cpython.ContainsLower(question, "gen-code")
}

// RephraseRequest returns the reference's request for a rewrite. For a problem that asks for code the persona plays no part.
// Section 6.2.
func RephraseRequest(question string, p Persona) Request {
	t := &texts().Rewrite
	r := Request{Purpose: Rephrase, MaxTokens: t.MaxTokens, Temperature: t.Temperature}
	if IsCode(question) {
		r.Messages = []Message{{Role: t.Code.Role, Content: fill(t.Code.Template, "question", question)}}
		return r
	}
	r.Messages = []Message{
		{Role: System, Content: t.Persona.System},
		{Role: Assistant, Content: fill(t.Persona.Assistant, "question", question)},
		{Role: User, Content: fill(t.Persona.User, "profile", p.Profile, "mood", p.Mood, "tone", p.Tone)},
	}
	return r
}

// keep is what the hardened rules add to the last message.
const keep = "Keep every number, sign, unit, variable and formula exactly as it is written, in digits and in the same order, and add no other " +
	"numbers. Reply with the rephrased problem alone."

// keepNumbers adds to a request for a rewrite what the reference leaves unsaid.
func keepNumbers(r Request) Request {
	m := append([]Message(nil), r.Messages...)
	last := &m[len(m)-1]
	last.Content = strings.TrimRight(last.Content, "\n") + "\n" + keep
	r.Messages = m
	return r
}

// ReasoningRequest returns the reference's request for its own reasoning on the raw problem. attempt counts from 0; from 3 on the reply
// may be longer. Section 7.2.
func ReasoningRequest(question string, attempt int) Request {
	t := &texts().Reasoning
	r := Request{Purpose: Reason, MaxTokens: t.MaxTokens, Temperature: t.Temperature}
	if attempt >= 3 {
		r.MaxTokens = t.LastTokens
	}
	for _, m := range t.Messages {
		r.Messages = append(r.Messages, Message{Role: m.Role, Content: fill(m.Content, "raw_question", question)})
	}
	return r
}

// DummyFrame returns a question in the frame of the reference's unused dummy mode. Section 6.4.
func DummyFrame(question string) string { return fill(texts().Dummy, "question", question) }
