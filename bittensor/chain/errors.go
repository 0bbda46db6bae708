package chain

import (
	"errors"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// Sentinels of the connection. Those of package rpc (ErrBusy, ErrNoAnswer, ErrDropped and others) show through.
var (
	// ErrClosed: the client was closed.
	ErrClosed = rpc.ErrClosed
	// ErrGenesis: the endpoint serves another chain. It isn't used.
	ErrGenesis = errors.New("wrong genesis")
	// ErrAnswer: an endpoint answered something that can't be.
	ErrAnswer = errors.New("nonsensical answer")
	// ErrPruned: no endpoint has the block's state any more. Name an archive endpoint.
	ErrPruned = errors.New("state of the block is not kept")
	// ErrNoBlock: there is no such block (yet).
	ErrNoBlock = errors.New("no such block")
	// ErrUnsupported: this chain's runtime knows no way to answer or do this.
	ErrUnsupported = errors.New("not supported by the chain's runtime")
)

// Sentinels of what is read.
var (
	// ErrNotRegistered: the hotkey has no uid in the subnet. Register it.
	ErrNotRegistered = errors.New("hotkey not registered in the subnet")
	// ErrNoSubnet: there is no subnet of that number.
	ErrNoSubnet = errors.New("no such subnet")
	// ErrNoCommitment: the hotkey has committed nothing.
	ErrNoCommitment = errors.New("no commitment")
)

// Sentinels of transactions: reasons for which the chain or its pool refuses one. DispatchError, PoolError and local checks match them.
var (
	// ErrRateLimited: too soon after the last call of the kind. Wait; the limits are in Hyperparameters.
	ErrRateLimited = errors.New("rate limited")
	// ErrNoPermit: the hotkey may not set weights for others: no validator permit.
	ErrNoPermit = errors.New("no validator permit")
	// ErrStakeTooLow: the hotkey's stake is below the threshold for weights.
	ErrStakeTooLow = errors.New("stake too low")
	// ErrCommitRevealEnabled: the subnet takes weights by commit and reveal only.
	ErrCommitRevealEnabled = errors.New("commit-reveal is enabled")
	// ErrCommitRevealDisabled: the subnet takes weights by set_weights only.
	ErrCommitRevealDisabled = errors.New("commit-reveal is disabled")
	// ErrReveal: the reveal matches no commit, or comes too early or too late.
	ErrReveal = errors.New("reveal doesn't fit")
	// ErrVersionKey: the subnet wants a higher weights version key.
	ErrVersionKey = errors.New("weights version key too low")
	// ErrWeights: the weights themselves are refused: unequal lengths, unknown or double uids, too few, too concentrated.
	ErrWeights = errors.New("weights refused")
	// ErrBalance: the account can't pay.
	ErrBalance = errors.New("balance too low")
	// ErrPrice: registration costs more than the caller allows.
	ErrPrice = errors.New("registration too expensive")
	// ErrAlreadyRegistered: the hotkey has a uid already. Nothing to do.
	ErrAlreadyRegistered = errors.New("already registered")
	// ErrRegistrationClosed: the subnet takes no registrations.
	ErrRegistrationClosed = errors.New("registration is closed")
	// ErrAddress: the axon's address or port is refused.
	ErrAddress = errors.New("axon address refused")
	// ErrSpaceLimit: the hotkey used up its commitment space of this epoch.
	ErrSpaceLimit = errors.New("commitment space used up")
	// ErrTooLong: more bytes or fields than the chain takes.
	ErrTooLong = errors.New("longer than the chain takes")
	// ErrColdkey: the coldkey doesn't own the hotkey, or is being swapped.
	ErrColdkey = errors.New("coldkey refused")

	// ErrNonce: other transactions of the account took the nonce, again and again. Does another program sign with the same key?
	ErrNonce = errors.New("nonce taken by another transaction")
	// ErrOutdated: the transaction's era ended before it was included, as often as it was signed again.
	ErrOutdated = errors.New("transaction outdated")
	// ErrLost: the pool gave the transaction up (dropped, invalid or banned), as often as it was sent again.
	ErrLost = errors.New("transaction given up by the pool")
	// ErrSignature: the node says that the signature is wrong; the runtime is the one signed for.
	ErrSignature = errors.New("signature refused")
	// ErrPending: the outcome isn't known; see PendingError.
	ErrPending = errors.New("outcome not known yet")
)

// EndpointError says which endpoint did what; every error of the connection holds at least one.
type EndpointError = rpc.EndpointError

// NodeError is a node's own refusal, with its JSON-RPC code.
type NodeError = rpc.Error
