package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
)

// The canary's song: a prompt of this many tokens, and as many more.
const (
	canaryPrompt = 12
	canaryLength = 20
	canarySeed   = 1
)

// canaryRandomness gives the coefficients of the canary's sketches.
const canaryRandomness = "63616e617279" // "canary"

// sing lets a freshly loaded model complete a fixed prompt and replays what it said. It returns the SHA-256 of tokens, sketches
// and log-probabilities, and refuses a model that says nothing sensible: figures that are not numbers mean broken weights, and such a
// model would make worthless rollouts and fail honest ones.
func sing(ctx context.Context, v *volume) ([32]byte, error) {
	cfg := v.model.Config()
	prompt := make([]int32, min(canaryPrompt, cfg.MaxPositions-1))
	for i := range prompt {
		prompt[i] = int32((i*37 + 11) % cfg.VocabSize)
	}
	made, err := v.model.Generate(ctx, []model.Request{{Prompt: prompt, Seed: canarySeed}},
		model.Sampling{MaxTokens: min(canaryLength, cfg.MaxPositions-len(prompt)), Temperature: 1, Stop: []int32{}})
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	r, err := grail.NewCoefficients(canaryRandomness)
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	tokens := append(prompt, made[0].Tokens...)
	replays, err := v.replay(ctx, []verify.ReplayRequest{{Tokens: tokens, PromptLength: len(prompt), Coefficients: r}}, grail.GenerationParams{}, v.eos)
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	song := []byte("nanteos-canary-v1\x00")
	for i, t := range tokens {
		lp := replays[0].LogProbs[i]
		if math.IsNaN(lp) || math.IsInf(lp, 0) {
			return [32]byte{}, fmt.Errorf("%w: log-probability at position %d of a trial is %v: the weights are broken", ErrModel, i, lp)
		}
		song = binary.LittleEndian.AppendUint32(song, uint32(t))
		song = binary.LittleEndian.AppendUint64(song, uint64(replays[0].Sketches[i]))
		song = binary.LittleEndian.AppendUint64(song, math.Float64bits(lp))
	}
	return sha256.Sum256(song), nil
}
