package grail

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
)

// ErrJSON is the sentinel of JSON text in a rollout that cannot be read.
var ErrJSON = errors.New("unreadable JSON")

// Commitments is the list of sketches of a rollout, one object {"sketch": integer} for each token. What a file holds may be any JSON
// value: the regular form is kept as integers, anything else as it was read, because its hash covers every detail.
type Commitments struct {
	sketches []int64
}

// NewCommitments makes commitments of sketches; it keeps the slice.
func NewCommitments(sketches []int64) Commitments { return Commitments{sketches: sketches} }

// ParseCommitments reads the JSON text of commit.commitments. The error wraps ErrJSON.
func ParseCommitments(text []byte) (Commitments, error) {
	if s, ok := parseRegular(text); ok {
		return Commitments{sketches: s}, nil
	}
	return Commitments{}, fmt.Errorf("couldn't read commitments: %w", ErrJSON)
}

// Len returns the number of commitments.
func (c Commitments) Len() int { return len(c.sketches) }

// Sketch returns the sketch of position i; ok is false where there is none that is an integer of 64 bits.
func (c Commitments) Sketch(i int) (v int64, ok bool) {
	if i < 0 || i >= len(c.sketches) {
		return 0, false
	}
	return c.sketches[i], true
}

// Hash returns the SHA-256 of the canonical text (section 3.13).
func (c Commitments) Hash() [32]byte { return sha256.Sum256(c.AppendCompactSorted(nil)) }

// AppendCompactSorted appends the canonical text: sorted keys, no spaces.
func (c Commitments) AppendCompactSorted(dst []byte) []byte { return c.appendText(dst, `{"sketch":`, ",") }

// AppendDefault appends the text as files hold it: one space after colons and commas.
func (c Commitments) AppendDefault(dst []byte) []byte { return c.appendText(dst, `{"sketch": `, ", ") }

func (c Commitments) appendText(dst []byte, open, sep string) []byte {
	dst = append(dst, '[')
	for i, s := range c.sketches {
		if i > 0 {
			dst = append(dst, sep...)
		}
		dst = append(dst, open...)
		dst = strconv.AppendInt(dst, s, 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
