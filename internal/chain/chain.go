// Package chain is what a node needs of a blockchain: a clock that all nodes share, a register of who takes part with which stake, a
// board for 128-byte commitments, and the place where validators put their weights.
//
// The words are Bittensor's. A subnet has neurons with a UID each; a neuron has a hotkey (signs at run time), a coldkey (owns), stake
// and, when the stake is high enough, a validator permit. Validators set a weight for each UID; once an epoch (every tempo blocks)
// the chain turns all weights into consensus and incentives. Block hashes are public randomness: Grail derives its windows from them,
// always from the text "0x" and 64 lower-case hex digits.
//
// Drivers: [Remote] reaches a chain through its public protocol, be it finney or a local node. [Local] is a chain in this process for tests of
// roles: it makes real blocks with real hashes, checks signatures, nonces and rate limits as the public chain does, and keeps everything on
// disk, so that a network can be stopped (also with kill -9) and continued.
package chain

import (
	"context"
	"errors"
	"time"
)

// Chain is one subnet of a chain. Every call ends with its context, or after the driver's own limit where the context has no deadline.
type Chain interface {
	// Head returns the newest block.
	Head(ctx context.Context) (BlockRef, error)
	// Block returns block n. It fails with ErrNoBlock when block n does not exist yet or is no longer known.
	Block(ctx context.Context, n uint64) (BlockRef, error)
	// WaitBlock returns block n as soon as it exists.
	WaitBlock(ctx context.Context, n uint64) (BlockRef, error)
	// SubscribeHeads gives the newest block and then each new one until ctx ends, when the channel is closed. A reader that falls
	// behind misses blocks in between, never the newest.
	SubscribeHeads(ctx context.Context) (<-chan BlockRef, error)
	// Metagraph returns all neurons as of the newest block.
	Metagraph(ctx context.Context) (Metagraph, error)
	// Weights returns what a neuron has set. It fails with ErrNotRegistered for a hotkey without a UID.
	Weights(ctx context.Context, hotkey string) (Set, error)
	// Commitments returns the newest commitment of each registered hotkey that has one.
	Commitments(ctx context.Context) (map[string][]byte, error)
	// Commit replaces the signer's commitment by data, at most MaxCommitment bytes, and returns the block that includes it.
	Commit(ctx context.Context, signer Signer, data []byte) (BlockRef, error)
	// SetWeights replaces the signer's weights and returns the block that includes them. Values are relative: the chain scales the
	// largest to 65535. Zero weights need not be listed.
	SetWeights(ctx context.Context, signer Signer, uids, weights []uint16, versionKey uint64) (BlockRef, error)
}

// MaxCommitment is the size limit of a commitment, in bytes.
const MaxCommitment = 128

// Errors among which a caller decides.
var (
	// ErrNoBlock: the block does not exist yet, or the chain forgot it.
	ErrNoBlock = errors.New("no such block")
	// ErrNoSubnet: the chain has no such subnet.
	ErrNoSubnet = errors.New("no such subnet")
	// ErrNotRegistered: the hotkey has no UID on the subnet.
	ErrNotRegistered = errors.New("hotkey is not registered")
	// ErrAlreadyRegistered: the hotkey has a UID.
	ErrAlreadyRegistered = errors.New("hotkey is already registered")
	// ErrFull: the subnet has no UID to give; every neuron is immune.
	ErrFull = errors.New("subnet is full")
	// ErrRateLimited: too soon after the last commitment or weights. Try again in a later block.
	ErrRateLimited = errors.New("rate limited by the chain")
	// ErrNoPermit: weights for others need a validator permit.
	ErrNoPermit = errors.New("hotkey has no validator permit")
	// ErrTooLarge: the commitment is over MaxCommitment bytes.
	ErrTooLarge = errors.New("commitment is too large")
	// ErrBadWeights: the weights are malformed (lengths, duplicates, unknown UIDs, too few, one too large). Sending them again is
	// useless.
	ErrBadWeights = errors.New("weights refused")
	// ErrVersionKey: the subnet wants a newer version key.
	ErrVersionKey = errors.New("version key is too old")
	// ErrBusy: the chain's queue is full. Try again in the next block.
	ErrBusy = errors.New("chain is busy")
	// ErrBadSignature: the transaction is not signed by its hotkey.
	ErrBadSignature = errors.New("transaction signature is wrong")
	// ErrNonce: the transaction's nonce is not the account's next one.
	ErrNonce = errors.New("transaction nonce is wrong")
	// ErrExpired: the transaction was not included in time and never will be.
	ErrExpired = errors.New("transaction has expired")
	// ErrUnknownOutcome: the wait ended before a block included the transaction, and a later one still may. Read the chain before
	// sending it again.
	ErrUnknownOutcome = errors.New("transaction may or may not be included")
	// ErrClosed: the driver was closed.
	ErrClosed = errors.New("chain is closed")
	// ErrOtherChain: the files on disk belong to a chain with another genesis.
	ErrOtherChain = errors.New("data belong to another chain")
	// ErrCorrupt: the files on disk do not verify.
	ErrCorrupt = errors.New("chain data are corrupt")
)

