package subtensor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// write puts the genesis into an empty state.
func (g Genesis) write(s *state) error {
	w := writer{}
	w.compact(baseSpec)
	w.bytes([]byte(runtimeName))
	s.put(sysLastUpgrade.at(), w.b)
	s.putNetwork(0)
	issued := uint64(0)
	for _, address := range slices.Sorted(maps.Keys(g.Balances)) {
		a, err := parseAccount("address with a balance", address)
		if err != nil {
			return err
		}
		s.putAccountInfo(a, accountInfo{providers: 1, free: g.Balances[address]})
		issued += g.Balances[address]
	}
	s.putU64(totalIssuance.at(), issued)
	s.putU64(subIssuance.at(), issued)
	s.putU64(taoWeight.at(), 971718665099567868) // what the public chain has: 0.0527
	s.putU16(commitRevealForm.at(), 4)
	s.putU64(blockEmission.at(), 0)
	for i, n := range g.Subnets {
		if i == 0 {
			s.putU64(stakeThreshold.at(), n.Params.StakeThreshold)
			s.putU32(maxSpace.at(), n.Params.CommitmentSpace)
		}
		if err := n.write(s); err != nil {
			return err
		}
	}
	s.putU16(totalNetworks.at(), uint16(1+len(g.Subnets)))
	return nil
}

// reserves are what a subnet's market holds of either side, in rao.
const reserves = 1_000_000_000_000

// putNetwork makes an empty network.
func (s *state) putNetwork(netuid uint16) {
	s.putBool(networksAdded.net(netuid), true)
	s.putU16(subnetworkN.net(netuid), 0)
	s.putU64(networkRegistered.net(netuid), 0)
	s.putU16(tempo.net(netuid), 360)
	s.putU16(subnetMechanism.net(netuid), min(netuid, 1))
	for _, v := range vectors {
		if v.perMechanism {
			s.putNumbers(v.item.net(storageIndex(netuid, 0)), v.size, nil)
		} else {
			s.putNumbers(v.item.net(netuid), v.size, nil)
		}
	}
}

// vectors are the items that hold one number for each UID.
var vectors = []struct {
	item         item
	size         int
	perMechanism bool
}{
	{active, 1, false}, {rank, 2, false}, {trust, 2, false}, {consensus, 2, false}, {incentive, 2, true}, {dividends, 2, false},
	{emission, 8, false}, {lastUpdate, 8, true}, {validatorTrust, 2, false}, {pruningScores, 2, false}, {validatorPermit, 1, false},
}

func (n Subnet) write(s *state) error {
	id := n.NetUID
	s.putNetwork(id)
	s.put(tokenSymbol.net(id), bytesOf(n.Symbol))
	w := writer{}
	for _, text := range []string{n.Name, "", "", "", "", "", "", ""} {
		w.bytes([]byte(text))
	}
	s.put(subnetIdentity.at(blake128Concat(le16(id))), w.b)
	for _, o := range []struct {
		item    item
		address string
	}{{subnetOwner, n.Owner}, {subnetOwnerHotkey, n.OwnerHotkey}} {
		if o.address == "" {
			continue
		}
		a, err := parseAccount("owner", o.address)
		if err != nil {
			return err
		}
		s.putAccount(o.item.net(id), a)
	}
	s.putBool(subtokenEnabled.net(id), true)
	s.putU64(firstEmission.net(id), 1)
	// nobody trades here; the pool says that one is worth the other, and clients divide by it
	s.putU64(subnetTAO.net(id), reserves)
	s.putU64(subnetAlphaIn.net(id), reserves)
	price := writer{}
	price.u128(0, 1) // U64F64
	s.put(sqrtPrice.twox(id), price.b)
	n.Params.write(s, id)
	for i, one := range n.Neurons {
		hotkey, err := parseAccount("hotkey", one.Hotkey)
		if err != nil {
			return err
		}
		coldkey := hotkey
		if one.Coldkey != "" {
			if coldkey, err = parseAccount("coldkey", one.Coldkey); err != nil {
				return err
			}
		}
		if uid, ok := s.uid(id, hotkey); ok {
			return fmt.Errorf("couldn't make genesis: neurons %d and %d of subnet %d have the hotkey %s", uid, i, id, one.Hotkey)
		}
		s.adopt(hotkey, coldkey)
		s.appendNeuron(id, hotkey)
		s.addStake(id, hotkey, coldkey, one.Stake)
	}
	s.grantPermits(id)
	for i, one := range n.Neurons {
		if one.Permit {
			s.setVector(validatorPermit, 1, id, 0, uint16(i), 1)
		}
	}
	return nil
}

func bytesOf(text string) []byte {
	w := writer{}
	w.bytes([]byte(text))
	return w.b
}

// write stores the rules of a subnet.
func (h Hyperparameters) write(s *state, id uint16) {
	for key, v := range map[item]uint16{
		tempo: h.Tempo, maxUids: h.MaxUIDs, maxValidators: h.MaxValidators, minAllowedWeights: h.MinAllowedWeights,
		maxWeightsLimit: h.MaxWeightsLimit, immunityPeriod: h.ImmunityPeriod, activityCutoff: h.ActivityCutoff, kappa: h.Kappa,
		rho: 10, adjustmentInterval: 100, targetRegs: h.MaxRegistrations, maxRegsPerBlock: h.MaxRegistrations, scalingLaw: 50,
	} {
		s.putU16(key.net(id), v)
	}
	for key, v := range map[item]uint64{
		weightsRateLimit: h.WeightsRateLimit, weightsVersionKey: h.WeightsVersion, servingRateLimit: h.ServingRateLimit, burn: h.Burn,
		minBurn: min(h.Burn, 500_000), maxBurn: max(h.Burn, 100_000_000_000), difficulty: 10_000_000, minDifficulty: 10_000_000,
		maxDifficulty: 1<<62 - 1, bondsAverage: 900_000, adjustmentAlpha: 0,
		// what an epoch gives out has no item on the public chain, where markets decide; it stands where that chain keeps the result
		subnetAlphaOutEmission: h.Emission,
	} {
		s.putU64(key.net(id), v)
	}
	s.putBool(commitReveal.net(id), h.CommitReveal)
	s.putBool(registrationOpen.net(id), !h.NoRegistration)
	s.putBool(powOpen.net(id), false)
	s.putU64(revealPeriod.twox(id), h.RevealPeriod)
}

// grantPermits gives the permits to the neurons with the most stake, ties to the lower UID.
func (s *state) grantPermits(netuid uint16) {
	n := s.u16(subnetworkN.net(netuid), 0)
	order, stakes := make([]uint16, n), s.stakes(netuid)
	for i := range order {
		order[i] = uint16(i)
	}
	slices.SortStableFunc(order, func(a, b uint16) int { return cmp.Compare(stakes[b], stakes[a]) })
	permits := make([]uint64, n)
	places, least := int(s.u16(maxValidators.net(netuid), 64)), s.u64(stakeThreshold.at(), 0)
	for place, uid := range order {
		if place < places && stakes[uid] > 0 && stakes[uid] >= least {
			permits[uid] = 1
		}
	}
	s.putNumbers(validatorPermit.net(netuid), 1, permits)
}
