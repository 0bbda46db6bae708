// Package chat turns a conversation into the text that a language model continues, by the Jinja template of the model's tokenizer.
//
// A prompt that differs in one space differs in its tokens, and then in everything that a validator recomputes. So the
// template of the checkpoint is rendered as transformers does: trim_blocks and lstrip_blocks on, autoescape off, tojson
// as Python's json.dumps with ensure_ascii=False, raise_exception as an error. The ChatML text that the Grail trainer installs
// ([Instructed]) is recognised and rendered without Jinja (grail-environments section 5).
//
// A template comes with the checkpoint, so it is foreign code. It runs in package jinja, which gives it no file, no clock and a
// budget that is counted in evaluations and bytes, so that it ends alike on every machine.
package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model/chat/jinja"
)

// Errors that a caller decides by.
var (
	// ErrTemplate marks a template that isn't valid Jinja, or that fails on the conversation given.
	ErrTemplate = errors.New("chat template failed")
	// ErrUnsupported marks a template that uses what package jinja leaves out; the text names it.
	ErrUnsupported = jinja.ErrUnsupported
	// ErrRaised marks a conversation that the template itself refuses by raise_exception.
	ErrRaised = jinja.ErrRaised
	// ErrLimit marks a rendering that exceeds its budget.
	ErrLimit = jinja.ErrLimit
)

// Instructed is the ChatML template that the Grail trainer installs in its checkpoints.
const Instructed = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// Message is one turn of a conversation. Both strings reach the text verbatim unless the template trims them.
type Message struct {
	Role, Content string
}

// Options are the arguments of a rendering, beside the messages.
type Options struct {
	// AddGenerationPrompt asks for the header of the assistant's turn at the end.
	AddGenerationPrompt bool
	// EnableThinking is the variable enable_thinking; nil leaves it undefined, as Grail's instructed mode does.
	EnableThinking *bool
	// BOS and EOS are the variables bos_token and eos_token; empty leaves them undefined.
	BOS, EOS string
	// Extra are further variables, such as tools; their values are those that jinja.FromGo takes.
	Extra map[string]any
}

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	text  string
	jinja *jinja.Template // nil for Instructed, which needs none
}

// Parse checks a template. The error wraps ErrTemplate or ErrUnsupported.
func Parse(text string) (*Template, error) {
	if text == Instructed {
		return &Template{text: text}, nil
	}
	return parse(text)
}

func parse(text string) (*Template, error) {
	j, err := jinja.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("couldn't parse chat template: %w", classify(err))
	}
	return &Template{text, j}, nil
}

// classify adds ErrTemplate to the errors that mean it.
func classify(err error) error {
	if errors.Is(err, jinja.ErrSyntax) || errors.Is(err, jinja.ErrRuntime) {
		return fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return err
}

// Text gives the template as it was parsed.
func (t *Template) Text() string { return t.text }

// Render gives the text of the conversation. The error wraps ErrRaised if the template refuses it, ErrLimit, ErrUnsupported or ErrTemplate.
func (t *Template) Render(messages []Message, opts Options) (string, error) {
	if t.jinja == nil {
		return renderInstructed(messages, opts.AddGenerationPrompt), nil
	}
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = jinja.Pairs{{Key: "role", Value: m.Role}, {Key: "content", Value: m.Content}}
	}
	vars := map[string]any{"tools": nil, "documents": nil} // transformers always passes these two
	for name, v := range opts.Extra {
		vars[name] = v
	}
	vars["messages"], vars["add_generation_prompt"] = list, opts.AddGenerationPrompt
	if opts.EnableThinking != nil {
		vars["enable_thinking"] = *opts.EnableThinking
	}
	if opts.BOS != "" {
		vars["bos_token"] = opts.BOS
	}
	if opts.EOS != "" {
		vars["eos_token"] = opts.EOS
	}
	text, err := t.jinja.Render(vars, jinja.Options{})
	if err != nil {
		return "", fmt.Errorf("couldn't render chat template: %w", classify(err))
	}
	return text, nil
}

// WithSystem puts the system prompt before the messages unless they begin with a system message of their own (section 5, step 1).
func WithSystem(messages []Message, prompt string) []Message {
	if len(messages) > 0 && messages[0].Role == "system" {
		return slices.Clone(messages)
	}
	return append([]Message{{"system", prompt}}, messages...)
}

// renderInstructed is what Jinja makes of Instructed.
func renderInstructed(messages []Message, generate bool) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|im_start|>")
		b.WriteString(m.Role)
		b.WriteByte('\n')
		b.WriteString(m.Content)
		b.WriteString("<|im_end|>\n")
	}
	if generate {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String()
}
