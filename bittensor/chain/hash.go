package chain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Hash is a block's or a transaction's: 32 bytes of blake2b-256.
type Hash [32]byte

// String returns 0x and 64 hex digits.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// IsZero reports whether h is the zero hash, which stands for "none given".
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the hash as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String writes.
func (h *Hash) UnmarshalText(b []byte) error {
	p, err := ParseHash(string(b))
	if err == nil {
		*h = p
	}
	return err
}

// ParseHash reads 64 hex digits, with or without 0x.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("couldn't read hash %.80q: want 64 hex digits", s)
	}
	copy(h[:], b)
	return h, nil
}

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }

// fromHex decodes a JSON text of hex digits; ok is false for null.
func fromHex(raw json.RawMessage) (b []byte, ok bool, err error) {
	if string(raw) == "null" {
		return nil, false, nil
	}
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return nil, false, fmt.Errorf("%w: hex text expected", ErrAnswer)
	}
	digits := raw[1 : len(raw)-1]
	if len(digits) >= 2 && digits[0] == '0' && digits[1] == 'x' {
		digits = digits[2:]
	}
	b = make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(b, digits); err != nil {
		return nil, false, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	return b, true, nil
}

// hashFrom decodes a JSON text of a hash; null gives the zero hash.
func hashFrom(raw json.RawMessage) (Hash, error) {
	var h Hash
	b, ok, err := fromHex(raw)
	if err != nil || !ok {
		return h, err
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("%w: hash of %d bytes", ErrAnswer, len(b))
	}
	copy(h[:], b)
	return h, nil
}

// blockNumber reads a header's number: hex text of any width (section 2).
type blockNumber uint64

func (n *blockNumber) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	digits, isHex := strings.CutPrefix(s, "0x")
	base := 10
	if isHex {
		base = 16
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return fmt.Errorf("%w: block number %.40q", ErrAnswer, s)
	}
	*n = blockNumber(v)
	return nil
}
