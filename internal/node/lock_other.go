//go:build !unix

package node

import (
	"fmt"
	"os"
)

// Lock opens the file of the lock. Here the system offers no lock that ends with the process, so two processes on one folder are only
// noticed by the locks of their databases.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open lock: %w", err)
	}
	return f, nil
}
