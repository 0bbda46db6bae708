package chain

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/bittensor/weights"
)

// Weights are what a validator says of a subnet's miners.
type Weights struct {
	Netuid    uint16
	Mechanism uint8
	UIDs      []uint16
	// Values are the weights as the chain takes them, one for each uid. Leave them out and give Scores to have them made.
	Values []uint16
	// Scores are any numbers, not below 0: they are normalised as Scheme does (the zero Scheme is SDK 9 and 10) within the subnet's limit.
	Scores []float64
	Scheme weights.Scheme
	// VersionKey must be at least the subnet's WeightsVersionKey, if that isn't 0.
	VersionKey uint64
}

// Method is how weights were put on chain.
type Method string

// The methods, by the calls that they use. The chain's own flags decide.
const (
	SetDirectly    Method = "set_weights"
	CommitTimelock Method = "commit_timelocked_weights" // the chain reveals by itself
	CommitCRV3     Method = "commit_crv3_weights"       // the same, of older runtimes
	CommitHash     Method = "commit_weights"            // the validator must call RevealWeights
)

// WeightsOutcome is an Outcome with what became of weights.
type WeightsOutcome struct {
	// Outcome is nil where the transaction's fate isn't known yet (ErrPending).
	*Outcome
	Method Method
	// UIDs and Values are what was sent.
	UIDs, Values []uint16
	// RevealRound is the drand round of a timelocked commit, RevealBlock the first block that shows the weights. The chain says nothing if the reveal
	// fails: compare View.WeightsOf after that block.
	RevealRound, RevealBlock uint64
	// Commitment is what RevealWeights wants, for CommitHash.
	Commitment *weights.Commitment
}

// SetWeights puts weights on chain by the scheme that the subnet asks for: directly, or as a timelocked commit that the chain opens some epochs
// later. What the chain would refuse for reasons that can be read before (registration, permit, rate limit, version key, the weights
// themselves) fails without a transaction. Errors: ErrNotRegistered, ErrNoPermit, ErrStakeTooLow, ErrRateLimited, ErrVersionKey, ErrWeights,
// ErrNoSubnet, and those of Submit.
func (c *Client) SetWeights(ctx context.Context, hotkey Signer, w Weights) (*WeightsOutcome, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.SubmitTimeout)
	defer cancel()
	out := &WeightsOutcome{}
	first := true
	build := func(ctx context.Context, v *View) ([]byte, error) {
		h, err := c.checkWeights(ctx, v, hotkey.PublicKey(), &w, out, first)
		if err != nil {
			return nil, err
		}
		first = false // later versions of the transaction meet their own traces
		call, err := c.weightsCall(ctx, v, hotkey.PublicKey(), w, h, out)
		if err != nil {
			return nil, err
		}
		return call.Encode(v.Runtime)
	}
	o, err := c.submit(ctx, hotkey, "weights", SubmitOptions{}, build)
	return out.with(o, err)
}

// with adds what became of the transaction. Of one that may still be included the caller keeps what it was.
func (out *WeightsOutcome) with(o *Outcome, err error) (*WeightsOutcome, error) {
	out.Outcome = o
	if o == nil && err != nil && !errors.Is(err, ErrPending) {
		return nil, err
	}
	return out, err
}

// checkWeights reads what the chain will check, in its order, and normalises.
func (c *Client) checkWeights(ctx context.Context, v *View, hotkey Account, w *Weights, out *WeightsOutcome, limits bool) (*Hyperparameters, error) {
	h, err := v.Hyperparameters(ctx, w.Netuid)
	if err != nil {
		return nil, err
	}
	if w.Mechanism >= h.Mechanisms {
		return nil, fmt.Errorf("mechanism %d of %d: %w", w.Mechanism, h.Mechanisms, ErrNoSubnet)
	}
	uid, err := v.UID(ctx, w.Netuid, hotkey)
	if err != nil {
		return nil, err
	}
	out.UIDs, out.Values = w.UIDs, w.Values
	rules := weights.Limits{Neurons: h.Neurons, MinAllowed: h.MinWeights, MaxWeight: h.MaxWeight, Own: uid}
	if w.Values == nil {
		scheme := w.Scheme
		if !rules.Self(w.UIDs) {
			scheme = scheme.WithLimit(h.MaxWeight)
		}
		if out.UIDs, out.Values, err = weights.Normalize(w.UIDs, w.Scores, scheme); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWeights, err)
		}
	}
	if len(out.UIDs) == 0 {
		return nil, fmt.Errorf("%w: all are zero", ErrWeights)
	}
	if err := rules.Check(out.UIDs, out.Values); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	if h.WeightsVersionKey > 0 && w.VersionKey < h.WeightsVersionKey {
		return nil, fmt.Errorf("%w: %d, the subnet wants %d", ErrVersionKey, w.VersionKey, h.WeightsVersionKey)
	}
	if !limits {
		return h, nil
	}
	var owner Account
	var updates []uint64
	var permits []bool
	err = v.Read(ctx,
		Item{Out: &updates, Pallet: subtensor, Name: "LastUpdate", Keys: []any{weights.StorageIndex(w.Netuid, w.Mechanism)}},
		Item{Out: &permits, Pallet: subtensor, Name: "ValidatorPermit", Keys: []any{w.Netuid}},
		Item{Out: &owner, Pallet: subtensor, Name: "SubnetOwnerHotkey", Keys: []any{w.Netuid}, Optional: true})
	if err != nil {
		return nil, err
	}
	// The transaction meets the chain one block later.
	if last := at(updates, int(uid)); last > 0 && v.Header.Number+1 < last+h.WeightsRateLimit {
		return nil, fmt.Errorf("%w: weights were set at block %d, next at %d, now %d", ErrRateLimited, last, last+h.WeightsRateLimit, v.Header.Number)
	}
	if !at(permits, int(uid)) && !rules.Self(out.UIDs) && owner != hotkey {
		return nil, fmt.Errorf("%w: uid %d of netuid %d", ErrNoPermit, uid, w.Netuid)
	}
	return h, nil
}

