//go:build unix

package devnet

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an exclusive lock that the system gives back when the process ends, however it ends. It fails with ErrInUse.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = WithHint(fmt.Errorf("couldn't lock %s: %w by another devnet", path, ErrInUse), "stop that one, or name another folder for --data")
	default:
		err = fmt.Errorf("couldn't lock %s: %w", path, err)
	}
	return nil, errors.Join(err, f.Close())
}
