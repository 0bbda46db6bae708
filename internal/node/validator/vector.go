package validator

import (
	"math"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/internal/chain"
)

// Vector is a decision on weights.
type Vector struct {
	// Interval is the interval of blocks that the weights are for, Window the last one that they look at, Block the newest block when they
	// were decided.
	Interval int64 `json:"interval"`
	Window   int64 `json:"window"`
	Block    int64 `json:"block"`
	// UIDs and Values go on chain: those above zero, scaled so that the largest is 65535.
	UIDs   []uint16 `json:"uids"`
	Values []uint16 `json:"values"`
	// Shares are the same as computed, by UID, adding up to 1.
	Shares map[int]float64 `json:"shares"`
}

// NewVector scales weights for the chain as Bittensor's SDK does: divided by the largest, times 65535, rounded half to even, zeros dropped.
// Without any weight above zero it is empty, which must not be sent.
func NewVector(scores []score.Score) Vector {
	v := Vector{Shares: map[int]float64{}}
	largest := 0.0
	for _, s := range scores {
		if s.Weight > largest && s.UID >= 0 && s.UID <= math.MaxUint16 {
			largest = s.Weight
		}
	}
	for _, s := range scores {
		if !(s.Weight > 0) || s.UID < 0 || s.UID > math.MaxUint16 {
			continue
		}
		v.Shares[s.UID] = s.Weight
		if n := math.RoundToEven(float64(s.Weight/largest) * math.MaxUint16); n > 0 {
			v.UIDs, v.Values = append(v.UIDs, uint16(s.UID)), append(v.Values, uint16(n))
		}
	}
	return v
}

// OnChain says that the weights are these.
func (v Vector) OnChain(weights []chain.Weight) bool {
	want := make(map[uint16]uint16, len(v.UIDs))
	for i, uid := range v.UIDs {
		want[uid] = v.Values[i]
	}
	for _, w := range weights {
		if w.Value == 0 {
			continue
		}
		if want[w.UID] != w.Value {
			return false
		}
		delete(want, w.UID)
	}
	return len(want) == 0
}
