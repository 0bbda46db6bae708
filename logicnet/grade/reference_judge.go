package grade

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

//go:embed texts/reference.json
var referenceTexts []byte

// prompt is a message of the reference.
type prompt struct {
	Template     string   `json:"template"`
	Placeholders []string `json:"placeholders"`
	Role         Role     `json:"role"`
	MaxTokens    int      `json:"max_tokens"`
	Temperature  float64  `json:"temperature"`
}

// texts are the messages of the reference's judge, section 7.1 B.
var texts = func() (t struct {
	Judge struct {
		Detect  prompt `json:"trick_detection"`
		Extract prompt `json:"answer_extraction"`
		Rate    prompt `json:"correctness"`
	} `json:"judge"`
}) {
	if err := json.Unmarshal(referenceTexts, &t); err != nil {
		panic(fmt.Sprintf("couldn't read texts/reference.json: %v", err)) // part of the program
	}
	return t
}()

// request renders a message: every placeholder is replaced once, and what was put in is not looked at again.
func (p prompt) request(purpose Purpose, values map[string]string) Request {
	var b strings.Builder
	rest := p.Template
	for rest != "" {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			break
		}
		b.WriteString(rest[:i])
		rest = rest[i:]
		replaced := false
		for _, name := range p.Placeholders {
			if after, ok := strings.CutPrefix(rest, "{"+name+"}"); ok {
				b.WriteString(values[name])
				rest, replaced = after, true
				break
			}
		}
		if !replaced {
			b.WriteByte('{')
			rest = rest[1:]
		}
	}
	b.WriteString(rest)
	return Request{
		Purpose:     purpose,
		Messages:    []Message{{Role: p.Role, Content: b.String()}},
		MaxTokens:   p.MaxTokens,
		Temperature: p.Temperature,
	}
}

// shortAnswer is the number of words from which on the reference extracts the answer first.
const shortAnswer = 20

// rate is the reference's judge, section 7.1 B, with its habits: what fails is skipped or worth 0.5.
func (g *Grader) rate(ctx context.Context, t Task, answer string) Result {
	calls := 0
	result := func(score float64, m Method, reason string) Result {
		r := scored(score, m, reason)
		r.Calls = calls
		return r
	}
	ask := func(r Request) (string, error) {
		if len(g.o.Judges) == 0 {
			return "", errNoJudge
		}
		calls++
		reply, err := g.o.Judges[0].Complete(ctx, r)
		if len(reply) > maxReply {
			reply = reply[:maxReply]
		}
		return reply, err
	}
	answer = cpython.Strip(answer)
	if answer == ";" {
		return result(0, ByText, "empty answer")
	}
	small := lower(answer)
	for _, w := range t.CheatWords {
		if strings.Contains(small, w) {
			return result(-1, ByFilter, "cheat word")
		}
	}
	if echoes(small) {
		return result(-1, ByFilter, "template echo")
	}
	reply, err := ask(texts.Judge.Detect.request(Detect, map[string]string{"response": Clean(answer)}))
	if err == nil && strings.Contains(lower(reply), "yes") {
		return result(-1, ByJudge, "detector said yes")
	}
	if len(strings.FieldsFunc(answer, cpython.IsSpace)) >= shortAnswer {
		reply, err := ask(texts.Judge.Extract.request(Extract, map[string]string{"question": t.Question, "response": answer}))
		if err != nil {
			return result(0.5, ByJudge, "extraction failed")
		}
		answer = lower(cpython.Strip(reply))
		if strings.Contains(answer, "not_found") || strings.Contains(answer, "not found") {
			return result(0, ByJudge, "no answer found")
		}
	}
	reply, err = ask(texts.Judge.Rate.request(Rate, map[string]string{
		"question": t.Question, "ground_truth_answer": t.Truth, "response": answer,
	}))
	if err != nil {
		return result(0.5, ByJudge, "rating failed")
	}
	return result(Rating(reply), ByJudge, "rating")
}

// Rating reads the reply to the reference's rating message, section 7.1 B step 5: what Python's float reads, within [0, 1] (NaN stays
// NaN); of other texts, 1 when they contain a "1" and 0.5 otherwise.
func Rating(reply string) float64 {
	reply = lower(cpython.Strip(reply))
	f, err := cpython.ParseFloat(reply)
	switch {
	case err == nil && math.IsNaN(f):
		return f
	case err == nil:
		return math.Max(0, math.Min(1, f))
	case strings.Contains(reply, "1"):
		return 1
	}
	return 0.5
}

// echoes reports whether s contains "answer" in double braces.
func echoes(s string) bool {
	for {
		_, after, ok := strings.Cut(s, "{{")
		if !ok {
			return false
		}
		if word, ok := strings.CutPrefix(strings.TrimLeftFunc(after, cpython.IsSpace), "answer"); ok &&
			strings.HasPrefix(strings.TrimLeftFunc(word, cpython.IsSpace), "}}") {
			return true
		}
		// "{{{answer}}": the braces may overlap.
		s = s[len(s)-len(after)-1:]
	}
}
