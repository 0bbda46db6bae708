package subtensor

// existentialDeposit is the least an account may hold, in rao.
const existentialDeposit = 500

// pay takes an amount from an account's free balance.
func (s *state) pay(who account, amount uint64) bool {
	i := s.accountInfo(who)
	if i.free < amount {
		return false
	}
	i.free -= amount
	s.putAccountInfo(who, i)
	return true
}

// credit adds to an account's free balance, and brings it into being.
func (s *state) credit(who account, amount uint64) {
	i := s.accountInfo(who)
	if i.providers == 0 {
		i.providers = 1
		s.emit("System", "NewAccount", func(w *writer) { w.account(who) })
		s.emit("Balances", "Endowed", func(w *writer) { w.account(who); w.u64(amount) })
	}
	i.free += amount
	s.putAccountInfo(who, i)
}

func (s *state) addIssuance(delta int64) {
	for _, key := range []string{totalIssuance.at(), subIssuance.at()} {
		s.putU64(key, s.u64(key, 0)+uint64(delta))
	}
}

func transfer(to account, amount uint64, keepAlive bool) run {
	return func(s *state, who account) error {
		i := s.accountInfo(who)
		switch {
		case i.free < amount:
			return errNoFunds
		case keepAlive && i.free-amount < existentialDeposit:
			return &dispatchError{raw: []byte{7, 8}} // Token(NotExpendable)
		case s.accountInfo(to).free+amount < existentialDeposit:
			return errBelow
		}
		s.pay(who, amount)
		s.credit(to, amount)
		s.emit("Balances", "Transfer", func(w *writer) { w.account(who); w.account(to); w.u64(amount) })
		return nil
	}
}

// addStake turns TAO into alpha. The node has no market: one rao buys one.
func addStake(hotkey account, netuid uint16, amount uint64) run {
	return func(s *state, who account) error {
		switch {
		case !s.bool(networksAdded.net(netuid), false):
			return refuse("SubnetNotExists")
		case !s.has(owner.of(hotkey)):
			return refuse("HotKeyAccountNotExists")
		case amount < 2_000_000:
			return refuse("AmountTooLow")
		case s.accountInfo(who).free < amount+existentialDeposit:
			return refuse("NotEnoughBalanceToStake")
		}
		s.pay(who, amount)
		s.addStake(netuid, hotkey, who, amount)
		s.emit("SubtensorModule", "StakeAdded", func(w *writer) { stakeEvent(w, who, hotkey, amount, netuid) })
		return nil
	}
}

func removeStake(hotkey account, netuid uint16, amount uint64) run {
	return func(s *state, who account) error {
		share := alphaShares.at(blake128Concat(hotkey[:]), blake128Concat(who[:]), le16(netuid))
		switch {
		case !s.bool(networksAdded.net(netuid), false):
			return refuse("SubnetNotExists")
		case !s.has(owner.of(hotkey)):
			return refuse("HotKeyAccountNotExists")
		case s.fixed(share) < amount || s.u64(hotkeyAlpha.keyNet(hotkey, netuid), 0) < amount:
			return refuse("NotEnoughStakeToWithdraw")
		case amount == 0:
			return refuse("AmountTooLow")
		}
		s.putFixed(share, s.fixed(share)-amount)
		shares := hotkeyShares.keyNet(hotkey, netuid)
		s.putFixed(shares, s.fixed(shares)-min(amount, s.fixed(shares)))
		for _, key := range []string{hotkeyAlpha.keyNet(hotkey, netuid), subnetAlphaOut.net(netuid), totalStake.at()} {
			s.putU64(key, s.u64(key, 0)-min(amount, s.u64(key, 0)))
		}
		s.credit(who, amount)
		s.emit("SubtensorModule", "StakeRemoved", func(w *writer) { stakeEvent(w, who, hotkey, amount, netuid) })
		return nil
	}
}

func stakeEvent(w *writer, coldkey, hotkey account, amount uint64, netuid uint16) {
	w.account(coldkey)
	w.account(hotkey)
	w.u64(amount)
	w.u64(amount)
	w.u16(netuid)
	w.u64(0) // fee
}
