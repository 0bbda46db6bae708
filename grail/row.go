package grail

// Row is one rollout as a window file carries it (section 5.2). Whether a column was null in the file is kept in Null, because some
// checks tell null from zero; a null column has the zero value here.
type Row struct {
	// WindowStart is the first block of the window.
	WindowStart int64
	// Block is the block at which the miner started the group. Not checked by anybody.
	Block int64
	// Nonce is group·16 + index of the rollout, unique in the file.
	Nonce int64
	// BlockHash is the text of the hash of block WindowStart: 0x and 64 lower-case hex digits.
	BlockHash string
	// Randomness is the miner's window randomness, the same text as Commit.Beacon.Randomness.
	Randomness string
	// UseDrand tells whether the miner mixed a drand round into Randomness.
	UseDrand bool
	// RolloutGroup is the problem index of the group. Gaps between groups are normal.
	RolloutGroup int64
	// RolloutIndex is the place in the group, 0..15.
	RolloutIndex int32
	// TotalInGroup is 16.
	TotalInGroup int32
	// CheckpointWindow is the window of the checkpoint that the miner had loaded.
	CheckpointWindow int64
	// Commit is the proof and its outcome.
	Commit Commit
	// Timestamp is the time of assembly in unix seconds.
	Timestamp float64
	// Challenge is the text that the outer signature covers, see Challenge.
	Challenge string
	// Hotkey is the SS58 address of the signer of the outer signature.
	Hotkey string
	// Signature is the outer signature over Challenge: 128 lower-case hex digits.
	Signature string
	// Null holds the columns that were null in the file.
	Null NullFields
}

// Commit is the signed part of a rollout: what was generated, and the proof with which model.
type Commit struct {
	// Tokens are the N ids of prompt and completion.
	Tokens []int32
	// Commitments hold one sketch for each of the N tokens.
	Commitments Commitments
	// ProofVersion is "v5"; "v4" is accepted too.
	ProofVersion string
	// Model names the model that the sketches come from.
	Model ModelRef
	// Signature is the signature over CommitBinding: 128 lower-case hex digits.
	Signature string
	// Beacon holds the randomness from which Coefficients were drawn.
	Beacon BeaconRef
	// Rollout is what the miner claims about the outcome.
	Rollout Outcome
}

// ModelRef names a model.
type ModelRef struct {
	// Name is the identity text of the checkpoint.
	Name string
	// LayerIndex is the hidden state that was sketched, -1 for the last one after the final norm.
	LayerIndex int32
	// CheckpointWindow is the claimed checkpoint window, nil when the commit does not carry one, as in files of the reference:
	// then the validator takes it from the row.
	CheckpointWindow *int64
}

// Outcome is what the miner claims about a rollout. Nothing in it is covered by a signature.
type Outcome struct {
	// PromptLength is P, the number of prompt tokens.
	PromptLength int32
	// CompletionLength is C; P + C = N.
	CompletionLength int32
	// Success is the environment's success flag.
	Success bool
	// TotalReward is the environment's reward.
	TotalReward float64
	// Advantage is the group-normalised reward, see Advantages.
	Advantage float64
	// TokenLogprobs are P zeros, then C log-probabilities (natural logarithm, no temperature); length N. Values are f32 widened.
	TokenLogprobs []float64
}

// Completion returns the tokens after the prompt, as the reference slices them: a prompt length beyond the end gives none, a
// negative one counts from the end.
func (c *Commit) Completion() []int32 {
	return afterPrompt(c.Tokens, int64(c.Rollout.PromptLength))
}

// afterPrompt is Python's tokens[p:].
func afterPrompt[T any](tokens []T, p int64) []T {
	n := int64(len(tokens))
	if p < 0 {
		p = max(0, n+p)
	}
	return tokens[min(p, n):]
}

// Nonce returns the nonce of a rollout: group·size + index, with size the group size of the rules (section 5.1).
func Nonce(group int64, size int, index int32) int64 {
	return group*int64(size) + int64(index)
}
