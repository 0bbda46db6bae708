package verify

import (
	"context"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
)

// Window is what a validator knows about the window and the miner that it checks.
type Window struct {
	// Miner is the SS58 address of the file's owner, from the file's name.
	Miner string
	// Start is the window's first block.
	Start int64
	// Hash is the text of the hash of block Start, with 0x.
	Hash string
	// ChallengeRandomness is the hex text from which positions and groups are drawn; unknown to miners before the deadline.
	ChallengeRandomness string
	// ExpectedBeacon is the one value that commit.beacon.randomness may have under BindBeacon.
	ExpectedBeacon string
	// CheckpointWindow is the window of the validator's checkpoint, nil when unknown.
	CheckpointWindow *int64
	// Params is the checkpoint's sampling policy, nil when its metadata has none: then the distribution can't be judged, and only
	// the protocol's cap bounds the length.
	Params *grail.GenerationParams
	// VocabSize is the size of the model's vocabulary, 0 when unknown: then ids are not checked.
	VocabSize int
	// MaxLength is the model's context length in tokens, 0 for the rules' default.
	MaxLength int
	// EOS is the tokenizer's end token, negative when it has none.
	EOS int32
	// Dataset is the digest of the dataset that the problems are drawn from here, empty where the environment has none.
	Dataset string
}

// Grade is an environment's judgement of a completion.
type Grade struct {
	Success bool    `json:"success"`
	Reward  float64 `json:"reward"`
	// Components are the parts of the reward by name, for display.
	Components map[string]float64 `json:"components,omitempty"`
}

// Evaluator renders and grades the problems of the window's environment.
type Evaluator interface {
	// PromptTokens returns the ids of the prompt of the problem with this seed.
	PromptTokens(ctx context.Context, seed uint32) ([]int32, error)
	// Evaluate grades a completion (the ids after the prompt). An error that wraps ErrUnjudged is a fault of the evaluator's own.
	Evaluate(ctx context.Context, seed uint32, completion []int32) (Grade, error)
}

// ReplayRequest is a sequence to run through the model.
type ReplayRequest struct {
	// Tokens are the N ids of prompt and completion.
	Tokens []int32
	// PromptLength is the number of prompt tokens.
	PromptLength int
	// Coefficients are those of the commit's beacon.
	Coefficients grail.Coefficients
}

// Replay is what the model says about a sequence.
type Replay struct {
	// Sketches has the sketch of each of the N positions, in [0,Q).
	Sketches []int64
	// LogProbs has for each of the N positions the log-probability of its token given those before it, f32 widened; 0 for the prompt.
	LogProbs []float64
	// EOSProb is the probability of the end token at the last position: softmax(logits[N-2])[eos], no temperature.
	EOSProb float64
	// ChosenProbs has the probability of each completion token after repetition penalty and temperature (section 7.13).
	ChosenProbs []float64
}

// Replayer runs sequences through the model of the checkpoint. The answers are in the order of the requests. An error says nothing about a miner.
type Replayer interface {
	Replay(ctx context.Context, requests []ReplayRequest, params grail.GenerationParams) ([]Replay, error)
}

// Source is a window file as the checks read it; [*windowfile.File] is one, and [Rows] makes one of rows in memory.
type Source interface {
	Metadata() (windowfile.Metadata, error)
	NumRows() int64
	Scan(ctx context.Context, cols windowfile.Columns, from, to int64, each func(i int64, row *grail.Row) error) error
}

// Rows returns a source over rows in memory, for a miner that checks what it is about to write.
func Rows(meta windowfile.Metadata, rows []grail.Row) Source { return &memory{meta, rows} }

type memory struct {
	meta windowfile.Metadata
	rows []grail.Row
}

func (m *memory) Metadata() (windowfile.Metadata, error) { return m.meta, nil }
func (m *memory) NumRows() int64                         { return int64(len(m.rows)) }

func (m *memory) Scan(ctx context.Context, _ windowfile.Columns, from, to int64, each func(int64, *grail.Row) error) error {
	for i := from; i < to; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := m.rows[i]
		if err := each(i, &row); err != nil {
			return err
		}
	}
	return nil
}
