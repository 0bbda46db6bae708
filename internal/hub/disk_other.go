//go:build !linux && !darwin && !freebsd

package hub

import (
	"fmt"
	"os"
)

// freeBytes is not known here.
func freeBytes(string) (uint64, bool) { return 0, false }

func isFull(error) bool { return false }

// lockFile opens the file of the lock. Here the system offers no lock that ends with the process, so two pulls into one folder are not
// noticed; what they leave is still held against its checksums.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open lock: %w", err)
	}
	return f, nil
}
