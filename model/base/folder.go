package base

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/model/tokenizer"
	"github.com/nanteos/nanteos/model/train"
)

// Spec describes the vocabulary as a Hugging Face tokenizer: 256 bytes without
// merges, then the added tokens. Only the three of the chat are special, that
// is, left out of text that is decoded without special tokens.
func (v *Vocabulary) Spec() tokenizer.Spec {
	s := tokenizer.Spec{
		Pattern: tokenizer.Qwen2, EOS: imEnd, Pad: pad,
		ChatTemplate: chatTemplate, ModelMaxLength: Shape(v).MaxPositions,
	}
	for i, t := range v.tokens {
		if i < 256 {
			s.Tokens = append(s.Tokens, t.text)
		} else {
			s.Added = append(s.Added, tokenizer.AddedToken{Content: t.text, Special: t.special})
		}
	}
	return s
}

// TrainTo carries out the default plan of a seed and writes the model to out:
// all that `nanteos model train-base` does.
func TrainTo(ctx context.Context, seed uint64, out string, opt Options) error {
	trainer, err := Train(ctx, DefaultPlan(seed), opt)
	if err != nil {
		return err
	}
	return WriteFolder(out, trainer)
}

// WriteFolder writes a trained model as a Hugging Face folder.
func WriteFolder(dir string, trainer *train.Trainer) error {
	v := NewVocabulary()
	if err := trainer.Save(dir); err != nil {
		return err
	}
	return writeTexts(dir, v)
}

// writeTexts writes everything of the folder but configuration and weights.
func writeTexts(dir string, v *Vocabulary) error {
	t, err := tokenizer.New(v.Spec())
	if err != nil {
		return fmt.Errorf("couldn't make the tokenizer: %w", err)
	}
	if err := t.WriteFiles(dir); err != nil {
		return err
	}
	text, err := json.MarshalIndent(map[string]any{
		"do_sample": true, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 256,
		"eos_token_id": v.EOS(), "pad_token_id": v.Pad(),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't write the generation settings: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "generation_config.json"), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("couldn't write the generation settings: %w", err)
	}
	return nil
}
