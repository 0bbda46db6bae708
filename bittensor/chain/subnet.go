package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/weights"
)

// subtensor is the pallet of nearly everything.
const subtensor = "SubtensorModule"

// UID returns the uid of a hotkey in a subnet. Errors: ErrNotRegistered.
func (v *View) UID(ctx context.Context, netuid uint16, hotkey Account) (uint16, error) {
	var uid uint16
	err := v.Storage(ctx, &uid, subtensor, "Uids", netuid, hotkey)
	if errors.Is(err, metadata.ErrAbsent) {
		return 0, v.failed("find uid", fmt.Errorf("%w (netuid %d)", ErrNotRegistered, netuid))
	}
	return uid, err
}

// RegistrationCost returns what burned registration costs now, in rao.
func (v *View) RegistrationCost(ctx context.Context, netuid uint16) (uint64, error) {
	var burn uint64
	err := v.Storage(ctx, &burn, subtensor, "Burn", netuid)
	return burn, err
}

// Balance is an account's money in rao, and its nonce.
type Balance struct {
	Nonce                  uint32
	Free, Reserved, Frozen uint64
}

// Balance reads an account. One that the chain doesn't know has nothing.
func (v *View) Balance(ctx context.Context, account Account) (Balance, error) {
	var a struct {
		Nonce uint32
		Data  struct{ Free, Reserved, Frozen uint64 }
	}
	err := v.Storage(ctx, &a, "System", "Account", account)
	return Balance{a.Nonce, a.Data.Free, a.Data.Reserved, a.Data.Frozen}, err
}

// Alpha returns the alpha staked on a hotkey in a subnet, in rao. What counts for weights also has TAO in it: Neuron.Stake.
func (v *View) Alpha(ctx context.Context, hotkey Account, netuid uint16) (uint64, error) {
	var n uint64
	err := v.Storage(ctx, &n, subtensor, "TotalHotkeyAlpha", hotkey, netuid)
	return n, err
}

// ValidatorPermits returns by uid who may set weights for others.
func (v *View) ValidatorPermits(ctx context.Context, netuid uint16) ([]bool, error) {
	var list []bool
	err := v.Storage(ctx, &list, subtensor, "ValidatorPermit", netuid)
	return list, err
}

// LastUpdates returns by uid in which block weights were last set or committed.
func (v *View) LastUpdates(ctx context.Context, netuid uint16, mechanism uint8) ([]uint64, error) {
	var list []uint64
	err := v.Storage(ctx, &list, subtensor, "LastUpdate", weights.StorageIndex(netuid, mechanism))
	return list, err
}

// Weight is one of a validator's weights as they are stored: the largest is 65,535.
type Weight struct{ UID, Value uint16 }

// WeightsOf returns the weights that a uid has set, empty if none.
func (v *View) WeightsOf(ctx context.Context, netuid uint16, mechanism uint8, uid uint16) ([]Weight, error) {
	var list []Weight
	err := v.Storage(ctx, &list, subtensor, "Weights", weights.StorageIndex(netuid, mechanism), uid)
	return list, err
}

// Axon returns where a hotkey serves; the zero Axon if nowhere.
func (v *View) Axon(ctx context.Context, netuid uint16, hotkey Account) (Axon, error) {
	var a axonInfo
	err := v.Storage(ctx, &a, subtensor, "Axons", netuid, hotkey)
	if errors.Is(err, metadata.ErrAbsent) {
		return Axon{}, nil
	}
	return a.axon(), err
}

