package grail

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrJSON is the sentinel of JSON text in a rollout that cannot be read.
var ErrJSON = errors.New("unreadable JSON")

// jsonLimits bounds the JSON texts of one rollout. The longest honest one has about 25 bytes and 3 values for each of at most some
// ten thousand tokens. A value takes up to 130 bytes while it is read, so one text takes 70 MB at most.
var jsonLimits = cpython.Limits{MaxBytes: 32 << 20, MaxDepth: 64, MaxValues: 1 << 19}

// Commitments is the list of sketches of a rollout, one object {"sketch": integer} for each token. What a file holds may be any JSON
// value: the regular form is kept as integers, anything else as it was read, because its hash covers every detail.
type Commitments struct {
	sketches []int64
	odd      *cpython.Value // nil for the regular form
}

// NewCommitments makes commitments of sketches; it keeps the slice.
func NewCommitments(sketches []int64) Commitments { return Commitments{sketches: sketches} }

// ParseCommitments reads the JSON text of commit.commitments, which may be any JSON value. The error wraps ErrJSON.
func ParseCommitments(text []byte) (Commitments, error) {
	if s, ok := parseRegular(text); ok {
		return Commitments{sketches: s}, nil
	}
	v, err := cpython.ParseJSON(text, jsonLimits)
	if err != nil {
		return Commitments{}, fmt.Errorf("couldn't read commitments: %w: %w", ErrJSON, err)
	}
	return CommitmentsOf(v), nil
}

// CommitmentsOf makes commitments of a JSON value that was read before.
func CommitmentsOf(v cpython.Value) Commitments {
	if v.Kind() == cpython.Array {
		sketches := make([]int64, 0, v.Len())
		for _, e := range v.Elements() {
			n, ok := regularEntry(e)
			if !ok {
				return Commitments{odd: &v}
			}
			sketches = append(sketches, n)
		}
		return Commitments{sketches: sketches}
	}
	return Commitments{odd: &v}
}

// regularEntry returns the sketch of an object that has nothing but one of 64 bits.
func regularEntry(e cpython.Value) (int64, bool) {
	m := e.Members()
	if len(m) != 1 || m[0].Key != "sketch" {
		return 0, false
	}
	return m[0].Value.Int64()
}

// Regular reports whether every entry is an object with nothing but an integer sketch of 64 bits.
func (c Commitments) Regular() bool { return c.odd == nil }

// MemoryBytes estimates what the commitments hold in memory, in bytes. Irregular ones may hold many times the length of their text.
func (c Commitments) MemoryBytes() int64 {
	if c.odd != nil {
		return c.odd.MemoryBytes()
	}
	return 8 * int64(len(c.sketches))
}

// Objects reports whether the commitments are a list of objects, which is all that the schema asks for.
func (c Commitments) Objects() bool {
	if c.odd == nil {
		return true
	}
	if c.odd.Kind() != cpython.Array {
		return false
	}
	for _, e := range c.odd.Elements() {
		if e.Kind() != cpython.Object {
			return false
		}
	}
	return true
}

// Len returns the number of commitments, 0 when they are no list.
func (c Commitments) Len() int {
	if c.odd != nil {
		return len(c.odd.Elements())
	}
	return len(c.sketches)
}

// Sketch returns the sketch of position i; ok is false where there is none that is an integer of 64 bits.
func (c Commitments) Sketch(i int) (v int64, ok bool) {
	if i < 0 || i >= c.Len() {
		return 0, false
	}
	if c.odd == nil {
		return c.sketches[i], true
	}
	s, ok := c.odd.Elements()[i].Get("sketch")
	if !ok {
		return 0, false
	}
	return s.Int64()
}

// Number returns the value of "sketch" at position i whatever it is. The error wraps ErrSketch where the position has no such entry.
func (c Commitments) Number(i int) (cpython.Value, error) {
	if i < 0 || i >= c.Len() {
		return cpython.Value{}, fmt.Errorf("couldn't find sketch: %w: position %d of %d", ErrSketch, i, c.Len())
	}
	if c.odd == nil {
		return cpython.IntValue(c.sketches[i]), nil
	}
	s, ok := c.odd.Elements()[i].Get("sketch")
	if !ok {
		return cpython.Value{}, fmt.Errorf("couldn't find sketch: %w: position %d holds none", ErrSketch, i)
	}
	return s, nil
}

// Value returns the commitments as a JSON value.
func (c Commitments) Value() cpython.Value {
	if c.odd != nil {
		return *c.odd
	}
	list := make([]cpython.Value, len(c.sketches))
	for i, s := range c.sketches {
		list[i] = cpython.ObjectValue([]cpython.Member{{Key: "sketch", Value: cpython.IntValue(s)}})
	}
	return cpython.ArrayValue(list)
}

// Hash returns the SHA-256 of the canonical text (section 3.13).
func (c Commitments) Hash() [32]byte {
	return sha256.Sum256(c.AppendCompactSorted(make([]byte, 0, 2+22*len(c.sketches))))
}

// AppendCompactSorted appends the canonical text: sorted keys, no spaces.
func (c Commitments) AppendCompactSorted(dst []byte) []byte {
	if c.odd != nil {
		return c.odd.AppendCompactSorted(dst)
	}
	return c.appendText(dst, `{"sketch":`, ",")
}

// AppendDefault appends the text as files hold it: one space after colons and commas.
func (c Commitments) AppendDefault(dst []byte) []byte {
	if c.odd != nil {
		return c.odd.AppendDefault(dst)
	}
	return c.appendText(dst, `{"sketch": `, ", ")
}

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

// Equal reports whether both hold the same JSON value with keys in the same order.
func (c Commitments) Equal(other Commitments) bool {
	return bytes.Equal(c.AppendDefault(nil), other.AppendDefault(nil))
}
