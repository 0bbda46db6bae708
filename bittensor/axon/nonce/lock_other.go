//go:build !unix

package nonce

import "os"

// lockFile does nothing where files cannot be locked: see to it that one process uses the store.
func lockFile(*os.File) error { return nil }
