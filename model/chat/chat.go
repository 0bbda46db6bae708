// Package chat turns a conversation into the text that a language model continues, by the Jinja template of the model's tokenizer.
//
// A prompt that differs in one space differs in its tokens, and then in everything that a validator recomputes. So the
// template of the checkpoint is rendered as transformers does: trim_blocks and lstrip_blocks on, autoescape off, tojson
// as Python's json.dumps with ensure_ascii=False, raise_exception as an error. The ChatML text that the Grail trainer installs
// ([Instructed]) is recognised and rendered without Jinja (grail-environments section 5).
//
// A template comes with the checkpoint, so it is foreign code. It can't read files, import, define macros or recurse, see the clock
// or reach Go values; its loops, its variables, its output and its time are bounded. What it may not do is an error that names it,
// at [Parse] wherever the text shows it.
package chat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// Errors that a caller decides by.
var (
	// ErrTemplate marks a template that isn't valid Jinja, or that fails on the conversation given.
	ErrTemplate = errors.New("chat template failed")
	// ErrUnsupported marks a template that uses what this package leaves out; the text names it.
	ErrUnsupported = errors.New("chat template feature is not supported")
	// ErrRaised marks a conversation that the template itself refuses by raise_exception.
	ErrRaised = errors.New("chat template refuses the conversation")
	// ErrLimit marks a rendering that took too long or grew too large.
	ErrLimit = errors.New("chat template exceeds its limits")
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
	// Extra are further variables: nil, bool, string, int, int64, float64, []any, map[string]any and cpython.Value, nested at will.
	Extra map[string]any
}

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	text  string
	jinja *exec.Template // nil for Instructed, which needs none
}

// maxTemplate bounds the text of a template; the largest in use have 30 kB.
const maxTemplate = 128 << 10

// Parse checks a template. The error wraps ErrTemplate or ErrUnsupported.
func Parse(text string) (*Template, error) {
	if text == Instructed {
		return &Template{text: text}, nil
	}
	return parse(text)
}

func parse(text string) (t *Template, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("couldn't parse chat template: %v: %w", r, ErrTemplate)
		}
	}()
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("couldn't parse chat template of %d bytes, more than %d: %w", len(text), maxTemplate, ErrUnsupported)
	}
	cfg := config.New()
	cfg.TrimBlocks, cfg.LeftStripBlocks = true, true
	if err := inspect(text, cfg); err != nil {
		return nil, fmt.Errorf("couldn't parse chat template: %w", err)
	}
	const name = "/chat_template"
	loader, err := loaders.NewMemoryLoader(map[string]string{name: text})
	if err != nil {
		return nil, fmt.Errorf("couldn't parse chat template: %w", err)
	}
	j, err := exec.NewTemplate(name, cfg, loader, environment())
	if err != nil {
		return nil, fmt.Errorf("couldn't parse chat template: %s: %w", brief(err), ErrTemplate)
	}
	return &Template{text, j}, nil
}

// Text gives the template as it was parsed.
func (t *Template) Text() string { return t.text }

// Render gives the text of the conversation. The error wraps ErrRaised if the template refuses it, ErrLimit, ErrUnsupported or ErrTemplate.
func (t *Template) Render(messages []Message, opts Options) (text string, err error) {
	if t.jinja == nil {
		return renderInstructed(messages, opts.AddGenerationPrompt), nil
	}
	size := 0
	list := make([]any, len(messages))
	for i, m := range messages {
		size += len(m.Role) + len(m.Content)
		list[i] = dict("role", m.Role, "content", m.Content)
	}
	vars := map[string]any{}
	for name, v := range opts.Extra {
		if vars[name], err = toJinja(v, &size, 0); err != nil {
			return "", fmt.Errorf("couldn't render chat template: variable %s: %w", name, err)
		}
	}
	maps.Copy(vars, map[string]any{"messages": list, "add_generation_prompt": opts.AddGenerationPrompt})
	if opts.EnableThinking != nil {
		vars["enable_thinking"] = *opts.EnableThinking
	}
	if opts.BOS != "" {
		vars["bos_token"] = opts.BOS
	}
	if opts.EOS != "" {
		vars["eos_token"] = opts.EOS
	}
	b := &budget{until: time.Now().Add(maxTime), steps: maxSteps, size: maxSize + 4*size}
	vars[budgetKey] = b
	out := &output{budget: b}
	defer func() {
		if r := recover(); r != nil {
			text, err = "", fmt.Errorf("couldn't render chat template: %v: %w", r, ErrTemplate)
		}
	}()
	switch err := t.jinja.Execute(out, exec.NewContext(vars)); {
	case b.failure != nil: // gonja's errors don't keep their cause
		return "", fmt.Errorf("couldn't render chat template: %w", b.failure)
	case err != nil:
		return "", fmt.Errorf("couldn't render chat template: %s: %w", brief(err), ErrTemplate)
	}
	return out.text.String(), nil
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

// brief cuts an error text, which may quote the whole template.
func brief(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, "': "); strings.HasPrefix(s, "failed to parse template '") && i >= 0 {
		s = s[i+3:]
	}
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:200], "") + " ... " + strings.ToValidUTF8(s[len(s)-200:], "")
	}
	return s
}
