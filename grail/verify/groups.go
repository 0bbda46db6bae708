package verify

import (
	"fmt"
	"math"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// Reasons of the group rules (section 7.14), in a report after "group:".
const (
	ReasonGroupRows      = "rows"
	ReasonAdvantageSum   = "advantage_sum"
	ReasonAdvantageValue = "advantage_value"
	ReasonGroupNaN       = "not_a_number"
)

// GroupVerdict is the outcome of the rules of one group.
type GroupVerdict struct {
	Group int64  `json:"group"`
	OK    bool   `json:"ok"`
	Name  string `json:"name,omitempty"`   // which rule failed
	Cause string `json:"reason,omitempty"` // in plain words
}

// CheckGroup checks the advantages of one group against the rewards that its rows claim. rewards and advantages are in row order.
func CheckGroup(r grail.Rules, group int64, rewards, advantages []float64) GroupVerdict {
	no := func(name, format string, args ...any) GroupVerdict {
		return GroupVerdict{Group: group, Name: name, Cause: fmt.Sprintf("group %d: ", group) + fmt.Sprintf(format, args...)}
	}
	if len(advantages) != r.GroupSize || len(rewards) != r.GroupSize {
		return no(ReasonGroupRows, "%d rows instead of %d", len(advantages), r.GroupSize)
	}
	if r.RefuseNaN {
		for i := range advantages {
			if math.IsNaN(advantages[i]) || math.IsNaN(rewards[i]) {
				return no(ReasonGroupNaN, "reward or advantage of row %d is not a number", i)
			}
		}
	}
	// Where RefuseNaN is set, a figure that no comparison holds for fails: one infinite reward, which the soft check lets pass, would make
	// every recomputed advantage NaN and any claim good.
	beyond := func(x, limit float64) bool { return x > limit || r.RefuseNaN && math.IsNaN(x) }
	if sum := cpython.Sum(advantages); beyond(math.Abs(sum), r.AdvantageSumTolerance) {
		return no(ReasonAdvantageSum, "advantages add up to %.6g, at most %.6g is allowed", sum, r.AdvantageSumTolerance)
	}
	for i, want := range grail.Advantages(rewards) {
		if diff := math.Abs(advantages[i] - want); beyond(diff, r.AdvantageTolerance) {
			return no(ReasonAdvantageValue, "the advantage of row %d is %.6g, its rewards give %.6g", i, advantages[i], want)
		}
	}
	return GroupVerdict{Group: group, OK: true}
}
