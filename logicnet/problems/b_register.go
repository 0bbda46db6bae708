package problems

import "slices"

// generatorsB returns the generators with ids 66 to 132. Id 110, stationary_points, is not among them: its answers are written by a
// computer algebra system.
func generatorsB() []*Generator {
	return slices.Concat(lengths(), solids(), progressions(), conversions(), divisors(), powers(), lines(), vectors(), polynomials(),
		samples(), everyday())
}
