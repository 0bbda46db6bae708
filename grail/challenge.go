package grail

import (
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ChallengeIndices returns the k of n positions that are opened, ascending (section 3.11): drawn from SHAKE over the hash of the whole token list
// and the challenge randomness, by CPython's sample where k < n/10 and by its shuffle otherwise. Errors wrap ErrPosition (k not in
// 1..n, no tokens) or ErrHex (randomness that is empty or no hex).
func ChallengeIndices[T Integer](tokens []T, randomness string, n, k int) ([]int, error) {
	if len(tokens) == 0 || k <= 0 || k > n {
		return nil, fmt.Errorf("couldn't draw challenge: %w: %d of %d positions over %d tokens", ErrPosition, k, n, len(tokens))
	}
	seed, err := challengeSeed(HashTokens(tokens), randomness)
	if err != nil {
		return nil, err
	}
	rand := cpython.NewRandFromBytes(seed)
	var picked []int
	if float64(k) < float64(0.1*float64(n)) {
		picked = rand.Sample(n, k)
	} else {
		picked = make([]int, n)
		for i := range picked {
			picked[i] = i
		}
		rand.Shuffle(n, func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
		picked = picked[:k:k]
	}
	slices.Sort(picked)
	return picked, nil
}

// ChallengeIndicesInRange returns k positions of [start,end), or all when there are fewer. An empty range gives none. Errors wrap
// ErrPosition (start negative, end before start, no tokens) or ErrHex.
func ChallengeIndicesInRange[T Integer](tokens []T, randomness string, start, end, k int) ([]int, error) {
	if start < 0 || end < start {
		return nil, fmt.Errorf("couldn't draw challenge: %w: range %d to %d", ErrPosition, start, end)
	}
	if start == end {
		return []int{}, nil
	}
	picked, err := ChallengeIndices(tokens, randomness, end-start, min(k, end-start))
	if err != nil {
		return nil, err
	}
	for i := range picked {
		picked[i] += start
	}
	return picked, nil
}

// challengeSeed returns the 32 bytes that seed the generator.
func challengeSeed(tokens [32]byte, randomness string) ([]byte, error) {
	clean, err := CleanHex(randomness)
	if err != nil {
		return nil, fmt.Errorf("couldn't draw challenge: %w", err)
	}
	if len(clean) == 0 {
		return nil, fmt.Errorf("couldn't draw challenge: %w: the randomness is empty", ErrHex)
	}
	return PRF(labelOpen, 32, tokens[:], clean)
}
