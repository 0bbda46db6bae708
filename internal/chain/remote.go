package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// RemoteConfig says which subnet of which chain to reach, and where.
type RemoteConfig struct {
	// Endpoints are ws:// or wss:// addresses of the chain, Archive ones that keep old state.
	Endpoints, Archive []string
	// Genesis is the hash of block 0, 0x and 64 hex digits: endpoints of another chain are refused. Empty: the first one to answer decides.
	Genesis string
	// NetUID is the subnet.
	NetUID uint16
	// Timeout bounds calls whose context has no deadline, 30 s when zero.
	Timeout time.Duration
}

// Remote is a subnet of a chain that is reached through its public protocol: finney, or a local node that speaks the same. It is safe for
// concurrent use, and roles of one process may share it.
type Remote struct {
	client *bittensor.Client
	netuid uint16

	mu   sync.Mutex
	refs map[bittensor.Hash]BlockRef // blocks whose time was read, a few hundred
}

var _ Chain = (*Remote)(nil)

// maxRefs bounds the blocks whose time is remembered.
const maxRefs = 512

// Dial connects to a chain and waits for an endpoint that answers. Errors name the endpoints and what each of them did.
func Dial(ctx context.Context, cfg RemoteConfig) (*Remote, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, errors.New("couldn't reach chain: no endpoint is named")
	}
	c := bittensor.Config{Endpoints: cfg.Endpoints, Archive: cfg.Archive, Timeout: cfg.Timeout}
	if cfg.Genesis != "" {
		genesis, err := bittensor.ParseHash(cfg.Genesis)
		if err != nil {
			return nil, fmt.Errorf("couldn't reach chain: genesis: %w", err)
		}
		c.Genesis = genesis
	}
	client, err := bittensor.Dial(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("couldn't reach chain: %w", err)
	}
	return &Remote{client: client, netuid: cfg.NetUID, refs: map[bittensor.Hash]BlockRef{}}, nil
}

// Close ends all calls and the connections.
func (r *Remote) Close() error { return r.client.Close() }

// Client returns the client underneath, for what only it can do.
func (r *Remote) Client() *bittensor.Client { return r.client }

// Head returns the newest block.
func (r *Remote) Head(ctx context.Context) (BlockRef, error) {
	v, err := r.client.Best(ctx)
	if err != nil {
		return BlockRef{}, failure("read newest block", err)
	}
	return r.ref(ctx, v)
}

// Block returns block n of the best chain.
func (r *Remote) Block(ctx context.Context, n uint64) (BlockRef, error) {
	hash, err := r.client.BlockHash(ctx, n)
	if err != nil {
		return BlockRef{}, failure(fmt.Sprintf("read block %d", n), err)
	}
	return r.block(ctx, hash)
}

// WaitBlock returns block n as soon as it exists.
func (r *Remote) WaitBlock(ctx context.Context, n uint64) (BlockRef, error) {
	hash, err := r.client.WaitBlock(ctx, n)
	if err != nil {
		return BlockRef{}, failure(fmt.Sprintf("wait for block %d", n), err)
	}
	return r.block(ctx, hash)
}

// SubscribeHeads gives the newest block and then each new one until ctx ends.
func (r *Remote) SubscribeHeads(ctx context.Context) (<-chan BlockRef, error) {
	first, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan BlockRef, 1)
	out <- first
	heads := r.client.Heads(ctx)
	go func() {
		defer close(out)
		for h := range heads.C {
			b, err := r.block(ctx, h.Hash)
			if err != nil {
				if ctx.Err() != nil {
					return
				}
				continue // the next head tells as much
			}
			select {
			case <-out: // an old head that nobody took
			default:
			}
			out <- b
		}
	}()
	return out, nil
}

// Metagraph returns all neurons as of the newest block.
func (r *Remote) Metagraph(ctx context.Context) (Metagraph, error) {
	v, err := r.client.Best(ctx)
	if err != nil {
		return Metagraph{}, failure("read metagraph", err)
	}
	block, err := r.ref(ctx, v)
	if err != nil {
		return Metagraph{}, err
	}
	g, err := v.Metagraph(ctx, r.netuid)
	if err != nil {
		return Metagraph{}, failure("read metagraph", err)
	}
	m := Metagraph{Block: block, Neurons: make([]Neuron, len(g.Neurons))}
	for i, n := range g.Neurons {
		m.Neurons[i] = Neuron{
			UID: n.UID, Hotkey: ss58.EncodeBittensor(n.Hotkey), Coldkey: ss58.EncodeBittensor(n.Coldkey), Stake: n.Stake,
			ValidatorPermit: n.ValidatorPermit, RegisteredAt: n.RegisteredAt, LastUpdate: n.LastUpdate,
			Rank: share(n.Rank), Trust: share(n.Trust), Consensus: share(n.Consensus), Incentive: share(n.Incentive), Dividends: share(n.Dividends),
		}
	}
	return m, nil
}

