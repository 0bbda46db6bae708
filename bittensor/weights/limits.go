package weights

import "fmt"

// Limits are the hyperparameters of a subnet by which the chain refuses normalised weights.
type Limits struct {
	// Neurons is SubnetworkN.
	Neurons uint16
	// MinAllowed is MinAllowedWeights.
	MinAllowed uint16
	// MaxWeight is MaxWeightsLimit, in 1/65535 of the sum; 65,535 is no limit.
	MaxWeight uint16
	// Own is the uid of the validator: a single weight for itself is exempt from MinAllowed and MaxWeight, and needs no permit.
	Own uint16
}

// Self reports whether the weights are a single one of the validator for itself.
func (l Limits) Self(uids []uint16) bool { return len(uids) == 1 && uids[0] == l.Own }

// Check fails with ErrRefused where the chain would refuse the weights for their own sake, in the chain's order and arithmetic. Stake, permit,
// version key and rate limit are not its concern.
func (l Limits) Check(uids, values []uint16) error {
	if len(uids) != len(values) {
		return fmt.Errorf("%w: %d uids and %d values (WeightVecNotEqualSize)", ErrRefused, len(uids), len(values))
	}
	if len(uids) > int(l.Neurons) {
		return fmt.Errorf("%w: %d uids on a subnet of %d neurons (UidsLengthExceedUidsInSubNet)", ErrRefused, len(uids), l.Neurons)
	}
	seen := make(map[uint16]bool, len(uids))
	for _, u := range uids {
		if seen[u] {
			return fmt.Errorf("%w: uid %d twice (DuplicateUids)", ErrRefused, u)
		}
		seen[u] = true
	}
	for _, u := range uids {
		if u >= l.Neurons {
			return fmt.Errorf("%w: uid %d on a subnet of %d neurons (UidVecContainInvalidOne)", ErrRefused, u, l.Neurons)
		}
	}
	if l.Self(uids) {
		return nil
	}
	if least := min(l.MinAllowed, l.Neurons); len(uids) < int(least) {
		return fmt.Errorf("%w: %d weights, the subnet wants at least %d (WeightVecLengthIsLow)", ErrRefused, len(uids), least)
	}
	if l.MaxWeight == Max {
		return nil
	}
	var total, top uint64
	for _, v := range Upscale(values) {
		total, top = total+uint64(v), max(top, uint64(v))
	}
	// The chain compares numbers with 32 bits behind the point, cut off there.
	if total > 0 && (top<<32)/total > (uint64(l.MaxWeight)<<32)/Max {
		return fmt.Errorf("%w: largest share is %.5f, the limit %.5f (MaxWeightExceeded)", ErrRefused, float64(top)/float64(total), float64(l.MaxWeight)/Max)
	}
	return nil
}
