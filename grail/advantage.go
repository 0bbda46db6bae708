package grail

import (
	"math"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Advantages returns the group-normalised rewards (section 3.20): each reward less the mean, divided by the population standard deviation, which
// is at least 1e-8. The sums are compensated as CPython's are since 3.12, so that files of equal content are equal.
func Advantages(rewards []float64) []float64 {
	n := float64(len(rewards))
	mean := cpython.Sum(rewards) / n
	out := make([]float64, len(rewards))
	squares := make([]float64, len(rewards))
	for i, x := range rewards {
		out[i] = x - mean
		squares[i] = float64(out[i] * out[i])
	}
	sd := math.Sqrt(cpython.Sum(squares) / n)
	if sd < 1e-8 { // not for NaN, which Python's max keeps
		sd = 1e-8
	}
	for i := range out {
		out[i] /= sd
	}
	return out
}
