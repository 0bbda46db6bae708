//go:build unix

package gguf

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

// forget drops the pages of part of a mapping. The first and the last page may hold neighbours, which then are read from the file again.
func forget(b []byte) {
	if len(b) == 0 {
		return
	}
	before := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(os.Getpagesize()))
	start := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -before)), before+len(b))
	_ = unix.Madvise(start, unix.MADV_DONTNEED) // only a hint
}
