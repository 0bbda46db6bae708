package subtensor

import "github.com/nanteos/nanteos/bittensor/timelock"

// dataField is one field of a commitment: its SCALE bytes, and what it counts against the space of the epoch.
type dataField struct {
	kind      byte
	body      []byte // after the kind
	encrypted []byte // of kind timelocked
	round     uint64
	size      uint64
}

// The kinds of fields. 1 to 129 are Raw0 to Raw128.
const (
	kindRawMax    = 129
	kindHashMax   = 133
	kindTimelock  = 134
	kindReset     = 135
	kindBigRaw    = 136
	maxTimelocked = 1024
	maxBigRaw     = 512
	maxFields     = 3
)

// commitment reads a CommitmentInfo (specification of the chain, section 9).
func (r *reader) commitment() []dataField {
	n := r.count(1)
	if n > maxFields {
		r.fail(errScale)
		return nil
	}
	fields := make([]dataField, n)
	for i := range fields {
		f := dataField{kind: r.u8()}
		from := r.at
		switch {
		case f.kind == 0:
		case f.kind <= kindRawMax:
			f.size = uint64(len(r.take(int(f.kind) - 1)))
		case f.kind <= kindHashMax:
			f.size = uint64(len(r.take(32)))
		case f.kind == kindTimelock:
			if f.encrypted = r.bytes(); len(f.encrypted) > maxTimelocked {
				r.fail(errScale)
			}
			f.size, f.round = uint64(len(f.encrypted)), r.u64()
		case f.kind == kindBigRaw:
			if f.size = uint64(len(r.bytes())); f.size > maxBigRaw {
				r.fail(errScale)
			}
		case f.kind != kindReset:
			r.fail(errScale)
		}
		if r.err != nil {
			return nil
		}
		f.body = r.b[from:r.at]
		fields[i] = f
	}
	return fields
}

func registration(block uint64, fields []dataField) []byte {
	w := writer{}
	w.u64(0) // no deposit
	w.u32(uint32(block))
	w.compact(uint64(len(fields)))
	for _, f := range fields {
		w.u8(f.kind)
		w.raw(f.body)
	}
	return w.b
}

// setCommitment puts fields on the board of a subnet. A neuron may use up MaxSpace bytes an epoch, at least 100 each time.
func setCommitment(netuid uint16, fields []dataField) run {
	return func(s *state, who account) error {
		refuse := func(name string) error { return &dispatchError{pallet: "Commitments", name: name} }
		if _, ok := s.uid(netuid, who); !ok {
			return refuse("AccountNotAllowedCommit")
		}
		size, round, reset := uint64(0), uint64(0), false
		for _, f := range fields {
			size += f.size
			if f.kind == kindTimelock {
				round = max(round, f.round)
			}
			reset = reset || f.kind == kindReset
		}
		epoch, used := s.epochIndex(netuid), max(100, size)
		if old := s.get(usedSpaceOf.note(netuid, who)); len(old) == 16 {
			if r := (&reader{b: old}); r.u64() == epoch {
				used += r.u64()
			}
		}
		limit := uint64(3100)
		if v := s.get(maxSpace.at()); len(v) == 4 {
			limit = uint64((&reader{b: v}).u32())
		}
		if used > limit {
			return refuse("SpaceLimitExceeded")
		}
		w := writer{}
		w.u64(epoch)
		w.u64(used)
		s.put(usedSpaceOf.note(netuid, who), w.b)
		if reset {
			s.putU32(lastBondsReset.note(netuid, who), uint32(s.number))
			if uid, ok := s.uid(netuid, who); ok {
				s.putRow(bonds.netUID(netuid, uid), nil)
			}
		}
		s.put(commitmentOf.note(netuid, who), registration(s.number, fields))
		s.putU32(lastCommitment.note(netuid, who), uint32(s.number))
		s.index(netuid, who, round != 0)
		if round != 0 {
			s.emit("Commitments", "TimelockCommitment", func(w *writer) { w.u16(netuid); w.account(who); w.u64(round) })
			return nil
		}
		s.emit("Commitments", "Commitment", func(w *writer) { w.u16(netuid); w.account(who) })
		return nil
	}
}

// index keeps Commitments.TimelockedIndex, the ordered set of who waits for a pulse.
func (s *state) index(netuid uint16, who account, waits bool) {
	r := &reader{b: s.get(timelockedIndex.at())}
	entry := append(le16(netuid), who[:]...)
	w, n, placed := writer{}, 0, !waits
	if len(r.b) > 0 {
		for range r.count(34) {
			e := r.take(34)
			if !placed && lessEntry(entry, e) {
				w.raw(entry)
				n, placed = n+1, true
			}
			if string(e) != string(entry) {
				w.raw(e)
				n++
			}
		}
	}
	if !placed {
		w.raw(entry)
		n++
	}
	if n == 0 && !s.has(timelockedIndex.at()) {
		return
	}
	out := writer{}
	out.compact(uint64(n))
	out.raw(w.b)
	s.put(timelockedIndex.at(), out.b)
}

// lessEntry orders by netuid as a number, then by account.
func lessEntry(a, b []byte) bool {
	x, y := uint16(a[0])|uint16(a[1])<<8, uint16(b[0])|uint16(b[1])<<8
	return x < y || x == y && string(a[2:]) < string(b[2:])
}

// revealCommitments decrypts the timelocked commitments whose pulse is stored: the plaintext goes to RevealedCommitments, of which the
// last ten are kept, and the field is removed, with the commitment when it was the last field.
func (s *state) revealCommitments() {
	r := &reader{b: s.get(timelockedIndex.at())}
	if len(r.b) == 0 {
		return
	}
	for range r.count(34) {
		e := &reader{b: r.take(34)}
		netuid, who := e.u16(), e.account()
		key := commitmentOf.note(netuid, who)
		v := &reader{b: s.get(key)}
		v.u64()
		block := v.u32()
		var kept []dataField
		waiting := false
		for _, f := range v.commitment() {
			if f.kind != kindTimelock {
				kept = append(kept, f)
				continue
			}
			signature, ok := s.pulse(f.round)
			if !ok {
				kept, waiting = append(kept, f), true
				continue
			}
			if plain, err := timelock.Decrypt(f.encrypted, signature); err == nil {
				s.addRevealed(netuid, who, plain)
				s.emit("Commitments", "CommitmentRevealed", func(w *writer) { w.u16(netuid); w.account(who) })
			}
		}
		if len(kept) == 0 {
			s.del(key)
		} else {
			s.put(key, registration(uint64(block), kept))
		}
		if !waiting {
			s.index(netuid, who, false)
		}
	}
}

func (s *state) addRevealed(netuid uint16, who account, plain []byte) {
	key := revealedOf.note(netuid, who)
	var entries [][]byte
	if r := (&reader{b: s.get(key)}); len(r.b) > 0 {
		for range r.count(9) {
			from := r.at
			r.bytes()
			r.u64()
			entries = append(entries, r.b[from:r.at])
		}
	}
	one := writer{}
	one.bytes(plain)
	one.u64(s.number)
	if entries = append(entries, one.b); len(entries) > 10 {
		entries = entries[len(entries)-10:]
	}
	w := writer{}
	w.compact(uint64(len(entries)))
	for _, e := range entries {
		w.raw(e)
	}
	s.put(key, w.b)
}
