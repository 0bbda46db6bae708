package node

import (
	"context"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/task"
)

// The drivers of the world outside, as their packages define them. Roles ask for narrower interfaces where they need less.
type (
	// Beacon is public randomness.
	Beacon = beacon.Beacon
	// Bucket is one bucket of an object store.
	Bucket = bucket.Bucket
)

// Blocks is the part of the chain that tells the time and the hashes of a window.
type Blocks interface {
	// Head returns the newest block.
	Head(ctx context.Context) (chain.BlockRef, error)
	// Block returns block n; chain.ErrNoBlock where it does not exist yet.
	Block(ctx context.Context, n uint64) (chain.BlockRef, error)
}

// Heads is the part of the chain that tells of new blocks.
type Heads interface {
	Blocks
	// SubscribeHeads gives the newest block and then each new one until ctx ends.
	SubscribeHeads(ctx context.Context) (<-chan chain.BlockRef, error)
}

// Register is the part of the chain that says who takes part and where their buckets are.
type Register interface {
	// Metagraph returns all neurons.
	Metagraph(ctx context.Context) (chain.Metagraph, error)
	// Commitments returns the commitment of each registered hotkey that has one.
	Commitments(ctx context.Context) (map[string][]byte, error)
}

// Text turns messages into prompts and completions into text, with the tokenizer and the chat template of a checkpoint. It is safe for
// several goroutines.
type Text interface {
	// Render returns the token ids of a chat, the assistant's turn opened at the end. thinking is what the template gets as
	// enable_thinking.
	Render(messages []task.Message, thinking bool) ([]int32, error)
	// Decode returns the text of ids; special tokens are kept as their text if keepSpecial.
	Decode(ids []int32, keepSpecial bool) string
}

// Model is a loaded checkpoint: what a role needs to make or to check rollouts of a window.
type Model struct {
	// Policy is what the checkpoint's metadata fixes for everybody.
	Policy Policy
	// Engine generates, proves and replays.
	Engine Engine
	// Text is the checkpoint's tokenizer and template.
	Text Text
	// Release gives back what the model holds when it is replaced; nil where there is nothing to give back.
	Release func()
}

// Checkpoints finds and loads checkpoints in the trainer's bucket.
type Checkpoints interface {
	// Latest returns the checkpoint that all nodes use in a window: of those with a READY number below window the one with the largest,
	// then the largest label (validator specification, A5). ErrNoCheckpoint when there is none; any other error means that nobody knows.
	Latest(ctx context.Context, window int64) (checkpoint int64, err error)
	// Load returns the checkpoint with that label, loaded and checked. It wraps ErrPolicy where its metadata are incomplete or ask for what
	// this build can't do: then the window is skipped.
	Load(ctx context.Context, checkpoint int64) (*Model, error)
}

// Engine is where tokens and proofs come from. It is safe for several goroutines.
type Engine interface {
	// Info describes the loaded model.
	Info() Info
	// Generate completes prompts, each with its own seeded generator: equal requests give equal completions.
	Generate(ctx context.Context, requests []Request, params grail.GenerationParams) ([]Completion, error)
	// Prove gives a sketch and a log-probability for each position of each sequence.
	Prove(ctx context.Context, sequences []Sequence, r grail.Coefficients) ([]Proof, error)
	// Replay gives what the checks need of a sequence.
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
	// EOS is the token that ends a completion.
	EOS int32
}

// Request asks for one completion.
type Request struct {
	Prompt []int32
	Seed   uint64
}

// Completion is what Generate gives: the tokens after the prompt with the end token, if it came.
type Completion struct {
	Tokens []int32
	// Stopped says that the end token came before max_tokens.
	Stopped bool
}

// Sequence is prompt and completion.
type Sequence struct {
	Tokens       []int32
	PromptLength int
}

// Proof is what Prove gives for a sequence of N tokens.
type Proof struct {
	// Sketches has a sketch for each of the N positions.
	Sketches []int64
	// LogProbs has N values: 0 for the prompt, then the natural logarithms of the chosen tokens' probabilities.
	LogProbs []float64
}
