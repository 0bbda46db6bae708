package grail

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrHex is the sentinel of text that is not hex where hex is due.
var ErrHex = errors.New("invalid hex text")

// CleanHex turns a randomness text into bytes (section 3.1): strip white space, delete every 0x and then every 0X anywhere, put a 0
// in front of an odd number of digits, decode. White space between pairs of digits is skipped, as Python's decoder does. Text of which
// nothing is left gives no bytes and no error; callers that cannot do without say so. The error wraps ErrHex.
func CleanHex(text string) ([]byte, error) {
	s := cpython.Strip(text)
	s = strings.ReplaceAll(s, "0x", "")
	s = strings.ReplaceAll(s, "0X", "")
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := decodeHex(s)
	if err != nil {
		return nil, fmt.Errorf("couldn't read randomness: %w", err)
	}
	return b, nil
}

// decodeHex is Python's bytes.fromhex: pairs of digits in either case, ASCII white space before, between and after pairs.
func decodeHex(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); {
		if isASCIISpace(s[i]) {
			i++
			continue
		}
		if i+1 == len(s) {
			return nil, fmt.Errorf("%w: a single digit at %d", ErrHex, i)
		}
		high, low := hexDigit(s[i]), hexDigit(s[i+1])
		if high < 0 {
			return nil, fmt.Errorf("%w: byte %q at %d", ErrHex, s[i], i)
		}
		if low < 0 {
			return nil, fmt.Errorf("%w: byte %q at %d", ErrHex, s[i+1], i+1)
		}
		out = append(out, byte(high<<4|low))
		i += 2
	}
	return out, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func isASCIISpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

// isHexText reports whether the text is one or more hex digits and nothing else: the form that the schema demands of
// commit.beacon.randomness (section 7.5).
func isHexText(s string) bool {
	for i := range len(s) {
		if hexDigit(s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
