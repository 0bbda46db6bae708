package chat

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

type vectorMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func messagesOf(in []vectorMessage) (out []Message) {
	for _, m := range in {
		out = append(out, Message(m))
	}
	return out
}

type vectorCall struct {
	Messages []vectorMessage `json:"messages"`
	Prepared []vectorMessage `json:"prepared"`
	Kwargs   struct {
		Tokenize            bool  `json:"tokenize"`
		AddGenerationPrompt bool  `json:"add_generation_prompt"`
		EnableThinking      *bool `json:"enable_thinking"`
	} `json:"kwargs"`
}

// prompts reads the texts that the reference's modes use. The file has other sections, which other packages test.
func prompts(t *testing.T) (template, instructed, native string) {
	t.Helper()
	var p struct {
		Chat struct {
			Template string `json:"instructed_jinja_template"`
		} `json:"chat"`
		Thinking struct {
			Instructed, Native struct {
				System string `json:"system_prompt"`
			}
		} `json:"thinking"`
	}
	if err := json.Unmarshal(vectortest.Open(t, "environments/prompts.json"), &p); err != nil {
		t.Fatal(err)
	}
	if p.Thinking.Instructed.System == "" || p.Thinking.Native.System == "" {
		t.Fatal("the vectors have no system prompts")
	}
	return p.Chat.Template, p.Thinking.Instructed.System, p.Thinking.Native.System
}

func TestVectors(t *testing.T) {
	const file = "environments/chat_templates.json"
	var v struct {
		Meta       map[string]string `json:"meta"`
		Instructed []struct {
			vectorCall
			Mode     string `json:"mode"`
			Generate bool   `json:"add_generation_prompt"`
			Rendered string `json:"rendered"`
		} `json:"instructed"`
		Native []vectorCall `json:"native_calls"`
	}
	vectortest.Decode(t, file, &v)
	text, system, native := prompts(t)
	if text != Instructed {
		t.Errorf("the instructed template is %q", text)
	}
	fast, err := Parse(text)
	if err != nil || fast.jinja != nil {
		t.Fatalf("the instructed template isn't recognised (%v)", err)
	}
	jinja, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range v.Instructed {
		if c.Mode != "instructed" || c.Kwargs.Tokenize || c.Kwargs.AddGenerationPrompt != c.Generate || c.Kwargs.EnableThinking != nil {
			t.Fatalf("case %d is of another kind: %+v", i, c)
		}
		prepared := WithSystem(messagesOf(c.Messages), system)
		if !slices.Equal(prepared, messagesOf(c.Prepared)) {
			t.Errorf("case %d: prepared %q, want %q", i, prepared, c.Prepared)
		}
		for name, tmpl := range map[string]*Template{"fast": fast, "jinja": jinja} {
			got, err := tmpl.Render(prepared, Options{AddGenerationPrompt: c.Generate})
			if err != nil || got != c.Rendered {
				t.Errorf("case %d, %s: %q (%v), want %q", i, name, got, err, c.Rendered)
			}
		}
	}
	for i, c := range v.Native {
		if c.Kwargs.Tokenize || !c.Kwargs.AddGenerationPrompt || c.Kwargs.EnableThinking == nil || !*c.Kwargs.EnableThinking {
			t.Fatalf("native case %d is of another kind: %+v", i, c)
		}
		if prepared := WithSystem(messagesOf(c.Messages), native); !slices.Equal(prepared, messagesOf(c.Prepared)) {
			t.Errorf("native case %d: prepared %q, want %q", i, prepared, c.Prepared)
		}
	}
	vectortest.Count(t, file, len(v.Instructed)+len(v.Native))
}
