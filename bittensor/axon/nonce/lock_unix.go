//go:build unix

package nonce

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the file's lock without waiting; the lock goes with the file's last descriptor.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
