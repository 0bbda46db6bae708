//go:build unix

package wallet

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipe refuses a pipe at once instead of waiting for somebody to write into it.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := Open(t.Context(), pipe, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("pipe: %v", err)
	}
}
