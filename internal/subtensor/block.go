package subtensor

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// header is a block header as Substrate encodes it. The block's hash is the BLAKE2b-256 of the encoding.
type header struct {
	parent         hash
	number         uint64
	stateRoot      hash
	extrinsicsRoot hash
	logs           [][]byte // each a SCALE DigestItem
}

func (h header) encode() []byte {
	w := writer{}
	w.raw(h.parent[:])
	w.compact(h.number)
	w.raw(h.stateRoot[:])
	w.raw(h.extrinsicsRoot[:])
	w.compact(uint64(len(h.logs)))
	for _, l := range h.logs {
		w.raw(l)
	}
	return w.b
}

func (h header) hash() hash { return blake256(h.encode()) }

// decodeHeader reads a stored header. It knows the digest items that this node writes.
func decodeHeader(b []byte) (header, error) {
	r := &reader{b: b}
	h := header{parent: r.account(), number: r.compact(), stateRoot: r.account(), extrinsicsRoot: r.account()}
	for range r.count(2) {
		from := r.at
		if kind := r.u8(); kind != 5 && kind != 6 {
			r.fail(errScale)
		}
		r.take(4)
		r.bytes()
		h.logs = append(h.logs, r.b[from:r.at])
	}
	if err := r.end(); err != nil {
		return header{}, fmt.Errorf("couldn't read header: %w", err)
	}
	return h, nil
}

// engineLog is a digest item of the consensus engine Aura: 6 names the slot before the block runs, 5 seals it afterwards.
func engineLog(kind byte, body []byte) []byte {
	w := writer{}
	w.u8(kind)
	w.raw([]byte("aura"))
	w.bytes(body)
	return w.b
}

// block is a block and the state after it.
type block struct {
	header
	id         hash
	extrinsics [][]byte
	time       uint64 // unix ms
	// root is the state after the block, nil when it was discarded.
	root   *tree
	digest digest
	// changes are what the block did to the state of its parent, nil when discarded.
	changes []change
	// included are the transactions of the block in its order, for the sake of those who watch them; nil once it is final.
	included []*pending
}

// execute runs a block on top of parent. txs are tried in order; one that is not valid any more is left out and reported in dropped.
func (n *Node) execute(parent *block, now uint64, txs []*pending) (*block, []*pending, error) {
	rt, err := n.runtimeOf(parent.root)
	if err != nil {
		return nil, nil, err
	}
	s := newState(parent.root, rt)
	s.number, s.now, s.phase = parent.number+1, now, []byte{2} // initialization
	b := &block{header: header{parent: parent.id, number: s.number}, time: now}
	slot := engineLog(6, le64(now/slotMillis(n.cfg.BlockTime)))
	n.initialize(s, parent, slot)

	b.extrinsics = append(b.extrinsics, inherent(rt, now))
	s.phase = append([]byte{0}, le32(0)...)
	s.putU64(timestampNow.at(), now)
	s.success(2, true)
	var dropped []*pending
	for _, p := range txs {
		s.phase = append([]byte{0}, le32(uint32(len(b.extrinsics)))...)
		if invalid := n.validate(s, p.x, &p.call); invalid != nil {
			dropped = append(dropped, p)
			continue
		}
		s.apply(p)
		b.extrinsics = append(b.extrinsics, p.x.raw)
		b.included = append(b.included, p)
	}
	if n.upgrade {
		spec := le32(rt.spec + 1)
		s.phase = []byte{1}
		s.put(codeKey, spec)
		s.emit("System", "CodeUpdated", nil)
	}
	s.sealEvents()

	b.changes, b.root, b.digest = s.changes(), s.root, digest{}
	b.digest.sum.Set(&parent.digest.sum)
	b.digest.apply(b.changes)
	b.stateRoot = b.digest.root()
	if b.extrinsicsRoot, err = extrinsicsRoot(b.extrinsics); err != nil {
		return nil, nil, err
	}
	b.logs = [][]byte{slot}
	before := b.hash()
	// the seal's randomness is fixed, so that a simulation that repeats gives the same hashes
	seal, err := n.authority.SignRand(bytes.NewReader(bytes.Repeat(before[:], 8)), before[:])
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't seal block %d: %w", b.number, err)
	}
	b.logs = append(b.logs, engineLog(5, seal[:]))
	b.id = b.hash()
	return b, dropped, nil
}

// extrinsicsRoot hashes the inherent and the transactions of a block, these without their signatures, which sr25519 makes anew each
// time: so a simulation that repeats gives the same blocks.
func extrinsicsRoot(extrinsics [][]byte) (hash, error) {
	w := writer{}
	w.raw(extrinsics[0])
	for _, raw := range extrinsics[1:] {
		x, err := parseExtrinsic(raw)
		if err != nil {
			return hash{}, err
		}
		w.account(x.signer)
		w.bytes(x.extra)
		w.bytes(x.callBytes)
	}
	return blake256(w.b), nil
}

