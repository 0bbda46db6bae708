package nonce

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	alice = [32]byte{1}
	bob   = [32]byte{2}
)

func open(t testing.TB, path string, options Options) *Store {
	t.Helper()
	s, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func accept(t testing.TB, s *Store, hotkey [32]byte, endpoint string, nonce int64, want error) {
	t.Helper()
	if err := s.Accept(time.Now(), hotkey, endpoint, nonce, time.Minute); !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("nonce %d of %x at %q: %v, want %v", nonce, hotkey[0], endpoint, err, want)
	}
}

func TestOrder(t *testing.T) {
	stores := map[string]*Store{"memory": Memory(Options{}), "disk": open(t, filepath.Join(t.TempDir(), "n"), Options{})}
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			now := time.Now().UnixNano()
			if _, ok := s.Last(alice, "a"); ok {
				t.Error("a nonce is known before the first")
			}
			accept(t, s, alice, "a", now, nil)
			accept(t, s, alice, "a", now, ErrReplayed)
			accept(t, s, alice, "a", now-1, ErrReplayed)
			if err := s.Check(alice, "a", now); !errors.Is(err, ErrReplayed) {
				t.Errorf("Check: %v", err)
			}
			if err := s.Check(alice, "a", now+1); err != nil {
				t.Errorf("Check: %v", err)
			}
			accept(t, s, alice, "a", now+1, nil)
			accept(t, s, alice, "b", now, nil)
			accept(t, s, bob, "a", now, nil)
			if n, ok := s.Last(alice, "a"); !ok || n != now+1 || s.Len() != 3 {
				t.Errorf("last %d, %d entries", n, s.Len())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			accept(t, s, bob, "c", now, ErrClosed)
			if err := s.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
		})
	}
}

func TestCleanRestartRemembersExactly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	now := time.Now().UnixNano()
	s := open(t, path, Options{})
	accept(t, s, alice, "a", now, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if s.Floor() != 0 || s.Len() != 1 {
		t.Errorf("floor %d, %d entries", s.Floor(), s.Len())
	}
	accept(t, s, alice, "a", now, ErrReplayed)
	accept(t, s, alice, "a", now+1, nil)
	accept(t, s, bob, "a", now-5, nil) // older than alice's, and never seen
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestCrashRefusesReplays stops at every length that the file had, also within a record, with and without the last batch: nothing that
// was accepted is accepted again, and newer requests are.
func TestCrashRefusesReplays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "n")
	s := open(t, path, Options{Flush: time.Hour})
	now := time.Now().UnixNano()
	var accepted []int64
	var file []byte
	for i := range int64(12) {
		n := now + i*int64(time.Second)
		accept(t, s, [32]byte{byte(i % 3)}, fmt.Sprint("e", i%2), n, nil)
		accepted = append(accepted, n)
		if i == 5 {
			s.disk.flush(s)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < len(file) {
			t.Fatal("the file shrank")
		}
		file = b
		crashed(t, dir, b, accepted)
	}
	// The lease that covers the last nonces is on the disk before they are accepted. Where even it is torn off, the file is older than that.
	for cut := len(file); cut >= 0; cut -= 7 {
		s := reopen(t, dir, file[:cut])
		if cut < len(file) && cut%recordSize != len(magic)%recordSize && cut > len(magic) && s.Floor() < time.Now().Add(time.Second).UnixNano() {
			t.Errorf("cut at %d: floor %d is not ahead of the time of the crash", cut, s.Floor())
		}
	}
}

func reopen(t *testing.T, dir string, file []byte) *Store {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("crashed-%d", time.Now().UnixNano()))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path, Options{})
}

func crashed(t *testing.T, dir string, file []byte, accepted []int64) {
	t.Helper()
	s := reopen(t, dir, file)
	last := accepted[len(accepted)-1]
	for i, n := range accepted {
		accept(t, s, [32]byte{byte(i % 3)}, fmt.Sprint("e", i%2), n, ErrReplayed)
	}
	accept(t, s, alice, "new endpoint", last, ErrReplayed) // whoever sends it: it may be what was lost
	accept(t, s, alice, "new endpoint", last+int64(20*time.Second), nil)
}