// scheme is a call that takes weights.
type scheme struct {
	name      string
	method    Method
	mechanism bool // the mechanism is its second argument
}

// schemes in the order of preference where weights are committed. Finney's validators send the first; the others are for older runtimes.
var schemes = []scheme{
	{"commit_timelocked_mechanism_weights", CommitTimelock, true},
	{"commit_timelocked_weights", CommitTimelock, false},
	{"commit_crv3_mechanism_weights", CommitCRV3, true},
	{"commit_crv3_weights", CommitCRV3, false},
	{"commit_mechanism_weights", CommitHash, true},
	{"commit_weights", CommitHash, false},
}

// direct are the calls where weights are set openly.
var direct = []scheme{{"set_weights", SetDirectly, false}, {"set_mechanism_weights", SetDirectly, true}}

// choose picks the call by the subnet's flag and by what the runtime has. Errors: ErrUnsupported.
func choose(has func(call string) bool, commitReveal bool, mechanism uint8) (scheme, error) {
	list := direct
	if commitReveal {
		list = schemes
	}
	for _, s := range list {
		if (mechanism == 0 || s.mechanism) && has(s.name) {
			return s, nil
		}
	}
	return scheme{}, fmt.Errorf("weights of mechanism %d, commit-reveal %v: %w", mechanism, commitReveal, ErrUnsupported)
}

// weightsCall makes the call that the chain asks for.
func (c *Client) weightsCall(ctx context.Context, v *View, hotkey Account, w Weights, h *Hyperparameters, out *WeightsOutcome) (Call, error) {
	s, err := choose(func(call string) bool { return v.Runtime.HasCall(subtensor, call) }, h.CommitReveal, w.Mechanism)
	if err != nil {
		return Call{}, err
	}
	out.Method = s.method
	args := []any{w.Netuid}
	if s.mechanism {
		args = append(args, w.Mechanism)
	}
	switch s.method {
	case SetDirectly:
		return Call{subtensor, s.name, append(args, out.UIDs, out.Values, w.VersionKey)}, nil
	case CommitHash:
		if out.Commitment == nil { // one salt for all versions of the transaction
			out.Commitment = newCommitment(hotkey, w, out.UIDs, out.Values)
		}
		return Call{subtensor, s.name, append(args, weights.CommitHash(*out.Commitment))}, nil
	}
	// Runtimes up to about 300 know no version and want the payload without the hotkey; later ones refuse that (section 10).
	payload := weights.LegacyPayload(out.UIDs, out.Values, w.VersionKey)
	if h.CommitRevealVersion >= 4 {
		payload = weights.Payload(hotkey, out.UIDs, out.Values, w.VersionKey)
	}
	sealed, err := c.seal(ctx, v, w.Netuid, payload, out)
	if err != nil {
		return Call{}, err
	}
	args = append(args, sealed, out.RevealRound)
	if s.method == CommitTimelock {
		args = append(args, h.CommitRevealVersion)
	}
	return Call{subtensor, s.name, args}, nil
}