// Weights returns what a neuron has set.
func (r *Remote) Weights(ctx context.Context, hotkey string) (Set, error) {
	account, err := ss58.DecodeBittensor(hotkey)
	if err != nil {
		return Set{}, fmt.Errorf("couldn't read weights of %.80q: %w", hotkey, err)
	}
	what := "read weights of " + hotkey
	v, err := r.client.Best(ctx)
	if err != nil {
		return Set{}, failure(what, err)
	}
	uid, err := v.UID(ctx, r.netuid, account)
	if err != nil {
		return Set{}, failure(what, err)
	}
	params, err := v.Hyperparameters(ctx, r.netuid)
	if err != nil {
		return Set{}, failure(what, err)
	}
	updates, err := v.LastUpdates(ctx, r.netuid, 0)
	if err != nil {
		return Set{}, failure(what, err)
	}
	weights, err := v.WeightsOf(ctx, r.netuid, 0, uid)
	if err != nil {
		return Set{}, failure(what, err)
	}
	s := Set{Hidden: params.CommitReveal}
	if int(uid) < len(updates) {
		s.Block = updates[uid]
	}
	for _, w := range weights {
		s.Weights = append(s.Weights, Weight{UID: w.UID, Value: w.Value})
	}
	return s, nil
}

func share(v uint16) float64 { return float64(v) / 65535 }

// Commitments returns the plain commitment of each registered hotkey that has one.
func (r *Remote) Commitments(ctx context.Context) (map[string][]byte, error) {
	v, err := r.client.Best(ctx)
	if err != nil {
		return nil, failure("read commitments", err)
	}
	all, err := v.Commitments(ctx, r.netuid)
	if err != nil {
		return nil, failure("read commitments", err)
	}
	out := make(map[string][]byte, len(all))
	for account, c := range all {
		if raw, ok := c.Raw(); ok {
			out[ss58.EncodeBittensor(account)] = raw
		}
	}
	return out, nil
}

// block returns a block by its hash, with its time.
func (r *Remote) block(ctx context.Context, hash bittensor.Hash) (BlockRef, error) {
	r.mu.Lock()
	ref, ok := r.refs[hash]
	r.mu.Unlock()
	if ok {
		return ref, nil
	}
	v, err := r.client.At(ctx, hash)
	if err != nil {
		return BlockRef{}, failure("read block", err)
	}
	return r.ref(ctx, v)
}

// ref returns the block of a view. The time that it carries is one more read, once.
func (r *Remote) ref(ctx context.Context, v *bittensor.View) (BlockRef, error) {
	r.mu.Lock()
	ref, ok := r.refs[v.Header.Hash]
	r.mu.Unlock()
	if ok {
		return ref, nil
	}
	t, err := v.Timestamp(ctx)
	if err != nil {
		return BlockRef{}, failure(fmt.Sprintf("read time of block %d", v.Header.Number), err)
	}
	ref = BlockRef{Number: v.Header.Number, Hash: v.Header.Hash.String(), Time: t.UTC()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refs) >= maxRefs {
		for h, old := range r.refs {
			if old.Number+maxRefs/2 < ref.Number {
				delete(r.refs, h)
			}
		}
		if len(r.refs) >= maxRefs {
			clear(r.refs)
		}
	}
	r.refs[v.Header.Hash] = ref
	return ref, nil
}

// failure says what couldn't be done, with a sentinel of this package where a caller decides by it.
func failure(what string, err error) error {
	for _, s := range []struct{ theirs, ours error }{
		{bittensor.ErrNoBlock, ErrNoBlock},
		{bittensor.ErrPruned, ErrNoBlock},
		{bittensor.ErrNoSubnet, ErrNoSubnet},
		{bittensor.ErrNotRegistered, ErrNotRegistered},
		{bittensor.ErrRateLimited, ErrRateLimited},
		{bittensor.ErrSpaceLimit, ErrRateLimited},
		{bittensor.ErrNoPermit, ErrNoPermit},
		{bittensor.ErrStakeTooLow, ErrNoPermit},
		{bittensor.ErrTooLong, ErrTooLarge},
		{bittensor.ErrWeights, ErrBadWeights},
		{bittensor.ErrVersionKey, ErrVersionKey},
		{bittensor.ErrSignature, ErrBadSignature},
		{bittensor.ErrOutdated, ErrExpired},
		{bittensor.ErrNonce, ErrNonce},
		{bittensor.ErrPending, ErrUnknownOutcome},
		{bittensor.ErrClosed, ErrClosed},
	} {
		if errors.Is(err, s.theirs) {
			return fmt.Errorf("couldn't %s: %w: %w", what, s.ours, err)
		}
	}
	return fmt.Errorf("couldn't %s: %w", what, err)
}
