package subtensor

import "slices"

// metaField writes one field of a metagraph. The same list gives the full form and the selective one, in which each field but netuid
// is an Option that is there when its index was asked for (specification of the chain, section 6).
type metaField func(s *state, w *writer, netuid uint16, mechanism uint8)

// number is a compact field read from an item of a fixed size by netuid.
func number(it item, size int) metaField {
	return func(s *state, w *writer, netuid uint16, _ uint8) { w.compact(s.number64(it.net(netuid), size)) }
}

func (s *state) number64(key string, size int) uint64 {
	if v := s.get(key); len(v) >= size {
		var word [8]byte
		copy(word[:], v[:size])
		return (&reader{b: word[:]}).u64()
	}
	return 0
}

func fixedNumber(v uint64) metaField {
	return func(_ *state, w *writer, _ uint16, _ uint8) { w.compact(v) }
}

func flag(it item, absent bool) metaField {
	return func(s *state, w *writer, netuid uint16, _ uint8) { w.bool(s.bool(it.net(netuid), absent)) }
}

// list is a field with a number for each UID, as compacts or, for size 1, as bools.
func list(it item, size int, perMechanism bool) metaField {
	return func(s *state, w *writer, netuid uint16, mechanism uint8) {
		if !perMechanism {
			mechanism = 0
		}
		all := s.vector(it, size, netuid, mechanism)
		w.compact(uint64(len(all)))
		for _, v := range all {
			if size == 1 {
				w.bool(v != 0)
			} else {
				w.compact(v)
			}
		}
	}
}

// perNeuron is a field with something for each hotkey.
func perNeuron(one func(s *state, w *writer, netuid, uid uint16, hotkey account)) metaField {
	return func(s *state, w *writer, netuid uint16, _ uint8) {
		n := s.u16(subnetworkN.net(netuid), 0)
		w.compact(uint64(n))
		for uid := range n {
			one(s, w, netuid, uid, s.account(keys.netUID(netuid, uid)))
		}
	}
}

func accountField(it item) metaField {
	return func(s *state, w *writer, netuid uint16, _ uint8) { w.account(s.account(it.net(netuid))) }
}

