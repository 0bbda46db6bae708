package chain

import "fmt"

// Hyperparameters are the subnet's rules. Names and meanings are Bittensor's.
type Hyperparameters struct {
	// Tempo is the number of blocks in an epoch.
	Tempo uint64 `json:"tempo"`
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
	// StakeThreshold is the least stake, in rao, for a permit and for setting weights.
	StakeThreshold uint64 `json:"stake_threshold"`
	// ActivityCutoff is after how many blocks without new weights a validator's weights stop counting.
	ActivityCutoff uint64 `json:"activity_cutoff"`
	// ImmunityPeriod is for how many blocks after registration a neuron cannot be replaced.
	ImmunityPeriod uint64 `json:"immunity_period"`
	// MaxUIDs is the number of places.
	MaxUIDs uint16 `json:"max_uids"`
	// Kappa is the share of stake, in 65535ths, that must agree on a weight before it counts in full.
	Kappa uint16 `json:"kappa"`
	// CommitmentSpace is how many bytes a neuron may commit in one epoch; a commitment counts at least 100.
	CommitmentSpace uint64 `json:"commitment_space"`
	// Emission is the rao added in an epoch to the stakes, half by incentive and half by dividends.
	Emission uint64 `json:"emission"`
}

// DefaultHyperparameters returns what a subnet of the public chain starts with, as far as the local chain knows it, without emission.
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
	}
}

// Validate refuses rules that make no subnet.
func (h Hyperparameters) Validate() error {
	switch {
	case h.Tempo == 0:
		return fmt.Errorf("couldn't use hyperparameters: tempo is 0 blocks")
	case h.MaxUIDs == 0:
		return fmt.Errorf("couldn't use hyperparameters: max_uids is 0")
	case h.MaxWeightsLimit == 0:
		return fmt.Errorf("couldn't use hyperparameters: max_weights_limit is 0")
	case h.CommitmentSpace < 100:
		return fmt.Errorf("couldn't use hyperparameters: commitment_space %d is under the 100 bytes of one commitment", h.CommitmentSpace)
	}
	return nil
}
