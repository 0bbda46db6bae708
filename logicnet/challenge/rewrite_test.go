package challenge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// replies is a model that says one thing after the other; errors are said as such.
func replies(all ...any) (Completer, *[]Request) {
	var asked []Request
	return CompleterFunc(func(_ context.Context, r Request) (string, error) {
		asked = append(asked, r)
		if len(asked) > len(all) {
			return "", errors.New("asked too often")
		}
		if err, ok := all[len(asked)-1].(error); ok {
			return "", err
		}
		return all[len(asked)-1].(string), nil
	}), &asked
}

var errBusy = errors.New("overloaded")

func TestRewriteHardened(t *testing.T) {
	const good = "So Tom has 5 apples, gives 3 to his sister - how many are left?"
	const bad = "So Tom has 5 apples, gives 4 to his sister - how many are left?"
	for name, c := range map[string]struct {
		replies  []any
		want     string
		attempts int
		err      error
	}{
		"at once":          {[]any{good}, good, 1, nil},
		"in quotes":        {[]any{`"` + good + `"`}, good, 1, nil},
		"after a mistake":  {[]any{bad, good}, good, 2, ErrCheck},
		"after an error":   {[]any{errBusy, good}, good, 2, errBusy},
		"after nothing":    {[]any{ErrNoContent, good}, good, 2, ErrNoContent},
		"after a blank":    {[]any{"", "  ", good}, good, 3, ErrCheck},
		"never":            {[]any{bad, bad, bad, good}, apples, 3, ErrCheck},
		"never reachable":  {[]any{errBusy, errBusy, errBusy}, apples, 3, errBusy},
		"refused for good": {[]any{ErrPermanent, good}, apples, 1, ErrPermanent},
	} {
		model, asked := replies(c.replies...)
		got, err := rewriter(t, Options{Model: model}).Rewrite(context.Background(), Task{Question: apples, Answer: "2"}, Persona{"student", "eager", "serious"})
		if err != nil || got.Question != c.want || got.Raw != (c.want == apples) || got.Attempts != c.attempts || got.Persona.Mood != "eager" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.err == nil && got.Err != nil || !errors.Is(got.Err, c.err) {
			t.Errorf("%s: says %v", name, got.Err)
		}
		if len(*asked) != c.attempts {
			t.Errorf("%s: asked %d times", name, len(*asked))
		}
	}
}

