package logicnet

import (
	"errors"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/bittensor/weights"
)

// ErrNoScores says that no miner has a score, so that there is nothing to set weights by. Keep those on the chain.
var ErrNoScores = errors.New("no miner has a score")

// VersionKey is the version that the reference sends with its weights. Section 7.4.
const VersionKey = 1060

// Score returns a miner's score in [0, 1]: the sum of its values by Rules.History, so that missing rounds count as 0. Miners of another
// category and expired ones have 0. Section 7.4.
func (r Rules) Score(m Miner) float64 {
	if !r.earns(m) {
		return 0
	}
	var sum float64
	for _, s := range r.lastScores(m.Scores) {
		sum += s
	}
	return clamp(sum/float64(r.History), 0, 1)
}

// Scores returns the scores of all miners by uid, scaled to the sum 1 in float32 as the reference does. All are zero when nobody has one.
// Section 7.4.
func (r Rules) Scores(miners []Miner) []float64 {
	scores := make([]float32, len(miners))
	for i, m := range miners {
		scores[i] = float32(r.Score(m))
	}
	out := make([]float64, len(miners))
	for range 2 { // for the category, and once more for the sum over categories
		total := pairwise(scores)
		for i := range scores {
			if total > 0 {
				scores[i] /= total
			}
			out[i] = float64(scores[i])
		}
	}
	return out
}

// ChainWeights turns scores by uid into what is set on the chain. Of limits only MinAllowed and MaxWeight (a share, MaxWeightsLimit/65535)
// are used. shares are the processed weights of the uids that have one, with the sum 1; uids16 and values are those in the chain's 16 bits,
// without zeros.
//
// Scores that are negative or not finite are an error that wraps weights.ErrWeights; nobody having a score is ErrNoScores unless the rules
// say EqualWhenNone. Section 7.4.
func (r Rules) ChainWeights(scores []float64, limits weights.Rules) (ChainWeights, error) {
	uids := make([]uint16, len(scores))
	var sum float64
	for i, s := range scores {
		if i >= maxNeurons {
			return ChainWeights{}, fmt.Errorf("%w: %d scores, there are %d uids", weights.ErrWeights, len(scores), maxNeurons)
		}
		uids[i] = uint16(i)
		sum += s
	}
	if sum == 0 && !r.EqualWhenNone {
		return ChainWeights{}, ErrNoScores
	}
	limits.Neurons = len(scores)
	limits.ExcludeQuantile = 0
	if !(limits.MaxWeight > 0) || math.IsInf(limits.MaxWeight, 1) {
		limits.MaxWeight = 1
	}
	var w ChainWeights
	var err error
	if w.Processed, w.Shares, err = limits.Process(uids, scores); err != nil {
		return ChainWeights{}, fmt.Errorf("couldn't process weights: %w", err)
	}
	if w.UIDs, w.Values, err = weights.Normalize(w.Processed, w.Shares, weights.SDK10); err != nil {
		return ChainWeights{}, fmt.Errorf("couldn't normalise weights: %w", err)
	}
	return w, nil
}

// ChainWeights are weights on their way to the chain.
type ChainWeights struct {
	// Processed are the uids that have a weight after the subnet's limits, Shares the weights, with the sum 1.
	Processed []uint16
	Shares    []float64
	// UIDs and Values are what is submitted.
	UIDs, Values []uint16
}
