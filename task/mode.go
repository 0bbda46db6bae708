package task

import (
	"errors"
	"fmt"
	"strings"
)

// Mode says how a model is told to think: by instruction and tags in the prompt, or by its own chat template. The checkpoint's metadata field
// thinking_mode decides it for the whole network.
type Mode uint8

const (
	// Instructed wraps reasoning in tags that the system prompt names; prompts are plain ChatML.
	Instructed Mode = iota
	// Native relies on the model's own <think> tags; prompts come from the checkpoint's chat template with enable_thinking set.
	Native
)

// ErrUnknownMode says that a text names no thinking mode. A window whose metadata does so is skipped.
var ErrUnknownMode = errors.New("unknown thinking mode")

// Tags are the markers in a completion. They match without regard to case (see task/answer).
type Tags struct {
	ThinkingOpen, ThinkingClose string
	AnswerOpen, AnswerClose     string
}

const (
	answerOpen  = "<SOLUTION>"
	answerClose = "</SOLUTION>"

	promptHead = "You are given a problem. Think step by step.\n"
	promptTags = "Place your reasoning between <start_working_out> and </end_working_out>.\n"
	promptTail = "You may write and reason about code during your thinking.\n" +
		"After thinking, you MUST provide your final solution wrapped in <SOLUTION> and </SOLUTION> tags.\n" +
		"Any code outside <SOLUTION> tags will be ignored. Your answer will score 0 without these tags."
)

// ParseMode reads a mode as the reference reads its environment variable: in any case, without trimming. Errors wrap ErrUnknownMode.
func ParseMode(s string) (Mode, error) {
	switch strings.ToLower(s) {
	case "instructed":
		return Instructed, nil
	case "native":
		return Native, nil
	}
	return 0, fmt.Errorf("couldn't read thinking mode %.40q: %w: want instructed or native", s, ErrUnknownMode)
}

// ParseMetadataMode reads the thinking_mode of checkpoint metadata, where only the two exact names count. Errors wrap ErrUnknownMode.
func ParseMetadataMode(s string) (Mode, error) {
	if s != Instructed.String() && s != Native.String() {
		return 0, fmt.Errorf("couldn't read thinking_mode %.40q of the checkpoint: %w: want instructed or native", s, ErrUnknownMode)
	}
	return ParseMode(s)
}

// String returns the name of the mode as checkpoint metadata spells it.
func (m Mode) String() string {
	if m == Native {
		return "native"
	}
	return "instructed"
}

// Tags returns the markers of the mode.
func (m Mode) Tags() Tags {
	if m == Native {
		return Tags{"<think>", "</think>", answerOpen, answerClose}
	}
	return Tags{"<start_working_out>", "</end_working_out>", answerOpen, answerClose}
}

// SystemPrompt returns the text of the system message.
func (m Mode) SystemPrompt() string {
	if m == Native {
		return promptHead + promptTail
	}
	return promptHead + promptTags + promptTail
}

// EnableThinking says whether the chat template is called with enable_thinking set.
func (m Mode) EnableThinking() bool { return m == Native }

// Prepare returns the messages to render: with the mode's system message in front unless the first message already is a system message.
// The argument is not changed.
func (m Mode) Prepare(messages []Message) []Message {
	if len(messages) > 0 && messages[0].Role == "system" {
		return messages
	}
	out := make([]Message, 0, len(messages)+1)
	return append(append(out, Message{"system", m.SystemPrompt()}), messages...)
}

// ChatML renders messages as the template that the trainer installs in instructed checkpoints does. Roles and contents are inserted verbatim.
// generationPrompt opens the assistant's turn at the end.
func ChatML(messages []Message, generationPrompt bool) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|im_start|>")
		b.WriteString(m.Role)
		b.WriteByte('\n')
		b.WriteString(m.Content)
		b.WriteString("<|im_end|>\n")
	}
	if generationPrompt {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String()
}

// ChatMLTemplate is the Jinja text of ChatML: a checkpoint whose template equals it may be rendered by ChatML.
const ChatMLTemplate = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