// BlockRef names a block.
type BlockRef struct {
	Number uint64 `json:"number"`
	// Hash is "0x" and 64 lower-case hex digits.
	Hash string `json:"hash"`
	// Time is the time that the block carries, in whole milliseconds, UTC.
	Time time.Time `json:"time"`
}

// Neuron is one participant as of the metagraph's block. The fractions are the result of the last epoch.
type Neuron struct {
	UID     uint16 `json:"uid"`
	Hotkey  string `json:"hotkey"`
	Coldkey string `json:"coldkey"`
	// Stake is in rao, 10^9 to a TAO.
	Stake           uint64 `json:"stake"`
	ValidatorPermit bool   `json:"validator_permit"`
	// RegisteredAt and LastUpdate are block numbers; LastUpdate is that of the last weights, 0 for none.
	RegisteredAt uint64  `json:"registered_at"`
	LastUpdate   uint64  `json:"last_update"`
	Rank         float64 `json:"rank"`
	Trust        float64 `json:"trust"`
	Consensus    float64 `json:"consensus"`
	Incentive    float64 `json:"incentive"`
	Dividends    float64 `json:"dividends"`
	// Weights are the last ones that the neuron set, from drivers that have them at hand; Chain.Weights asks for them.
	Weights []Weight `json:"weights,omitempty"`
}

// Weight is what one validator gives one UID.
type Weight struct {
	UID   uint16 `json:"uid"`
	Value uint16 `json:"value"`
}

// Set is what a neuron has set.
type Set struct {
	// Weights are scaled so that the largest is 65535, ascending by UID. They are those of before while Hidden.
	Weights []Weight
	// Block is that of the last setting, or of the last commit where the subnet hides weights; 0 for none.
	Block uint64
	// Hidden says that the subnet takes weights by commit and shows them some epochs later.
	Hidden bool
}

// Metagraph is the register of neurons. It is the caller's to keep but not to change.
type Metagraph struct {
	Block BlockRef `json:"block"`
	// LastEpoch is the block of the last epoch, 0 before the first.
	LastEpoch uint64 `json:"last_epoch"`
	// Neurons are ascending by UID, without gaps.
	Neurons []Neuron `json:"neurons"`
}

// UID returns the UID of a hotkey.
func (m Metagraph) UID(hotkey string) (uint16, bool) {
	n, ok := m.Neuron(hotkey)
	return n.UID, ok
}

// Neuron returns the neuron of a hotkey.
func (m Metagraph) Neuron(hotkey string) (Neuron, bool) {
	for _, n := range m.Neurons {
		if n.Hotkey == hotkey {
			return n, true
		}
	}
	return Neuron{}, false
}

// Hotkeys returns the hotkeys in the order of UIDs.
func (m Metagraph) Hotkeys() []string {
	keys := make([]string, len(m.Neurons))
	for i, n := range m.Neurons {
		keys[i] = n.Hotkey
	}
	return keys
}

// Signer signs transactions for one hotkey.
type Signer interface {
	// Hotkey returns the ss58 address.
	Hotkey() string
	// Sign returns the 64-byte sr25519 signature of payload, signed as it is, not wrapped.
	Sign(payload []byte) ([]byte, error)
}

type signer struct {
	hotkey string
	sign   func([]byte) ([]byte, error)
}

func (s signer) Hotkey() string                { return s.hotkey }
func (s signer) Sign(p []byte) ([]byte, error) { return s.sign(p) }

// NewSigner makes a Signer of an address and a function that signs for it.
func NewSigner(hotkey string, sign func(payload []byte) ([]byte, error)) Signer {
	return signer{hotkey: hotkey, sign: sign}
}
