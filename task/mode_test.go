package task_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
)

var modes = map[string]task.Mode{"instructed": task.Instructed, "native": task.Native}

// config is how vectors describe a mode.
type config struct {
	SystemPrompt      string `json:"system_prompt"`
	ThinkingOpen      string `json:"thinking_open"`
	ThinkingClose     string `json:"thinking_close"`
	SolutionOpen      string `json:"solution_open"`
	SolutionClose     string `json:"solution_close"`
	UseCustomTemplate bool   `json:"use_custom_template"`
	EnableThinking    bool   `json:"enable_thinking"`
}

func (c config) check(t *testing.T, name string) {
	t.Helper()
	m, ok := modes[name]
	if !ok {
		t.Fatalf("unknown mode %q", name)
	}
	if m.String() != name {
		t.Errorf("mode %s calls itself %s", name, m)
	}
	if got, want := m.Tags(), (task.Tags{ThinkingOpen: c.ThinkingOpen, ThinkingClose: c.ThinkingClose, AnswerOpen: c.SolutionOpen, AnswerClose: c.SolutionClose}); got != want {
		t.Errorf("%s tags: got %v, want %v", name, got, want)
	}
	if m.SystemPrompt() != c.SystemPrompt {
		t.Errorf("%s system prompt: got %q, want %q", name, m.SystemPrompt(), c.SystemPrompt)
	}
	if m.EnableThinking() != c.EnableThinking || m.EnableThinking() == c.UseCustomTemplate {
		t.Errorf("%s: enable_thinking %v, custom template %v", name, c.EnableThinking, c.UseCustomTemplate)
	}
}

func TestVectorsPrompts(t *testing.T) {
	const file = "environments/prompts.json"
	var v struct {
		Meta     json.RawMessage
		Thinking map[string]config
		Chat     struct {
			Start      string   `json:"im_start"`
			End        string   `json:"im_end"`
			Template   string   `json:"instructed_jinja_template"`
			Parts      []string `json:"message_parts"`
			Generation string   `json:"generation_prompt"`
		}
		// The environments compare their own texts.
		SAT          json.RawMessage `json:"sat"`
		TritonKernel json.RawMessage `json:"triton_kernel"`
		MBPP         json.RawMessage `json:"mbpp"`
		AffineTrace  json.RawMessage `json:"affine_trace"`
		AffineLogic  json.RawMessage `json:"affine_logic"`
	}
	vectortest.Decode(t, file, &v)
	for name, c := range v.Thinking {
		c.check(t, name)
	}
	if v.Chat.Template != task.ChatMLTemplate {
		t.Errorf("template: got %q, want %q", task.ChatMLTemplate, v.Chat.Template)
	}
	p := v.Chat.Parts
	if len(p) != 3 || p[0] != v.Chat.Start || !strings.HasPrefix(p[2], v.Chat.End) {
		t.Fatalf("message parts %q do not fit %q and %q", p, v.Chat.Start, v.Chat.End)
	}
	want := p[0] + "user" + p[1] + " hi " + p[2] + v.Chat.Generation
	if got := task.ChatML([]task.Message{{Role: "user", Content: " hi "}}, true); got != want {
		t.Errorf("ChatML: got %q, want %q", got, want)
	}
	vectortest.Count(t, file, len(v.Thinking)+1)
}

