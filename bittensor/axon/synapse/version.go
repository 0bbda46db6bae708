package synapse

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is the integer under which an SDK version travels: major·1 000 000 + minor·1 000 + patch; 9.0.0 is 9000000. Other parts, such as
// release candidates, are errors.
func Version(text string) (int64, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return 0, fmt.Errorf("couldn't read version %q: want major.minor.patch", text)
	}
	var n int64
	for _, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("couldn't read version %q: want major.minor.patch of digits", text)
		}
		n = n*1000 + int64(v)
	}
	return n, nil
}

// Versions of the SDK that matter on the wire.
const (
	Version720  = 7_002_000  // from here on nonces are nanoseconds and must be fresh
	Version1020 = 10_002_000 // the generation that this package speaks
)
