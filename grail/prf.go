package grail

import (
	"crypto/sha3"
	"errors"
	"fmt"
)

// ErrPRF is the sentinel of an output length that the PRF does not give.
var ErrPRF = errors.New("invalid PRF length")

// maxPRF is the longest output of the PRF in bytes.
const maxPRF = 65536

// The labels that separate the uses of the PRF.
const (
	labelSketch = "sketch"
	labelOpen   = "open"
)

// PRF returns n bytes of SHAKE256(label ‖ "||" ‖ part ‖ "||" ‖ … ‖ part), section 3.2. The separator follows the label also when there are no
// parts, and never the last part. Parts are not prefixed with their lengths, so different splits can collide.
// n outside 0..65536 is an error that wraps ErrPRF.
func PRF(label string, n int, parts ...[]byte) ([]byte, error) {
	if n < 0 || n > maxPRF {
		return nil, fmt.Errorf("couldn't expand %s: %w: %d bytes, must be 0 to %d", label, ErrPRF, n, maxPRF)
	}
	h := sha3.NewSHAKE256()
	_, _ = h.Write([]byte(label))
	_, _ = h.Write([]byte("||"))
	for i, p := range parts {
		if i > 0 {
			_, _ = h.Write([]byte("||"))
		}
		_, _ = h.Write(p)
	}
	out := make([]byte, n)
	_, _ = h.Read(out)
	return out, nil
}
