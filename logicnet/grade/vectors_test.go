package grade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// special is a number that JSON cannot hold: {"special": "inf"}.
type special float64

func (s *special) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return json.Unmarshal(b, (*float64)(s))
	}
	var v struct {
		Special string `json:"special"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v.Special {
	case "inf":
		*s = special(math.Inf(1))
	case "-inf":
		*s = special(math.Inf(-1))
	case "nan":
		*s = special(math.NaN())
	default:
		return fmt.Errorf("unknown special number %q", v.Special)
	}
	return nil
}

func same(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9
}

func TestVectorsNumericCompare(t *testing.T) {
	const file = "logicnet/numeric_compare.json"
	var v struct {
		About string
		Sympy string
		Cases []struct {
			Truth      string `json:"ground_truth"`
			Answer     string
			Path       string
			Score      *special
			PythonType *string `json:"python_type"`
		}
	}
	vectortest.Decode(t, file, &v)
	decided, symbolic := 0, 0
	for _, c := range v.Cases {
		score, method, ok := compare(c.Truth, c.Answer)
		switch {
		case c.Score == nil && ok:
			t.Errorf("%q for %q: %v by %s, want undecided", c.Answer, c.Truth, score, method)
		case c.Score != nil && !ok && c.Path != "symbolic":
			t.Errorf("%q for %q: undecided, want %v", c.Answer, c.Truth, *c.Score)
		case ok && !same(score, float64(*c.Score)):
			t.Errorf("%q for %q: %v by %s, want %v", c.Answer, c.Truth, score, method, *c.Score)
		}
		if want := map[Method]string{ByText: "equal_text", ByNumber: "single_numbers", ByValue: "symbolic"}[method]; ok && want != c.Path {
			t.Errorf("%q for %q: decided by %s, want %s", c.Answer, c.Truth, method, c.Path)
		}
		if c.Path == "symbolic" && c.Score != nil {
			symbolic++
			if ok {
				decided++
			} else {
				t.Logf("left to the judge: %q for %q (reference: %v)", c.Answer, c.Truth, *c.Score)
			}
		}
	}
	t.Logf("%d of %d texts that the reference evaluates are plain arithmetic", decided, symbolic)
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsExtractNumbers(t *testing.T) {
	const file = "logicnet/extract_numbers.json"
	var v struct {
		About string
		Cases []struct {
			Text    string
			Numbers []special
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		got := Numbers(c.Text)
		if len(got) != len(c.Numbers) {
			t.Errorf("%q: %v, want %v", c.Text, got, c.Numbers)
			continue
		}
		for i := range got {
			if got[i] != float64(c.Numbers[i]) {
				t.Errorf("%q: %v, want %v", c.Text, got, c.Numbers)
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsCleanResponse(t *testing.T) {
	const file = "logicnet/clean_response.json"
	var v struct {
		About string
		Cases []struct {
			Text    string
			Cleaned string
			Sent    *string `json:"sent_to_trick_detector"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		if got := Clean(c.Text); got != c.Cleaned {
			t.Errorf("%q: %q, want %q", c.Text, got, c.Cleaned)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// scripted is a judge that says given things in order.
type scripted struct {
	replies []string
	calls   []Request
}

func (s *scripted) Complete(_ context.Context, r Request) (string, error) {
	s.calls = append(s.calls, r)
	if len(s.replies) == 0 {
		return "", errors.New("asked too often")
	}
	reply := s.replies[0]
	s.replies = s.replies[1:]
	switch reply {
	case "__null__", "__openai_error__", "__error__":
		return "", errors.New(reply)
	}
	return reply, nil
}

func TestVectorsJudge(t *testing.T) {
	const file = "logicnet/judge.json"
	type call struct {
		Model       string
		MaxTokens   int `json:"max_tokens"`
		Temperature float64
		Role        Role
		N           int `json:"n_messages"`
		Template    Purpose
		Hash        string `json:"content_sha256"`
	}
	var v struct {
		About string
		Model string `json:"judge_model"`
		Cases []struct {
			Question   string
			Truth      string `json:"ground_truth"`
			Answer     string
			CheatWords []string `json:"cheat_words"`
			Script     []string
			Score      special
			Error      *string
			Calls      []call
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		judge := &scripted{replies: c.Script}
		g, err := New(Options{Reference: true, Judges: []Completer{judge}})
		if err != nil {
			t.Fatal(err)
		}
		r := g.rate(t.Context(), Task{Question: c.Question, Truth: c.Truth, CheatWords: c.CheatWords}, c.Answer)
		if !same(r.Score, float64(c.Score)) {
			t.Errorf("case %d: score %v, want %v", i, r.Score, c.Score)
		}
		if r.Calls != len(c.Calls) {
			t.Errorf("case %d: %d calls, want %d", i, r.Calls, len(c.Calls))
		}
		var calls []call
		for _, r := range judge.calls {
			h := sha256.Sum256([]byte(r.Messages[0].Content))
			calls = append(calls, call{
				Model: v.Model, MaxTokens: r.MaxTokens, Temperature: r.Temperature, Role: r.Messages[0].Role, N: len(r.Messages),
				Template: r.Purpose, Hash: hex.EncodeToString(h[:]),
			})
		}
		if len(calls)+len(c.Calls) > 0 && !reflect.DeepEqual(calls, c.Calls) {
			t.Errorf("case %d: calls %+v, want %+v", i, calls, c.Calls)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsCorrectnessBatch(t *testing.T) {
	const file = "logicnet/correctness_batch.json"
	var v struct {
		About string
		Cases []struct {
			Truth   string `json:"ground_truth"`
			Answers []any
			LLM     map[string]special `json:"llm_scores"`
			Want    []special          `json:"correctness"`
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		for j, a := range c.Answers {
			text, ok := a.(string)
			if !ok {
				continue // aborts the reference's batch
			}
			got, _, ok := compare(c.Truth, text)
			if !ok {
				s, known := c.LLM[cpython.Strip(text)]
				if !known {
					t.Errorf("case %d: %q for %q is undecided, and no judge was asked", i, text, c.Truth)
				}
				got = float64(s)
			}
			if !same(got, float64(c.Want[j])) {
				t.Errorf("case %d: %q for %q: %v, want %v", i, text, c.Truth, got, c.Want[j])
			}
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// TestVectorsPrompts holds the texts of this package against the reference's, byte for byte.
func TestVectorsPrompts(t *testing.T) {
	const file = "logicnet/prompts.json"
	var v, ours map[string]json.RawMessage
	vectortest.Decode(t, file, &v)
	if err := json.Unmarshal(referenceTexts, &ours); err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(v["judge"], &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(ours["judge"], &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Error("the judge's messages differ")
	}
	vectortest.Count(t, file, len(want.(map[string]any)))
}
