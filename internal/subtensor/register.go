package subtensor

// burnedRegister gives a hotkey a place on a subnet for the current price, which the coldkey pays.
func burnedRegister(netuid uint16, hotkey account) run {
	return func(s *state, coldkey account) error {
		price := s.u64(burn.net(netuid), 0)
		switch {
		case netuid == 0:
			return refuse("RegistrationNotPermittedOnRootSubnet")
		case !s.bool(networksAdded.net(netuid), false):
			return refuse("SubnetNotExists")
		case !s.bool(registrationOpen.net(netuid), true):
			return refuse("SubNetRegistrationDisabled")
		case s.u16(regsThisBlock.net(netuid), 0) >= s.u16(maxRegsPerBlock.net(netuid), 1):
			return refuse("TooManyRegistrationsThisBlock")
		case s.u16(regsThisInterval.net(netuid), 0) >= 3*s.u16(targetRegs.net(netuid), 2):
			return refuse("TooManyRegistrationsThisInterval")
		}
		if _, ok := s.uid(netuid, hotkey); ok {
			return refuse("HotKeyAlreadyRegisteredInSubNet")
		}
		if s.accountInfo(coldkey).free < price+existentialDeposit {
			return refuse("NotEnoughBalanceToStake")
		}
		if o := s.account(owner.of(hotkey)); s.has(owner.of(hotkey)) && o != coldkey {
			return refuse("NonAssociatedColdKey")
		}
		victim, full := uint16(0), s.u16(subnetworkN.net(netuid), 0) >= s.u16(maxUids.net(netuid), 256)
		if full {
			var ok bool
			if victim, ok = s.toReplace(netuid); !ok {
				return refuse("NoNeuronIdAvailable")
			}
		}
		s.pay(coldkey, price)
		s.emit("Balances", "Withdraw", func(w *writer) { w.account(coldkey); w.u64(price) })
		s.addIssuance(-int64(price))
		total := s.u64(recycled.net(netuid), 0) + price
		s.putU64(recycled.net(netuid), total)
		s.emit("SubtensorModule", "RAORecycledForRegistrationSet", func(w *writer) { w.u16(netuid); w.u64(total) })
		s.adopt(hotkey, coldkey)
		uid := victim
		if full {
			s.replaceNeuron(netuid, victim, hotkey)
		} else {
			uid = s.appendNeuron(netuid, hotkey)
		}
		for _, counter := range []item{regsThisBlock, regsThisInterval, burnRegsInterval} {
			s.putU16(counter.net(netuid), s.u16(counter.net(netuid), 0)+1)
		}
		s.emit("SubtensorModule", "NeuronRegistered", func(w *writer) { w.u16(netuid); w.u16(uid); w.account(hotkey) })
		return nil
	}
}

// rootRegister is refused: the root network of the node has no places.
func rootRegister(account) run {
	return func(*state, account) error { return refuse("StakeTooLowForRoot") }
}

// toReplace finds the neuron that a newcomer replaces: the one with the least incentive that is neither immune nor a validator nor the
// owner's; ties go to the one registered first.
func (s *state) toReplace(netuid uint16) (uint16, bool) {
	incentives := s.vector(incentive, 2, netuid, 0)
	permits := s.vector(validatorPermit, 1, netuid, 0)
	immune := uint64(s.u16(immunityPeriod.net(netuid), 0))
	own := s.account(subnetOwnerHotkey.net(netuid))
	best, at, found := uint64(0), uint64(0), false
	victim := uint16(0)
	for i := range incentives {
		uid := uint16(i)
		since := s.u64(registeredAt.netUID(netuid, uid), 0)
		if permits[i] != 0 || s.number < since+immune || own != (account{}) && s.account(keys.netUID(netuid, uid)) == own {
			continue
		}
		if !found || incentives[i] < best || incentives[i] == best && since < at {
			victim, best, at, found = uid, incentives[i], since, true
		}
	}
	return victim, found
}

