package logicnet

import "math/rand/v2"

// Rand is the randomness that a validator draws batches with. Nobody should be able to foresee it: seed it from the operating system, or
// from a secret in tests that must repeat. The interpreter's own generator (internal/cpython.Rand) is one too.
type Rand interface {
	// Below returns a uniform integer in [0, n), and 0 for n ≤ 1.
	Below(n int) int
	// Float64 returns a uniform number in [0, 1).
	Float64() float64
}

// NewRand returns a Rand that gives the same draws for the same seed (ChaCha8). It is not safe for use by several goroutines.
func NewRand(seed [32]byte) Rand { return chacha{rand.New(rand.NewChaCha8(seed))} }

type chacha struct{ *rand.Rand }

func (c chacha) Below(n int) int {
	if n <= 1 {
		return 0
	}
	return c.IntN(n)
}