// codeKey holds the spec version of the runtime that the next block runs on; the public chain has the code itself there.
const codeKey = ":code"

// runtimeOf returns the runtime of a state.
func (n *Node) runtimeOf(root *tree) (*runtime, error) {
	v, ok := root.get(codeKey)
	if !ok || len(v) != 4 {
		return nil, fmt.Errorf("couldn't find the runtime in the state")
	}
	return n.runtimes.at(binary.LittleEndian.Uint32(v))
}

const blockHashCount = 2400 // the constant System.BlockHashCount

// initialize is what happens before the first extrinsic.
func (n *Node) initialize(s *state, parent *block, slot []byte) {
	s.putU32(sysNumber.at(), uint32(s.number))
	s.put(sysParentHash.at(), parent.id[:])
	s.put(sysBlockHash.at(twox64Concat(le32(uint32(parent.number)))), parent.id[:])
	if s.number > blockHashCount {
		s.del(sysBlockHash.at(twox64Concat(le32(uint32(s.number - blockHashCount - 1)))))
	}
	w := writer{}
	w.compact(1)
	w.raw(slot)
	s.put(sysDigest.at(), w.b)
	last := writer{}
	last.compact(uint64(s.rt.spec))
	last.bytes([]byte(runtimeName))
	s.put(sysLastUpgrade.at(), last.b)

	n.cfg.Drand.storePulses(s)
	s.revealCommitments()
	for _, netuid := range s.subnets() {
		if s.u16(regsThisBlock.net(netuid), 0) != 0 {
			s.putU16(regsThisBlock.net(netuid), 0)
		}
		if interval := uint64(s.u16(adjustmentInterval.net(netuid), 100)); interval != 0 && s.number%interval == 0 {
			s.putU16(regsThisInterval.net(netuid), 0)
			s.putU16(burnRegsInterval.net(netuid), 0)
			s.putU64(lastAdjustment.net(netuid), s.number)
		}
		if s.rt.stateful {
			s.stepSchedule(netuid)
			s.revealTimelocked(netuid)
		} else {
			s.revealTimelocked(netuid)
			s.stepSchedule(netuid)
		}
	}
}

// subnets lists the netuids but the root network's, ascending.
func (s *state) subnets() []uint16 {
	var out []uint16
	s.root.scan(string(networksAdded), "", func(key string, value []byte) bool {
		if id := binary.LittleEndian.Uint16([]byte(key[len(key)-2:])); id != 0 && len(value) == 1 && value[0] == 1 {
			out = append(out, id)
		}
		return true
	})
	sortU16(out)
	return out
}

// apply runs a transaction that is valid. The nonce counts and the fee is paid whatever becomes of the call.
func (s *state) apply(p *pending) {
	who := p.x.signer
	i := s.accountInfo(who)
	i.nonce++
	s.putAccountInfo(who, i)
	paid := uint64(0)
	if p.call.pays {
		paid = fee(len(p.x.raw)) + p.x.tip
		s.pay(who, paid)
		s.emit("Balances", "Withdraw", func(w *writer) { w.account(who); w.u64(paid) })
		s.addIssuance(-int64(paid))
	}
	root, events := s.mark()
	err := p.fail
	if err == nil {
		err = p.call.run(s, who)
	}
	if err != nil {
		s.revert(root, events)
	}
	s.emit("TransactionPayment", "TransactionFeePaid", func(w *writer) { w.account(who); w.u64(paid); w.u64(p.x.tip) })
	if err != nil {
		body := []byte{0} // Other
		if d, ok := err.(*dispatchError); ok {
			body = d.encode(s.rt)
		}
		s.emit("System", "ExtrinsicFailed", func(w *writer) { w.raw(body); dispatchInfo(w, p.call.class, p.call.pays) })
		return
	}
	s.success(p.call.class, p.call.pays)
}

func (s *state) success(class byte, pays bool) {
	s.emit("System", "ExtrinsicSuccess", func(w *writer) { dispatchInfo(w, class, pays) })
}

// callWeight is the weight that every call is said to have: reference time in picoseconds and proof size in bytes.
const callWeight, callProof = 160_000_000, 6_000

// dispatchInfo writes a DispatchEventInfo: weight, class (0 normal, 1 operational, 2 mandatory), Pays (0 yes, 1 no).
func dispatchInfo(w *writer, class byte, pays bool) {
	w.compact(callWeight)
	w.compact(callProof)
	w.u8(class)
	w.bool(!pays)
}

// authorityOf is the key that seals the blocks of a chain with that genesis name.
func authorityOf(genesisName string) sr25519.Keypair {
	return sr25519.NewKeypair(blake256([]byte("nanteos local chain authority " + genesisName)))
}