// Hyperparameters are a subnet's settings, as far as they decide whether a miner's or validator's transaction is taken.
type Hyperparameters struct {
	Neurons, MaxUIDs uint16
	Tempo            uint16
	ImmunityPeriod   uint16
	// MinWeights is the least number of weights (or all neurons, if these are fewer), MaxWeight the largest share of one in 1/65535.
	MinWeights, MaxWeight uint16
	// WeightsRateLimit and ServingRateLimit are the least number of blocks between two changes; 0 is no limit for serving.
	WeightsRateLimit, ServingRateLimit uint64
	WeightsVersionKey                  uint64
	ActivityCutoff                     uint16
	BlocksSinceLastStep                uint64
	// Burn is the price of registration in rao.
	Burn                uint64
	RegistrationAllowed bool
	// CommitReveal: weights are taken only by commit, in the CommitRevealVersion, and are revealed RevealPeriod epochs later.
	CommitReveal        bool
	CommitRevealVersion uint16
	RevealPeriod        uint64
	Mechanisms          uint8
	// StakeThreshold is the stake in rao that setting weights takes.
	StakeThreshold uint64
}

// Hyperparameters reads a subnet's settings in one request. Errors: ErrNoSubnet.
func (v *View) Hyperparameters(ctx context.Context, netuid uint16) (*Hyperparameters, error) {
	h := &Hyperparameters{Mechanisms: 1, RevealPeriod: 1}
	var there bool
	key := []any{netuid}
	of := func(out any, name string) Item { return Item{Out: out, Pallet: subtensor, Name: name, Keys: key} }
	may := func(i Item) Item { i.Optional = true; return i }
	err := v.Read(ctx,
		of(&there, "NetworksAdded"), of(&h.Neurons, "SubnetworkN"), of(&h.MaxUIDs, "MaxAllowedUids"), of(&h.Tempo, "Tempo"),
		of(&h.ImmunityPeriod, "ImmunityPeriod"), of(&h.MinWeights, "MinAllowedWeights"), may(of(&h.MaxWeight, "MaxWeightsLimit")),
		of(&h.WeightsRateLimit, "WeightsSetRateLimit"), of(&h.ServingRateLimit, "ServingRateLimit"),
		of(&h.WeightsVersionKey, "WeightsVersionKey"), may(of(&h.ActivityCutoff, "ActivityCutoff")),
		may(of(&h.BlocksSinceLastStep, "BlocksSinceLastStep")), of(&h.Burn, "Burn"),
		may(of(&h.RegistrationAllowed, "NetworkRegistrationAllowed")), may(of(&h.CommitReveal, "CommitRevealWeightsEnabled")),
		may(of(&h.RevealPeriod, "RevealPeriodEpochs")), may(of(&h.Mechanisms, "MechanismCountCurrent")),
		Item{Out: &h.CommitRevealVersion, Pallet: subtensor, Name: "CommitRevealWeightsVersion", Optional: true},
		Item{Out: &h.StakeThreshold, Pallet: subtensor, Name: "StakeThreshold", Optional: true},
	)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, v.failed("read hyperparameters", fmt.Errorf("netuid %d: %w", netuid, ErrNoSubnet))
	}
	return h, nil
}

// Epochs reads the state from which a subnet's epochs are foreseen (section 10).
func (v *View) Epochs(ctx context.Context, netuid uint16) (weights.Epochs, error) {
	e := weights.Epochs{Head: v.Header.Number, NetUID: netuid, RevealPeriod: 1, Stateful: v.Runtime.Has(subtensor, "SubnetEpochIndex")}
	key := []any{netuid}
	items := []Item{
		{Out: &e.Tempo, Pallet: subtensor, Name: "Tempo", Keys: key},
		{Out: &e.RevealPeriod, Pallet: subtensor, Name: "RevealPeriodEpochs", Keys: key, Optional: true},
	}
	if e.Stateful {
		items = append(items,
			Item{Out: &e.LastEpoch, Pallet: subtensor, Name: "LastEpochBlock", Keys: key},
			Item{Out: &e.PendingAt, Pallet: subtensor, Name: "PendingEpochAt", Keys: key},
			Item{Out: &e.Index, Pallet: subtensor, Name: "SubnetEpochIndex", Keys: key},
			Item{Out: &e.SinceStep, Pallet: subtensor, Name: "BlocksSinceLastStep", Keys: key})
	}
	return e, v.Read(ctx, items...)
}