// axonInfo is SubtensorModule.Axons without the block.
type axonInfo struct {
	version              uint32
	ip                   [16]byte // little-endian
	port                 uint16
	ipType, protocol     uint8
	reserved1, reserved2 uint8
}

func (r *reader) axon() (a axonInfo) {
	a.version = r.u32()
	copy(a.ip[:], r.take(16))
	a.port, a.ipType, a.protocol, a.reserved1, a.reserved2 = r.u16(), r.u8(), r.u8(), r.u8(), r.u8()
	return a
}

func (r *reader) prometheus() (a axonInfo) {
	a.version = r.u32()
	copy(a.ip[:], r.take(16))
	a.port, a.ipType = r.u16(), r.u8()
	return a
}

func (a axonInfo) encode(block uint64, full bool) []byte {
	w := writer{}
	w.u64(block)
	w.u32(a.version)
	w.raw(a.ip[:])
	w.u16(a.port)
	w.u8(a.ipType)
	if full {
		w.u8(a.protocol)
		w.u8(a.reserved1)
		w.u8(a.reserved2)
	}
	return w.b
}

// check is what the chain asks of an address: type 4 or 6, below loopback's 127.0.0.1 or at least not loopback, broadcast or beyond.
// Zero passes where it says "not serving".
func (a axonInfo) check(allowZero bool) error {
	r := &reader{b: a.ip[:]}
	low, high := r.u64(), r.u64()
	switch {
	case a.ipType != 4 && a.ipType != 6:
		return refuse("InvalidIpType")
	case a.port == 0:
		return refuse("InvalidPort")
	case low == 0 && high == 0 && !allowZero:
		return refuse("InvalidIpAddress")
	case a.ipType == 4 && (high != 0 || low >= 1<<32-1 || low == 0x7f000001):
		return refuse("InvalidIpAddress")
	case a.ipType == 6 && (low == 1 && high == 0 || low == 1<<64-1 && high == 1<<64-1):
		return refuse("InvalidIpAddress")
	}
	return nil
}

// tooSoon applies the serving rate limit to an item that begins with its block.
func (s *state) tooSoon(netuid uint16, key string) bool {
	limit, last := s.u64(servingRateLimit.net(netuid), 0), s.u64(key, 0)
	return limit != 0 && last != 0 && s.number-last < limit
}

// serveAxon announces where a neuron can be reached. certificate is nil or as sent with serve_axon_tls.
func serveAxon(netuid uint16, a axonInfo, certificate []byte) run {
	return func(s *state, who account) error {
		if _, ok := s.uid(netuid, who); !ok {
			return refuse("HotKeyNotRegisteredInNetwork")
		}
		if err := a.check(true); err != nil {
			return err
		}
		key := axons.netKey(netuid, who)
		if s.tooSoon(netuid, key) {
			return refuse("ServingRateLimitExceeded")
		}
		if len(certificate) > 1 && len(certificate) <= 65 {
			w := writer{}
			w.bytes(certificate[1:])
			w.u8(certificate[0])
			s.put(certificates.netKey(netuid, who), w.b)
		}
		s.put(key, a.encode(s.number, true))
		s.emit("SubtensorModule", "AxonServed", func(w *writer) { w.u16(netuid); w.account(who) })
		return nil
	}
}

func servePrometheus(netuid uint16, a axonInfo) run {
	return func(s *state, who account) error {
		if _, ok := s.uid(netuid, who); !ok {
			return refuse("HotKeyNotRegisteredInNetwork")
		}
		if err := a.check(false); err != nil {
			return err
		}
		key := prometheus.netKey(netuid, who)
		if s.tooSoon(netuid, key) {
			return refuse("ServingRateLimitExceeded")
		}
		s.put(key, a.encode(s.number, false))
		s.emit("SubtensorModule", "PrometheusServed", func(w *writer) { w.u16(netuid); w.account(who) })
		return nil
	}
}