// seal encrypts a payload to the round at which the subnet's reveal epoch begins. The time is the chain's own.
func (c *Client) seal(ctx context.Context, v *View, netuid uint16, payload []byte, out *WeightsOutcome) ([]byte, error) {
	e, err := v.Epochs(ctx, netuid)
	if err != nil {
		return nil, err
	}
	now, err := v.Timestamp(ctx)
	if err != nil {
		return nil, err
	}
	d, err := c.drand(ctx, v)
	if err != nil {
		return nil, err
	}
	key, err := d.Key()
	if err != nil {
		return nil, err
	}
	out.RevealRound, out.RevealBlock, err = weights.RevealRoundOf(e, now, v.Runtime.BlockTime, d.Genesis, d.Period)
	if err != nil {
		return nil, err
	}
	sealed, err := timelock.Encrypt(rand.Reader, payload, out.RevealRound, key)
	if err != nil {
		return nil, fmt.Errorf("couldn't seal weights: %w", err)
	}
	if len(sealed) > weights.MaxCommit {
		return nil, fmt.Errorf("%w: %d bytes of sealed weights, the chain takes %d", ErrTooLong, len(sealed), weights.MaxCommit)
	}
	return sealed, nil
}

// drand returns the beacon to which weights are sealed. On public networks it isn't the endpoint's to say: one that lies could read them early.
func (c *Client) drand(ctx context.Context, v *View) (timelock.Chain, error) {
	q := timelock.QuicknetChain()
	if c.cfg.Drand != nil {
		return *c.cfg.Drand, nil
	}
	for _, n := range networks {
		if n.genesis == c.Genesis().String() {
			return q, nil
		}
	}
	var b struct {
		PublicKey []byte `scale:"public_key"`
		Period    uint32
		Genesis   uint32 `scale:"genesis_time"`
		Scheme    []byte `scale:"scheme_id"`
		Hash      []byte
	}
	err := v.Storage(ctx, &b, "Drand", "BeaconConfig")
	if absent(err) {
		return q, nil
	}
	if err != nil {
		return q, err
	}
	d := timelock.Chain{Scheme: timelock.Unchained, PublicKey: b.PublicKey, Period: time.Duration(b.Period) * time.Second, Genesis: time.Unix(int64(b.Genesis), 0)}
	if copy(d.Hash[:], b.Hash) != len(d.Hash) || string(b.Scheme) != "bls-unchained-g1-rfc9380" || b.Period == 0 {
		return q, fmt.Errorf("%w: beacon of scheme %.60q", ErrUnsupported, b.Scheme)
	}
	return d, nil
}

// newCommitment draws the salt of a hash commit.
func newCommitment(hotkey Account, w Weights, uids, values []uint16) *weights.Commitment {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	salt := make([]uint16, 8)
	for i := range salt {
		salt[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return &weights.Commitment{Hotkey: hotkey, Index: weights.StorageIndex(w.Netuid, w.Mechanism), UIDs: uids, Values: values, Salt: salt, VersionKey: w.VersionKey}
}

// CommitWeights commits to the hash of weights, which the validator reveals itself RevealPeriod epochs later: not before, not after. Keep the
// commitment of the outcome. SetWeights is simpler where the chain reveals by itself.
func (c *Client) CommitWeights(ctx context.Context, hotkey Signer, w Weights) (*WeightsOutcome, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.SubmitTimeout)
	defer cancel()
	out := &WeightsOutcome{Method: CommitHash}
	first := true
	build := func(ctx context.Context, v *View) ([]byte, error) {
		h, err := c.checkWeights(ctx, v, hotkey.PublicKey(), &w, out, first)
		if err != nil {
			return nil, err
		}
		if !h.CommitReveal {
			return nil, fmt.Errorf("netuid %d: %w", w.Netuid, ErrCommitRevealDisabled)
		}
		first = false
		if out.Commitment == nil {
			out.Commitment = newCommitment(hotkey.PublicKey(), w, out.UIDs, out.Values)
		}
		hash := weights.CommitHash(*out.Commitment)
		if w.Mechanism == 0 {
			return Call{subtensor, "commit_weights", []any{w.Netuid, hash}}.Encode(v.Runtime)
		}
		return Call{subtensor, "commit_mechanism_weights", []any{w.Netuid, w.Mechanism, hash}}.Encode(v.Runtime)
	}
	o, err := c.submit(ctx, hotkey, "weights commit", SubmitOptions{}, build)
	return out.with(o, err)
}

// RevealWeights shows what CommitWeights hid. Errors: ErrReveal if it comes too early or too late, or matches no commit.
func (c *Client) RevealWeights(ctx context.Context, hotkey Signer, com weights.Commitment) (*Outcome, error) {
	netuid, mechanism := com.Index%weights.MaxSubnets, uint8(com.Index/weights.MaxSubnets)
	if mechanism == 0 {
		return c.Submit(ctx, hotkey, Call{subtensor, "reveal_weights", []any{netuid, com.UIDs, com.Values, com.Salt, com.VersionKey}}, SubmitOptions{})
	}
	return c.Submit(ctx, hotkey, Call{subtensor, "reveal_mechanism_weights",
		[]any{netuid, mechanism, com.UIDs, com.Values, com.Salt, com.VersionKey}}, SubmitOptions{})
}

func bigEndian(b [16]byte) *big.Int { return new(big.Int).SetBytes(b[:]) }
