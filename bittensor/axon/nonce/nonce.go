// Package nonce remembers which signed requests were accepted, so that none is accepted twice, also after a restart.
//
// A caller numbers its requests with the time in nanoseconds, and for each caller and endpoint (the uuid that a client chose when it
// started) every nonce must be larger than the one before. The verifier also refuses nonces that are older than a window. Together these
// let the memory be small: an entry that is older than the window can go, because what it would refuse is too old by then.
//
// # On disk
//
// A [Store] with a path appends what it accepts to a file of fixed records with checksums, in batches, without making the caller wait.
// What a crash loses of the last batch is covered by a lease: a record, written and synced in advance, that promises that no nonce above it
// was accepted. A store that was not closed comes back with everything up to the lease refused, for every caller; one that was closed
// remembers each caller exactly. So a replay is refused after kill -9 and after a power cut, at the price of refusing, after such an end,
// what was signed before and during the first seconds of the new run.
//
// Entries are pruned when they expire, their number is bounded in all and for each hotkey, and the file is rewritten when most of it is
// outdated. When the bound is reached, or the disk refuses a lease, requests are refused.
package nonce

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrReplayed is the sentinel of a nonce that is not larger than the last one of its caller and endpoint.
	ErrReplayed = errors.New("nonce is too old, a newer one was last processed")
	// ErrFull is the sentinel of a caller with too many endpoints, or of too many entries in all, until some expire.
	ErrFull = errors.New("too many endpoints are remembered")
	// ErrClosed is the sentinel of using a store after Close.
	ErrClosed = errors.New("the nonce store is closed")
)

// Options bound a store. A zero field stands for its default.
type Options struct {
	MaxEntries   int           // in all; default 65,536, which take about 8 MiB
	MaxPerHotkey int           // endpoints of one hotkey; default 4,096
	Lease        time.Duration // how far ahead a lease reaches; default 3 s
	Flush        time.Duration // how long accepted nonces wait for being written; default 250 ms
}

func (o Options) withDefaults() Options {
	if o.MaxEntries <= 0 {
		o.MaxEntries = 1 << 16
	}
	if o.MaxPerHotkey <= 0 {
		o.MaxPerHotkey = 1 << 12
	}
	if o.Lease <= 0 {
		o.Lease = 3 * time.Second
	}
	if o.Flush <= 0 {
		o.Flush = 250 * time.Millisecond
	}
	return o
}

// key names a caller's endpoint. The endpoint is a text of the caller's choice, hence the digest.
type key struct {
	hotkey   [32]byte
	endpoint [16]byte
}

func keyOf(hotkey [32]byte, endpoint string) key {
	sum := sha256.Sum256([]byte(endpoint))
	return key{hotkey, [16]byte(sum[:16])}
}

// entry is the last nonce of an endpoint and how long, in nanoseconds after it, it must be remembered.
type entry struct {
	nonce, keep int64
}

func (e entry) expired(now int64) bool { return e.nonce < now-e.keep }

// Store remembers nonces. It is safe for use by several goroutines.
type Store struct {
	options Options

	mu        sync.Mutex
	entries   map[key]entry
	perHotkey map[[32]byte]int
	floor     int64 // nonces up to here are refused whoever sends them
	swept     int64
	closed    bool
	disk      *disk // nil for a store in memory
}

// Memory returns a store without a file: a restart forgets what it holds.
func Memory(options Options) *Store {
	return &Store{options: options.withDefaults(), entries: make(map[key]entry), perHotkey: make(map[[32]byte]int)}
}

// Last returns the last accepted nonce of a caller's endpoint; ok is false when none is remembered.
func (s *Store) Last(hotkey [32]byte, endpoint string) (nonce int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[keyOf(hotkey, endpoint)]
	return e.nonce, ok
}

// Len returns the number of endpoints that are remembered.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// Floor returns the nonce up to which everything is refused since the store was opened; 0 when the last run closed it.
func (s *Store) Floor() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.floor
}

// Check says whether Accept would refuse the nonce as replayed. It changes nothing, so that it can run before the signature is verified.
func (s *Store) Check(hotkey [32]byte, endpoint string, nonce int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.check(keyOf(hotkey, endpoint), nonce)
}

func (s *Store) check(k key, nonce int64) error {
	if s.closed {
		return ErrClosed
	}
	if e, ok := s.entries[k]; nonce <= s.floor || ok && nonce <= e.nonce {
		return ErrReplayed
	}
	return nil
}

// Accept remembers a nonce whose signature was verified, or refuses it: of several requests with one nonce, one is accepted. It must be
// remembered until keep has passed after the time that the nonce says; from then on the caller of Accept refuses it as too old.
//
// Errors wrap ErrReplayed, ErrFull, ErrClosed, or say that the file could not be written.
func (s *Store) Accept(now time.Time, hotkey [32]byte, endpoint string, nonce int64, keep time.Duration) error {
	k := keyOf(hotkey, endpoint)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.check(k, nonce); err != nil {
			return fmt.Errorf("couldn't accept nonce: %w", err)
		}
		if err := s.makeRoom(k, now.UnixNano()); err != nil {
			return fmt.Errorf("couldn't accept nonce: %w", err)
		}
		if s.disk == nil {
			break
		}
		again, err := s.disk.ready(s, now, nonce)
		if err != nil {
			return fmt.Errorf("couldn't accept nonce: %w", err)
		}
		if !again {
			break
		}
	}
	e := entry{nonce, int64(keep)}
	s.put(k, e)
	if s.disk != nil {
		s.disk.add(s, now, k, e)
	}
	return nil
}

func (s *Store) put(k key, e entry) {
	if _, ok := s.entries[k]; !ok {
		s.perHotkey[k.hotkey]++
	}
	s.entries[k] = e
}

// makeRoom prunes when the bounds are reached or enough time has passed, and refuses a new endpoint that still has no room.
func (s *Store) makeRoom(k key, now int64) error {
	_, known := s.entries[k]
	full := func() bool {
		return !known && (len(s.entries) >= s.options.MaxEntries || s.perHotkey[k.hotkey] >= s.options.MaxPerHotkey)
	}
	every := int64(time.Minute)
	if full() {
		every = int64(time.Second)
	}
	if now-s.swept >= every || now < s.swept {
		s.prune(now)
	}
	if full() {
		return ErrFull
	}
	return nil
}

func (s *Store) prune(now int64) {
	s.swept = now
	for k, e := range s.entries {
		if e.expired(now) {
			s.remove(k)
		}
	}
}

func (s *Store) remove(k key) {
	delete(s.entries, k)
	if s.perHotkey[k.hotkey]--; s.perHotkey[k.hotkey] <= 0 {
		delete(s.perHotkey, k.hotkey)
	}
}

// Close writes and syncs what is remembered and says in the file that nothing was lost. Later calls do nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	if !closed && s.disk != nil && s.disk.timer != nil {
		s.disk.timer.Stop()
	}
	s.mu.Unlock()
	if closed || s.disk == nil {
		return nil
	}
	if err := s.disk.close(s); err != nil {
		return fmt.Errorf("couldn't close nonce store: %w", err)
	}
	return nil
}
