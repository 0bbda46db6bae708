package checkpoint

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
)

// Report says how a checkpoint came.
type Report struct {
	// Cached: it was there already, and nothing was asked.
	Cached bool
	// Base is the label of the whole or cached checkpoint that it is or was made of, Patches how many were applied to it.
	Base    int64
	Patches int
	// Fetched bytes were transferred for good, Reused ones lay there from an earlier attempt.
	Fetched, Reused int64
	// Dropped names the buckets that were given up, and why.
	Dropped []Dropped
	// Tried are the failures of other ways that were tried before.
	Tried []error
}

// fetch is the work on one checkpoint.
type fetch struct {
	c       *Cache
	trainer *[sr25519.PublicKeySize]byte
	from    *sources
	known   map[string]answer     // metadata by key
	opened  map[int64]*Checkpoint // cached bases, nil where there is none
	held    []func()              // release what must not be tidied away
	report  Report
	fetched atomic.Int64
	reused  atomic.Int64
}

// signed is a trainer's metadata with its signature, as they were read.
type signed struct {
	Metadata
	text, signature []byte
}

type answer struct {
	m   *signed
	err error
}

// FetchFrom is Fetch with mirrors: files come from any of the buckets, by their hash. The first one is the trainer's, which alone says what
// the checkpoint is. A mirror that gives wrong bytes, is slow or fails is asked no more and named in the report, which is of use where an error
// is returned, too.
func (c *Cache) FetchFrom(ctx context.Context, buckets []bucket.Bucket, window int64, trainer *[sr25519.PublicKeySize]byte) (Checkpoint, Report, error) {
	fail := func(r Report, err error) (Checkpoint, Report, error) {
		return Checkpoint{}, r, fmt.Errorf("couldn't fetch checkpoint %d: %w", window, c.explain(err))
	}
	if window < 0 || len(buckets) == 0 {
		return fail(Report{}, ErrNone)
	}
	unlock, err := c.lock(ctx, window)
	if err != nil {
		return fail(Report{}, err)
	}
	defer unlock()
	if found, err := c.open(ctx, c.folder(window), window, trainer); err == nil {
		c.touch(window)
		return found, Report{Cached: true, Base: window}, nil
	} else if ctx.Err() != nil {
		return fail(Report{}, ctx.Err())
	}
	f := &fetch{c: c, trainer: trainer, from: newSources(buckets), known: map[string]answer{}, opened: map[int64]*Checkpoint{}}
	err = f.build(ctx, window)
	for _, release := range f.held {
		release()
	}
	f.report.Fetched, f.report.Reused, f.report.Dropped = f.fetched.Load(), f.reused.Load(), f.from.dropped()
	if err != nil {
		return fail(f.report, err)
	}
	found, err := c.open(ctx, c.folder(window), window, trainer)
	if err != nil {
		return fail(f.report, err)
	}
	return found, f.report, nil
}

// build makes the folder of a checkpoint, in the cheapest way that works: the patches since a cached checkpoint, all of it, the patches
// since a whole one. Every way leads to the same weights, and the first that fails is no reason not to try the next (quirks 24, 29 and 30).
func (f *fetch) build(ctx context.Context, window int64) error {
	if err := f.c.makeRoom(); err != nil {
		return err
	}
	if ready, err := isReady(ctx, f.from.origin(), window); err != nil {
		return err
	} else if !ready {
		return fmt.Errorf("%w: it has no READY marker", ErrNone)
	}
	full, fullErr := f.metadata(ctx, Full, window)
	delta, deltaErr := f.metadata(ctx, Delta, window)
	f.c.step("metadata")
	var errs []error
	for _, err := range []error{fullErr, deltaErr} {
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	if full == nil && delta == nil && len(errs) == 0 {
		return fmt.Errorf("%w: it has no metadata", ErrNone)
	}
	won := false
	try := func(way func() error) (stop bool) {
		err := way()
		if won = err == nil; won {
			f.report.Tried = errs
			return true
		}
		errs = append(errs, err)
		return hopeless(ctx, err)
	}
	patched := func(cached bool) (stop bool) {
		f.chains(ctx, delta, cached, func(ch chain, err error) bool {
			stop = try(func() error {
				if err != nil {
					return err
				}
				return f.reconstruct(ctx, ch)
			})
			return !stop
		})
		return stop
	}
	complete := full != nil && f.complete(ctx, full)
	proven := delta != nil && delta.WeightsHash != "" // a patch without a hash of the weights proves nothing: rather all of the checkpoint then
	switch {
	case proven && patched(true):
	case complete && try(func() error { return f.whole(ctx, full) }):
	case delta != nil && !proven && patched(true):
	case delta != nil && patched(false):
	case full != nil && !complete: // the listing may have been an old one
		try(func() error { return f.whole(ctx, full) })
	}
	if won {
		return nil
	}
	return errors.Join(errs...)
}

// hopeless tells errors that no other way would avoid.
func hopeless(ctx context.Context, err error) bool { return ctx.Err() != nil || outOfSpace(err) }

// metadata returns the metadata of a checkpoint's form. The error wraps bucket.ErrNotFound where there are none.
func (f *fetch) metadata(ctx context.Context, form string, window int64) (*signed, error) {
	key := bucket.FullKey
	if form == Delta {
		key = bucket.DeltaKey
	}
	at := key(window, metadataName)
	if a, ok := f.known[at]; ok {
		return a.m, a.err
	}
	m, err := func() (*signed, error) {
		text, err := readObject(ctx, f.from.origin(), at)
		if err != nil {
			return nil, err
		}
		m, err := ParseMetadata(text)
		if err != nil {
			return nil, err
		}
		signature, err := readObject(ctx, f.from.origin(), key(window, signatureName))
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			return nil, err
		}
		if err := accept(m, form, window, signature, f.trainer); err != nil {
			return nil, err
		}
		return &signed{m, text, signature}, nil
	}()
	if err != nil {
		err = fmt.Errorf("%s of checkpoint %d: %w", form, window, err)
	}
	f.known[at] = answer{m, err}
	return m, err
}

