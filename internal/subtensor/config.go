package subtensor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Config describes a node.
type Config struct {
	// Path is the SQLite file; empty keeps the chain in memory. The folder must exist.
	Path string
	// Genesis is where a new chain starts. An existing file must have been started from the same one (its Time is not compared).
	Genesis Genesis
	// BlockTime is the time between blocks, at least a millisecond; clients read it as the constant Aura.SlotDuration. With 0 no block
	// comes by itself: call Produce.
	BlockTime time.Duration
	// FinalityLag is by how many blocks the finalized head trails the best one: 2 when zero, none when negative.
	FinalityLag int
	// StateBlocks is for how many blocks storage stays readable, 512 when zero. Older reads are refused with "State already discarded".
	StateBlocks int
	// PoolLimit bounds the transactions that wait, 1024 when zero.
	PoolLimit int
	// Now is the clock, time.Now when nil. Waiting is by the time package.
	Now func() time.Time
	// ChainName is the answer to system_chain, "Bittensor" when empty, which is what finney says.
	ChainName string
	// Drand is the beacon whose pulses the chain stores. The zero value is a test beacon with a key made from Genesis.Name, whose
	// public key is in the storage item Drand.BeaconConfig.
	Drand Drand
	// Log gets what goes wrong in the background, slog.Default when nil.
	Log *slog.Logger
}

// Genesis is the state before the first block.
type Genesis struct {
	// Name sets networks apart that are otherwise alike.
	Name string `json:"name"`
	// Time is the time of block 0; the time of creation when zero.
	Time time.Time `json:"-"`
	// StatefulEpochs gives the chain the epoch schedule of the runtimes of 2026: LastEpochBlock, PendingEpochAt and SubnetEpochIndex, which
	// the recorded metadata does not have, are added to it, and an epoch lasts Tempo blocks. SDK 11 needs it to set weights. Without it
	// epochs follow from the block number, as with the recorded runtime.
	StatefulEpochs bool `json:"stateful_epochs"`
	// Subnets are those besides the root network 0, which always exists and is empty.
	Subnets []Subnet `json:"subnets"`
	// Balances are rao by ss58 address. A coldkey needs some to register a hotkey.
	Balances map[string]uint64 `json:"balances"`
}

// Subnet is one subnet at genesis.
type Subnet struct {
	NetUID uint16 `json:"netuid"`
	Name   string `json:"name"`
	Symbol string `json:"symbol"`
	// Owner and OwnerHotkey are ss58 addresses; the zero account when empty.
	Owner       string `json:"owner"`
	OwnerHotkey string `json:"owner_hotkey"`
	// Params are the subnet's rules, DefaultHyperparameters where the zero value stands.
	Params Hyperparameters `json:"params"`
	// Neurons get the UIDs 0, 1, …
	Neurons []Neuron `json:"neurons"`
}

// Neuron is registered from the start.
type Neuron struct {
	Hotkey string `json:"hotkey"`
	// Coldkey is the hotkey itself when empty.
	Coldkey string `json:"coldkey"`
	// Stake is in rao of the subnet's alpha.
	Stake uint64 `json:"stake"`
	// Permit gives a validator permit until the first epoch, whatever the stake. From then on the stake decides.
	Permit bool `json:"permit"`
}

// Hyperparameters are a subnet's rules. Names and meanings are Bittensor's.
type Hyperparameters struct {
	// Tempo is the number of blocks in an epoch (with Genesis.StatefulEpochs), or that less one: with netuid u an epoch ends with each
	// block b in which b+u+1 leaves the remainder Tempo when divided by Tempo+1.
	Tempo uint16 `json:"tempo"`
	// WeightsRateLimit is how many blocks must lie between two settings of weights by one neuron.
	WeightsRateLimit uint64 `json:"weights_rate_limit"`
	// WeightsVersion is the least version key accepted with weights; 0 accepts any.
	WeightsVersion uint64 `json:"weights_version"`
	// MinAllowedWeights is how many weights a setting must hold at least (or one for each UID where there are fewer).
	MinAllowedWeights uint16 `json:"min_allowed_weights"`
	// MaxWeightsLimit bounds the share of one weight, in 65535ths; 65535 is no limit.
	MaxWeightsLimit uint16 `json:"max_weights_limit"`
	// MaxValidators is how many neurons can hold a permit: those with the most stake.
	MaxValidators uint16 `json:"max_validators"`
	// StakeThreshold is the least stake, in rao, for a permit and for setting weights. The chain has one for all subnets: the first
	// subnet's counts.
	StakeThreshold uint64 `json:"stake_threshold"`
	// ActivityCutoff is after how many blocks without new weights a validator's weights stop counting.
	ActivityCutoff uint16 `json:"activity_cutoff"`
	// ImmunityPeriod is for how many blocks after registration a neuron cannot be replaced.
	ImmunityPeriod uint16 `json:"immunity_period"`
	// MaxUIDs is the number of places.
	MaxUIDs uint16 `json:"max_uids"`
	// Kappa is the share of stake, in 65535ths, that must agree on a weight before it counts in full.
	Kappa uint16 `json:"kappa"`
	// CommitmentSpace is how many bytes a neuron may commit in one epoch, a commitment counting at least 100; one for all subnets.
	CommitmentSpace uint32 `json:"commitment_space"`
	// Emission is the rao added in an epoch to the stakes, half by incentive and half by dividends.
	Emission uint64 `json:"emission"`
	// ServingRateLimit is how many blocks must lie between two announcements of an axon; 0 for none.
	ServingRateLimit uint64 `json:"serving_rate_limit"`
	// CommitReveal makes validators commit weights first; set_weights is refused then.
	CommitReveal bool `json:"commit_reveal"`
	// RevealPeriod is after how many epochs committed weights are revealed.
	RevealPeriod uint64 `json:"reveal_period"`
	// Burn is the price of a registration in rao.
	Burn uint64 `json:"burn"`
	// NoRegistration closes the subnet to new neurons.
	NoRegistration bool `json:"no_registration"`
	// MaxRegistrations bounds the registrations in one block; three times as many may come in an interval of 100 blocks.
	MaxRegistrations uint16 `json:"max_registrations"`
}

