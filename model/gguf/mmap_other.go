//go:build !unix

package gguf

import (
	"io"
	"os"
)

// mapFile reads the file: this system has no mapping that the package knows.
func mapFile(f *os.File, size int64) (b []byte, mapped bool, unmap func() error, err error) {
	b, err = io.ReadAll(io.LimitReader(f, size))
	return b, false, func() error { return nil }, err
}

// forget does nothing: there are no mappings.
func forget(_, _ []byte) {}
