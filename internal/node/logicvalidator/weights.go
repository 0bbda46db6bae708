package logicvalidator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// weightPatience bounds putting weights on the chain: a commit may wait for blocks.
const weightPatience = 3 * time.Minute

// due says whether it is time to set weights: WeightBlocks after the last ones, and never sooner than the chain takes them.
func (v *Validator) due(s Snapshot) bool {
	last := s.Members[v.uid].LastUpdate
	wait := max(uint64(max(v.cfg.Rules.WeightBlocks, 0)), s.Limits.RateLimit)
	return s.Block > last && s.Block-last > wait
}

// setWeights puts the scores on the chain when it is time. Whether they got there the chain tells: what is uncertain is looked up with the next round.
func (v *Validator) setWeights(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, weightPatience)
	defer cancel()
	s, err := v.snapshot(ctx)
	if err != nil {
		return err
	}
	if v.cfg.DisableWeights || !v.due(s) {
		return nil
	}
	w, err := v.weights(s)
	if errors.Is(err, logicnet.ErrNoScores) {
		return nil // those on the chain stay
	}
	if err != nil {
		return err
	}
	block, err := v.cfg.Chain.SetWeights(ctx, w.UIDs, w.Values, v.cfg.VersionKey)
	switch {
	case errors.Is(err, chain.ErrRateLimited), errors.Is(err, chain.ErrUnknownOutcome):
		return fmt.Errorf("couldn't set weights yet: %w", err)
	case err != nil:
		return fmt.Errorf("couldn't set weights: %w", err)
	}
	shares := make(map[int]float64, len(w.Processed))
	for i, uid := range w.Processed {
		shares[int(uid)] = w.Shares[i]
	}
	v.emit(status.Event{Kind: status.Weights, Window: v.round.number, Block: int64(block), Weights: shares})
	return nil
}

// weights are what would be set now. What the chain would refuse is an error.
func (v *Validator) weights(s Snapshot) (logicnet.ChainWeights, error) {
	if s.Limits.VersionKey > v.cfg.VersionKey {
		return logicnet.ChainWeights{}, fmt.Errorf("couldn't set weights: %w: the subnet wants %d, this program has %d", chain.ErrVersionKey, s.Limits.VersionKey, v.cfg.VersionKey)
	}
	v.mu.Lock()
	scores := v.cfg.Rules.Scores(v.table.Miners())
	v.mu.Unlock()
	if n := len(s.Members); len(scores) != n { // the subnet grew or shrank since the round began
		sized := make([]float64, n)
		copy(sized, scores)
		scores = sized
	}
	limits := weights.Rules{MinAllowed: int(s.Limits.MinWeights), MaxWeight: float64(s.Limits.MaxWeight) / math.MaxUint16}
	w, err := v.cfg.Rules.ChainWeights(scores, limits)
	if err != nil {
		return w, err
	}
	if len(w.UIDs) == 0 {
		return w, logicnet.ErrNoScores
	}
	check := weights.Limits{Neurons: uint16(len(s.Members)), MinAllowed: s.Limits.MinWeights, MaxWeight: s.Limits.MaxWeight, Own: uint16(v.uid)}
	if err := check.Check(w.UIDs, w.Values); err != nil {
		return w, fmt.Errorf("couldn't set weights: %w", err)
	}
	return w, nil
}
