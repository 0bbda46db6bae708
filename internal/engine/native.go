package engine

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
)

// A turn is the work that is done without letting others in: a group of the reference's size, or fewer sequences to replay if they are long.
// Decoding together is so much cheaper than one after the other that a group to generate is never cut.
const (
	turnSequences = 16
	turnTokens    = 16384
)

// Native is a model of this process as an Engine. It is one node's share of the weights: Close gives it back.
type Native struct {
	info    Info
	library *Library
	lane    lane

	mu     sync.Mutex
	closed bool
	held   *volume
}

// Native is an Engine.
var _ Engine = (*Native)(nil)

// Info describes the loaded model.
func (n *Native) Info() Info { return n.info }

// Text is the model's tokenizer and chat template. It stays usable after Close.
func (n *Native) Text() *Text { return n.held.text }

// Render returns the token ids of a conversation; see Text.Render.
func (n *Native) Render(messages []Message, thinking bool) ([]int32, error) {
	return n.held.text.Render(messages, thinking)
}

// Decode returns the text of ids; see Text.Decode.
func (n *Native) Decode(ids []int32, keepSpecial bool) string {
	return n.held.text.Decode(ids, keepSpecial)
}

// Digest is the SHA-256 of the files that the model was loaded from, by which Natives share weights.
func (n *Native) Digest() [32]byte { return n.held.digest }

// Canary is what the model said to fixed prompts when it was loaded. Machines with different digests compute different bits, and would fail
// each other's rollouts where proofs are compared for equality.
func (n *Native) Canary() Canary { return n.held.canary }

// Close gives the share back; calls in progress end as usual. It may be called again.
func (n *Native) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		n.library.release(n.held)
	}
}

// hold keeps the weights for the time of a call.
func (n *Native) hold() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.library.retain(n.held)
	return nil
}

// Generate completes prompts. The only token that ends a completion is Info.EOS, because it is the only one that the protocol takes
// for an end (section 7.9). A TopP of 0 keeps the most likely token only.
func (n *Native) Generate(ctx context.Context, requests []Request, params grail.GenerationParams) ([]Completion, error) {
	if err := n.hold(); err != nil {
		return nil, fmt.Errorf("couldn't generate: %w", err)
	}
	defer n.library.release(n.held)
	sampling := model.Sampling{
		MaxTokens: params.MaxTokens, Temperature: params.Temperature, TopK: params.TopK, TopP: params.TopP,
		RepetitionPenalty: params.RepetitionPenalty, Stop: []int32{},
	}
	if params.TopP == 0 {
		sampling.TopP = math.SmallestNonzeroFloat64
	}
	if n.info.EOS >= 0 {
		sampling.Stop = []int32{n.info.EOS}
	}
	out := make([]Completion, 0, len(requests))
	err := n.turns(ctx, len(requests), func(int) int { return 0 }, func(from, to int) error {
		batch := make([]model.Request, to-from)
		for i, r := range requests[from:to] {
			batch[i] = model.Request{Prompt: r.Prompt, Seed: r.Seed}
		}
		made, err := n.held.model.Generate(ctx, batch, sampling)
		if err != nil {
			return fmt.Errorf("requests from %d on: %w", from, err)
		}
		for _, c := range made {
			out = append(out, Completion{Tokens: c.Tokens, Stopped: c.Reason == model.FinishStop})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't generate: %w", err)
	}
	return out, nil
}

// Prove gives sketches and log-probabilities of sequences.
func (n *Native) Prove(ctx context.Context, sequences []Sequence, r grail.Coefficients) ([]Proof, error) {
	requests := make([]verify.ReplayRequest, len(sequences))
	for i, s := range sequences {
		requests[i] = verify.ReplayRequest{Tokens: s.Tokens, PromptLength: s.PromptLength, Coefficients: r}
	}
	replays, err := n.replay(ctx, requests, grail.GenerationParams{})
	if err != nil {
		return nil, fmt.Errorf("couldn't prove: %w", err)
	}
	out := make([]Proof, len(replays))
	for i, p := range replays {
		out[i] = Proof{Sketches: p.Sketches, LogProbs: p.LogProbs}
	}
	return out, nil
}

// Replay gives what the model says about sequences. EOSProb is NaN for a sequence of one token and for a model without an end token.
func (n *Native) Replay(ctx context.Context, requests []verify.ReplayRequest, params grail.GenerationParams) ([]verify.Replay, error) {
	out, err := n.replay(ctx, requests, params)
	if err != nil {
		return nil, fmt.Errorf("couldn't replay: %w", err)
	}
	return out, nil
}

// replay is behind Prove and Replay alike.
func (n *Native) replay(ctx context.Context, requests []verify.ReplayRequest, params grail.GenerationParams) ([]verify.Replay, error) {
	if err := n.hold(); err != nil {
		return nil, err
	}
	defer n.library.release(n.held)
	out := make([]verify.Replay, 0, len(requests))
	err := n.turns(ctx, len(requests), func(i int) int { return len(requests[i].Tokens) }, func(from, to int) error {
		made, err := n.held.replay(ctx, requests[from:to], params, n.info.EOS)
		if err != nil {
			return fmt.Errorf("sequences from %d on: %w", from, err)
		}
		out = append(out, made...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// turns cuts count pieces of work into turns and does each when it is this node's turn. tokens is the size of a piece.
func (n *Native) turns(ctx context.Context, count int, tokens func(i int) int, do func(from, to int) error) error {
	for from := 0; from < count; {
		to, sum := from, 0
		for to < count && to-from < turnSequences && (to == from || sum+tokens(to) <= turnTokens) {
			sum += tokens(to)
			to++
		}
		if err := n.library.gate.enter(ctx, &n.lane); err != nil {
			return err
		}
		err := func() error {
			defer n.library.gate.leave()
			return do(from, to)
		}()
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}
