//go:build !(linux && amd64)

package kernel

import "unsafe"

func largePages(unsafe.Pointer, int) {}
