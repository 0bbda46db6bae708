package grail

import (
	"errors"
	"fmt"
	"math"
)

// ErrDimension is the sentinel of hidden states whose size does not fit.
var ErrDimension = errors.New("unfit dimension of hidden states")

// MaxSketch is the largest magnitude of a sketch before the modulus: 16 activations, bucket 7, coefficient 127. An honest sketch is in
// [0, MaxSketch] or [Q-MaxSketch, Q).
const MaxSketch = TopK * 7 * 127

// The thresholds of the buckets: the smallest magnitude of each. They equal trunc(log2(|x|+1)·0.8) for every value that an f32, f16 or bf16
// can hold; no such value lies closer to a threshold than the rounding of the logarithm.
const (
	bucket1 = 1.378414230005442  // 2^1.25 - 1
	bucket2 = 4.656854249492381  // 2^2.5 - 1
	bucket3 = 12.454342644059432 // 2^3.75 - 1
	bucket4 = 31                 // 2^5 - 1
	bucket5 = 75.10925536017415  // 2^6.25 - 1
	bucket6 = 180.01933598375618 // 2^7.5 - 1
	bucket7 = 429.5389646099018  // 2^8.75 - 1
)

// Bucket returns the signed logarithmic bucket of an activation, -7..7 (section 3.4). NaN gives 0, infinities ±7. f16 and bf16 values widen
// to f32 exactly.
func Bucket(x float32) int32 {
	a := math.Abs(float64(x))
	var b int32
	switch {
	case a >= bucket4:
		switch {
		case a >= bucket7:
			b = 7
		case a >= bucket6:
			b = 6
		case a >= bucket5:
			b = 5
		default:
			b = 4
		}
	case a >= bucket3:
		b = 3
	case a >= bucket2:
		b = 2
	case a >= bucket1:
		b = 1
	}
	if x < 0 {
		return -b
	}
	return b
}

// Sketch returns the sketch in [0,Q) of one hidden state (section 3.5, 3.6): the buckets of its 16 largest magnitudes in the order of their
// places, times the coefficients. Of equal magnitudes at the boundary the one at the lowest place is taken, and NaN counts as larger
// than anything. Fewer than 16 dimensions are an error that wraps ErrDimension.
func Sketch(hidden []float32, r Coefficients) (int64, error) {
	if len(hidden) < TopK {
		return 0, fmt.Errorf("couldn't sketch: %w: %d, at least %d are needed", ErrDimension, len(hidden), TopK)
	}
	return sketch(hidden, &r), nil
}

// Sketches writes the sketch of each row of hidden, positions × dim in row-major order, into dst, which holds one place for each position.
// The errors wrap ErrDimension.
func Sketches(dst []int64, hidden []float32, dim int, r Coefficients) error {
	if dim < TopK {
		return fmt.Errorf("couldn't sketch: %w: %d, at least %d are needed", ErrDimension, dim, TopK)
	}
	if len(hidden)%dim != 0 || len(hidden)/dim != len(dst) {
		return fmt.Errorf("couldn't sketch: %w: %d values are not %d positions of %d", ErrDimension, len(hidden), len(dst), dim)
	}
	for i := range dst {
		dst[i] = sketch(hidden[i*dim:(i+1)*dim], &r)
	}
	return nil
}

func sketch(hidden []float32, r *Coefficients) int64 {
	top := topIndices(hidden)
	var s int32
	for i, j := range top {
		s += Bucket(hidden[j]) * r[i]
	}
	if s < 0 {
		return int64(s) + Q
	}
	return int64(s)
}

// topIndices returns the places of the 16 largest magnitudes in ascending order. It keeps the best so far, largest first and of equals the
// lowest place first, so that an element that is not strictly larger than the last never enters.
func topIndices(hidden []float32) [TopK]int {
	var keys [TopK]uint32
	var at [TopK]int
	insert := func(n int, key uint32, j int) { // into the n best, dropping the last if there are 16
		i := min(n, TopK-1)
		for i > 0 && keys[i-1] < key {
			keys[i], at[i] = keys[i-1], at[i-1]
			i--
		}
		keys[i], at[i] = key, j
	}
	for j, h := range hidden[:TopK] {
		insert(j, magnitude(h), j)
	}
	last := keys[TopK-1]
	for j, h := range hidden[TopK:] {
		if key := magnitude(h); key > last {
			insert(TopK, key, j+TopK)
			last = keys[TopK-1]
		}
	}
	for i := 1; i < TopK; i++ { // sort by place
		for k := i; k > 0 && at[k] < at[k-1]; k-- {
			at[k], at[k-1] = at[k-1], at[k]
		}
	}
	return at
}

// magnitude orders f32 values by their magnitude; all NaN are equal and above infinity.
func magnitude(h float32) uint32 {
	const nan = 0x7f800001
	return min(math.Float32bits(h)&0x7fffffff, nan)
}
