//go:build !unix

package gguf

import (
	"io"
	"os"
)

// mapFile reads the file: this system has no mapping that the package knows.
func mapFile(f *os.File, size int64) ([]byte, func() error, error) {
	b, err := io.ReadAll(io.LimitReader(f, size))
	return b, func() error { return nil }, err
}