// DefaultHyperparameters returns what a subnet of the public chain starts with, as far as the node knows it, but with weights set
// directly and without emission.
func DefaultHyperparameters() Hyperparameters {
	return Hyperparameters{
		Tempo:             360,
		WeightsRateLimit:  100,
		MinAllowedWeights: 1,
		MaxWeightsLimit:   65535,
		MaxValidators:     64,
		StakeThreshold:    1_000_000_000,
		ActivityCutoff:    5000,
		ImmunityPeriod:    4096,
		MaxUIDs:           256,
		Kappa:             32767,
		CommitmentSpace:   3100,
		ServingRateLimit:  50,
		RevealPeriod:      1,
		Burn:              100_000_000,
		MaxRegistrations:  1,
	}
}

// Validate refuses rules that make no subnet.
func (h Hyperparameters) Validate() error {
	switch {
	case h.Tempo == 0:
		return errors.New("couldn't use hyperparameters: tempo is 0 blocks")
	case h.MaxUIDs == 0 || h.MaxUIDs > 4096:
		return fmt.Errorf("couldn't use hyperparameters: max_uids %d is not from 1 to 4096", h.MaxUIDs)
	case h.MaxWeightsLimit == 0:
		return errors.New("couldn't use hyperparameters: max_weights_limit is 0")
	case h.CommitmentSpace < 100:
		return fmt.Errorf("couldn't use hyperparameters: commitment_space %d is under the 100 bytes of one commitment", h.CommitmentSpace)
	case h.RevealPeriod == 0 || h.RevealPeriod > 100:
		return fmt.Errorf("couldn't use hyperparameters: reveal_period %d is not from 1 to 100", h.RevealPeriod)
	}
	return nil
}

// normal fills in what was left out and refuses what cannot be.
func (g Genesis) normal() (Genesis, error) {
	seen := map[uint16]bool{}
	subnets := make([]Subnet, len(g.Subnets))
	for i, s := range g.Subnets {
		switch {
		case s.NetUID == 0 || s.NetUID >= 4096:
			return g, fmt.Errorf("couldn't make genesis: netuid %d is not from 1 to 4095", s.NetUID)
		case seen[s.NetUID]:
			return g, fmt.Errorf("couldn't make genesis: netuid %d is listed twice", s.NetUID)
		}
		seen[s.NetUID] = true
		if s.Params == (Hyperparameters{}) {
			s.Params = DefaultHyperparameters()
		}
		if err := s.Params.Validate(); err != nil {
			return g, err
		}
		if len(s.Neurons) > int(s.Params.MaxUIDs) {
			return g, fmt.Errorf("couldn't make genesis: %d neurons for %d places of subnet %d", len(s.Neurons), s.Params.MaxUIDs, s.NetUID)
		}
		if s.Name == "" {
			s.Name = fmt.Sprintf("subnet %d", s.NetUID)
		}
		if s.Symbol == "" {
			s.Symbol = "α"
		}
		subnets[i] = s
	}
	g.Subnets = subnets
	return g, nil
}

// id names what a genesis says; files of another one are refused.
func (g Genesis) id() (string, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("couldn't name genesis: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func parseAccount(what, address string) (account, error) {
	a, err := ss58.DecodeBittensor(address)
	if err != nil {
		return account{}, fmt.Errorf("couldn't read %s %q: %w", what, address, err)
	}
	return a, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
