package devnet

import (
	"context"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node/miner"
)

// zeroSketch proves nothing: all its sketches are 0. So does who takes tokens from a faster engine that shows no hidden states.
type zeroSketch struct{ *miner.Honest }

// Group makes an honest group and wipes the sketches.
func (z *zeroSketch) Group(ctx context.Context, w miner.Window, index int64) ([]grail.Row, error) {
	rows, err := z.Honest.Group(ctx, w, index)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Commit.Commitments = grail.NewCommitments(make([]int64, len(rows[i].Commit.Tokens)))
	}
	return rows, miner.Sign(rows, z.Hotkey)
}
