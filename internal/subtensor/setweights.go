package subtensor

import "slices"

// setWeights is SubtensorModule.set_weights and its form for one of several mechanisms.
func setWeights(netuid uint16, mechanism uint8, dests, values []uint16, versionKey uint64) run {
	return func(s *state, who account) error {
		if netuid != 0 && s.bool(commitReveal.net(netuid), true) {
			return refuse("CommitRevealEnabled")
		}
		return s.setWeights(who, netuid, mechanism, dests, values, versionKey, false)
	}
}

// setWeights makes the checks of the public chain in its order (specification of the chain, section 8) and stores the weights scaled
// so that the largest is 65535. A reveal skips the rate limit, which counted at the commit.
func (s *state) setWeights(who account, netuid uint16, mechanism uint8, dests, values []uint16, versionKey uint64, reveal bool) error {
	n := s.u16(subnetworkN.net(netuid), 0)
	uid, registered := s.uid(netuid, who)
	index := storageIndex(netuid, mechanism)
	last := uint64(0)
	if registered {
		last = s.vector(lastUpdate, 8, netuid, mechanism)[uid]
	}
	self := len(dests) == 1 && dests[0] == uid
	switch {
	case netuid == 0:
		return refuse("CanNotSetRootNetworkWeights")
	case len(dests) != len(values):
		return refuse("WeightVecNotEqualSize")
	case !s.bool(networksAdded.net(netuid), false) || mechanism >= s.mechanisms(netuid):
		return refuse("MechanismDoesNotExist")
	case len(dests) > int(n):
		return refuse("UidsLengthExceedUidsInSubNet")
	case !registered:
		return refuse("HotKeyNotRegisteredInSubNet")
	case s.stakeOf(netuid, who).total < s.u64(stakeThreshold.at(), 0):
		return refuse("NotEnoughStakeToSetWeights")
	case versionKey < s.u64(weightsVersionKey.net(netuid), 0):
		return refuse("IncorrectWeightVersionKey")
	case !reveal && !s.weightsDue(netuid, last):
		return refuse("SettingWeightsTooFast")
	case !self && !s.mayWeigh(netuid, uid, who):
		return refuse("NeuronNoValidatorPermit")
	}
	sorted := slices.Clone(dests)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(dests) {
		return refuse("DuplicateUids")
	}
	if slices.ContainsFunc(dests, func(d uint16) bool { return d >= n }) {
		return refuse("UidVecContainInvalidOne")
	}
	if !self && len(dests) < int(min(s.u16(minAllowedWeights.net(netuid), 1), n)) {
		return refuse("WeightVecLengthIsLow")
	}
	row := make([]weight, len(dests))
	scaled := upscale(values)
	for i, d := range dests {
		row[i] = weight{d, scaled[i]}
	}
	if !self && overLimit(scaled, s.u16(maxWeightsLimit.net(netuid), 65535)) {
		return refuse("MaxWeightExceeded")
	}
	s.putRow(weights.netUID(index, uid), row)
	if !reveal {
		s.setVector(lastUpdate, 8, netuid, mechanism, uid, s.number)
	}
	s.emit("SubtensorModule", "WeightsSet", func(w *writer) { w.u16(index); w.u16(uid) })
	return nil
}

// weightsDue says whether weights may be set, or committed, again.
func (s *state) weightsDue(netuid uint16, last uint64) bool {
	return last == 0 || s.number-last >= s.u64(weightsRateLimit.net(netuid), 100)
}

// mayWeigh says whether a neuron may weigh others: with a permit, or as the subnet's owner.
func (s *state) mayWeigh(netuid, uid uint16, who account) bool {
	own := s.account(subnetOwnerHotkey.net(netuid))
	return s.vector(validatorPermit, 1, netuid, 0)[uid] != 0 || own != (account{}) && own == who
}

// upscale scales so that the largest value is 65535, rounding half up.
func upscale(values []uint16) []uint16 {
	out := slices.Clone(values)
	if len(out) == 0 {
		return out
	}
	largest := uint32(slices.Max(out))
	if largest == 0 {
		return out
	}
	for i, v := range out {
		out[i] = uint16((uint64(v)*65535*2 + uint64(largest)) / (2 * uint64(largest)))
	}
	return out
}

// overLimit says whether one value has more than limit 65535ths of the sum.
func overLimit(values []uint16, limit uint16) bool {
	if limit == 65535 || len(values) == 0 {
		return false
	}
	sum := uint64(0)
	for _, v := range values {
		sum += uint64(v)
	}
	return uint64(slices.Max(values))*65535 > uint64(limit)*sum
}
