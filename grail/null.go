package grail

import "strings"

// NullFields is the set of columns of a row that were null in the file. The reference never writes nulls, and reads a missing column
// as null in every row (section 6.6, 6.7).
type NullFields uint64

// One bit for each column of section 6.2, and for what can be null inside one.
const (
	NullWindowStart NullFields = 1 << iota
	NullBlock
	NullNonce
	NullBlockHash
	NullRandomness
	NullUseDrand
	NullRolloutGroup
	NullRolloutIndex
	NullTotalInGroup
	NullCheckpointWindow
	NullCommit
	NullTokens
	NullTokenElement // some token id is null
	NullCommitments
	NullProofVersion
	NullModel
	NullModelName
	NullLayerIndex
	NullCommitSignature
	NullBeacon
	NullRollout
	NullTotalReward
	NullAdvantage
	NullSuccess
	NullTokenLogprobs
	NullLogprobElement // some log-probability is null
	NullPromptLength
	NullCompletionLength
	NullTimestamp
	NullChallenge
	NullHotkey
	NullSignature
	nullEnd
)

var nullNames = [...]string{
	"window_start", "block", "nonce", "block_hash", "randomness", "use_drand", "rollout_group", "rollout_index", "total_in_group",
	"checkpoint_window", "commit", "commit.tokens", "commit.tokens.element", "commit.commitments", "commit.proof_version",
	"commit.model", "commit.model.name", "commit.model.layer_index", "commit.signature", "commit.beacon", "commit.rollout",
	"commit.rollout.total_reward", "commit.rollout.advantage", "commit.rollout.success", "commit.rollout.token_logprobs",
	"commit.rollout.token_logprobs.element", "commit.rollout.prompt_length", "commit.rollout.completion_length", "timestamp",
	"challenge", "hotkey", "signature",
}

// Has reports whether any of the fields in f is null.
func (n NullFields) Has(f NullFields) bool { return n&f != 0 }

// String lists the null columns by their paths, separated by commas.
func (n NullFields) String() string {
	var names []string
	for i, name := range nullNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
