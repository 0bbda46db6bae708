package windowfile

import (
	"strings"

	"github.com/nanteos/nanteos/grail"
)

// Columns is a set of the leaf columns of a window file.
type Columns uint32

// One bit for each leaf column, in the order of the schema (section 6.2).
const (
	WindowStart Columns = 1 << iota
	Block
	Nonce
	BlockHash
	Randomness
	UseDrand
	RolloutGroup
	RolloutIndex
	TotalInGroup
	CheckpointWindow
	Tokens
	Commitments
	ProofVersion
	ModelName
	LayerIndex
	CommitSignature
	Beacon
	TotalReward
	Advantage
	Success
	TokenLogprobs
	PromptLength
	CompletionLength
	Timestamp
	Challenge
	Hotkey
	Signature
	columnsEnd
)

const (
	// All is every column.
	All = columnsEnd - 1
	// Structure is what the checks of the whole file look at (section 7.1).
	Structure = WindowStart | BlockHash | Nonce | RolloutGroup
	// Digests is what the completion digest of a row needs (section 3.19).
	Digests = Tokens | PromptLength
)

// numColumns is the number of leaf columns.
const numColumns = 27

type kind uint8

const (
	kindInt kind = iota
	kindReal
	kindBool
	kindText
)

// column is one leaf of the schema.
type column struct {
	path  string // dotted path of the node, for lists without the levels list.element
	kind  kind
	list  bool
	bits  int // width when written: 32 or 64
	dict  bool
	null  grail.NullFields // bit for a null value
	nullE grail.NullFields // bit for a null element of a list
}

// columns describes the leaves in schema order. dict says where a dictionary pays: values that repeat.
var columns = [numColumns]column{
	{path: "window_start", kind: kindInt, bits: 64, dict: true, null: grail.NullWindowStart},
	{path: "block", kind: kindInt, bits: 64, dict: true, null: grail.NullBlock},
	{path: "nonce", kind: kindInt, bits: 64, dict: true, null: grail.NullNonce},
	{path: "block_hash", kind: kindText, dict: true, null: grail.NullBlockHash},
	{path: "randomness", kind: kindText, dict: true, null: grail.NullRandomness},
	{path: "use_drand", kind: kindBool, null: grail.NullUseDrand},
	{path: "rollout_group", kind: kindInt, bits: 64, dict: true, null: grail.NullRolloutGroup},
	{path: "rollout_index", kind: kindInt, bits: 32, dict: true, null: grail.NullRolloutIndex},
	{path: "total_in_group", kind: kindInt, bits: 32, dict: true, null: grail.NullTotalInGroup},
	{path: "checkpoint_window", kind: kindInt, bits: 64, dict: true, null: grail.NullCheckpointWindow},
	{path: "commit.tokens", kind: kindInt, bits: 32, list: true, dict: true, null: grail.NullTokens, nullE: grail.NullTokenElement},
	{path: "commit.commitments", kind: kindText, null: grail.NullCommitments},
	{path: "commit.proof_version", kind: kindText, dict: true, null: grail.NullProofVersion},
	{path: "commit.model.name", kind: kindText, dict: true, null: grail.NullModelName},
	{path: "commit.model.layer_index", kind: kindInt, bits: 32, dict: true, null: grail.NullLayerIndex},
	{path: "commit.signature", kind: kindText, null: grail.NullCommitSignature},
	{path: "commit.beacon", kind: kindText, dict: true, null: grail.NullBeacon},
	{path: "commit.rollout.total_reward", kind: kindReal, bits: 64, dict: true, null: grail.NullTotalReward},
	{path: "commit.rollout.advantage", kind: kindReal, bits: 64, dict: true, null: grail.NullAdvantage},
	{path: "commit.rollout.success", kind: kindBool, null: grail.NullSuccess},
	{path: "commit.rollout.token_logprobs", kind: kindReal, bits: 32, list: true, null: grail.NullTokenLogprobs, nullE: grail.NullLogprobElement},
	{path: "commit.rollout.prompt_length", kind: kindInt, bits: 32, dict: true, null: grail.NullPromptLength},
	{path: "commit.rollout.completion_length", kind: kindInt, bits: 32, dict: true, null: grail.NullCompletionLength},
	{path: "timestamp", kind: kindReal, bits: 64, null: grail.NullTimestamp},
	{path: "challenge", kind: kindText, null: grail.NullChallenge},
	{path: "hotkey", kind: kindText, dict: true, null: grail.NullHotkey},
	{path: "signature", kind: kindText, null: grail.NullSignature},
}

// structNull is the bit of the struct that a column lies in.
var structNull = map[string]grail.NullFields{
	"commit":         grail.NullCommit,
	"commit.model":   grail.NullModel,
	"commit.rollout": grail.NullRollout,
}

// String lists the columns by their paths.
func (c Columns) String() string {
	var names []string
	for i := range columns {
		if c&(1<<i) != 0 {
			names = append(names, columns[i].path)
		}
	}
	return strings.Join(names, ",")
}