// accept says whether metadata may be used: of this form and window, with files, signed by the trainer if that is known.
func accept(m Metadata, form string, window int64, signature []byte, trainer *[sr25519.PublicKeySize]byte) error {
	switch {
	case m.Type != form:
		return fmt.Errorf("%w: they are of a %s", ErrMetadata, m.Type)
	case m.Window != window:
		// The reference would read the files of that other window (quirk 25).
		return fmt.Errorf("%w: they are of checkpoint %d", ErrMetadata, m.Window)
	case len(m.Manifest) == 0:
		// The reference would take whatever lies there, unchecked.
		return fmt.Errorf("%w: the manifest names no files", ErrMetadata)
	case trainer == nil:
		return nil
	}
	return checkSignature(m, signature, *trainer)
}

func checkSignature(m Metadata, signature []byte, trainer [sr25519.PublicKeySize]byte) error {
	raw, err := hex.DecodeString(string(bytes.TrimSpace(signature)))
	if err != nil || len(raw) != sr25519.SignatureSize || !sr25519.Verify(trainer, m.SignedText(), [sr25519.SignatureSize]byte(raw)) {
		return ErrSignature
	}
	return nil
}

// complete says whether all files of a whole checkpoint are there, as far as a listing tells.
func (f *fetch) complete(ctx context.Context, m *signed) bool {
	prefix := bucket.FullKey(m.Window, "")
	infos, err := bucket.ListAll(ctx, f.from.origin(), prefix, 4*maxFiles)
	if err != nil {
		return true // nobody knows: try it
	}
	there := map[string]bool{}
	for _, info := range infos {
		there[info.Key] = true
	}
	for _, file := range m.Manifest {
		if !there[prefix+file.Name] && !there[prefix+file.Name+".gz"] {
			return false
		}
	}
	return true
}

// whole brings a whole checkpoint.
func (f *fetch) whole(ctx context.Context, m *signed) error {
	staging, err := f.c.stage(m.Window)
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // nothing is left of it after the renaming
	taken, err := f.files(ctx, bucket.FullKey, []*signed{m}, func(_ *signed, name string) string {
		return filepath.Join(staging, filepath.FromSlash(name))
	})
	if err != nil {
		return err
	}
	if m.WeightsHash != "" {
		// The reference never compares it (quirk 26).
		if err := verifyWeights(ctx, staging, m.WeightsHash); err != nil {
			return err
		}
	}
	if err := f.c.write(filepath.Join(staging, metadataName), bytes.NewReader(m.text)); err != nil {
		return err
	}
	if len(m.signature) > 0 {
		if err := f.c.write(filepath.Join(staging, signatureName), bytes.NewReader(m.signature)); err != nil {
			return err
		}
	}
	if err := f.finish(ctx, staging, m.Window, taken); err != nil {
		return err
	}
	f.report.Base, f.report.Patches = m.Window, 0
	return nil
}

// finish puts a complete staging folder into its place, and forgets the fetched files that it was made of.
func (f *fetch) finish(ctx context.Context, staging string, window int64, taken []string) error {
	if !f.c.hasty {
		if err := syncTree(staging); err != nil {
			return err
		}
	}
	f.c.step("staged")
	if err := f.c.install(ctx, staging, window, f.trainer); err != nil {
		return err
	}
	f.c.step("installed")
	for _, path := range taken {
		_ = os.Remove(path) // what stays is removed when it is old
	}
	return nil
}

// verifyWeights compares the hash of a folder's weights.
func verifyWeights(ctx context.Context, dir, want string) error {
	w, err := openWeights(dir)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := patch.Verify(ctx, w.tensors, want); err != nil {
		if errors.Is(err, patch.ErrHash) {
			return fmt.Errorf("%w: %w", ErrFiles, err)
		}
		return err
	}
	return nil
}
