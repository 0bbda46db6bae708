package gsm8k_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/gsm8k"
)

// one is a dataset whose only problem, in each table, has a given answer.
type one struct{ answer string }

func (o one) Open(context.Context, string) (*dataset.Set, error) {
	rows := func() []dataset.Row { return []dataset.Row{{"question": "How many?\n ", "answer": o.answer}} }
	return dataset.New(gsm8k.ID, "test", "none", map[string][]dataset.Row{"main/train": rows(), "main/test": rows()})
}

// problem returns the problem of the one row, graded with or without quirks.
func problem(t testing.TB, mode task.Mode, answer string, quirks bool) task.Task {
	t.Helper()
	e, err := gsm8k.New(task.Options{Mode: mode, Quirks: quirks, Tools: task.Tools{Data: one{answer}},
		Params: cpython.ObjectValue([]cpython.Member{{Key: "split", Value: cpython.StringValue("test")}})})
	if err != nil {
		t.Fatal(err)
	}
	tk, err := e.Task(77)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func TestVectorsGSM8K(t *testing.T) {
	const file = "environments/gsm8k.json"
	var v struct {
		Meta   json.RawMessage
		Bounds [2]float64
		Golds  []struct{ Text, Golden, Normalized string }
		Trials []struct {
			Mode, Label string
			Completion  string
			AnswerField string `json:"answer_field"`
			Expect      struct {
				Parsed struct {
					Text        string `json:"answer_text"`
					HasThinking bool   `json:"has_thinking"`
					HasAnswer   bool   `json:"has_answer"`
					Trailing    int    `json:"trailing_after_answer"`
					NumericOnly bool   `json:"is_numeric_only"`
				}
				Reward     float64
				Components map[string]float64
				Success    bool
				Gold       string `json:"gold_answer"`
				Pred       string `json:"pred_answer"`
			}
		}
	}
	vectortest.Decode(t, file, &v)
	if diff := v.Bounds[1] - gsm8k.MaxReward; v.Bounds[0] != gsm8k.MinReward || diff > 1e-12 || diff < -1e-12 {
		t.Errorf("bounds: got %v and %v, want %v", gsm8k.MinReward, gsm8k.MaxReward, v.Bounds)
	}
	for _, c := range v.Golds {
		got := gsm8k.Gold(c.Text)
		if got != c.Golden || gsm8k.Normalize(got) != c.Normalized {
			t.Errorf("gold of %q: got %q, %q, want %q, %q", c.Text, got, gsm8k.Normalize(got), c.Golden, c.Normalized)
		}
	}
	for i, c := range v.Trials {
		mode, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		a, want := gsm8k.Parse(c.Completion, mode.Tags()), c.Expect
		if p := want.Parsed; a.Text != p.Text || a.HasThinking != p.HasThinking || a.HasAnswer != p.HasAnswer || a.Trailing != p.Trailing ||
			a.NumericOnly != p.NumericOnly {
			t.Errorf("trial %d (%s): %q parsed to %+v, want %+v", i, c.Label, c.Completion, a, p)
		}
		g, err := problem(t, mode, c.AnswerField, true).Grade(t.Context(), c.Completion)
		if err != nil {
			t.Fatal(err)
		}
		if g.Reward != want.Reward || g.Success != want.Success || g.Info["gold_answer"] != want.Gold || g.Info["pred_answer"] != want.Pred {
			t.Errorf("trial %d (%s): %q got %+v, want %+v", i, c.Label, c.Completion, g, want)
		}
		if len(g.Components) != len(want.Components) {
			t.Errorf("trial %d: got %v, want %v", i, g.Components, want.Components)
		}
		for _, part := range g.Components {
			if value, ok := want.Components[part.Name]; !ok || value != part.Value {
				t.Errorf("trial %d (%s): got %s = %v, want %v", i, c.Label, part.Name, part.Value, value)
			}
		}
	}
	vectortest.Count(t, file, len(v.Golds)+len(v.Trials))
}

func TestGold(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"#####7", "#7"},
		{"####\n\n", "####"}, // no match either, so the last line
		{"5 ####\n\n", "5"},  // a bare mark at the end is no match
		{"5 ####\n \n", ""},  // but it is with a blank to give back
		{"#### 1 #### 2", "1 #### 2"},
		{"####", "####"},
		{"a\n\n b c \n", "b c"},
		{"1 and 2,5 and 3", "3"},
	} {
		if got := gsm8k.Gold(test.text); got != test.want {
			t.Errorf("gold of %q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// TestQuirks holds the table of the package's comment.
func TestQuirks(t *testing.T) {
	for _, test := range []struct {
		answer, gold      string
		reference, strict bool // by the reference's rules
		fixed, fixedTight bool // without quirks
	}{
		{"18", "#### 18", true, true, true, true},
		{"1234", "#### 1,234", false, true, true, true},
		{"1,234", "#### 1,234", false, true, true, true},
		{"1,234,567", "#### 1,234,567", false, true, true, true},
		{"1,234,567", "#### 1234", true, true, false, true},
		{"1,23", "#### 123", true, true, false, false},
		{"3,5", "#### 35", true, true, false, false},
		{".5", "#### 5", true, true, false, true},
		{".5", "#### 0.5", false, true, true, true},
		{"18.0", "#### 18", false, true, true, true},
		{"018", "#### 18", false, true, true, true},
		{"+18", "#### 18", false, true, true, true},
		{"-18", "#### 18", false, true, false, true},
		{"١٨", "#### 18", false, true, true, true},
		{"18", "#### $18", false, true, true, true},
		{"18", "#### 18 apples", false, true, true, true},
		{"18.", "#### 18", true, true, true, true},
		{",,18", "#### 18", true, true, true, false},
		{"$18", "#### 18", true, false, true, false},
		{"x = 18 apples", "#### 18", true, false, true, false},
		{"18 or 19", "#### 18", true, false, true, false},
		{"none", "#### none", false, false, false, false},
		{strings.Repeat("9", 5000), "#### " + strings.Repeat("9", 5000), true, true, true, true},
	} {
		for _, quirks := range []bool{true, false} {
			g, err := problem(t, task.Native, test.gold, quirks).Grade(t.Context(), "<SOLUTION>"+test.answer+"</SOLUTION>")
			if err != nil {
				t.Fatal(err)
			}
			success, strict := test.reference, test.strict
			if !quirks {
				success, strict = test.fixed, test.fixedTight
			}
			if g.Success != success || (g.Components[1].Value != 0) != strict {
				t.Errorf("quirks %v: %.40q for %.40q: got success %v, components %v, want %v, strict %v", quirks, test.answer, test.gold, g.Success,
					g.Components, success, strict)
			}
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := gsm8k.New(task.Options{}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("without data: got %v", err)
	}
	params := func(v cpython.Value) cpython.Value {
		return cpython.ObjectValue([]cpython.Member{{Key: "split", Value: v}})
	}
	for _, bad := range []cpython.Value{cpython.StringValue("validation"), cpython.IntValue(1), {}} {
		if _, err := gsm8k.New(task.Options{Params: params(bad), Tools: task.Tools{Data: one{}}}); !errors.Is(err, dataset.ErrSplit) {
			t.Errorf("split %v: got %v", bad, err)
		}
	}
	tk := problem(t, task.Instructed, "#### 1,200", false)
	if m := tk.Messages(); len(m) != 1 || m[0] != (task.Message{Role: "user", Content: "How many?\n "}) {
		t.Errorf("got messages %q", m)
	}
	meta := tk.(interface{ Metadata() map[string]any }).Metadata()
	if meta["task_id"] != "test_0" || meta["index"] != 0 || meta["split"] != "test" || meta["gold_answer"] != "1200" {
		t.Errorf("got metadata %v", meta)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tk.Grade(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzGrade(f *testing.F) {
	f.Add("#### 1,234", "<think>x</think><SOLUTION>1,234</SOLUTION><|im_end|>")
	f.Add("####  \n", "<SOLUTION>-٣,٥ .5 \xff</ſolution>")
	f.Fuzz(func(t *testing.T, gold, completion string) {
		for _, quirks := range []bool{true, false} {
			g, err := problem(t, task.Native, gold, quirks).Grade(t.Context(), completion)
			if err != nil {
				t.Fatal(err)
			}
			if g.Reward < gsm8k.MinReward || g.Reward > gsm8k.MaxReward || g.Success != (g.Components[0].Value == 1) {
				t.Fatalf("got %+v", g)
			}
		}
		if gold := gsm8k.Gold(gold); gold != cpython.Strip(gold) {
			t.Fatalf("gold %q isn't stripped", gold)
		}
	})
}