func TestVectorsChatTemplates(t *testing.T) {
	const file = "environments/chat_templates.json"
	type kwargs struct {
		Tokenize       bool  `json:"tokenize"`
		Generation     bool  `json:"add_generation_prompt"`
		EnableThinking *bool `json:"enable_thinking"`
	}
	var v struct {
		Meta       json.RawMessage
		Instructed []struct {
			Mode       string
			Messages   []task.Message
			Generation bool `json:"add_generation_prompt"`
			Prepared   []task.Message
			Kwargs     kwargs
			Rendered   string
		}
		NativeCalls []struct {
			Messages []task.Message
			Prepared []task.Message
			Kwargs   kwargs
		} `json:"native_calls"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Instructed {
		m, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		got := m.Prepare(c.Messages)
		if !slices.Equal(got, c.Prepared) {
			t.Errorf("case %d: prepared %v, want %v", i, got, c.Prepared)
		}
		if (c.Kwargs.EnableThinking != nil) != m.EnableThinking() || c.Kwargs.Generation != c.Generation {
			t.Errorf("case %d: template arguments %+v", i, c.Kwargs)
		}
		if text := task.ChatML(got, c.Generation); text != c.Rendered {
			t.Errorf("case %d: rendered %q, want %q", i, text, c.Rendered)
		}
	}
	for i, c := range v.NativeCalls {
		if got := task.Native.Prepare(c.Messages); !slices.Equal(got, c.Prepared) {
			t.Errorf("native case %d: prepared %v, want %v", i, got, c.Prepared)
		}
		if c.Kwargs.EnableThinking == nil || *c.Kwargs.EnableThinking != task.Native.EnableThinking() {
			t.Errorf("native case %d: template arguments %+v", i, c.Kwargs)
		}
	}
	vectortest.Count(t, file, len(v.Instructed)+len(v.NativeCalls))
}

func TestVectorsModes(t *testing.T) {
	const file = "environments/thinking.json"
	var v struct {
		Meta       json.RawMessage
		Configs    map[string]config
		ModeLookup []struct {
			Arg    *string
			Result string
		} `json:"mode_lookup"`
		Cases json.RawMessage // compared in task/answer
	}
	vectortest.Decode(t, file, &v)
	for name, c := range v.Configs {
		c.check(t, name)
	}
	for _, c := range v.ModeLookup {
		var zero task.Mode // a mode that nobody sets is the default
		got, err := zero, error(nil)
		if c.Arg != nil {
			got, err = task.ParseMode(*c.Arg)
		}
		result := got.String()
		if err != nil {
			result = "error:ValueError"
			if !errors.Is(err, task.ErrUnknownMode) {
				t.Errorf("error %v is not ErrUnknownMode", err)
			}
		}
		if result != c.Result {
			t.Errorf("mode: got %s, want %s", result, c.Result)
		}
	}
	vectortest.Count(t, file, len(v.Configs)+len(v.ModeLookup))
}

func TestMetadataModeIsExact(t *testing.T) {
	for name, mode := range modes {
		if got, err := task.ParseMetadataMode(name); err != nil || got != mode {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, s := range []string{"", "Native", "NATIVE", " native", "other"} {
		if _, err := task.ParseMetadataMode(s); !errors.Is(err, task.ErrUnknownMode) {
			t.Errorf("%q: got %v", s, err)
		}
	}
}

func TestPrepareKeepsItsArgument(t *testing.T) {
	messages := []task.Message{{Role: "user", Content: "a"}, {Role: "user", Content: "b"}}
	got := task.Instructed.Prepare(messages[:1])
	if len(got) != 2 || got[0].Role != "system" || got[1] != messages[0] || messages[1].Content != "b" {
		t.Errorf("prepared %v from %v", got, messages)
	}
}

func TestWeightedSum(t *testing.T) {
	c := func(values ...float64) []task.Component {
		out := make([]task.Component, len(values))
		for i, v := range values {
			out[i].Value = v
		}
		return out
	}
	for _, test := range []struct {
		name    string
		weights []float64
		values  []task.Component
		want    float64
	}{
		{"nothing", nil, nil, 0},
		{"left to right", []float64{1, 1, 1}, c(0.1, 0.2, 0.3), 0.6000000000000001},
		{"rounds the product first", []float64{1, 0.1}, c(-0.1, 1.0), 0},
		{"shorter weights", []float64{2}, c(1, 5), 2},
		{"shorter values", []float64{2, 7}, c(1), 2},
	} {
		if got := task.WeightedSum(test.weights, test.values); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
