package devnet

import (
	"context"
	"errors"

	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/status"
)

// ModelName is the identity text of the checkpoint that a network starts from.
const ModelName = "nanteos/base"

// publish puts the base model into the trainer's bucket, signed, and marks it ready. Where that was done before, nothing is done.
func (n *Network) publish(ctx context.Context) error {
	dir := n.baseDir()
	settings := n.folder.made.Settings
	if err := writeBase(dir, shapeOf(settings.environment()).context); err != nil {
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
	_, err = checkpoint.Publish(ctx, b, dir, files, n.metadata(), trainer.Hotkey)
	if err != nil {
		return err
	}
	if err := checkpoint.MarkReady(ctx, b, 0, 0); err != nil {
		return err
	}
	sink.Emit(status.Event{Kind: status.Phase, UID: &uid, Phase: "published"})
	return nil
}

// metadata are what every checkpoint of the network says of it, but for window and time.
func (n *Network) metadata() checkpoint.Metadata {
	settings := n.folder.made.Settings
	sampling := settings.sampling()
	return checkpoint.Metadata{
		ModelName: ModelName, CreatedAt: float64(n.folder.made.Genesis.UnixMilli()) / 1000,
		TrainingConfig: cpython.ObjectValue(nil), EnvID: n.rules.DefaultEnvironment, EnvParams: environmentParams(n.folder.made.Dataset),
		ThinkingMode: settings.mode().String(),
		GenerationParams: cpython.ObjectValue([]cpython.Member{
			{Key: "max_tokens", Value: cpython.IntValue(int64(sampling.MaxTokens))},
			{Key: "temperature", Value: cpython.FloatValue(sampling.Temperature)},
			{Key: "top_p", Value: cpython.FloatValue(sampling.TopP)},
			{Key: "top_k", Value: cpython.IntValue(int64(sampling.TopK))},
			{Key: "repetition_penalty", Value: cpython.FloatValue(sampling.RepetitionPenalty)},
		}),
	}
}
