package node

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/chain"
)

// ErrNotYet says that a block or a beacon round that is needed does not exist yet. Ask again with the next block.
var ErrNotYet = errors.New("not known yet")

// ErrBeaconChain says that the beacon at hand is not the one that the network's rules name.
var ErrBeaconChain = errors.New("beacon is not the network's")

// Window is what everybody knows of a window once its first block exists.
type Window struct {
	// Start is the first block; it names the window.
	Start int64 `json:"start"`
	// Hash is the hash of block Start, 0x and 64 hex digits: rows carry it, problems and the choice of miners come from it.
	Hash string `json:"hash"`
	// Time is the time of block Start.
	Time time.Time `json:"time"`
	// Randomness is the hex text from which this node's sketch coefficients are drawn. In a network that binds the beacon it is the only
	// one that rows may carry; else it is a miner's choice, and a validator has no use for it.
	Randomness string `json:"randomness"`
	// Round is the beacon round in Randomness, 0 for none.
	Round int64 `json:"round"`
	// Bound says that rows must carry Randomness (Rules.BindBeacon).
	Bound bool `json:"bound"`
}

// ExpectedBeacon returns the randomness that commits must carry, empty where the rules don't bind it.
func (w Window) ExpectedBeacon() string {
	if w.Bound {
		return w.Randomness
	}
	return ""
}

// OpenWindow computes the Window that starts at a block. It fails with ErrNotYet while the block does not exist. In a network that
// binds the beacon, the round of the block's time must be had; no other value will do. In others the newest round is taken, and
// without one the block hash alone, without its 0x, which validators accept (protocol specification, Q-05; storage, quirk 22).
func OpenWindow(ctx context.Context, rules grail.Rules, blocks Blocks, b Beacon, start int64) (Window, error) {
	ref, err := block(ctx, blocks, start)
	if err != nil {
		return Window{}, fmt.Errorf("couldn't open window %d: %w", start, err)
	}
	w := Window{Start: start, Hash: ref.Hash, Time: ref.Time, Bound: rules.BindBeacon}
	if rules.BindBeacon {
		w.Round = max(0, rules.BeaconRound(ref.Time))
		w.Randomness, err = boundRandomness(ctx, b, ref, w.Round)
		if err != nil {
			return Window{}, fmt.Errorf("couldn't open window %d: %w", start, err)
		}
		return w, nil
	}
	round, err := latest(ctx, b)
	switch {
	case err == nil:
		w.Round, w.Randomness = int64(round.Number), grail.MixRandomness(ref.Hash, round.Text())
	case ctx.Err() != nil:
		return Window{}, fmt.Errorf("couldn't open window %d: %w", start, err)
	default:
		w.Randomness = grail.MinerFallback(ref.Hash)
	}
	return w, nil
}

// Closing is what everybody knows of a window once the block after it exists.
type Closing struct {
	// Hash is the hash of the block after the window, unknown to miners while they may upload.
	Hash string `json:"hash"`
	// Time is that block's time.
	Time time.Time `json:"time"`
	// Deadline is the latest LastModified of a window file that is in time; equal is in time (validator specification, A7).
	Deadline time.Time `json:"deadline"`
	// Challenge is the randomness for sampled groups and challenged positions.
	Challenge string `json:"challenge"`
}

// CloseWindow computes the Closing of the window that starts at a block. It fails with ErrNotYet until the window is over. In a network that
// binds the beacon, all validators use the round of the block's time and so the same challenge; in others the newest round as the reference
// does, and without one the hashed block hash.
func CloseWindow(ctx context.Context, rules grail.Rules, blocks Blocks, b Beacon, start int64) (Closing, error) {
	ref, err := block(ctx, blocks, rules.WindowEnd(start))
	if err != nil {
		return Closing{}, fmt.Errorf("couldn't close window %d: %w", start, err)
	}
	c := Closing{Hash: ref.Hash, Time: ref.Time, Deadline: Deadline(rules, ref.Time)}
	if rules.BindBeacon {
		c.Challenge, err = boundRandomness(ctx, b, ref, max(0, rules.BeaconRound(ref.Time)))
		if err != nil {
			return Closing{}, fmt.Errorf("couldn't close window %d: %w", start, err)
		}
		return c, nil
	}
	round, err := latest(ctx, b)
	if err != nil && ctx.Err() != nil {
		return Closing{}, fmt.Errorf("couldn't close window %d: %w", start, err)
	}
	c.Challenge = grail.ChallengeRandomness(ref.Hash, text(round, err), err == nil)
	return c, nil
}

// Deadline returns the upload deadline from the time of the block after the window.
func Deadline(rules grail.Rules, end time.Time) time.Time {
	return end.Add(time.Duration(math.Round(rules.DeadlineSlackSeconds * float64(time.Second))))
}

// CheckBeacon refuses a beacon that is not the one of the rules with ErrBeaconChain.
func CheckBeacon(rules grail.Rules, info beacon.ChainInfo) error {
	switch {
	case rules.BeaconChain != "" && rules.BeaconChain != info.Hash:
		return fmt.Errorf("%w: chain is %s, the rules name %s", ErrBeaconChain, info.Hash, rules.BeaconChain)
	case rules.BeaconGenesisMillis != info.GenesisTime.UnixMilli():
		return fmt.Errorf("%w: genesis is at %d ms, the rules say %d", ErrBeaconChain, info.GenesisTime.UnixMilli(), rules.BeaconGenesisMillis)
	case rules.BeaconPeriodMillis != info.Period.Milliseconds():
		return fmt.Errorf("%w: period is %s, the rules say %d ms", ErrBeaconChain, info.Period, rules.BeaconPeriodMillis)
	}
	return nil
}

// block reads a block and tells one that is still to come from one that can't be read.
func block(ctx context.Context, blocks Blocks, n int64) (chain.BlockRef, error) {
	if n < 0 {
		return chain.BlockRef{}, fmt.Errorf("%w: block %d", ErrNotYet, n)
	}
	ref, err := blocks.Block(ctx, uint64(n))
	if err == nil {
		return ref, nil
	}
	if errors.Is(err, chain.ErrNoBlock) {
		if head, headErr := blocks.Head(ctx); headErr == nil && head.Number < uint64(n) {
			return chain.BlockRef{}, fmt.Errorf("%w: block %d, newest is %d", ErrNotYet, n, head.Number)
		}
	}
	return chain.BlockRef{}, fmt.Errorf("couldn't read block %d: %w", n, err)
}

// boundRandomness mixes a block's hash with the round of its time; round 0 is before the beacon's genesis.
func boundRandomness(ctx context.Context, b Beacon, ref chain.BlockRef, round int64) (string, error) {
	if round == 0 {
		return grail.BoundRandomness(ref.Hash, "", 0), nil
	}
	if b == nil {
		return "", fmt.Errorf("%w: the rules bind the beacon and there is none", ErrBeaconChain)
	}
	r, err := b.Round(ctx, uint64(round))
	if errors.Is(err, beacon.ErrNotDue) {
		// The chain's clock is ahead of this machine's.
		return "", fmt.Errorf("%w: beacon round %d: %w", ErrNotYet, round, err)
	}
	if err != nil {
		return "", fmt.Errorf("couldn't get beacon round %d: %w", round, err)
	}
	return grail.BoundRandomness(ref.Hash, r.Text(), round), nil
}

func latest(ctx context.Context, b Beacon) (beacon.Round, error) {
	if b == nil {
		return beacon.Round{}, beacon.ErrUnavailable
	}
	return b.Latest(ctx)
}

func text(r beacon.Round, err error) string {
	if err != nil {
		return ""
	}
	return r.Text()
}
