package checkpoint

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
)

// fileAttempts is how often one file is fetched when its download breaks off, retryPause the first wait between, which doubles.
const (
	fileAttempts = 3
	retryPause   = 500 * time.Millisecond
)

// poolName is the folder of fetched files, each under its hash, which wait there until the checkpoint that they belong to is complete. So a fetch
// that broke off goes on where it was.
const poolName = ".fetched"

// poolAge is how long fetched files wait for their checkpoint.
const poolAge = 24 * time.Hour

func (c *Cache) pooled(sum [sha256.Size]byte) string {
	return filepath.Join(c.dir, poolName, hex.EncodeToString(sum[:]))
}

// unique is a suffix that tells whose file in the making it is.
func unique() string {
	var id [4]byte
	rand.Read(id[:])
	return strconv.Itoa(os.Getpid()) + "." + hex.EncodeToString(id[:]) + ".partial"
}

// partial is a fresh name of a folder in the making.
func (c *Cache) partial(window int64) string { return c.folder(window) + "." + unique() }

func (c *Cache) stage(window int64) (string, error) {
	dir := c.partial(window)
	return dir, os.Mkdir(dir, 0o755)
}

// place is a file of a manifest with where it is to go.
type place struct {
	key  string
	file File
	path string
}

// files brings all files of some manifests to where they belong, some at a time. It returns the fetched files that they are made of, to be removed
// when they are not needed any more; on an error they stay for the next attempt. The limits hold for all of them together.
func (f *fetch) files(ctx context.Context, key func(int64, string) string, of []*signed, path func(*signed, string) string) (taken []string, err error) {
	if err := os.MkdirAll(filepath.Join(f.c.dir, poolName), 0o755); err != nil {
		return nil, err
	}
	places := map[[sha256.Size]byte][]place{} // a content that has several names is fetched once
	var order []File
	for _, m := range of {
		for _, file := range m.Manifest {
			if places[file.SHA256] == nil {
				order = append(order, file)
				taken = append(taken, f.c.pooled(file.SHA256))
			}
			places[file.SHA256] = append(places[file.SHA256], place{key(m.Window, file.Name), file, path(m, file.Name)})
		}
	}
	var total, turn atomic.Int64
	err = eachFile(ctx, order, func(ctx context.Context, file File) error {
		at := places[file.SHA256]
		for again := 0; ; again++ {
			err := f.pool(ctx, at[0].key, file, int(turn.Add(1)), &total)
			for i := 0; i < len(at) && err == nil; i++ {
				err = bring(f.c.pooled(file.SHA256), at[i].path)
			}
			// Somebody else who took the same file may have removed it.
			if err == nil || again == 2 || !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
				f.c.step("file " + file.Name)
				return err
			}
		}
	})
	return taken, err
}

// bring gives a file a second name, or copies it where that can't be.
func bring(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return fillFile(to, in)
}

