package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
)

// CanaryName is the file of a checkpoint that says what its model says to fixed prompts.
const CanaryName = "canary.json"

// ErrCanary says that a loaded model does not say what the trainer's did: its weights are wrong or stale, or this machine computes otherwise. Whoever
// worked with it would make worthless rollouts, or fail honest ones.
var ErrCanary = errors.New("model is not the published one")

// The canary's songs: prompts of so many tokens and what follows. The first is continued by the model itself, the others are read.
const (
	canaryPrompt = 12
	canaryLength = 20
	canarySeed   = 1
	canaryReads  = 2
)

// canaryRandomness gives the coefficients of the canary's sketches.
const canaryRandomness = "63616e617279" // "canary"

// canaryTolerance is how far the log-probabilities of an engine of other arithmetic may be off, as the median over a song: that of the protocol's own check of
// log-probabilities (validator specification, A10).
const canaryTolerance = 0.1

// maxCanary bounds the file.
const maxCanary = 1 << 20

// Canary is what a model says to fixed prompts.
type Canary struct {
	Version int `json:"version"`
	// Songs are sequences with what the model says of them.
	Songs []Song `json:"songs"`
	// Digest is the SHA-256 over tokens, sketches and log-probabilities in hex: engines that compute the same bits compare it, the others compare
	// log-probabilities.
	Digest string `json:"digest"`
}

// Song is one sequence of a canary.
type Song struct {
	Tokens       []int32 `json:"tokens"`
	PromptLength int     `json:"prompt_length"`
	// LogProbs has one value a token of the completion.
	LogProbs []float64 `json:"log_probs"`
}

// ParseCanary reads a canary file. The error wraps ErrCanary.
func ParseCanary(text []byte) (Canary, error) {
	var c Canary
	if len(text) > maxCanary {
		return c, fmt.Errorf("couldn't read canary: %d bytes are too many: %w", len(text), ErrCanary)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("couldn't read canary: %w: %w", ErrCanary, err)
	}
	if d, err := hex.DecodeString(c.Digest); c.Version != 1 || err != nil || len(d) != sha256.Size || len(c.Songs) == 0 || len(c.Songs) > 64 {
		return c, fmt.Errorf("couldn't read canary: version %d with %d songs and digest %.70q: %w", c.Version, len(c.Songs), c.Digest, ErrCanary)
	}
	for i, s := range c.Songs {
		if s.PromptLength < 1 || len(s.Tokens) <= s.PromptLength || len(s.Tokens) > 4096 || len(s.LogProbs) != len(s.Tokens)-s.PromptLength {
			return c, fmt.Errorf("couldn't read canary: song %d has %d tokens, %d of them prompt, and %d log-probabilities: %w",
				i, len(s.Tokens), s.PromptLength, len(s.LogProbs), ErrCanary)
		}
	}
	return c, nil
}

// JSON is the text of the file.
func (c Canary) JSON() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers that JSON lacks are refused by sing
	}
	return append(b, '\n')
}

// Check holds the model of an engine against a published canary. An engine of this package must have the same digest; any other one must give
// nearly the same log-probabilities. The error wraps ErrCanary where it is another model.
func (c Canary) Check(ctx context.Context, e Engine) error {
	if n, ok := e.(*Native); ok {
		if got := n.Canary(); got.Digest != c.Digest {
			return fmt.Errorf("couldn't use model %s of checkpoint %d: its canary is %.16s, the trainer's %.16s: %w",
				n.info.Name, n.info.CheckpointWindow, got.Digest, c.Digest, ErrCanary)
		}
		return nil
	}
	r, err := grail.NewCoefficients(canaryRandomness)
	if err != nil {
		return fmt.Errorf("couldn't check the model: %w", err)
	}
	requests := make([]verify.ReplayRequest, len(c.Songs))
	for i, s := range c.Songs {
		requests[i] = verify.ReplayRequest{Tokens: s.Tokens, PromptLength: s.PromptLength, Coefficients: r}
	}
	replays, err := e.Replay(ctx, requests, grail.GenerationParams{})
	if err != nil {
		return fmt.Errorf("couldn't check the model: %w", err)
	}
	for i, s := range c.Songs {
		if off := s.distance(replays[i].LogProbs); !(off <= canaryTolerance) {
			return fmt.Errorf("couldn't use model %s of checkpoint %d: its log-probabilities of canary %d are off by %.3g (median), at most %g is usual: %w",
				e.Info().Name, e.Info().CheckpointWindow, i, off, canaryTolerance, ErrCanary)
		}
	}
	return nil
}

