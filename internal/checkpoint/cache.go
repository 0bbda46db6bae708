package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
)

// Limits of a download. Zero fields have the defaults named.
type Limits struct {
	// FileBytes bounds one file: 16 GiB.
	FileBytes int64
	// TotalBytes bounds all files of a checkpoint together: 64 GiB.
	TotalBytes int64
	// PatchBytes bounds the memory for patches: 4 GiB.
	PatchBytes int64
	// Slow is how long a bucket may take for a MiB, where others have it too: 20 s.
	Slow time.Duration
}

// Cache is a folder of checkpoints on this machine:
//
//	checkpoint-<W>/                        whole and checked
//	checkpoint-<W>.<pid>.<8 hex>.partial/  being made
//	.fetched/<SHA-256>                     files that wait for the rest of their checkpoint
//
// A checkpoint appears by renaming, so that it is whole or not there. Files that were fetched before a break are used by the next attempt.
// Several processes may share the folder. Within a process, nodes
// should share the Cache, so that each checkpoint is fetched once.
type Cache struct {
	dir    string
	limits Limits

	mu    sync.Mutex
	locks map[int64]*windowLock
	holds map[int64]int

	pause time.Duration // before the second attempt at a file

	// Tests stop here, fill the disk, and do without its certainty.
	probe func(step string)
	full  func(path string, r io.Reader) io.Reader
	hasty bool
}

func (c *Cache) step(name string) {
	if c.probe != nil {
		c.probe(name)
	}
}

type windowLock struct {
	held  chan struct{} // of capacity 1: full while held
	users int           // guarded by Cache.mu
}

// OpenCache opens a cache folder, which is made if missing, and removes what dead processes left of interrupted downloads.
func OpenCache(dir string, limits Limits) (*Cache, error) {
	if limits.FileBytes <= 0 {
		limits.FileBytes = 16 << 30
	}
	if limits.TotalBytes <= 0 {
		limits.TotalBytes = 64 << 30
	}
	if limits.PatchBytes <= 0 {
		limits.PatchBytes = patch.DefaultMaxPayload
	}
	if limits.Slow <= 0 {
		limits.Slow = 20 * time.Second
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't open checkpoint cache: %w", err)
	}
	c := &Cache{dir: dir, limits: limits, locks: map[int64]*windowLock{}, holds: map[int64]int{}, pause: retryPause}
	if err := c.sweep(); err != nil {
		return nil, fmt.Errorf("couldn't open checkpoint cache %s: %w", dir, err)
	}
	return c, nil
}

// Fetch returns the checkpoint with a label, from the cache if it is there and its files are what its manifest says, else
// from the bucket: whole, or made of patches. trainer, if known, must have signed the manifests of all that it is made of. Errors wrap ErrNone,
// ErrMetadata, ErrSignature, ErrFiles or ErrSpace where one of them says what is wrong; others are failures on the way.
func (c *Cache) Fetch(ctx context.Context, bkt bucket.Bucket, window int64, trainer *[sr25519.PublicKeySize]byte) (Checkpoint, error) {
	found, _, err := c.FetchFrom(ctx, []bucket.Bucket{bkt}, window, trainer)
	return found, err
}

// Prune removes all checkpoints from the cache but those with the given labels, and what interrupted downloads left.
func (c *Cache) Prune(keep ...int64) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("couldn't prune checkpoint cache: %w", err)
	}
	kept := map[int64]bool{}
	for _, w := range keep {
		kept[w] = true
	}
	errs := []error{c.sweep()}
	for _, e := range entries {
		window, ok := folderWindow(e.Name())
		if ok && !kept[window] {
			errs = append(errs, c.discard(filepath.Join(c.dir, e.Name()), window))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("couldn't prune checkpoint cache: %w", err)
	}
	return nil
}

func (c *Cache) folder(window int64) string {
	return filepath.Join(c.dir, "checkpoint-"+strconv.FormatInt(window, 10))
}

