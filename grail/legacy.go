package grail

import (
	"encoding/binary"
	"fmt"
	"math"
)

// LegacyVector returns the coefficient vector of proof versions before v4: d signed 32-bit integers (section 3.21). It shares its label with
// NewCoefficients. No rollout uses it; it is here so that nobody mistakes it for the protocol. The errors wrap ErrPosition, ErrHex or,
// above 16384, ErrPRF.
func LegacyVector(randomness string, d int) ([]int32, error) {
	if d < 1 || d > 100000 {
		return nil, fmt.Errorf("couldn't draw legacy vector: %w: dimension %d", ErrPosition, d)
	}
	clean, err := CleanHex(randomness)
	if err != nil {
		return nil, fmt.Errorf("couldn't draw legacy vector: %w", err)
	}
	if len(clean) == 0 {
		return nil, fmt.Errorf("couldn't draw legacy vector: %w: the randomness is empty", ErrHex)
	}
	raw, err := PRF(labelSketch, 4*d, clean)
	if err != nil {
		return nil, fmt.Errorf("couldn't draw legacy vector: %w", err)
	}
	v := make([]int32, d)
	for i := range v {
		v[i] = int32(binary.BigEndian.Uint32(raw[4*i:]))
	}
	return v, nil
}

// LegacyDot returns the sketch of proof versions before v4: hidden values times 1024 rounded half to even, their product with r in f32,
// truncated, modulo Q. The reference's f32 sum has no defined order, so the last units differ. It uses the shorter of both lengths.
func LegacyDot(hidden []float32, r []int32) int64 {
	var sum float32
	for i := range min(len(hidden), len(r)) {
		h := float32(math.RoundToEven(float64(hidden[i] * 1024)))
		sum += float32(h * float32(r[i]))
	}
	if f := float64(sum); !(math.Abs(f) < 1<<63) { // NaN and infinities too
		return 0
	}
	return floorMod(int64(sum), Q)
}
