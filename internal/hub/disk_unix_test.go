//go:build linux || darwin || freebsd

package hub

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWriteError tells a full disk from other failures.
func TestWriteError(t *testing.T) {
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT} {
		err := writeError(&fs.PathError{Op: "write", Path: "x", Err: full})
		var h interface{ Hint() string }
		if !errors.Is(err, ErrSpace) || !errors.Is(err, full) || !errors.As(err, &h) || !strings.Contains(h.Hint(), "--out") {
			t.Errorf("%v: %v", full, err)
		}
	}
	if err := writeError(unix.EIO); errors.Is(err, ErrSpace) || !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
}

// TestLock is exclusive between openings, and given back.
func TestLock(t *testing.T) {
	target := filepath.Join(t.TempDir(), "m")
	s, err := openStaging(target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStaging(target); !errors.Is(err, ErrBusy) {
		t.Errorf("twice: %v", err)
	}
	s.close()
	if s, err = openStaging(target); err != nil {
		t.Fatal(err)
	}
	if err := s.remove(); err != nil {
		t.Fatal(err)
	}
	if s, err = openStaging(target); err != nil {
		t.Fatal(err)
	}
	if err := s.remove(); err != nil {
		t.Fatal(err)
	}
}
