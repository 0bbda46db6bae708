package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestPromptVectors holds the embedded texts against the vectors', member by member.
func TestPromptVectors(t *testing.T) {
	var want, got map[string]any
	vectortest.Decode(t, "logicnet/prompts.json", &want)
	if err := json.Unmarshal(referenceTexts, &got); err != nil {
		t.Fatal(err)
	}
	others := []string{"about", "judge", "miner"} // of package grade and the miner
	for name := range want {
		if !slices.Contains(others, name) && !reflect.DeepEqual(want[name], got[name]) {
			t.Errorf("%s: %v, want %v", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not in the vectors", name)
		}
	}
	var part struct {
		Default struct{ Question, Answer string } `json:"default_challenge"`
	}
	if err := json.Unmarshal(vectortest.Open(t, "logicnet/prompts.json"), &part); err != nil {
		t.Fatal(err)
	}
	if d := Default(); d.Question != part.Default.Question || d.Answer != part.Default.Answer {
		t.Errorf("%+v", d)
	}
	vectortest.Count(t, "logicnet/prompts.json", len(got))
}

type challengeVectors struct {
	About string `json:"about"`
	Lists struct {
		Profile []string `json:"profile"`
		Mood    []string `json:"mood"`
		Tone    []string `json:"tone"`
	} `json:"lists"`
	Cases []struct {
		Question   string  `json:"question"`
		Conditions Persona `json:"conditions"`
		Calls      []struct {
			Model       string    `json:"model"`
			MaxTokens   int       `json:"max_tokens"`
			Temperature float64   `json:"temperature"`
			Messages    []Message `json:"messages"`
		} `json:"calls"`
		Result string `json:"result"`
	} `json:"cases"`
	Failures []struct {
		Script   []string `json:"script"`
		Attempts int      `json:"attempts"`
		Result   *string  `json:"result"`
		Raises   string   `json:"raises"`
	} `json:"failures"`
	AnswerValue []struct {
		Possible string  `json:"possible"`
		ID       string  `json:"id"`
		Value    *string `json:"value"`
	} `json:"answer_value"`
	GroundTruth []struct {
		Answer      json.RawMessage `json:"answer"`
		GroundTruth string          `json:"ground_truth"`
	} `json:"ground_truth"`
}

func TestChallengeVectors(t *testing.T) {
	const file = "logicnet/challenge.json"
	var v challengeVectors
	vectortest.Decode(t, file, &v)
	if !slices.Equal(v.Lists.Profile, Profiles()) || !slices.Equal(v.Lists.Mood, Moods()) || !slices.Equal(v.Lists.Tone, Tones()) {
		t.Error("the lists of personas differ")
	}
	for i, c := range v.Cases {
		var calls []Request
		w := rewriter(t, Options{Reference: true, Model: CompleterFunc(func(_ context.Context, r Request) (string, error) {
			calls = append(calls, r)
			return " " + c.Result + "\n", nil
		})})
		got, err := w.Rewrite(context.Background(), Task{Question: c.Question}, c.Conditions)
		if err != nil || got.Question != c.Result || got.Raw || got.Attempts != len(c.Calls) {
			t.Errorf("case %d: %+v, %v, want %q", i, got, err, c.Result)
		}
		if len(calls) != len(c.Calls) {
			t.Errorf("case %d: %d calls, want %d", i, len(calls), len(c.Calls))
			continue
		}
		for j, want := range c.Calls {
			if r := calls[j]; r.MaxTokens != want.MaxTokens || r.Temperature != want.Temperature || !slices.Equal(r.Messages, want.Messages) {
				t.Errorf("case %d: %+v, want %+v", i, r, want)
			}
		}
	}
	for i, c := range v.Failures {
		var calls int
		w := rewriter(t, Options{Reference: true, Model: script(c.Script, &calls)})
		got, err := w.Rewrite(context.Background(), Task{Question: "What is 2+2?"}, Persona{})
		switch {
		case calls != c.Attempts || got.Attempts != c.Attempts:
			t.Errorf("failure %d: %d attempts, want %d", i, calls, c.Attempts)
		case c.Raises != "" && !errors.Is(err, ErrRewrite), c.Raises == "" && err != nil:
			t.Errorf("failure %d: %v, want %q", i, err, c.Raises)
		case c.Raises == "AttributeError" != errors.Is(err, ErrNoContent):
			t.Errorf("failure %d: %v, want %q", i, err, c.Raises)
		case c.Result != nil && got.Question != *c.Result:
			t.Errorf("failure %d: %q, want %q", i, got.Question, *c.Result)
		}
	}
	for i, c := range v.AnswerValue {
		got, ok := Choice(c.Possible, c.ID)
		if ok != (c.Value != nil) || ok && got != *c.Value {
			t.Errorf("answer value %d: %q, %t, want %v", i, got, ok, c.Value)
		}
	}
	for i, c := range v.GroundTruth {
		if got, err := GroundTruth(c.Answer); err != nil || got != c.GroundTruth {
			t.Errorf("ground truth %d: %q, %v, want %q", i, got, err, c.GroundTruth)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.Failures)+len(v.AnswerValue)+len(v.GroundTruth))
}

// script is a model that fails as the vectors' does.
func script(steps []string, calls *int) Completer {
	return CompleterFunc(func(context.Context, Request) (string, error) {
		if *calls >= len(steps) {
			return "", errors.New("asked too often")
		}
		*calls++
		switch s := steps[*calls-1]; s {
		case "__openai_error__":
			return "", errors.New("overloaded")
		case "__error__":
			return "", ErrPermanent
		case "__null__":
			return "", ErrNoContent
		default:
			return s, nil
		}
	})
}

func rewriter(t testing.TB, o Options) *Rewriter {
	t.Helper()
	w, err := NewRewriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestTypoVectors(t *testing.T) {
	const file = "logicnet/typo_noise.json"
	var v struct {
		About string `json:"about"`
		Cases []struct {
			Question   string   `json:"question"`
			Candidates []string `json:"candidates"`
			Word       string   `json:"word"`
			Pos        int      `json:"pos"`
			Letter     string   `json:"letter"`
			Result     string   `json:"result"`
		} `json:"cases"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		words := TypoWords(c.Question)
		if !slices.Equal(words, c.Candidates) {
			t.Errorf("case %d: words %q, want %q", i, words, c.Candidates)
		}
		got := c.Question
		if len(words) > 0 {
			// A source of the vector's draws, in the reference's order: the word, the place, the letter.
			draws := draws{slices.Index(words, c.Word), c.Pos - 1, int(c.Letter[0] - 'a')}
			typo, ok := DrawTypo(&draws, words)
			if !ok || len(draws) != 0 {
				t.Errorf("case %d: %+v", i, typo)
			}
			got = typo.Apply(c.Question)
		}
		if got != c.Result {
			t.Errorf("case %d: %q, want %q", i, got, c.Result)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

// draws is a Rand that gives what stands in it.
type draws []int

func (d *draws) Below(n int) int {
	if len(*d) == 0 || (*d)[0] >= n {
		panic("no such draw")
	}
	x := (*d)[0]
	*d = (*d)[1:]
	return x
}

func TestModelVectors(t *testing.T) {
	const file = "logicnet/model_selector.json"
	type model struct {
		BaseURL string `json:"base_url"`
		APIKey  string `json:"api_key"`
		Model   string `json:"model"`
	}
	var v struct {
		Cases []struct {
			Pool map[string]model `json:"pool"`
			Task string           `json:"task"`
			model
			Raises string `json:"raises"`
		} `json:"cases"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		got, err := Select(c.Pool, c.Task)
		switch {
		case c.Raises != "":
			if !errors.Is(err, ErrNoModel) {
				t.Errorf("case %d: %v, want %s", i, err, c.Raises)
			}
		case err != nil || got != c.model:
			t.Errorf("case %d: %+v, %v, want %+v", i, got, err, c.model)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}
