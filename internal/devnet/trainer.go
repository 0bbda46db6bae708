package devnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/model/base"
)

// ModelName is the identity text of the checkpoint that a network starts from.
const ModelName = "nanteos/base"

// samplingOf is how the base model is sampled: as it was trained to be, without cutting anything off.
var samplingOf = grail.GenerationParams{MaxTokens: 384, Temperature: 1, TopP: 1, TopK: 0, RepetitionPenalty: 1}

// publish puts the base model into the trainer's bucket, signed, and marks it ready. Where that was done before, nothing is done.
func (n *Network) publish(ctx context.Context) error {
	dir := n.baseDir()
	if err := writeBase(dir); err != nil {
		return err
	}
	trainer := n.members[n.rules.TrainerUID]
	b, err := n.own(trainer)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = checkpoint.Latest(ctx, b, n.first)
	if err == nil {
		return nil
	}
	if !errors.Is(err, checkpoint.ErrNone) {
		return err
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		return err
	}
	uid := trainer.UID
	sink := n.sink(trainer)
	sink.Emit(status.Event{Kind: status.Phase, UID: &uid, Phase: "publishing"})
	_, err = checkpoint.Publish(ctx, b, dir, files, checkpoint.Metadata{
		ModelName: ModelName, CreatedAt: float64(n.folder.made.Genesis.UnixMilli()) / 1000,
		TrainingConfig: cpython.ObjectValue(nil), EnvID: n.rules.DefaultEnvironment, EnvParams: cpython.ObjectValue(nil),
		ThinkingMode: "instructed",
		GenerationParams: cpython.ObjectValue([]cpython.Member{
			{Key: "max_tokens", Value: cpython.IntValue(int64(samplingOf.MaxTokens))},
			{Key: "temperature", Value: cpython.FloatValue(samplingOf.Temperature)},
			{Key: "top_p", Value: cpython.FloatValue(samplingOf.TopP)},
			{Key: "top_k", Value: cpython.IntValue(int64(samplingOf.TopK))},
			{Key: "repetition_penalty", Value: cpython.FloatValue(samplingOf.RepetitionPenalty)},
		}),
	}, trainer.Hotkey)
	if err != nil {
		return err
	}
	if err := checkpoint.MarkReady(ctx, b, 0, 0); err != nil {
		return err
	}
	sink.Emit(status.Event{Kind: status.Phase, UID: &uid, Phase: "published"})
	return nil
}

// writeBase unpacks the embedded model, completely or not at all.
func writeBase(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	if err := base.WriteTo(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("couldn't unpack the base model: %w", err)
	}
	return nil
}