// distance is the median difference of log-probabilities, infinite where there are too few; given has one value a token.
func (s Song) distance(given []float64) float64 {
	if len(given) != len(s.Tokens) {
		return math.Inf(1)
	}
	off := make([]float64, len(s.LogProbs))
	for i, want := range s.LogProbs {
		off[i] = math.Abs(given[s.PromptLength+i] - want)
		if math.IsNaN(off[i]) {
			return math.Inf(1)
		}
	}
	slices.Sort(off)
	return off[len(off)/2]
}

// MakeCanary loads the model of a folder and returns its canary.
func MakeCanary(ctx context.Context, library *Library, dir string) (Canary, error) {
	n, err := Load(ctx, dir, Options{Library: library})
	if err != nil {
		return Canary{}, fmt.Errorf("couldn't make a canary: %w", err)
	}
	defer n.Close()
	return n.Canary(), nil
}

// sing lets a freshly loaded model complete a fixed prompt, read others, and replays what it said. It refuses a model that says nothing
// sensible: figures that are not numbers mean broken weights, and such a model would make worthless rollouts and fail honest ones.
func sing(ctx context.Context, v *volume) (Canary, error) {
	cfg := v.model.Config()
	fixed := func(n, step, first int) []int32 {
		out := make([]int32, max(1, n))
		for i := range out {
			out[i] = int32((i*step + first) % cfg.VocabSize)
		}
		return out
	}
	prompt := fixed(min(canaryPrompt, cfg.MaxPositions-1), 37, 11)
	made, err := v.model.Generate(ctx, []model.Request{{Prompt: prompt, Seed: canarySeed}},
		model.Sampling{MaxTokens: min(canaryLength, cfg.MaxPositions-len(prompt)), Temperature: 1, Stop: []int32{}})
	if err != nil {
		return Canary{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	r, err := grail.NewCoefficients(canaryRandomness)
	if err != nil {
		return Canary{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	requests := []verify.ReplayRequest{{Tokens: append(prompt, made[0].Tokens...), PromptLength: len(prompt), Coefficients: r}}
	for i := range canaryReads {
		if n := min(canaryPrompt+canaryLength, cfg.MaxPositions); n > 1 {
			requests = append(requests, verify.ReplayRequest{Tokens: fixed(n, 101+2*i, 7*i+3), PromptLength: max(1, n/4), Coefficients: r})
		}
	}
	replays, err := v.replay(ctx, requests, grail.GenerationParams{}, v.eos)
	if err != nil {
		return Canary{}, fmt.Errorf("couldn't try the model out: %w", err)
	}
	c := Canary{Version: 1}
	text := []byte("nanteos-canary-v1\x00")
	for k, q := range requests {
		for i, t := range q.Tokens {
			lp := replays[k].LogProbs[i]
			if math.IsNaN(lp) || math.IsInf(lp, 0) {
				return Canary{}, fmt.Errorf("%w: log-probability at position %d of a trial is %v: the weights are broken", ErrModel, i, lp)
			}
			text = binary.LittleEndian.AppendUint32(text, uint32(t))
			text = binary.LittleEndian.AppendUint64(text, uint64(replays[k].Sketches[i]))
			text = binary.LittleEndian.AppendUint64(text, math.Float64bits(lp))
		}
		c.Songs = append(c.Songs, Song{Tokens: q.Tokens, PromptLength: q.PromptLength, LogProbs: replays[k].LogProbs[q.PromptLength:]})
	}
	sum := sha256.Sum256(text)
	c.Digest = hex.EncodeToString(sum[:])
	return c, nil
}
