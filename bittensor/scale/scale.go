// Package scale reads and writes SCALE, the "Simple Concatenated Aggregate Little-Endian" encoding of Substrate chains such as
// Bittensor's.
//
// SCALE carries no types: whoever reads must know what comes next. The rules are few:
//
//   - whole numbers of fixed size are little-endian; a bool is 00 or 01;
//   - a compact number is a whole number in as few bytes as it needs: the two low bits of the first byte say how many follow. 00: one byte,
//     up to 63; 01: two bytes, up to 16,383; 10: four bytes, up to 2^30-1; 11: the upper six bits plus 4 count the bytes that follow;
//   - a vector is a compact count and its items; bytes and text are vectors of bytes; an array or a tuple is its items alone;
//   - an option is 00, or 01 and the value; an enum is an index byte and the fields of that variant;
//   - what holds nothing, such as (), encodes to nothing.
//
// Reader takes such values off a byte slice. Its errors stick: after the first one every call returns zero, so a whole structure can be
// read before Err is asked once. It is made for foreign bytes: a count is checked against the bytes that remain before anything
// is allocated for it. Writer appends values to a byte slice.
//
// Which types a chain uses is told by its metadata: see package metadata, which decodes by them.
//
// Specified in "Talking to the Bittensor chain", section 3.
package scale

import (
	"errors"
	"fmt"
)

// Errors of a Reader, all wrapped with the offset at which they were met.
var (
	// ErrShort says that the input ended within a value, or that it claims more items than it could hold.
	ErrShort = errors.New("input ends within a value")
	// ErrTrailing says that bytes remain after a whole value.
	ErrTrailing = errors.New("bytes remain after the value")
	// ErrInvalid says that the bytes are no value of the type: a bool that is neither 0 nor 1, text that is not UTF-8.
	ErrInvalid = errors.New("not a value of this type")
	// ErrRange says that a compact number does not fit the type that it was read as.
	ErrRange = errors.New("number out of range")
	// ErrCanonical says that a compact number takes more bytes than it needs. A decoder may accept it, but its hash differs from that
	// of the number written again.
	ErrCanonical = errors.New("compact number is longer than it needs to be")
)

// wrap adds the place to a sentinel.
func wrap(err error, offset int, what string) error {
	return fmt.Errorf("couldn't read %s at byte %d: %w", what, offset, err)
}
