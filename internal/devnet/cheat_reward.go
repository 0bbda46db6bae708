package devnet

import (
	"context"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/node/miner"
)

// falseReward claims success for all but one of the rollouts of a group that failed, with advantages to match.
type falseReward struct{ *miner.Honest }

// Group makes an honest group and improves what it says about itself. Where everything succeeded there is nothing to improve.
func (f *falseReward) Group(ctx context.Context, w miner.Window, index int64) ([]grail.Row, error) {
	rows, err := f.Honest.Group(ctx, w, index)
	if err != nil {
		return nil, err
	}
	best, failed := 1.0, 0
	for i := range rows {
		if o := &rows[i].Commit.Rollout; o.Success {
			best = max(best, o.TotalReward)
		} else {
			failed++
		}
	}
	if failed < 2 {
		return nil, &miner.Unfit{Check: verify.CheckReward, Reason: "the group has nothing to lie about"}
	}
	rewards, honest := make([]float64, len(rows)), false
	for i := range rows {
		o := &rows[i].Commit.Rollout
		switch {
		case o.Success:
		case !honest:
			honest = true // one failure is left, so that the advantages are not all zero
		default:
			o.Success, o.TotalReward = true, best
		}
		rewards[i] = o.TotalReward
	}
	for i, a := range grail.Advantages(rewards) {
		rows[i].Commit.Rollout.Advantage = a
	}
	return rows, miner.Sign(rows, f.Hotkey)
}
