package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/bucket"
)

// Limits of a download. Zero fields have the defaults named.
type Limits struct {
	// FileBytes bounds one file: 16 GiB.
	FileBytes int64
	// TotalBytes bounds all files together: 64 GiB.
	TotalBytes int64
}

// Cache is a folder of checkpoints on this machine:
//
//	checkpoint-<W>/                        whole and checked
//	checkpoint-<W>.<pid>.<8 hex>.partial/  being fetched
//
// A checkpoint appears by renaming, so that it is whole or not there. Several processes may share the folder. Within a process, nodes
// should share the Cache, so that each checkpoint is fetched once.
type Cache struct {
	dir    string
	limits Limits

	mu    sync.Mutex
	locks map[int64]*windowLock
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
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't open checkpoint cache: %w", err)
	}
	c := &Cache{dir: dir, limits: limits, locks: map[int64]*windowLock{}}
	if err := c.sweep(); err != nil {
		return nil, fmt.Errorf("couldn't open checkpoint cache %s: %w", dir, err)
	}
	return c, nil
}

// Fetch returns the checkpoint with a label, from the cache if it is there and its files are what its manifest says, else
// from the bucket. trainer, if known, must have signed the manifest. Errors wrap ErrNone, ErrDelta, ErrMetadata, ErrSignature or
// ErrFiles where one of them says what is wrong with the checkpoint; others are failures on the way.
func (c *Cache) Fetch(ctx context.Context, bkt bucket.Bucket, window int64, trainer *[sr25519.PublicKeySize]byte) (Checkpoint, error) {
	fail := func(err error) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("couldn't fetch checkpoint %d: %w", window, err)
	}
	if window < 0 {
		return fail(ErrNone)
	}
	unlock, err := c.lock(ctx, window)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	if found, err := c.open(ctx, c.folder(window), window, trainer); err == nil {
		return found, nil
	} else if ctx.Err() != nil {
		return fail(ctx.Err())
	}
	ready, err := isReady(ctx, bkt, window)
	if err != nil {
		return fail(err)
	}
	if !ready {
		return fail(fmt.Errorf("%w: it has no READY marker", ErrNone))
	}
	staging, err := c.stage(window)
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(staging) // nothing is left of it after the renaming
	if err := download(ctx, bkt, window, staging, trainer, c.limits); err != nil {
		return fail(err)
	}
	if err := c.install(ctx, staging, window, trainer); err != nil {
		return fail(err)
	}
	found, err := c.open(ctx, c.folder(window), window, trainer)
	if err != nil {
		return fail(err)
	}
	return found, nil
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
	if err := accept(m, window, signature, trainer); err != nil {
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
		pid, ok := partialPID(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // somebody else removed it
		}
		age := time.Since(info.ModTime())
		if pid == os.Getpid() && age < ownLeavings || pid != os.Getpid() && alive(pid) && age < foreignLeavings {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(c.dir, e.Name())))
	}
	return errors.Join(errs...)
}

// partialPID reads the process of checkpoint-<W>.<pid>.<8 hex>.partial.
func partialPID(name string) (int, bool) {
	parts := strings.Split(name, ".")
	if len(parts) != 4 || parts[3] != "partial" {
		return 0, false
	}
	if _, ok := folderWindow(parts[0]); !ok {
		return 0, false
	}
	pid, err := strconv.Atoi(parts[1])
	return pid, err == nil && pid > 0
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