// metaFields are the fields by their index.
var metaFields = []metaField{
	func(_ *state, w *writer, netuid uint16, _ uint8) { w.compact(uint64(netuid)) },           // 0 netuid
	func(s *state, w *writer, netuid uint16, _ uint8) { w.compactText(s.subnetName(netuid)) }, // 1 name
	func(s *state, w *writer, netuid uint16, _ uint8) { w.compactText(s.symbol(netuid)) },     // 2 symbol
	func(s *state, w *writer, netuid uint16, _ uint8) { s.writeIdentity(w, netuid) },          // 3 identity
	number(networkRegistered, 8),                                                   // 4
	accountField(subnetOwnerHotkey),                                                // 5
	accountField(subnetOwner),                                                      // 6
	func(s *state, w *writer, _ uint16, _ uint8) { w.compact(s.number) },           // 7 block
	number(tempo, 2),                                                               // 8
	number(lastStep, 8),                                                            // 9
	number(sinceLastStep, 8),                                                       // 10
	fixedNumber(0),                                                                 // 11 subnet emission
	number(subnetAlphaIn, 8),                                                       // 12
	number(subnetAlphaOut, 8),                                                      // 13
	number(subnetTAO, 8),                                                           // 14
	number(subnetAlphaOutEmission, 8),                                              // 15
	fixedNumber(0), fixedNumber(0), fixedNumber(0), fixedNumber(0), fixedNumber(0), // 16 to 20
	func(_ *state, w *writer, _ uint16, _ uint8) { w.u128(1<<32, 0) }, // 21 moving price: 1 in I96F32
	number(rho, 2),                // 22
	number(kappa, 2),              // 23
	number(minAllowedWeights, 2),  // 24
	number(maxWeightsLimit, 2),    // 25
	number(weightsVersionKey, 8),  // 26
	number(weightsRateLimit, 8),   // 27
	number(activityCutoff, 2),     // 28
	number(maxValidators, 2),      // 29
	number(subnetworkN, 2),        // 30
	number(maxUids, 2),            // 31
	number(burn, 8),               // 32
	number(difficulty, 8),         // 33
	flag(registrationOpen, true),  // 34
	flag(powOpen, false),          // 35
	number(immunityPeriod, 2),     // 36
	number(minDifficulty, 8),      // 37
	number(maxDifficulty, 8),      // 38
	number(minBurn, 8),            // 39
	number(maxBurn, 8),            // 40
	number(adjustmentAlpha, 8),    // 41
	number(adjustmentInterval, 2), // 42
	number(targetRegs, 2),         // 43
	number(maxRegsPerBlock, 2),    // 44
	number(servingRateLimit, 8),   // 45
	flag(commitReveal, true),      // 46
	func(s *state, w *writer, netuid uint16, _ uint8) { w.compact(s.u64(revealPeriod.twox(netuid), 1)) }, // 47
	func(s *state, w *writer, netuid uint16, _ uint8) { w.bool(s.liquid(netuid)) },                       // 48
	func(s *state, w *writer, netuid uint16, _ uint8) { w.compact(s.alphas(netuid)[1]) },                 // 49 alpha high
	func(s *state, w *writer, netuid uint16, _ uint8) { w.compact(s.alphas(netuid)[0]) },                 // 50 alpha low
	number(bondsAverage, 8), // 51
	perNeuron(func(_ *state, w *writer, _, _ uint16, hotkey account) { w.account(hotkey) }),                      // 52
	perNeuron(func(s *state, w *writer, _, _ uint16, hotkey account) { w.account(s.account(owner.of(hotkey))) }), // 53
	perNeuron(func(s *state, w *writer, _, _ uint16, hotkey account) { // 54 identity of the coldkey
		v := s.get(identities.of(s.account(owner.of(hotkey))))
		w.bool(v != nil)
		w.raw(v)
	}),
	perNeuron(func(s *state, w *writer, netuid, _ uint16, hotkey account) { w.raw(s.axonOf(netuid, hotkey)) }), // 55
	list(active, 1, false),          // 56
	list(validatorPermit, 1, false), // 57
	list(pruningScores, 2, false),   // 58
	list(lastUpdate, 8, true),       // 59
	list(emission, 8, false),        // 60
	list(dividends, 2, false),       // 61
	list(incentive, 2, true),        // 62
	list(consensus, 2, false),       // 63
	list(trust, 2, false),           // 64
	list(rank, 2, false),            // 65
	perNeuron(func(s *state, w *writer, netuid, uid uint16, _ account) {
		w.compact(s.u64(registeredAt.netUID(netuid, uid), 0))
	}), // 66
	perNeuron(func(s *state, w *writer, netuid, _ uint16, hotkey account) {
		w.compact(s.stakeOf(netuid, hotkey).alpha)
	}), // 67
	perNeuron(func(s *state, w *writer, netuid, _ uint16, hotkey account) { w.compact(s.stakeOf(netuid, hotkey).tao) }), // 68
	perNeuron(func(s *state, w *writer, netuid, _ uint16, hotkey account) {
		w.compact(s.stakeOf(netuid, hotkey).total)
	}), // 69
	perNeuron(func(_ *state, w *writer, _, _ uint16, hotkey account) { w.account(hotkey); w.compact(0) }), // 70
	perNeuron(func(s *state, w *writer, netuid, _ uint16, hotkey account) { // 71
		w.account(hotkey)
		w.compact(s.u64(alphaDividends.netKey(netuid, hotkey), 0))
	}),
}

