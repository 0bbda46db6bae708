package engine

import (
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/model/chat"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// ErrNoTemplate: the tokenizer's files have no chat template, so there is no agreed way to write a prompt.
var ErrNoTemplate = errors.New("tokenizer has no chat template")

// Text turns conversations into prompts and completions into text as the files of a checkpoint say. It is immutable and safe for
// several goroutines.
type Text struct {
	tokens   *tokenizer.Tokenizer
	template *chat.Template // nil: none
}

// LoadText reads tokenizer and chat template of a model folder. The error wraps ErrModel.
func LoadText(dir string) (*Text, error) {
	tokens, err := tokenizer.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't load the tokenizer: %w: %w", ErrModel, err)
	}
	t := &Text{tokens: tokens}
	if source := tokens.ChatTemplate(); source != "" {
		if t.template, err = chat.Parse(source); err != nil {
			return nil, fmt.Errorf("couldn't load the chat template: %w: %w", ErrModel, err)
		}
	}
	return t, nil
}

// Render returns the token ids of a conversation, the assistant's turn opened at the end (environments specification, section 5).
// thinking gives the template enable_thinking = true; otherwise the variable stays undefined. The tokenizer's own special tokens are put
// around the text, and special tokens written in messages are recognised, as the reference has it.
// The error wraps ErrNoTemplate or what package chat returns.
func (t *Text) Render(messages []Message, thinking bool) ([]int32, error) {
	if t.template == nil {
		return nil, fmt.Errorf("couldn't render the prompt: %w", ErrNoTemplate)
	}
	names := t.tokens.Names()
	opts := chat.Options{AddGenerationPrompt: true, BOS: names.BOS, EOS: names.EOS}
	if thinking {
		opts.EnableThinking = &thinking
	}
	text, err := t.template.Render(messages, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't render the prompt: %w", err)
	}
	return t.tokens.Encode(text, true), nil
}

// Decode returns the text of ids. Special tokens are kept as their text if keepSpecial; ids outside the vocabulary are passed over.
func (t *Text) Decode(ids []int32, keepSpecial bool) string {
	return t.tokens.Decode(ids, !keepSpecial)
}

// Tokenizer gives the tokenizer itself.
func (t *Text) Tokenizer() *tokenizer.Tokenizer { return t.tokens }
