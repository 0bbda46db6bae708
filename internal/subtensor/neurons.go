package subtensor

import (
	"math/big"
	"slices"
)

// accountInfo is System.Account.
type accountInfo struct {
	nonce, consumers, providers, sufficients uint32
	free, reserved, frozen                   uint64
}

func (s *state) accountInfo(a account) (i accountInfo) {
	r := &reader{b: s.get(sysAccount.of(a))}
	if len(r.b) == 0 {
		return i
	}
	i.nonce, i.consumers, i.providers, i.sufficients = r.u32(), r.u32(), r.u32(), r.u32()
	i.free, i.reserved, i.frozen = r.u64(), r.u64(), r.u64()
	return i
}

func (s *state) putAccountInfo(a account, i accountInfo) {
	w := &writer{}
	for _, v := range []uint32{i.nonce, i.consumers, i.providers, i.sufficients} {
		w.u32(v)
	}
	for _, v := range []uint64{i.free, i.reserved, i.frozen} {
		w.u64(v)
	}
	w.u128(0, 1<<63) // flags: the new logic of balances
	s.put(sysAccount.of(a), w.b)
}

// uid returns the UID of a hotkey on a subnet.
func (s *state) uid(netuid uint16, hotkey account) (uint16, bool) {
	key := uids.netKey(netuid, hotkey)
	return s.u16(key, 0), s.has(key)
}

// vector reads an item that holds one number for each UID. mechanism counts for items kept by storage index only.
func (s *state) vector(it item, size int, netuid uint16, mechanism uint8) []uint64 {
	return s.numbers(it.net(storageIndex(netuid, mechanism)), size, int(s.u16(subnetworkN.net(netuid), 0)))
}

func (s *state) setVector(it item, size int, netuid uint16, mechanism uint8, uid uint16, v uint64) {
	all := s.vector(it, size, netuid, mechanism)
	if int(uid) < len(all) {
		all[uid] = v
		s.putNumbers(it.net(storageIndex(netuid, mechanism)), size, all)
	}
}

// adopt makes coldkey the owner of hotkey.
func (s *state) adopt(hotkey, coldkey account) {
	if s.has(owner.of(hotkey)) {
		return
	}
	s.putAccount(owner.of(hotkey), coldkey)
	for _, list := range []item{ownedHotkeys, stakingHotkeys} {
		r := &reader{b: s.get(list.of(coldkey))}
		var all []account
		if len(r.b) > 0 {
			for range r.count(32) {
				all = append(all, r.account())
			}
		}
		if slices.Contains(all, hotkey) {
			continue
		}
		w := &writer{}
		w.compact(uint64(len(all) + 1))
		for _, a := range append(all, hotkey) {
			w.account(a)
		}
		s.put(list.of(coldkey), w.b)
	}
	if i := s.accountInfo(hotkey); i.providers == 0 {
		i.providers = 1
		s.putAccountInfo(hotkey, i)
	}
}

// appendNeuron gives the hotkey the next UID.
func (s *state) appendNeuron(netuid uint16, hotkey account) uint16 {
	uid := s.u16(subnetworkN.net(netuid), 0)
	mechanisms := s.mechanisms(netuid)
	s.putU16(subnetworkN.net(netuid), uid+1)
	for _, v := range vectors {
		for m := range mechanisms {
			if m == 0 || v.perMechanism {
				all := s.vector(v.item, v.size, netuid, m)
				switch v.item {
				case active:
					all[uid] = 1
				case lastUpdate:
					all[uid] = s.number
				}
				s.putNumbers(v.item.net(storageIndex(netuid, m)), v.size, all)
			}
		}
	}
	s.seat(netuid, uid, hotkey)
	return uid
}

// seat writes who sits at a UID.
func (s *state) seat(netuid, uid uint16, hotkey account) {
	s.putAccount(keys.netUID(netuid, uid), hotkey)
	s.putU16(uids.netKey(netuid, hotkey), uid)
	s.putU64(registeredAt.netUID(netuid, uid), s.number)
	s.putBool(isMember.keyNet(hotkey, netuid), true)
}

