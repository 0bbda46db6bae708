//go:build unix

package safetensors

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile maps the file read-only, or reads it where the file system can't map.
func mapFile(f *os.File, size int64) (b []byte, mapped bool, unmap func() error, err error) {
	if size == 0 {
		return nil, false, func() error { return nil }, nil
	}
	if int64(int(size)) == size {
		if b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err == nil {
			return b, true, func() error { return unix.Munmap(b) }, nil
		}
	}
	b, err = io.ReadAll(io.LimitReader(f, size))
	return b, false, func() error { return nil }, err
}

// around is the memory that a fault brings in, aligned to its size, on Linux.
const around = 64 << 10

// forget drops the pages of part of a mapping and those that came with them. Neighbours that are in use are read from the file again.
func forget(mapping, part []byte) {
	if len(part) == 0 {
		return
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(mapping)))
	start := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	end := start + uintptr(len(part))
	from := max(start&^(around-1), base)
	to := min((end+around-1)&^(around-1), base+uintptr(len(mapping)))
	_ = unix.Madvise(mapping[from-base:to-base], unix.MADV_DONTNEED) // only a hint
}