// The two fields that the selective form has besides: 72 validators and 73 commitments.
var selectiveFields = append(slices.Clone(metaFields),
	func(s *state, w *writer, netuid uint16, _ uint8) {
		var held []uint64
		for uid, v := range s.vector(validatorPermit, 1, netuid, 0) {
			if v != 0 {
				held = append(held, uint64(uid))
			}
		}
		w.compact(uint64(len(held)))
		for _, uid := range held {
			w.compact(uid)
		}
	},
	func(s *state, w *writer, netuid uint16, _ uint8) {
		type note struct {
			who  account
			data []byte
		}
		var notes []note
		for uid := range s.u16(subnetworkN.net(netuid), 0) {
			hotkey := s.account(keys.netUID(netuid, uid))
			if v := s.get(commitmentOf.note(netuid, hotkey)); len(v) > 12 {
				notes = append(notes, note{hotkey, v[12:]})
			}
		}
		w.compact(uint64(len(notes)))
		for _, n := range notes {
			w.account(n.who)
			w.compactText(string(n.data))
		}
	})

func (s *state) selective(w *writer, netuid uint16, mechanism uint8, indexes []uint16) {
	exists := s.bool(networksAdded.net(netuid), false) && mechanism < s.mechanisms(netuid)
	if w.bool(exists); !exists {
		return
	}
	for i, f := range selectiveFields {
		if i > 0 {
			asked := slices.Contains(indexes, uint16(i))
			if w.bool(asked); !asked {
				continue
			}
		}
		f(s, w, netuid, mechanism)
	}
}

func (s *state) metagraph(w *writer, netuid uint16) { s.fields(w, netuid, 0) }

func (s *state) mechagraph(w *writer, netuid uint16, mechanism uint8) {
	exists := s.bool(networksAdded.net(netuid), false) && mechanism < s.mechanisms(netuid)
	if w.bool(exists); exists {
		s.fields(w, netuid, mechanism)
	}
}

func (s *state) fields(w *writer, netuid uint16, mechanism uint8) {
	for _, f := range metaFields {
		f(s, w, netuid, mechanism)
	}
}

// write writes the fields with the given indices.
func (s *state) write(w *writer, netuid uint16, indexes ...int) {
	for _, i := range indexes {
		metaFields[i](s, w, netuid, 0)
	}
}

func (s *state) symbol(netuid uint16) string {
	r := &reader{b: s.get(tokenSymbol.net(netuid))}
	if len(r.b) == 0 {
		return "Τ"
	}
	return r.text()
}

func (s *state) subnetName(netuid uint16) string {
	r := &reader{b: s.get(subnetIdentity.at(blake128Concat(le16(netuid))))}
	if len(r.b) == 0 {
		return "root"
	}
	return r.text()
}

func (s *state) writeIdentity(w *writer, netuid uint16) {
	v := s.get(subnetIdentity.at(blake128Concat(le16(netuid))))
	w.bool(v != nil)
	w.raw(v)
}

func (s *state) liquid(netuid uint16) bool {
	return s.bool(liquidAlpha.at(blake128Concat(le16(netuid))), false)
}

// alphas are the bounds of liquid alpha, low and high.
func (s *state) alphas(netuid uint16) [2]uint64 {
	if v := s.get(alphaValues.net(netuid)); len(v) == 4 {
		r := &reader{b: v}
		return [2]uint64{uint64(r.u16()), uint64(r.u16())}
	}
	return [2]uint64{45875, 58982}
}

// axonOf is the AxonInfo of a hotkey, zeros when it never served.
func (s *state) axonOf(netuid uint16, hotkey account) []byte {
	if v := s.get(axons.netKey(netuid, hotkey)); len(v) == 34 {
		return v
	}
	return axonInfo{}.encode(0, true)
}

func (s *state) subnetState(w *writer, netuid uint16) {
	s.write(w, netuid, 0, 52, 53, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69)
	perNeuron(func(_ *state, w *writer, _, _ uint16, _ account) { w.compact(0) })(s, w, netuid, 0) // emission history
}

