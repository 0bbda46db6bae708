package nonce

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// disk is the file of a store. All its methods run under the store's lock, but for what flushLater starts.
type disk struct {
	path    string
	file    *os.File
	pending []byte // records that are not written yet
	records int    // in the file
	lease   int64
	timer   *time.Timer
	broken  error // the first failure of a write; from then on nothing is accepted
}

// maxFile bounds what Open reads into memory: 4 Mi records.
const maxFile = 256 << 20

// Open opens the store in the file at path, or makes it. The file is locked: a second process gets an error. A file that is something else
// gives an error that wraps ErrFile.
func Open(path string, options Options) (*Store, error) {
	s := Memory(options)
	if err := s.open(path); err != nil {
		return nil, fmt.Errorf("couldn't open nonce store %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open(path string) error {
	guard, err := lock(path)
	if err != nil {
		return err
	}
	c, changed, err := read(path)
	if err != nil {
		return errors.Join(err, guard.Close())
	}
	if !c.clean {
		s.floor = c.highest
	}
	if c.torn {
		// A lease may be among what cannot be read; it reached no further than this after the last write.
		s.floor = max(s.floor, changed.Add(s.options.Lease+maxAhead).UnixNano())
	}
	now := time.Now().UnixNano()
	for k, e := range c.entries {
		if !e.expired(now) {
			s.put(k, e)
		}
	}
	d := &disk{path: path, file: guard, lease: s.floor}
	if err := d.rewrite(s); err != nil {
		return errors.Join(err, guard.Close())
	}
	s.disk = d
	return nil
}

// maxAhead is how far in the future an accepted nonce can lie, at most, where a torn file hides what it was.
const maxAhead = 10 * time.Second

func read(path string) (c contents, changed time.Time, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		c.clean = true
		return c, changed, nil
	}
	if err != nil {
		return c, changed, err
	}
	if info.Size() > maxFile || !info.Mode().IsRegular() {
		return c, changed, fmt.Errorf("%w: it is no file, or larger than %d MiB", ErrFile, maxFile>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, changed, err
	}
	c, err = parse(b)
	return c, info.ModTime(), err
}

// accept puts a nonce into the next batch. It waits for the disk only when the lease must be extended at once.
func (d *disk) accept(s *Store, now time.Time, k key, e entry) error {
	if d.broken != nil {
		return d.broken
	}
	if e.nonce > d.lease {
		if err := d.extend(s, now, e.nonce); err != nil {
			return err
		}
	}
	d.pending = appendRecord(d.pending, kindNonce, k, e.nonce, e.keep)
	if d.timer == nil {
		d.timer = time.AfterFunc(s.options.Flush, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			d.timer = nil
			if !s.closed {
				d.flush(s)
			}
		})
	}
	return nil
}

// extend writes a lease that reaches beyond the nonce and waits until it is on the disk.
func (d *disk) extend(s *Store, now time.Time, nonce int64) error {
	lease := max(nonce, now.UnixNano()) + int64(s.options.Lease)
	d.pending = appendRecord(d.pending, kindLease, key{}, lease, 0)
	if err := d.write(true); err != nil {
		return err
	}
	d.lease = lease
	return nil
}

// flush writes the batch and rewrites the file when most of it is outdated.
func (d *disk) flush(s *Store) {
	if d.write(false) != nil {
		return
	}
	if d.records > 4*len(s.entries)+4096 {
		s.prune(time.Now().UnixNano())
		if err := d.rewrite(s); err != nil {
			d.broken = err
		}
	}
}

func (d *disk) write(sync bool) error {
	if d.broken != nil {
		return d.broken
	}
	n, err := d.file.Write(d.pending)
	d.records += n / recordSize
	d.pending = d.pending[:0]
	if err == nil && sync {
		err = d.file.Sync()
	}
	if err != nil {
		d.broken = fmt.Errorf("couldn't write %s: %w", d.path, err)
	}
	return d.broken
}

// rewrite replaces the file by one that holds what is remembered now, whole or not at all.
func (d *disk) rewrite(s *Store) (err error) {
	next := d.path + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(next)
		}
	}()
	b := append([]byte(magic), make([]byte, 0, recordSize*(len(s.entries)+1))...)
	b = appendRecord(b, kindLease, key{}, d.lease, 0)
	for k, e := range s.entries {
		b = appendRecord(b, kindNonce, k, e.nonce, e.keep)
	}
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = lockFile(f); err != nil {
		return err
	}
	if err = os.Rename(next, d.path); err != nil {
		return err
	}
	if err = syncFolder(filepath.Dir(d.path)); err != nil {
		return err
	}
	old := d.file
	d.file, d.records, d.pending = f, len(s.entries)+1, d.pending[:0]
	return old.Close()
}

func (d *disk) close() error {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.pending = appendRecord(d.pending, kindClean, key{}, 0, 0)
	return errors.Join(d.write(true), d.file.Close())
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock opens the file, makes it where it is missing, and takes its lock. A file that was replaced between opening and locking belongs to
// somebody who holds the lock of the new one.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	ours, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(path); err == nil && !os.SameFile(ours, there) {
			err = errInUse
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

var errInUse = errors.New("another process uses it")
