package chain_test

import (
	"context"
	"time"

	"github.com/nanteos/nanteos/bittensor/weights"
)

// weightsCommitment matches nothing on chain.
var weightsCommitment = weights.Commitment{Index: 1, UIDs: []uint16{0}, Values: []uint16{1}, Salt: []uint16{1}}

func exampleContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}
