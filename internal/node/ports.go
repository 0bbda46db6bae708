package node

import (
	"context"

	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/task"
)

// The drivers of the world outside, as their packages define them. Roles ask for narrower interfaces where they need less.
type (
	// Beacon is public randomness.
	Beacon = beacon.Beacon
	// Bucket is one bucket of an object store.
	Bucket = bucket.Bucket
	// Engine is where tokens and proofs come from; the others are what it takes and gives.
	Engine     = engine.Engine
	Info       = engine.Info
	Request    = engine.Request
	Completion = engine.Completion
	Sequence   = engine.Sequence
	Proof      = engine.Proof
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
	// Environments opens the policy's environment; nil for one that needs no tools.
	Environments *Environments
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