func TestRewriteReferenceTakesAnything(t *testing.T) {
	model, _ := replies(" Sure! What is 4+4? \n")
	got, err := rewriter(t, Options{Model: model, Reference: true}).Rewrite(context.Background(), Task{Question: "What is 2+2?"}, Persona{})
	if err != nil || got.Question != "Sure! What is 4+4?" || got.Raw {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRewriteAnyOrder(t *testing.T) {
	const turned = "Tom gave 3 of his 5 apples to his sister. How many are left?"
	for _, any := range []bool{false, true} {
		model, _ := replies(turned, turned, turned)
		got, _ := rewriter(t, Options{Model: model, AnyOrder: any}).Rewrite(context.Background(), Task{Question: apples}, Persona{})
		if got.Raw == any {
			t.Errorf("any order %t: %+v", any, got)
		}
	}
}

func TestRewriteWithoutModel(t *testing.T) {
	got, err := rewriter(t, Options{}).Rewrite(context.Background(), Task{Question: apples}, Persona{})
	if err != nil || !got.Raw || got.Question != apples || !errors.Is(got.Err, ErrRewrite) || got.Attempts != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := rewriter(t, Options{}).Reasoning(context.Background(), apples); !errors.Is(err, ErrRewrite) {
		t.Error(err)
	}
}

func TestRewriteEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	model := CompleterFunc(func(ctx context.Context, _ Request) (string, error) {
		cancel()
		return "", ctx.Err()
	})
	for _, reference := range []bool{false, true} {
		got, err := rewriter(t, Options{Model: model, Reference: reference}).Rewrite(ctx, Task{Question: apples}, Persona{})
		if !got.Raw || got.Attempts > 1 || !errors.Is(got.Err, context.Canceled) || reference != errors.Is(err, context.Canceled) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := rewriter(t, Options{Model: model}).Reasoning(ctx, apples); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNewRewriterRefuses(t *testing.T) {
	for _, o := range []Options{{Reference: true}, {Attempts: -1}} {
		if _, err := NewRewriter(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	model, asked := replies(errBusy, errBusy, errBusy, errBusy, errBusy)
	if got, _ := rewriter(t, Options{Model: model, Attempts: 5}).Rewrite(context.Background(), Task{Question: apples}, Persona{}); got.Attempts != 5 || len(*asked) != 5 {
		t.Errorf("%+v", got)
	}
}

func TestReasoning(t *testing.T) {
	for name, c := range map[string]struct {
		reference bool
		replies   []any
		want      string
		tokens    []int
	}{
		"at once":         {false, []any{" Two. "}, " Two. ", []int{300}},
		"longer":          {true, []any{errBusy, errBusy, errBusy, "Two."}, "Two.", []int{300, 300, 300, 1024}},
		"blank":           {false, []any{" ", "Two."}, "Two.", []int{300, 300}},
		"blank is taken":  {true, []any{""}, "", []int{300}},
		"refused":         {false, []any{ErrPermanent}, "", []int{300}},
		"refused, always": {true, []any{ErrPermanent, ErrPermanent, ErrPermanent, ErrPermanent}, "", []int{300, 300, 300, 1024}},
		"never":           {false, []any{errBusy, errBusy, errBusy, ErrNoContent}, "", []int{300, 300, 300, 1024}},
	} {
		model, asked := replies(c.replies...)
		got, err := rewriter(t, Options{Model: model, Reference: c.reference}).Reasoning(context.Background(), apples)
		if got != c.want || (err != nil) != (c.want == "" && name != "blank is taken") || err != nil && !errors.Is(err, ErrRewrite) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		var tokens []int
		for _, r := range *asked {
			tokens = append(tokens, r.MaxTokens)
			if r.Temperature != 0.7 || r.Purpose != Reason || !slices.Equal(r.Messages, []Message{{User, apples}}) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if !slices.Equal(tokens, c.tokens) {
			t.Errorf("%s: %v, want %v", name, tokens, c.tokens)
		}
	}
}

// TestKeepNumbers says what the hardened request has more than the reference's.
func TestKeepNumbers(t *testing.T) {
	for _, q := range []string{apples, "Write Python that adds 2 and 3"} {
		want := RephraseRequest(q, Persona{"student", "eager", "serious"})
		got := keepNumbers(want)
		if len(got.Messages) != len(want.Messages) || got.MaxTokens != want.MaxTokens {
			t.Errorf("%+v", got)
		}
		for i, m := range got.Messages {
			last := i == len(got.Messages)-1
			if m.Role != want.Messages[i].Role || !last && m != want.Messages[i] ||
				last && (!strings.HasPrefix(m.Content, strings.TrimSpace(want.Messages[i].Content)[:20]) && !strings.HasPrefix(m.Content, "\nYou are") || !strings.HasSuffix(m.Content, keep)) {
				t.Errorf("%+v", m)
			}
		}
		if strings.Contains(want.Messages[len(want.Messages)-1].Content, keep) {
			t.Error("the reference's request changed")
		}
	}
}

func TestIsCode(t *testing.T) {
	for q, want := range map[string]bool{"PYTHON": true, "Gen-Code": true, "pythonic": true, "pyth on": false, "gencode": false, "": false} {
		if IsCode(q) != want {
			t.Errorf("%q: %t", q, !want)
		}
	}
}

// TestPlaceholders puts braces into questions: they are not looked into.
func TestPlaceholders(t *testing.T) {
	if got := RephraseRequest("{profile} {question}", Persona{"{mood}", "{tone}", "{profile}"}).Messages; got[1].Content != "{profile} {question}" ||
		!strings.HasPrefix(got[2].Content, "As a {mood} who is feeling {tone}, ") || !strings.Contains(got[2].Content, " in a {profile} tone.") {
		t.Errorf("%+v", got)
	}
	if got := RephraseRequest("python {question}", Persona{}).Messages; strings.Count(got[0].Content, "python {question}") != 1 {
		t.Errorf("%+v", got)
	}
	if got := DummyFrame("{question} 5"); got != "Find the solution of this question:\n---\n{question} 5\n---\n" {
		t.Errorf("%q", got)
	}
}
