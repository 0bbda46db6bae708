package nonce

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// disk is the file of a store.
//
// Two locks keep accepting off the disk: the store's guards what is in memory, io orders the writes. Whoever holds io may take the store's, never
// the other way round.
type disk struct {
	path string

	// Under the store's lock.
	pending   []byte // records that are not written yet
	lease     int64  // what the file promises, synced
	extending bool   // a lease is being extended ahead of time
	timer     *time.Timer
	broken    error          // the first failure of a write; from then on nothing is accepted
	work      sync.WaitGroup // writes under way

	io      sync.Mutex
	file    *os.File
	records int // in the file
	closed  bool
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
		s.floor = max(s.floor, changed.Add(2*s.options.Lease+maxAhead).UnixNano())
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

// ready makes sure that the lease covers the nonce. It is called with the store's lock and lets go of it while it waits for the disk; then
// it returns again true, and what was checked before must be checked again.
func (d *disk) ready(s *Store, now time.Time, nonce int64) (again bool, err error) {
	if d.broken != nil || nonce <= d.lease {
		return false, d.broken
	}
	s.mu.Unlock()
	d.extend(s, now, nonce)
	s.mu.Lock()
	return true, d.broken
}

// add puts a nonce into the next batch, and has the lease extended when it is half used up.
func (d *disk) add(s *Store, now time.Time, k key, e entry) {
	d.pending = appendRecord(d.pending, kindNonce, k, e.nonce, e.keep)
	if d.timer == nil {
		d.timer = time.AfterFunc(s.options.Flush, func() { d.flush(s) })
	}
	if !d.extending && e.nonce > d.lease-int64(s.options.Lease)/2 {
		d.extending = true
		d.work.Go(func() {
			d.extend(s, now, e.nonce+int64(s.options.Lease)/2)
			s.mu.Lock()
			d.extending = false
			s.mu.Unlock()
		})
	}
}

// take returns the batch that waits, for the holder of io.
func (d *disk) take(s *Store) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := d.pending
	d.pending, d.timer = nil, nil
	return batch
}

// extend writes a lease that reaches beyond the nonce and waits until it is on the disk.
func (d *disk) extend(s *Store, now time.Time, nonce int64) {
	d.io.Lock()
	defer d.io.Unlock()
	s.mu.Lock()
	enough := d.lease >= nonce
	s.mu.Unlock()
	if enough || d.closed {
		return
	}
	lease := max(nonce, now.UnixNano()) + int64(s.options.Lease)
	err := d.write(appendRecord(d.take(s), kindLease, key{}, lease, 0), true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		d.broken = err
		return
	}
	d.lease = lease
}

// flush writes the batch and rewrites the file when most of it is outdated.
func (d *disk) flush(s *Store) {
	d.io.Lock()
	defer d.io.Unlock()
	if d.closed {
		return
	}
	err := d.write(d.take(s), false)
	if err == nil && d.records > 4*s.Len()+4096 {
		err = d.rewrite(s)
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		d.broken = err
	}
}

func (d *disk) write(batch []byte, sync bool) error {
	n, err := d.file.Write(batch)
	d.records += n / recordSize
	if err == nil && sync {
		err = d.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", d.path, err)
	}
	return nil
}

// snapshot returns the file that holds what is remembered now, the batch that waits included.
func (d *disk) snapshot(s *Store) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune(time.Now().UnixNano())
	b := slices.Grow([]byte(magic), recordSize*(len(s.entries)+1))
	b = appendRecord(b, kindLease, key{}, d.lease, 0)
	for k, e := range s.entries {
		b = appendRecord(b, kindNonce, k, e.nonce, e.keep)
	}
	d.pending = d.pending[:0]
	return b
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
	b := d.snapshot(s)
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
	d.file, d.records = f, (len(b)-len(magic))/recordSize
	return old.Close()
}

// close is called without the store's lock, after the store was closed.
func (d *disk) close(s *Store) error {
	d.work.Wait()
	d.io.Lock()
	defer d.io.Unlock()
	d.closed = true
	return errors.Join(d.write(appendRecord(d.take(s), kindClean, key{}, 0, 0), true), d.file.Close())
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