// replaceNeuron puts a hotkey at the UID of another and forgets what the other had.
func (s *state) replaceNeuron(netuid, uid uint16, hotkey account) {
	old := s.account(keys.netUID(netuid, uid))
	for _, key := range []string{
		uids.netKey(netuid, old), isMember.keyNet(old, netuid), axons.netKey(netuid, old), certificates.netKey(netuid, old),
		prometheus.netKey(netuid, old), commitmentOf.note(netuid, old), usedSpaceOf.note(netuid, old), lastCommitment.note(netuid, old),
	} {
		s.del(key)
	}
	for m := range s.mechanisms(netuid) {
		index := storageIndex(netuid, m)
		s.del(weights.netUID(index, uid))
		s.del(bonds.netUID(index, uid))
		s.del(weightCommits.at(twox64Concat(le16(index)), twox64Concat(old[:])))
		for i := range s.u16(subnetworkN.net(netuid), 0) {
			for _, table := range []item{weights, bonds} {
				row := s.row(table.netUID(index, i))
				if kept := slices.DeleteFunc(slices.Clone(row), func(w weight) bool { return w.uid == uid }); len(kept) != len(row) {
					s.putRow(table.netUID(index, i), kept)
				}
			}
		}
	}
	for _, v := range vectors {
		for m := range s.mechanisms(netuid) {
			value := uint64(0)
			switch v.item {
			case active:
				value = 1
			case lastUpdate:
				value = s.number
			}
			if m == 0 || v.perMechanism {
				s.setVector(v.item, v.size, netuid, m, uid, value)
			}
		}
	}
	s.seat(netuid, uid, hotkey)
}

func (s *state) mechanisms(netuid uint16) uint8 {
	if v := s.get(mechanismCount.twox(netuid)); len(v) == 1 && v[0] > 0 && v[0] < 16 {
		return v[0]
	}
	return 1
}

// addStake gives a hotkey stake of its coldkey, in rao of alpha. Shares and alpha stay one to one.
func (s *state) addStake(netuid uint16, hotkey, coldkey account, amount uint64) {
	if amount == 0 {
		return
	}
	key := hotkeyAlpha.keyNet(hotkey, netuid)
	s.putU64(key, s.u64(key, 0)+amount)
	for _, key := range []string{
		hotkeyShares.keyNet(hotkey, netuid),
		alphaShares.at(blake128Concat(hotkey[:]), blake128Concat(coldkey[:]), le16(netuid)),
	} {
		s.putFixed(key, s.fixed(key)+amount)
	}
	s.putU64(subnetAlphaOut.net(netuid), s.u64(subnetAlphaOut.net(netuid), 0)+amount)
	s.putU64(totalStake.at(), s.u64(totalStake.at(), 0)+amount)
}

// fixed reads the whole part of a U64F64.
func (s *state) fixed(key string) uint64 {
	if v := s.get(key); len(v) == 16 {
		r := &reader{b: v[8:]}
		return r.u64()
	}
	return 0
}

func (s *state) putFixed(key string, whole uint64) {
	w := &writer{}
	w.u128(0, whole)
	s.put(key, w.b)
}

// neuronStake is the stake of one neuron: alpha on the subnet, TAO on the root network, and their sum with TAO weighted by TaoWeight.
type neuronStake struct{ alpha, tao, total uint64 }

func (s *state) stakeOf(netuid uint16, hotkey account) neuronStake {
	n := neuronStake{alpha: s.u64(hotkeyAlpha.keyNet(hotkey, netuid), 0)}
	if netuid != 0 {
		n.tao = s.u64(hotkeyAlpha.keyNet(hotkey, 0), 0)
	}
	share := new(big.Int).Mul(new(big.Int).SetUint64(n.tao), new(big.Int).SetUint64(s.u64(taoWeight.at(), 0)))
	n.total = n.alpha + share.Rsh(share, 64).Uint64()
	return n
}

// stakes returns the total stake of each neuron.
func (s *state) stakes(netuid uint16) []uint64 {
	out := make([]uint64, s.u16(subnetworkN.net(netuid), 0))
	for i := range out {
		out[i] = s.stakeOf(netuid, s.account(keys.netUID(netuid, uint16(i)))).total
	}
	return out
}

// weight is what one neuron gives another, of 65535.
type weight struct{ uid, value uint16 }

func (s *state) row(key string) []weight {
	r := &reader{b: s.get(key)}
	if len(r.b) == 0 {
		return nil
	}
	out := make([]weight, r.count(4))
	for i := range out {
		out[i] = weight{r.u16(), r.u16()}
	}
	return out
}

func (s *state) putRow(key string, row []weight) {
	w := &writer{}
	w.compact(uint64(len(row)))
	for _, x := range row {
		w.u16(x.uid)
		w.u16(x.value)
	}
	s.put(key, w.b)
}
