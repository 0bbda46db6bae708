package chain

import (
	"cmp"
	"fmt"
	"slices"
)

// dispatch applies a transaction to the state in block number. On error the state is unchanged but for the nonce, which the caller
// has counted already.
func (s *state) dispatch(x Extrinsic, number uint64) error {
	switch call := x.Call.(type) {
	case CommitCall:
		return s.commit(x.Hotkey, call, number)
	case SetWeightsCall:
		return s.setWeights(x.Hotkey, call, number)
	case RegisterCall:
		return s.register(x.Hotkey, call, number)
	default:
		return fmt.Errorf("couldn't dispatch call of type %T", x.Call)
	}
}

// commit puts data on the board. A neuron may use up CommitmentSpace bytes an epoch, at least 100 each time.
func (s *state) commit(hotkey string, c CommitCall, number uint64) error {
	if _, ok := s.uid(hotkey); !ok {
		return fmt.Errorf("couldn't commit: %w: %s", ErrNotRegistered, hotkey)
	}
	if len(c.Data) > MaxCommitment {
		return fmt.Errorf("couldn't commit: %w: %d bytes are over %d", ErrTooLarge, len(c.Data), MaxCommitment)
	}
	old := s.commitments[hotkey]
	epoch := number / s.params.Tempo
	used := max(100, uint64(len(c.Data)))
	if old.epoch == epoch {
		used += old.used
	}
	if used > s.params.CommitmentSpace {
		return fmt.Errorf("couldn't commit: %w: %d bytes in epoch %d are over %d; the next epoch begins with block %d",
			ErrRateLimited, used, epoch, s.params.CommitmentSpace, (epoch+1)*s.params.Tempo)
	}
	s.commitments[hotkey] = commitment{data: slices.Clone(c.Data), block: number, epoch: epoch, used: used}
	return nil
}

// setWeights makes the checks of the public chain in its order (specification of the chain, section 8) and stores the weights scaled
// so that the largest is 65535.
func (s *state) setWeights(hotkey string, c SetWeightsCall, number uint64) error {
	refuse := func(err error, format string, args ...any) error {
		return fmt.Errorf("couldn't set weights of %s: %w: %s", hotkey, err, fmt.Sprintf(format, args...))
	}
	if len(c.UIDs) != len(c.Weights) {
		return refuse(ErrBadWeights, "%d UIDs and %d weights", len(c.UIDs), len(c.Weights))
	}
	if len(c.UIDs) > len(s.neurons) {
		return refuse(ErrBadWeights, "%d weights for %d neurons", len(c.UIDs), len(s.neurons))
	}
	uid, ok := s.uid(hotkey)
	if !ok {
		return refuse(ErrNotRegistered, "register it first")
	}
	n := &s.neurons[uid]
	if n.stake < s.params.StakeThreshold {
		return refuse(ErrNoPermit, "stake %d rao is under the threshold %d", n.stake, s.params.StakeThreshold)
	}
	if c.VersionKey < s.params.WeightsVersion {
		return refuse(ErrVersionKey, "%d is under %d", c.VersionKey, s.params.WeightsVersion)
	}
	if due := n.lastUpdate + s.params.WeightsRateLimit; n.lastUpdate != 0 && number < due {
		return refuse(ErrRateLimited, "last set in block %d, next allowed in block %d", n.lastUpdate, due)
	}
	self := len(c.UIDs) == 1 && c.UIDs[0] == uid
	if !self && !n.permit {
		return refuse(ErrNoPermit, "only its own UID %d may be weighted without one", uid)
	}
	weights := make([]Weight, 0, len(c.UIDs))
	var largest uint16
	for i, u := range c.UIDs {
		if int(u) >= len(s.neurons) {
			return refuse(ErrBadWeights, "UID %d does not exist", u)
		}
		weights = append(weights, Weight{UID: u, Value: c.Weights[i]})
		largest = max(largest, c.Weights[i])
	}
	slices.SortFunc(weights, func(a, b Weight) int { return cmp.Compare(a.UID, b.UID) })
	for i := 1; i < len(weights); i++ {
		if weights[i].UID == weights[i-1].UID {
			return refuse(ErrBadWeights, "UID %d is listed twice", weights[i].UID)
		}
	}
	if least := min(int(s.params.MinAllowedWeights), len(s.neurons)); !self && len(weights) < least {
		return refuse(ErrBadWeights, "%d weights are under the %d required", len(weights), least)
	}
	if largest == 0 {
		return refuse(ErrBadWeights, "all weights are zero")
	}
	sum := uint64(0)
	for i := range weights {
		weights[i].Value = uint16(uint32(weights[i].Value) * 65535 / uint32(largest))
		sum += uint64(weights[i].Value)
	}
	if share := 65535 * 65535 / sum; !self && share > uint64(s.params.MaxWeightsLimit) {
		return refuse(ErrBadWeights, "the largest has %d of 65535 of the sum, over the limit %d", share, s.params.MaxWeightsLimit)
	}
	n.weights, n.lastUpdate = weights, number
	return nil
}

// register gives the hotkey the next UID or, when all are taken, that of the neuron with the least incentive that is neither immune
// nor a validator; ties go to the one registered first.
func (s *state) register(hotkey string, c RegisterCall, number uint64) error {
	if _, ok := s.uid(hotkey); ok {
		return fmt.Errorf("couldn't register %s: %w", hotkey, ErrAlreadyRegistered)
	}
	fresh := neuron{hotkey: hotkey, coldkey: c.Coldkey, registeredAt: number}
	if len(s.neurons) < int(s.params.MaxUIDs) {
		s.neurons = append(s.neurons, fresh)
		return nil
	}
	victim := -1
	for i := range s.neurons {
		n := &s.neurons[i]
		if n.permit || number < n.registeredAt+s.params.ImmunityPeriod {
			continue
		}
		if victim < 0 || less(n, &s.neurons[victim]) {
			victim = i
		}
	}
	if victim < 0 {
		return fmt.Errorf("couldn't register %s: %w: all %d neurons are immune or validators", hotkey, ErrFull, len(s.neurons))
	}
	delete(s.commitments, s.neurons[victim].hotkey)
	s.neurons[victim] = fresh
	for i := range s.neurons {
		s.neurons[i].weights = withoutUID(s.neurons[i].weights, uint16(victim))
	}
	return nil
}

func less(a, b *neuron) bool {
	if a.incentive != b.incentive {
		return a.incentive < b.incentive
	}
	return a.registeredAt < b.registeredAt
}

// withoutUID drops the weight of a neuron that was replaced, leaving the old slice alone.
func withoutUID(ws []Weight, uid uint16) []Weight {
	if !slices.ContainsFunc(ws, func(w Weight) bool { return w.UID == uid }) {
		return ws
	}
	var kept []Weight
	for _, w := range ws {
		if w.UID != uid {
			kept = append(kept, w)
		}
	}
	return kept
}
