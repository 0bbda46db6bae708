//go:build unix

package gguf

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the file read-only, or reads it where the file system can't map.
func mapFile(f *os.File, size int64) ([]byte, func() error, error) {
	if size == 0 {
		return nil, func() error { return nil }, nil
	}
	if int64(int(size)) == size {
		if b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err == nil {
			return b, func() error { return unix.Munmap(b) }, nil
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, size))
	return b, func() error { return nil }, err
}
