package grail

import (
	"encoding/binary"
	"fmt"
)

// TopK is the number of activations that a sketch takes of a hidden state, and so the number of coefficients.
const TopK = 16

// Coefficients is the vector r that the buckets of a sketch are multiplied with, each in -127..127.
type Coefficients [TopK]int32

// NewCoefficients draws the coefficients from a randomness text (section 3.3). Empty text is accepted. The error wraps ErrHex.
func NewCoefficients(randomness string) (Coefficients, error) {
	v, err := coefficients(randomness, TopK)
	if err != nil {
		return Coefficients{}, fmt.Errorf("couldn't draw coefficients: %w", err)
	}
	return Coefficients(v), nil
}

// coefficients draws k coefficients: signed 16-bit words, their magnitude modulo 255 shifted to -127..127. The magnitude of -32768
// overflows in the reference and gives 0 instead of 1.
func coefficients(randomness string, k int) ([]int32, error) {
	clean, err := CleanHex(randomness)
	if err != nil {
		return nil, err
	}
	raw, err := PRF(labelSketch, 2*k, clean)
	if err != nil {
		return nil, err
	}
	r := make([]int32, k)
	for i := range r {
		v := int32(int16(binary.BigEndian.Uint16(raw[2*i:])))
		switch {
		case v == -32768:
			r[i] = 0
		case v < 0:
			r[i] = -v%255 - 127
		default:
			r[i] = v%255 - 127
		}
	}
	return r, nil
}
