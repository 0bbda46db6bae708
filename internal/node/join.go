package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/chain"
)

// ErrNotRegistered says that a hotkey has no UID. It is never concluded from a chain that can't be read (storage specification, quirk 13).
var ErrNotRegistered = errors.New("hotkey is not registered on the subnet")

// joinPause is the first pause between two tries to join, maxPause the longest.
const (
	joinPause = time.Second
	maxPause  = 30 * time.Second
)

// Metagraph is the part of the chain that says who takes part.
type Metagraph interface {
	Metagraph(ctx context.Context) (chain.Metagraph, error)
}

// UID looks the hotkey up until the chain answers, and tells report what went wrong in between. The error is ErrNotRegistered,
// chain.ErrNoSubnet, or the context's.
func UID(ctx context.Context, register Metagraph, hotkey string, report func(error)) (int, error) {
	for pause := joinPause; ; pause = min(2*pause, maxPause) {
		m, err := register.Metagraph(ctx)
		if err == nil {
			if uid, ok := m.UID(hotkey); ok {
				return int(uid), nil
			}
			return 0, fmt.Errorf("couldn't find %s in the metagraph: %w", hotkey, ErrNotRegistered)
		}
		if errors.Is(err, chain.ErrNoSubnet) {
			return 0, err
		}
		if err := again(ctx, pause, fmt.Errorf("couldn't read metagraph: %w", err), report); err != nil {
			return 0, err
		}
	}
}

// Board is the part of the chain where nodes commit their read credentials.
type Board interface {
	// Commitments returns the commitment of each registered hotkey that has one.
	Commitments(ctx context.Context) (map[string][]byte, error)
	// Commit replaces the signer's commitment.
	Commit(ctx context.Context, signer chain.Signer, data []byte) (chain.BlockRef, error)
}

// Announce commits the node's read credentials unless the chain has them already (storage specification, 11.3), and tries until it is done. The
// error is one that trying again does not help, or the context's.
func Announce(ctx context.Context, board Board, signer chain.Signer, commitment []byte, report func(error)) error {
	for pause := joinPause; ; pause = min(2*pause, maxPause) {
		known, err := board.Commitments(ctx)
		if err == nil {
			if bytes.Equal(known[signer.Hotkey()], commitment) {
				return nil
			}
			_, err = board.Commit(ctx, signer, commitment)
			switch {
			case err == nil:
				return nil
			case errors.Is(err, chain.ErrNotRegistered), errors.Is(err, chain.ErrTooLarge), errors.Is(err, chain.ErrBadSignature):
				return fmt.Errorf("couldn't announce bucket: %w", err)
			}
		}
		if err := again(ctx, pause, fmt.Errorf("couldn't announce bucket: %w", err), report); err != nil {
			return err
		}
	}
}

// again reports a failure and pauses. The error is the context's.
func again(ctx context.Context, pause time.Duration, err error, report func(error)) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", err, ctx.Err())
	}
	if report != nil {
		report(err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w (%w)", err, ctx.Err())
	case <-time.After(pause):
		return nil
	}
}

// Follow gives new heads until ctx ends, when the channel is closed. A subscription that fails, ends or is silent for longer than patience
// is made anew after a pause that grows to a tenth of patience, at most 8 s, and the failure reported. A reader that falls behind gets the newest head.
func Follow(ctx context.Context, heads Heads, patience time.Duration, report func(error)) <-chan chain.BlockRef {
	out := make(chan chain.BlockRef, 1)
	go func() {
		defer close(out)
		const first = 500 * time.Millisecond
		most := max(first, min(patience/10, 8*time.Second))
		pause := first
		for ctx.Err() == nil {
			got, err := follow(ctx, heads, patience, out)
			if ctx.Err() != nil {
				return
			}
			if got {
				pause = first
			}
			if again(ctx, pause, fmt.Errorf("couldn't follow the chain: %w", err), report) != nil {
				return
			}
			pause = min(2*pause, most)
		}
	}()
	return out
}

var errSilent = errors.New("no new block")

func follow(ctx context.Context, heads Heads, patience time.Duration, out chan chain.BlockRef) (got bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := heads.SubscribeHeads(ctx)
	if err != nil {
		return false, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return got, ctx.Err()
		case <-timer.C:
			return got, fmt.Errorf("%w for %s", errSilent, patience)
		case b, ok := <-in:
			if !ok {
				return got, errors.New("the subscription ended")
			}
			got = true
			timer.Reset(patience)
			select {
			case <-out: // an old head that nobody took
			default:
			}
			out <- b
		}
	}
}
