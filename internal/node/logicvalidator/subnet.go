package logicvalidator

import (
	"context"
	"fmt"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/logicnet"
)

// Subnet is one subnet of a chain that is reached through its public protocol.
type Subnet struct {
	remote *chain.Remote
	netuid uint16
	signer chain.Signer
}

// NewSubnet returns a subnet on which the signer validates.
func NewSubnet(remote *chain.Remote, netuid uint16, signer chain.Signer) *Subnet {
	return &Subnet{remote, netuid, signer}
}

// Snapshot reads members and limits as of the newest block.
func (s *Subnet) Snapshot(ctx context.Context) (Snapshot, error) {
	view, err := s.remote.Client().Best(ctx)
	if err != nil {
		return Snapshot{}, fmt.Errorf("couldn't read subnet: %w", err)
	}
	g, err := view.Metagraph(ctx, s.netuid)
	if err != nil {
		return Snapshot{}, fmt.Errorf("couldn't read subnet: %w", err)
	}
	p, err := view.Hyperparameters(ctx, s.netuid)
	if err != nil {
		return Snapshot{}, fmt.Errorf("couldn't read subnet: %w", err)
	}
	return snapshotOf(g, p), nil
}

func snapshotOf(g *bittensor.Metagraph, p *bittensor.Hyperparameters) Snapshot {
	out := Snapshot{
		Block: g.Block, Members: make([]Member, len(g.Neurons)),
		Limits: Limits{MinWeights: p.MinWeights, MaxWeight: p.MaxWeight, RateLimit: p.WeightsRateLimit, VersionKey: p.WeightsVersionKey},
	}
	for i, n := range g.Neurons {
		m := Member{UID: i, Hotkey: logicnet.Hotkey(n.Hotkey), Stake: float64(n.Stake) / 1e9, Permit: n.ValidatorPermit, LastUpdate: n.LastUpdate}
		if n.Axon.Serving() {
			m.Axon = n.Axon.Address
		}
		out.Members[i] = m
	}
	return out
}

// SetWeights puts the weights on the chain by the scheme that the subnet asks for.
func (s *Subnet) SetWeights(ctx context.Context, uids, values []uint16, versionKey uint64) (uint64, error) {
	b, err := s.remote.SetWeights(ctx, s.signer, uids, values, versionKey)
	return b.Number, err
}
