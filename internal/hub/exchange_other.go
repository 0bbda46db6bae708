//go:build !linux

package hub

import "errors"

// exchange swaps two folders in one step, which this system is not asked to.
func exchange(_, _ string) error { return errors.ErrUnsupported }
