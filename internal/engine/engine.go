// Package engine is where a node's tokens and proofs come from.
//
// A miner asks it to complete prompts (Generate) and to prove what it made (Prove); a validator asks it what the model really says
// about somebody else's tokens (Replay). Proving and replaying are one function here, and the model below computes the same bits for
// a token whether it was decoded one by one or read in a row with others. So an honest proof is not close to the replay but equal.
//
// [Native] is the engine over package model. A [Library] lends out Natives: nodes of one process that load the same files share one
// copy of the weights, and take turns at the processor in order, so that a busy node cannot starve the others.
//
// Nothing here keeps hidden states: each is folded into its sketch as soon as it is computed (GRAIL specification, sections 3.5 and 4).
package engine

import (
	"context"
	"errors"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/chat"
)

// Errors among which a caller decides.
var (
	// ErrModel: the folder holds no model that this engine can use. Asking again gives the same answer.
	ErrModel = errors.New("model folder is unusable")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("engine is closed")
	// ErrTokens: given tokens cannot be a sequence of the model: none, outside the vocabulary, or longer than the context. Nothing of
	// the call was computed.
	ErrTokens = model.ErrTokens
)

// Engine is what a node needs of a model. It is safe for several goroutines.
type Engine interface {
	// Info describes the loaded model.
	Info() Info
	// Generate completes prompts, each with a generator of its own: equal requests give equal completions, in any company.
	// The completions are in the order of the requests. When ctx ends there is no result.
	Generate(ctx context.Context, requests []Request, params grail.GenerationParams) ([]Completion, error)
	// Prove gives the sketch and the log-probability of each position of each sequence, in the order of the sequences.
	Prove(ctx context.Context, sequences []Sequence, r grail.Coefficients) ([]Proof, error)
	// Replay gives what a validator compares with a proof; for equal tokens and coefficients its figures are those of Prove.
	verify.Replayer
}

// Info describes a loaded model.
type Info struct {
	// Name is the identity text of the checkpoint, which commits sign.
	Name string
	// CheckpointWindow is the checkpoint's label.
	CheckpointWindow int64
	// VocabSize is the number of token ids, MaxLength the context in tokens.
	VocabSize, MaxLength int
	// EOS is the tokenizer's end token, -1 when it has none.
	EOS int32
}

// Request asks for one completion.
type Request struct {
	// Prompt has at least one token.
	Prompt []int32
	// Seed is that of the completion's generator.
	Seed uint64
}

// Completion is what Generate gives.
type Completion struct {
	// Tokens come after the prompt; the end token is the last one, if it came.
	Tokens []int32
	// Stopped says that the end token came. Otherwise max_tokens were made or the context is full.
	Stopped bool
}

// Sequence is prompt and completion.
type Sequence struct {
	Tokens       []int32
	PromptLength int
}

// Proof is what Prove gives for a sequence of N tokens.
type Proof struct {
	// Sketches has the sketch in [0,Q) of each of the N positions.
	Sketches []int64
	// LogProbs has N values: 0 for the prompt, then the natural logarithms of the tokens' probabilities, f32 widened (section 4.4).
	LogProbs []float64
}

// Message is one turn of a conversation.
type Message = chat.Message