func TestDamageRefusesMore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "n")
	s := open(t, path, Options{})
	now := time.Now().UnixNano()
	for i := range int64(5) {
		accept(t, s, alice, fmt.Sprint(i), now+i, nil)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(magic); at < len(good); at += 13 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 0x10
		s := reopen(t, dir, bad)
		for i := range int64(5) {
			accept(t, s, alice, fmt.Sprint(i), now+i, ErrReplayed)
		}
	}
	for _, other := range []string{"something else", "nanteos nonces 2\n", magic[:3] + "x"} {
		file := filepath.Join(dir, "other")
		if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, Options{}); !errors.Is(err, ErrFile) {
			t.Errorf("%q: %v", other, err)
		}
		if b, _ := os.ReadFile(file); string(b) != other {
			t.Errorf("%q was overwritten", other)
		}
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a folder opens")
	}
	if _, err := Open(filepath.Join(dir, "no", "such", "folder"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	s := open(t, path, Options{})
	if _, err := Open(path, Options{}); !errors.Is(err, errInUse) {
		t.Errorf("second opening: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, Options{})
}

func TestBoundsAndPruning(t *testing.T) {
	s := Memory(Options{MaxEntries: 6, MaxPerHotkey: 4})
	now := time.Unix(1_800_000_000, 0)
	put := func(hotkey [32]byte, endpoint int, at time.Time, want error) {
		t.Helper()
		if err := s.Accept(at, hotkey, fmt.Sprint(endpoint), at.UnixNano(), time.Minute); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("endpoint %d: %v, want %v", endpoint, err, want)
		}
	}
	for i := range 4 {
		put(alice, i, now, nil)
	}
	put(alice, 4, now.Add(1), ErrFull)
	put(alice, 3, now.Add(2), nil) // a known endpoint needs no room
	put(bob, 0, now.Add(3), nil)
	put(bob, 1, now.Add(4), nil)
	put(bob, 2, now.Add(5), ErrFull) // the bound on all
	put([32]byte{3}, 0, now.Add(6), ErrFull)
	later := now.Add(time.Minute + time.Second)
	put(bob, 2, later, nil)
	if s.Len() != 1 {
		t.Errorf("%d entries after all expired but one", s.Len())
	}
	if s.perHotkey[alice] != 0 || s.perHotkey[bob] != 1 {
		t.Errorf("counts %v", s.perHotkey)
	}
	if err := s.Accept(later, alice, "for ever", 5, math.MaxInt64); err != nil {
		t.Error(err)
	}
	put(bob, 9, later.Add(1000*time.Hour), nil)
	if _, ok := s.Last(alice, "for ever"); !ok {
		t.Error("what is kept for ever was pruned")
	}
}

func TestFileStaysBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	s := open(t, path, Options{Flush: time.Hour, Lease: time.Hour})
	now := time.Now().UnixNano()
	largest := int64(0)
	for i := range int64(20000) {
		accept(t, s, alice, "one", now+i, nil)
		if i%500 == 0 {
			s.disk.flush(s)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, info.Size())
		}
	}
	if largest > (4096+600)*recordSize {
		t.Errorf("the file grew to %d bytes for one endpoint", largest)
	}
	accept(t, s, alice, "one", now+19999, ErrReplayed)
}

func TestConcurrentReplays(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "n"), Options{Flush: time.Millisecond})
	now := time.Now().UnixNano()
	var taken atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range int64(200) {
				if s.Accept(time.Now(), alice, fmt.Sprint(i%10), now+i, time.Minute) == nil {
					taken.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := taken.Load(); n > 200 || n < 10 {
		t.Errorf("%d of 200 nonces accepted", n)
	}
}

func TestFullDiskFailsClosed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "n"), Options{})
	_ = s.disk.file.Close() // writing fails from now on
	if err := s.Accept(time.Now(), alice, "a", time.Now().UnixNano(), time.Minute); err == nil {
		t.Error("a nonce was accepted that no disk remembers")
	}
	if s.Len() != 0 {
		t.Error("it is remembered")
	}
}

func FuzzParse(f *testing.F) {
	b := appendRecord([]byte(magic), kindLease, key{}, 100, 0)
	b = appendRecord(b, kindNonce, keyOf(alice, "a"), 50, int64(time.Minute))
	f.Add(b)
	f.Add(appendRecord(b, kindClean, key{}, 0, 0))
	f.Add([]byte(magic[:5]))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, file []byte) {
		// Give every other record its checksum, or hardly one would be read.
		for at := len(magic); at+recordSize <= len(file) && file[at+1]%2 == 0; at += recordSize {
			binary.BigEndian.PutUint32(file[at+60:], crc32.Checksum(file[at:at+60], castagnoli))
		}
		c, err := parse(file)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Fatal(err)
			}
			return
		}
		if len(c.entries) > len(file)/recordSize {
			t.Errorf("%d entries of %d bytes", len(c.entries), len(file))
		}
		for _, e := range c.entries {
			if e.nonce > c.highest && e.nonce > 0 {
				t.Error("a nonce is above the highest")
			}
		}
		if c.clean && c.torn && len(file) > len(magic) && len(file)%recordSize != len(magic)%recordSize {
			t.Error("torn and clean")
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "n"), Options{})
	now := time.Now()
	i := int64(0)
	for b.Loop() {
		i++
		if err := s.Accept(now, alice, "a", now.UnixNano()+i, time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