// folderWindow reads the name of a complete checkpoint's folder, which is canonical.
func folderWindow(name string) (int64, bool) {
	text, ok := strings.CutPrefix(name, "checkpoint-")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// open checks a checkpoint folder from front to back.
func (c *Cache) open(ctx context.Context, dir string, window int64, trainer *[sr25519.PublicKeySize]byte) (Checkpoint, error) {
	text, err := readSmall(filepath.Join(dir, metadataName))
	if err != nil {
		return Checkpoint{}, err
	}
	m, err := ParseMetadata(text)
	if err != nil {
		return Checkpoint{}, err
	}
	signature, err := readSmall(filepath.Join(dir, signatureName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, err
	}
	if m.isReconstructed() {
		err = acceptReconstructed(ctx, dir, m, text, window, trainer)
	} else {
		err = accept(m, Full, window, signature, trainer)
	}
	if err != nil {
		return Checkpoint{}, err
	}
	for _, f := range m.Manifest {
		sum, err := hashFile(ctx, filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return Checkpoint{}, err
		}
		if sum != f.SHA256 {
			return Checkpoint{}, fmt.Errorf("%w: %s", ErrFiles, f.Name)
		}
	}
	return Checkpoint{Window: window, Dir: dir, Metadata: m}, nil
}

// readSmall reads a file of at most the size of metadata.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxMetadataBytes {
		return nil, fmt.Errorf("%w: %s is not a file of at most %d bytes", ErrFiles, filepath.Base(path), maxMetadataBytes)
	}
	return os.ReadFile(path)
}

// install moves a fetched checkpoint to its place. What is there already stays if it is good: another process was faster.
func (c *Cache) install(ctx context.Context, staging string, window int64, trainer *[sr25519.PublicKeySize]byte) error {
	target := c.folder(window)
	for attempt := 0; ; attempt++ {
		err := os.Rename(staging, target)
		if err == nil && c.hasty {
			return nil
		}
		if err == nil {
			return syncDir(c.dir)
		}
		if _, openErr := c.open(ctx, target, window, trainer); openErr == nil {
			return nil
		}
		if attempt == 2 || ctx.Err() != nil {
			return err
		}
		if err := c.discard(target, window); err != nil {
			return err
		}
	}
}

// discard removes a folder of the cache. It is renamed first, so that nobody opens half of it.
func (c *Cache) discard(dir string, window int64) error {
	aside := c.partial(window)
	if err := os.Rename(dir, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.RemoveAll(aside)
}

// lock takes the lock of a window.
func (c *Cache) lock(ctx context.Context, window int64) (unlock func(), err error) {
	c.mu.Lock()
	l := c.locks[window]
	if l == nil {
		l = &windowLock{held: make(chan struct{}, 1)}
		c.locks[window] = l
	}
	l.users++
	c.mu.Unlock()
	drop := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(c.locks, window)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; drop() }, nil
	case <-ctx.Done():
		drop()
		return nil, ctx.Err()
	}
}

// Ages from which the leavings of interrupted downloads are removed though a process with that number lives: this one's number may be an
// earlier process's (in a container it always is), another's may have been given out again.
const (
	ownLeavings     = time.Hour
	foreignLeavings = 24 * time.Hour
)

// sweep removes the leavings of interrupted downloads.
func (c *Cache) sweep() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		suffix, ok := partialSuffix(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // somebody else removed it
		}
		if !leftBehind(suffix, time.Since(info.ModTime())) {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(c.dir, e.Name())))
	}
	return errors.Join(errs...)
}

// partialSuffix reads what follows the label in the name of a folder in the making: [<pid>.<8 hex>.]partial. Folders of patches, as the reference makes
// them and never removes (quirk 49), count, too.
func partialSuffix(name string) (string, bool) {
	label, suffix, ok := strings.Cut(strings.Replace(name, "delta-", "checkpoint-", 1), ".")
	if _, isLabel := folderWindow(label); !ok || !isLabel {
		return "", false
	}
	return suffix, suffix == "partial" || strings.Count(suffix, ".") == 2 && strings.HasSuffix(suffix, ".partial")
}

// leftBehind says whether something in the making was left by an interrupted download.
func leftBehind(suffix string, age time.Duration) bool {
	text, _, _ := strings.Cut(suffix, ".")
	pid, err := strconv.Atoi(text)
	switch {
	case text == "partial":
		return age >= ownLeavings // nobody knows whose it is
	case err != nil || pid <= 0:
		return false
	case pid == os.Getpid():
		return age >= ownLeavings
	}
	return !alive(pid) || age >= foreignLeavings
}

// alive tells whether a process exists; one that belongs to somebody else does.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, fs.ErrPermission)
}