func (s *state) hyperparameters(w *writer, netuid uint16) {
	s.write(w, netuid, 22, 23, 36, 24, 25, 8, 37, 38, 26, 27, 42, 28, 34, 43, 39, 40, 51, 44, 45, 29, 41, 33, 47, 46, 49, 50, 48)
}

func (s *state) hyperparameters2(w *writer, netuid uint16) {
	s.hyperparameters(w, netuid)
	w.u64(uint64(s.u16(alphaSteepness.net(netuid), 1000)) << 32) // I32F32
	version := uint64(2)
	if s.bool(yuma3.at(blake128Concat(le16(netuid))), false) {
		version = 3
	}
	w.compact(version)
	w.bool(s.bool(subtokenEnabled.net(netuid), false))
	w.bool(s.bool(transferToggle.net(netuid), true))
	w.bool(s.bool(bondsReset.net(netuid), false))
	w.bool(false) // user liquidity
}

func (s *state) subnetInfo(w *writer, netuid uint16) {
	s.write(w, netuid, 0, 22, 23, 33, 36, 29, 24, 25)
	w.compact(uint64(s.u16(scalingLaw.net(netuid), 50)))
	s.write(w, netuid, 30, 31, 10, 8)
	w.compact(0) // modality
	w.compact(0) // connections
	w.compact(0) // emission
	s.write(w, netuid, 32, 6)
}

func (s *state) subnetInfo2(w *writer, netuid uint16) {
	s.subnetInfo(w, netuid)
	s.writeIdentity(w, netuid)
}

func (s *state) dynamicInfo(w *writer, netuid uint16) {
	s.write(w, netuid, 0, 5, 6, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 4, 3, 21)
}

func (s *state) neuronList(w *writer, netuid uint16, lite bool) {
	n := s.u16(subnetworkN.net(netuid), 0)
	w.compact(uint64(n))
	columns := s.neuronColumns(netuid)
	for uid := range n {
		s.neuron(w, netuid, uid, lite, columns)
	}
}

func (s *state) oneNeuron(w *writer, netuid, uid uint16, lite bool) {
	exists := uid < s.u16(subnetworkN.net(netuid), 0)
	if w.bool(exists); exists {
		s.neuron(w, netuid, uid, lite, s.neuronColumns(netuid))
	}
}

// neuronColumns reads the vectors of a subnet once for all its neurons.
func (s *state) neuronColumns(netuid uint16) map[item][]uint64 {
	out := map[item][]uint64{}
	for _, v := range vectors {
		out[v.item] = s.vector(v.item, v.size, netuid, 0)
	}
	return out
}

func (s *state) neuron(w *writer, netuid, uid uint16, lite bool, columns map[item][]uint64) {
	of := func(it item) uint64 { return columns[it][uid] }
	hotkey := s.account(keys.netUID(netuid, uid))
	coldkey := s.account(owner.of(hotkey))
	w.account(hotkey)
	w.account(coldkey)
	w.compact(uint64(uid))
	w.compact(uint64(netuid))
	w.bool(of(active) != 0)
	w.raw(s.axonOf(netuid, hotkey))
	if v := s.get(prometheus.netKey(netuid, hotkey)); len(v) == 31 {
		w.raw(v)
	} else {
		w.raw(axonInfo{}.encode(0, false))
	}
	w.compact(1)
	w.account(coldkey)
	w.compact(s.stakeOf(netuid, hotkey).total)
	w.compact(of(rank))
	w.compact(of(emission))
	for _, it := range []item{incentive, consensus, trust, validatorTrust, dividends, lastUpdate} {
		w.compact(of(it))
	}
	w.bool(of(validatorPermit) != 0)
	if !lite {
		for _, table := range []item{weights, bonds} {
			row := s.row(table.netUID(netuid, uid))
			w.compact(uint64(len(row)))
			for _, x := range row {
				w.compact(uint64(x.uid))
				w.compact(uint64(x.value))
			}
		}
	}
	w.compact(of(pruningScores))
}
