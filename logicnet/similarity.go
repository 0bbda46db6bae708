package logicnet

import (
	"errors"
	"fmt"
	"math"
)

// ErrEmbedding is the sentinel of vectors that cannot be compared.
var ErrEmbedding = errors.New("embeddings cannot be compared")

// cosineFloor keeps the denominator of a cosine from zero. Section 7.2.
const cosineFloor = 1e-8

// Cosine returns the cosine of two vectors, a·b / max(|a|·|b|, 1e-8), in [-1, 1] but for rounding; of a zero vector it is 0. Vectors of
// different or no length, and with values that are not finite, are errors that wrap ErrEmbedding. Section 7.2.
func Cosine(a, b []float32) (float64, error) {
	if len(a) != len(b) || len(a) == 0 {
		return 0, fmt.Errorf("%w: they have %d and %d numbers", ErrEmbedding, len(a), len(b))
	}
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot += float64(x * y)
		aa += float64(x * x)
		bb += float64(y * y)
	}
	cos := dot / max(math.Sqrt(aa)*math.Sqrt(bb), cosineFloor)
	if math.IsNaN(cos) || math.IsInf(cos, 0) {
		return 0, fmt.Errorf("%w: they have numbers that are not finite", ErrEmbedding)
	}
	return cos, nil
}

// Similarities compares the embeddings of a batch's reasonings with that of the validator's own. A nil embedding is one that failed.
//
// When the validator's own fails everybody has FailedSimilarity. When a miner's fails everybody has it under FailTogether; otherwise that
// miner has 0 and nobody else is concerned. Section 7.2.
func (r Rules) Similarities(own []float32, reasonings [][]float32) []float64 {
	out := make([]float64, len(reasonings))
	failed := !usable(own)
	for i, e := range reasonings {
		cos, err := Cosine(own, e)
		if err != nil {
			failed = failed || r.FailTogether
			cos = 0
		}
		if out[i] = cos; !r.KeepNaN {
			out[i] = clamp(cos, -1, 1)
		}
	}
	if failed {
		for i := range out {
			out[i] = r.FailedSimilarity
		}
	}
	return out
}

func usable(own []float32) bool {
	_, err := Cosine(own, own)
	return err == nil
}
