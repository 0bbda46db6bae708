//go:build !unix

package devnet

// peakMemory is not known here.
func peakMemory() int64 { return 0 }