// pool makes sure that a file lies in the pool, whole and checked.
func (f *fetch) pool(ctx context.Context, key string, file File, turn int, total *atomic.Int64) error {
	at := f.c.pooled(file.SHA256)
	if info, err := os.Stat(at); err == nil {
		sum, err := hashFile(ctx, at)
		if err == nil && sum == file.SHA256 {
			if total.Add(info.Size()) > f.c.limits.TotalBytes || info.Size() > f.c.limits.FileBytes {
				return fmt.Errorf("%w: they are larger than %d bytes together", ErrFiles, f.c.limits.TotalBytes)
			}
			f.reused.Add(info.Size())
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := os.RemoveAll(at); err != nil {
			return err
		}
	}
	pause := f.c.pause
	for attempt := 1; ; attempt++ {
		err := f.ask(ctx, key, file, at, turn, total)
		if err == nil || attempt == fileAttempts || ctx.Err() != nil || final(err) {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// final tells errors that another attempt would meet again.
func final(err error) bool {
	for _, target := range []error{ErrFiles, bucket.ErrTooLarge, bucket.ErrNotFound, bucket.ErrAccessDenied, bucket.ErrNoBucket, bucket.ErrKey} {
		if errors.Is(err, target) {
			return true
		}
	}
	return ofDisk(err)
}

// ofDisk tells failures of this machine's disk.
func ofDisk(err error) bool {
	var disk *fs.PathError
	var link *os.LinkError
	return errors.As(err, &disk) || errors.As(err, &link)
}

func outOfSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// explain says what to do about a full disk.
func (c *Cache) explain(err error) error {
	if outOfSpace(err) {
		return fmt.Errorf("%w: make room in %s: %w", ErrSpace, c.dir, err)
	}
	return err
}

// ask asks the buckets in turn for one file.
func (f *fetch) ask(ctx context.Context, key string, file File, at string, turn int, total *atomic.Int64) error {
	var errs []error
	list := f.from.order(turn)
	for i, s := range list {
		err := f.download(ctx, s, key, file, at, total, i+1 < len(list))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || ofDisk(err) {
			return err
		}
		if len(list) > 1 {
			f.from.drop(s, err)
			err = fmt.Errorf("%s: %w", s.bkt.Name(), err)
		}
		errs = append(errs, err)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// download brings a file into the pool.
func (f *fetch) download(ctx context.Context, s *source, key string, file File, at string, total *atomic.Int64, others bool) (err error) {
	if others {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer s.watch(f.c.limits.Slow, cancel)()
		defer func() {
			if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSlow) {
				err = cause
			}
		}()
	}
	body, err := openObject(ctx, s.bkt, key, f.c.limits.FileBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	defer context.AfterFunc(ctx, func() { body.Close() })() // wakes a reader that waits
	h := sha256.New()
	in := &counted{r: io.TeeReader(body, h), total: total, source: &s.read, limit: f.c.limits.TotalBytes}
	making := at + "." + unique()
	err = f.c.write(making, contextReader{ctx, in})
	if err == nil && [sha256.Size]byte(h.Sum(nil)) != file.SHA256 {
		err = fmt.Errorf("%w: SHA-256 of %s is %x, the manifest says %x", ErrFiles, file.Name, h.Sum(nil), file.SHA256)
	}
	if err == nil {
		f.c.step("part " + file.Name)
		err = os.Rename(making, at)
	}
	if err != nil {
		_ = os.Remove(making)
		total.Add(-in.n)
		return err
	}
	f.fetched.Add(in.n)
	return nil
}

// counted adds to a total and fails when it grows over a limit.
type counted struct {
	r             io.Reader
	total, source *atomic.Int64
	n, limit      int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.source.Add(int64(n))
	if c.total.Add(int64(n)) > c.limit {
		return 0, fmt.Errorf("%w: they are larger than %d bytes together", ErrFiles, c.limit)
	}
	return n, err
}

// write writes a file; syncTree makes sure that it is on disk. Tests fill the disk here.
func (c *Cache) write(path string, r io.Reader) error {
	if c.full != nil {
		r = c.full(path, r)
	}
	return fillFile(path, r)
}

func fillFile(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// writeFile writes a file and makes sure that it is on disk.
func writeFile(path string, r io.Reader) error {
	if err := fillFile(path, r); err != nil {
		return err
	}
	return syncFile(path)
}

// syncFile makes a file durable, syncTree all of a folder: before the folder gets the name under which it is used.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return syncDir(path)
		}
		return syncFile(path)
	})
}

// syncDir makes a folder's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("couldn't sync %s: %w", dir, err)
	}
	return nil
}

// makeRoom removes fetched files that nobody came for, and the oldest ones where there is more of them than one checkpoint may have.
func (c *Cache) makeRoom() error {
	dir := filepath.Join(c.dir, poolName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type item struct {
		path string
		size int64
		age  time.Duration
	}
	var kept []item
	var sum int64
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // somebody else removed it
		}
		i := item{filepath.Join(dir, e.Name()), info.Size(), time.Since(info.ModTime())}
		_, suffix, making := strings.Cut(e.Name(), ".")
		if making && leftBehind(suffix, i.age) || i.age > poolAge {
			errs = append(errs, os.RemoveAll(i.path))
			continue
		}
		if !making {
			kept, sum = append(kept, i), sum+i.size
		}
	}
	slices.SortFunc(kept, func(a, b item) int { return int(b.age - a.age) })
	for i := 0; i < len(kept) && sum > c.limits.TotalBytes; i++ {
		errs = append(errs, os.RemoveAll(kept[i].path))
		sum -= kept[i].size
	}
	return errors.Join(errs...)
}
