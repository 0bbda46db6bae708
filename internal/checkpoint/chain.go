package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/internal/bucket"
)

// Bounds of a walk along patches: how many are looked at for a cached checkpoint, which saves fetching a whole one only while they are few, and at all.
const (
	cachedWithin = 32
	maxChain     = 512
)

// chain is a way to a checkpoint: patches on a base.
type chain struct {
	links  []*signed   // oldest first
	cached *Checkpoint // the base, if it is in the cache
	whole  *signed     // else the base, to be fetched
}

// chains walks from a patch back along prev_window and gives the ways that it meets, the shortest first: either those from cached checkpoints, or those from
// whole ones in the bucket. Those are looked for at every label and not only where the trainer's interval says (quirk 30). The walk ends with
// an error where there is no going on; windows descend, so that it ends.
func (f *fetch) chains(ctx context.Context, target *signed, cached bool, yield func(chain, error) bool) {
	found := false
	var passed []error // why whole checkpoints were passed by
	fail := func(err error) {
		if !cached && !found {
			yield(chain{}, errors.Join(append(passed, err)...))
		}
	}
	limit := maxChain
	if cached {
		limit = cachedWithin
	}
	links := []*signed{target}
	for at := target; ; {
		if at.PrevWindow == nil {
			fail(fmt.Errorf("%w: patch %d does not say what it is applied to", ErrMetadata, at.Window))
			return
		}
		prev := *at.PrevWindow
		if prev < 0 || prev >= at.Window {
			fail(fmt.Errorf("%w: patch %d is applied to %d, which is no earlier checkpoint", ErrMetadata, at.Window, prev))
			return
		}
		oldest := slices.Clone(links)
		slices.Reverse(oldest)
		if cached {
			if base := f.base(ctx, prev); base != nil && !yield(chain{links: oldest, cached: base}, nil) {
				return
			}
		} else if full, err := f.anchor(ctx, prev); err == nil {
			found = true
			if !yield(chain{links: oldest, whole: full}, nil) {
				return
			}
		} else if !errors.Is(err, bucket.ErrNotFound) {
			passed = append(passed, err) // patches may lead further
		}
		if ctx.Err() != nil {
			fail(ctx.Err())
			return
		}
		if len(links) == limit {
			fail(fmt.Errorf("%w: more than %d patches since the last whole checkpoint", ErrMetadata, limit))
			return
		}
		next, err := f.metadata(ctx, Delta, prev)
		if err != nil {
			if errors.Is(err, bucket.ErrNotFound) {
				err = fmt.Errorf("%w: checkpoint %d, to which patch %d is applied, is not there", ErrNone, prev, at.Window)
			}
			fail(err)
			return
		}
		links, at = append(links, next), next
	}
}

// anchor returns the metadata of a whole checkpoint that patches may begin at: it must be complete and marked, which the patches between need not be. The
// error wraps bucket.ErrNotFound where there is none.
func (f *fetch) anchor(ctx context.Context, window int64) (*signed, error) {
	full, err := f.metadata(ctx, Full, window)
	if err != nil {
		return nil, err
	}
	if !f.complete(ctx, full) {
		return nil, fmt.Errorf("%w: files of the whole checkpoint %d, which patches go back to, are missing", ErrNone, window)
	}
	ready, err := isReady(ctx, f.from.origin(), window)
	if err == nil && !ready {
		err = fmt.Errorf("%w: checkpoint %d, which patches go back to, has no READY marker", ErrNone, window)
	}
	return full, err
}

// base returns a cached checkpoint, nil where there is none that is good. It stays in the cache until the fetch ends.
func (f *fetch) base(ctx context.Context, window int64) *Checkpoint {
	if known, ok := f.opened[window]; ok {
		return known
	}
	var found *Checkpoint
	release := f.c.Hold(window)
	if c, err := f.c.open(ctx, f.c.folder(window), window, f.trainer); err == nil {
		found = &c
		f.held = append(f.held, release)
	} else {
		release()
	}
	f.opened[window] = found
	return found
}

// obtain returns a whole checkpoint that patches are applied to, from the cache or the bucket. Its label is below that which is being fetched, so that
// two fetches never wait for each other.
func (f *fetch) obtain(ctx context.Context, m *signed) (Checkpoint, error) {
	unlock, err := f.c.lock(ctx, m.Window)
	if err != nil {
		return Checkpoint{}, err
	}
	defer unlock()
	f.held = append(f.held, f.c.Hold(m.Window))
	at := f.c.folder(m.Window)
	if found, err := f.c.open(ctx, at, m.Window, f.trainer); err == nil {
		return found, nil
	}
	if err := f.whole(ctx, m); err != nil {
		return Checkpoint{}, err
	}
	f.c.step("base")
	return f.c.open(ctx, at, m.Window, f.trainer)
}
