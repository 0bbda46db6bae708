package answer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

func TestVectorsThinking(t *testing.T) {
	const file = "environments/thinking.json"
	var v struct {
		Meta       json.RawMessage
		Configs    json.RawMessage // compared in task
		ModeLookup json.RawMessage `json:"mode_lookup"`
		Cases      []struct {
			Mode, Label, Text string
			HasThinking       bool    `json:"has_thinking"`
			HasAnswer         bool    `json:"has_answer"`
			ThinkingBlock     *string `json:"thinking_block"`
			AnswerBlock       *string `json:"answer_block"` // the first one
			Answer            *string `json:"answer"`       // the preferred one
			Trailing          int     `json:"trailing"`
			Ordered           bool    `json:"ordered"`
		}
	}
	vectortest.Decode(t, file, &v)
	optional := func(t *testing.T, what string, got string, ok bool, want *string) {
		t.Helper()
		if ok != (want != nil) || ok && got != *want {
			t.Errorf("%s: got %q (found %v), want %s", what, got, ok, show(want))
		}
	}
	for _, c := range v.Cases {
		mode, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.Mode+"/"+c.Label, func(t *testing.T) {
			r := answer.Scan(c.Text, mode.Tags())
			if r.HasThinking != c.HasThinking || r.HasAnswer != c.HasAnswer || r.Trailing != c.Trailing || r.Ordered != c.Ordered {
				t.Errorf("scan of %q: got %+v, want %+v", c.Text, r, c)
			}
			optional(t, "answer", r.Content, r.HasAnswer, c.Answer)
			first, ok := answer.First(c.Text, mode.Tags())
			optional(t, "first answer", first, ok, c.AnswerBlock)
			block, ok := answer.Thinking(c.Text, mode.Tags())
			optional(t, "thinking", block, ok, c.ThinkingBlock)
		})
	}
	vectortest.Count(t, file, len(v.Cases))
}

func show(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func TestScan(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       answer.Result
	}{
		{"nothing", "", answer.Result{}},
		{"only an answer", "<solution>1</Solution>", answer.Result{HasAnswer: true, Content: "1"}},
		{"closing tag first", "</SOLUTION><SOLUTION>", answer.Result{}},
		{"trailing counts code points", "<SOLUTION>1</SOLUTION>é😀\xff", answer.Result{HasAnswer: true, Content: "1", Trailing: 3}},
		{"later answer wins", "<SOLUTION>1</SOLUTION></think><SOLUTION>2</SOLUTION>",
			answer.Result{HasThinking: true, HasAnswer: true, Content: "2", Ordered: true}},
		{"falls back", "<SOLUTION>1</SOLUTION></think><SOLUTION>2",
			answer.Result{HasThinking: true, HasAnswer: true, Content: "1", Trailing: 19}},
		{"second thinking tag does not matter", "</think><SOLUTION>1</SOLUTION></think><SOLUTION>2</SOLUTION>",
			answer.Result{HasThinking: true, HasAnswer: true, Content: "1", Trailing: 30, Ordered: true}},
		{"dotted I closes for the fold only", "</thİnk><ſOLUTION>1</SOLUTIoN>", answer.Result{HasAnswer: true, Content: "1"}},
		{"Kelvin sign closes for both", "</thin\u212a><SOLUTION>1</SOLUTıON>",
			answer.Result{HasThinking: true, HasAnswer: true, Content: "1", Ordered: true}},
		{"long s closes for the fold only, thinking later", "<SOLUTION>0</SOLUTION></thınk><SOLUTION>1</SOLUTION></think>",
			answer.Result{HasThinking: true, HasAnswer: true, Content: "1", Trailing: 8, Ordered: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := answer.Scan(test.text, task.Native.Tags()); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestComponents(t *testing.T) {
	found := answer.Result{HasThinking: true, HasAnswer: true, Trailing: 10}
	if found.ThinkingFormat() != 0.5 || found.AnswerFormat() != 0.3 || found.SoftFormat() != 0.2 || found.NoTrailing() != 0.19 {
		t.Errorf("components of %+v", found)
	}
	var none answer.Result
	if none.ThinkingFormat() != 0 || none.AnswerFormat() != 0 || none.SoftFormat() != 0 || none.NoTrailing() != 0 {
		t.Errorf("components of %+v", none)
	}
	for trailing, want := range map[int]float64{0: 0.2, 1: 0.199, 200: 0, 201: 0, 100000: 0} {
		if got := (answer.Result{HasAnswer: true, Trailing: trailing}).NoTrailing(); got != want {
			t.Errorf("no trailing with %d: got %v, want %v", trailing, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for text, want := range map[string]int{"": 0, "<SOLUTION>": 1, "<<solution><SOLUTIoN> <ſolutİon>": 3, "<SOLUTIO": 0} {
		if got := answer.Count(text, "<SOLUTION>"); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add("<think>a</think><SOLUTION>1 0</SOLUTION><|im_end|>")
	f.Add("</thİn\u212a><\u017folution>\xed\xa0\x80</SOLUTION>\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range []task.Mode{task.Instructed, task.Native} {
			tags := m.Tags()
			r := answer.Scan(text, tags)
			first, ok := answer.First(text, tags)
			if ok != r.HasAnswer {
				t.Fatalf("first answer found %v, scan says %v", ok, r.HasAnswer)
			}
			if !r.Ordered && r.Content != first {
				t.Fatalf("unordered answer %q is not the first %q", r.Content, first)
			}
			if r.Ordered && !r.HasThinking {
				t.Fatalf("ordered without thinking: %+v", r)
			}
			if !strings.Contains(text, r.Content) || r.Trailing > utf8.RuneCountInString(text) {
				t.Fatalf("scan of %q gives %+v", text, r)
			}
			if n := r.NoTrailing(); n < 0 || n > 0.2 {
				t.Fatalf("no trailing %v", n)
			}
		}
	})
}
