package grail

import (
	"bytes"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
)

// BeaconRef is the beacon object of a commit, {"randomness": hex text}.
type BeaconRef struct {
	// Randomness is the hex text from which the coefficients are drawn, empty where there is no such text.
	Randomness string
	odd        *cpython.Value // the object as read when it is not of this form
}

// ParseBeacon reads the JSON text of commit.beacon, which may be any JSON value. The error wraps ErrJSON.
func ParseBeacon(text []byte) (BeaconRef, error) {
	v, err := cpython.ParseJSON(text, jsonLimits)
	if err != nil {
		return BeaconRef{}, fmt.Errorf("couldn't read beacon: %w: %w", ErrJSON, err)
	}
	return BeaconOf(v), nil
}

// BeaconOf makes a beacon reference of a JSON value that was read before.
func BeaconOf(v cpython.Value) BeaconRef {
	r, _ := v.Get("randomness")
	text, ok := r.Text()
	if ok && len(v.Members()) == 1 {
		return BeaconRef{Randomness: text}
	}
	return BeaconRef{Randomness: text, odd: &v}
}

// Text returns the randomness; ok is false when the object has none that is text.
func (b BeaconRef) Text() (randomness string, ok bool) {
	if b.odd == nil {
		return b.Randomness, true
	}
	r, _ := b.odd.Get("randomness")
	return r.Text()
}

// MemoryBytes estimates what the reference holds in memory, in bytes.
func (b BeaconRef) MemoryBytes() int64 {
	n := int64(len(b.Randomness))
	if b.odd != nil {
		n += b.odd.MemoryBytes()
	}
	return n
}

// Value returns the beacon as a JSON value.
func (b BeaconRef) Value() cpython.Value {
	if b.odd != nil {
		return *b.odd
	}
	return cpython.ObjectValue([]cpython.Member{{Key: "randomness", Value: cpython.StringValue(b.Randomness)}})
}

// AppendDefault appends the text as files hold it.
func (b BeaconRef) AppendDefault(dst []byte) []byte { return b.Value().AppendDefault(dst) }

// AppendCompactSorted appends the canonical text.
func (b BeaconRef) AppendCompactSorted(dst []byte) []byte { return b.Value().AppendCompactSorted(dst) }

// Equal reports whether both hold the same JSON value with keys in the same order.
func (b BeaconRef) Equal(other BeaconRef) bool {
	return bytes.Equal(b.AppendDefault(nil), other.AppendDefault(nil))
}
