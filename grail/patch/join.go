package patch

import "unsafe"

// join gives a and b as one slice if b begins in memory where a ends, as neighbours in a mapped file do. The slice is only for
// reading while the caller holds a and b: if they are two allocations that happen to touch, it keeps only the first alive, and the
// race detector's pointer check, which forbids such slices, is off here.
//
//go:nocheckptr
func join(a, b []byte) (both []byte, ok bool) {
	switch {
	case len(b) == 0:
		return a, true
	case len(a) == 0:
		return b, true
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(a)))+uintptr(len(a)) != uintptr(unsafe.Pointer(unsafe.SliceData(b))) {
		return nil, false
	}
	return unsafe.Slice(unsafe.SliceData(a), len(a)+len(b)), true
}

// same says whether two slices begin at the same byte.
func same(a, b []byte) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }
