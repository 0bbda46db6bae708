package subtensor

import (
	"slices"

	"github.com/nanteos/nanteos/bittensor/timelock"
)

const (
	maxUnrevealed  = 10
	maxTimelockLen = 5000
)

// epochIndex is the number of the epoch in which the block being made lies (specification of the chain, section 10): kept in the state,
// or on the recorded runtime a function of the block number.
func (s *state) epochIndex(netuid uint16) uint64 {
	if s.rt.stateful {
		return s.u64(epochNumber.net(netuid), 0)
	}
	return s.epochOf(netuid, s.number)
}

func (s *state) epochOf(netuid uint16, block uint64) uint64 {
	return (block + uint64(netuid) + 1) / (uint64(s.u16(tempo.net(netuid), 360)) + 1)
}

// maxSinceStep is after how many blocks without an epoch one is due in any case.
const maxSinceStep = 50_400

// epochDue says whether an epoch ends with the block being made. With the stateful schedule it is asked once a block, before the
// schedule steps on.
func (s *state) epochDue(netuid uint16) bool {
	t := uint64(s.u16(tempo.net(netuid), 360))
	if !s.rt.stateful {
		return t != 0 && (s.number+uint64(netuid)+1)%(t+1) == t
	}
	pending := s.u64(pendingEpoch.net(netuid), 0)
	return t != 0 && (pending > 0 && s.number >= pending || s.u64(sinceLastStep.net(netuid), 0) > maxSinceStep ||
		s.number-s.u64(lastEpoch.net(netuid), 0) >= t)
}

// stepSchedule counts the block being made, and runs the epoch that ends with it.
func (s *state) stepSchedule(netuid uint16) {
	if !s.epochDue(netuid) {
		s.putU64(sinceLastStep.net(netuid), s.u64(sinceLastStep.net(netuid), 0)+1)
		return
	}
	s.epoch(netuid)
	s.putU64(sinceLastStep.net(netuid), 0)
	s.putU64(lastStep.net(netuid), s.number)
	if s.rt.stateful {
		s.putU64(lastEpoch.net(netuid), s.number)
		s.putU64(pendingEpoch.net(netuid), 0)
		s.putU64(epochNumber.net(netuid), s.u64(epochNumber.net(netuid), 0)+1)
	}
}

// commitChecks are those that both kinds of commits share, and return the signer's UID.
func (s *state) commitChecks(who account, netuid uint16, mechanism uint8) (uint16, error) {
	switch {
	case !s.bool(networksAdded.net(netuid), false) || mechanism >= s.mechanisms(netuid):
		return 0, refuse("MechanismDoesNotExist")
	case !s.bool(commitReveal.net(netuid), true):
		return 0, refuse("CommitRevealDisabled")
	}
	uid, ok := s.uid(netuid, who)
	if !ok {
		return 0, refuse("HotKeyNotRegisteredInSubNet")
	}
	if s.stakeOf(netuid, who).total < s.u64(stakeThreshold.at(), 0) {
		return 0, refuse("NotEnoughStakeToSetWeights")
	}
	if !s.weightsDue(netuid, s.vector(lastUpdate, 8, netuid, mechanism)[uid]) {
		return 0, refuse("CommittingWeightsTooFast")
	}
	return uid, nil
}

// hashCommit is one unrevealed commit by hash: the block in which it was made and those from which and to which it may be revealed;
// with the stateful schedule its epoch, its block and zero.
type hashCommit struct {
	hash               account
	block, first, last uint64
}

func (s *state) commitEpoch(netuid uint16, c hashCommit) uint64 {
	if s.rt.stateful {
		return c.block
	}
	return s.epochOf(netuid, c.block)
}

func hashCommitsKey(index uint16, who account) string {
	return weightCommits.at(twox64Concat(le16(index)), twox64Concat(who[:]))
}

func (s *state) hashCommits(index uint16, who account) []hashCommit {
	r := &reader{b: s.get(hashCommitsKey(index, who))}
	if len(r.b) == 0 {
		return nil
	}
	out := make([]hashCommit, r.count(56))
	for i := range out {
		out[i] = hashCommit{r.account(), r.u64(), r.u64(), r.u64()}
	}
	return out
}

func (s *state) putHashCommits(index uint16, who account, all []hashCommit) {
	if len(all) == 0 {
		s.del(hashCommitsKey(index, who))
		return
	}
	w := writer{}
	w.compact(uint64(len(all)))
	for _, c := range all {
		w.account(c.hash)
		w.u64(c.block)
		w.u64(c.first)
		w.u64(c.last)
	}
	s.put(hashCommitsKey(index, who), w.b)
}

// expired says that the epoch in which a commit could be revealed is over.
func (s *state) expired(netuid uint16, c hashCommit) bool {
	return s.epochIndex(netuid) > s.commitEpoch(netuid, c)+s.u64(revealPeriod.twox(netuid), 1)
}

func commitWeights(netuid uint16, mechanism uint8, h account) run {
	return func(s *state, who account) error {
		uid, err := s.commitChecks(who, netuid, mechanism)
		if err != nil {
			return err
		}
		index := storageIndex(netuid, mechanism)
		all := slices.DeleteFunc(s.hashCommits(index, who), func(c hashCommit) bool { return s.expired(netuid, c) })
		if len(all) >= maxUnrevealed {
			return refuse("TooManyUnrevealedCommits")
		}
		length := uint64(s.u16(tempo.net(netuid), 360)) + 1
		epoch := s.epochIndex(netuid) + s.u64(revealPeriod.twox(netuid), 1)
		first := epoch*length - min(epoch*length, uint64(netuid)+1)
		made := hashCommit{h, s.number, first, first + length}
		if s.rt.stateful {
			made = hashCommit{h, s.epochIndex(netuid), s.number, 0}
		}
		s.putHashCommits(index, who, append(all, made))
		s.setVector(lastUpdate, 8, netuid, mechanism, uid, s.number)
		s.emit("SubtensorModule", "WeightsCommitted", func(w *writer) { w.account(who); w.u16(index); w.account(h) })
		return nil
	}
}

func revealWeights(netuid uint16, mechanism uint8, dests, values, salt []uint16, versionKey uint64) run {
	return func(s *state, who account) error {
		if !s.bool(networksAdded.net(netuid), false) || mechanism >= s.mechanisms(netuid) {
			return refuse("MechanismDoesNotExist")
		}
		if !s.bool(commitReveal.net(netuid), true) {
			return refuse("CommitRevealDisabled")
		}
		index := storageIndex(netuid, mechanism)
		w := writer{}
		w.account(who)
		w.u16(index)
		for _, list := range [][]uint16{dests, values, salt} {
			w.compact(uint64(len(list)))
			for _, v := range list {
				w.u16(v)
			}
		}
		w.u64(versionKey)
		h := account(blake256(w.b))
		all := s.hashCommits(index, who)
		if len(all) == 0 {
			return refuse("NoWeightsCommitFound")
		}
		at := slices.IndexFunc(all, func(c hashCommit) bool { return c.hash == h })
		switch {
		case at < 0:
			if slices.ContainsFunc(all, func(c hashCommit) bool { return !s.expired(netuid, c) }) {
				return refuse("InvalidRevealCommitHashNotMatch")
			}
			return refuse("ExpiredWeightCommit")
		case s.expired(netuid, all[at]):
			return refuse("ExpiredWeightCommit")
		case s.epochIndex(netuid) < s.commitEpoch(netuid, all[at])+s.u64(revealPeriod.twox(netuid), 1):
			return refuse("RevealTooEarly")
		}
		if err := s.setWeights(who, netuid, mechanism, dests, values, versionKey, true); err != nil {
			return err
		}
		s.putHashCommits(index, who, all[at+1:]) // older ones go with it
		s.emit("SubtensorModule", "WeightsRevealed", func(w *writer) { w.account(who); w.u16(index); w.account(h) })
		return nil
	}
}

// timelocked is one commit that waits for its pulse.
type timelocked struct {
	who    account
	block  uint64
	commit []byte
	round  uint64
}

func timelockKey(index uint16, epoch uint64) string {
	return timelockCommits.at(twox64Concat(le16(index)), twox64Concat(le64(epoch)))
}

func decodeTimelocked(b []byte) []timelocked {
	r := &reader{b: b}
	if len(b) == 0 {
		return nil
	}
	out := make([]timelocked, r.count(49))
	for i := range out {
		out[i] = timelocked{r.account(), r.u64(), r.bytes(), r.u64()}
	}
	return out
}

func (s *state) putTimelocked(key string, all []timelocked) {
	if len(all) == 0 {
		s.del(key)
		return
	}
	w := writer{}
	w.compact(uint64(len(all)))
	for _, c := range all {
		w.account(c.who)
		w.u64(c.block)
		w.bytes(c.commit)
		w.u64(c.round)
	}
	s.put(key, w.b)
}

// commitTimelocked takes weights that are encrypted to a drand round. version 0 stands for the call that does not say one.
func commitTimelocked(netuid uint16, mechanism uint8, commit []byte, round uint64, version uint16) run {
	return func(s *state, who account) error {
		if version != 0 && version != s.u16(commitRevealForm.at(), 4) {
			return refuse("IncorrectCommitRevealVersion")
		}
		uid, err := s.commitChecks(who, netuid, mechanism)
		if err != nil {
			return err
		}
		epoch := s.epochIndex(netuid)
		if !s.rt.stateful && s.epochDue(netuid) {
			epoch++ // this block's epoch has run already
		}
		index := storageIndex(netuid, mechanism)
		key := timelockKey(index, epoch)
		all, mine := decodeTimelocked(s.get(key)), 0
		for _, c := range all {
			if c.who == who {
				mine++
			}
		}
		if mine >= maxUnrevealed {
			return refuse("TooManyUnrevealedCommits")
		}
		h := blake256(commit)
		s.putTimelocked(key, append(all, timelocked{who, s.number, commit, round}))
		s.setVector(lastUpdate, 8, netuid, mechanism, uid, s.number)
		s.emit("SubtensorModule", "TimelockedWeightsCommitted", func(w *writer) { w.account(who); w.u16(index); w.raw(h[:]); w.u64(round) })
		return nil
	}
}

// revealTimelocked sets the weights that were committed RevealPeriod epochs ago and whose pulse is stored, and drops what is older.
// What fails inside fails without a word, as on the public chain.
func (s *state) revealTimelocked(netuid uint16) {
	period, now := s.u64(revealPeriod.twox(netuid), 1), s.epochIndex(netuid)
	if now < period {
		return
	}
	due := now - period
	for m := range s.mechanisms(netuid) {
		index := storageIndex(netuid, m)
		prefix := timelockCommits.at(twox64Concat(le16(index)))
		var expired []string
		s.root.scan(prefix, "", func(key string, _ []byte) bool {
			if r := (&reader{b: []byte(key[len(prefix)+8:])}); r.u64() < due {
				expired = append(expired, key)
			}
			return true
		})
		for _, key := range expired {
			s.del(key)
		}
		key := timelockKey(index, due)
		all := decodeTimelocked(s.get(key))
		var waiting []timelocked
		for _, c := range all {
			signature, ok := s.pulse(c.round)
			if !ok {
				waiting = append(waiting, c)
				continue
			}
			s.reveal(netuid, m, c, signature)
		}
		if len(waiting) != len(all) {
			s.putTimelocked(key, waiting)
		}
	}
}

// reveal opens one commit: SCALE{hotkey, uids, values, version_key}, or the same without the hotkey, which older clients send.
func (s *state) reveal(netuid uint16, mechanism uint8, c timelocked, signature []byte) {
	plain, err := timelock.Decrypt(c.commit, signature)
	if err != nil {
		return
	}
	r := &reader{b: plain}
	hotkey, dests, values, versionKey := r.bytes(), r.u16s(), r.u16s(), r.u64()
	if r.end() != nil || string(hotkey) != string(c.who[:]) {
		r = &reader{b: plain}
		dests, values, versionKey = r.u16s(), r.u16s(), r.u64()
		if r.end() != nil {
			return
		}
	}
	root, events := s.mark()
	if s.setWeights(c.who, netuid, mechanism, dests, values, versionKey, true) != nil {
		s.revert(root, events)
		return
	}
	index := storageIndex(netuid, mechanism)
	s.emit("SubtensorModule", "TimelockedWeightsRevealed", func(w *writer) { w.u16(index); w.account(c.who) })
}
