package subtensor

import (
	"encoding/binary"
	"maps"
	"math/big"
	"slices"

	"golang.org/x/crypto/blake2b"
)

// state is the storage while a block is made: the tree of the block before, the changes so far, and the events.
type state struct {
	rt      *runtime
	base    *tree
	root    *tree
	touched map[string]struct{}
	// number and now (unix ms) are those of the block being made.
	number uint64
	now    uint64
	// phase is the SCALE Phase of the events that come next.
	phase  []byte
	events [][]byte
}

func newState(base *tree, rt *runtime) *state {
	return &state{rt: rt, base: base, root: base, touched: map[string]struct{}{}}
}

func (s *state) get(key string) []byte {
	v, _ := s.root.get(key)
	return v
}

func (s *state) has(key string) bool {
	_, ok := s.root.get(key)
	return ok
}

func (s *state) put(key string, value []byte) {
	s.root = s.root.put(key, value)
	s.touched[key] = struct{}{}
}

func (s *state) del(key string) {
	s.root = s.root.del(key)
	s.touched[key] = struct{}{}
}

// mark and revert are the savepoints that make a call all or nothing.
func (s *state) mark() (*tree, int) { return s.root, len(s.events) }

func (s *state) revert(root *tree, events int) { s.root, s.events = root, s.events[:events] }

func (s *state) u16(key string, absent uint16) uint16 {
	if v := s.get(key); len(v) >= 2 {
		return binary.LittleEndian.Uint16(v)
	}
	return absent
}

func (s *state) u64(key string, absent uint64) uint64 {
	if v := s.get(key); len(v) >= 8 {
		return binary.LittleEndian.Uint64(v)
	}
	return absent
}

func (s *state) bool(key string, absent bool) bool {
	if v := s.get(key); len(v) >= 1 {
		return v[0] != 0
	}
	return absent
}

func (s *state) account(key string) (a account) {
	copy(a[:], s.get(key))
	return a
}

func (s *state) putU16(key string, v uint16)      { s.put(key, le16(v)) }
func (s *state) putU32(key string, v uint32)      { s.put(key, le32(v)) }
func (s *state) putU64(key string, v uint64)      { s.put(key, le64(v)) }
func (s *state) putAccount(key string, a account) { s.put(key, slices.Clone(a[:])) }

func (s *state) putBool(key string, v bool) {
	w := writer{}
	w.bool(v)
	s.put(key, w.b)
}

// numbers reads a Vec of fixed-size integers, cut or filled with zeros to n items.
func (s *state) numbers(key string, size, n int) []uint64 {
	out := make([]uint64, n)
	r := &reader{b: s.get(key)}
	if len(r.b) == 0 {
		return out
	}
	for i := range r.count(size) {
		var word [8]byte
		copy(word[:], r.take(size))
		if i < n {
			out[i] = binary.LittleEndian.Uint64(word[:])
		}
	}
	return out
}

// putNumbers writes a Vec of integers of 1, 2 or 8 bytes.
func (s *state) putNumbers(key string, size int, v []uint64) {
	w := writer{b: make([]byte, 0, 4+size*len(v))}
	w.compact(uint64(len(v)))
	for _, x := range v {
		w.b = append(w.b, le64(x)[:size]...)
	}
	s.put(key, w.b)
}

// emit adds an event of the current phase. fields is its SCALE body.
func (s *state) emit(pallet, name string, fields func(*writer)) {
	w := &writer{b: slices.Clone(s.phase)}
	w.raw(s.rt.event(pallet, name))
	if fields != nil {
		fields(w)
	}
	w.compact(0) // no topics
	s.events = append(s.events, w.b)
}

// sealEvents stores the block's events.
func (s *state) sealEvents() {
	w := &writer{}
	w.compact(uint64(len(s.events)))
	for _, e := range s.events {
		w.raw(e)
	}
	s.put(sysEvents.at(), w.b)
	s.putU32(sysEventCount.at(), uint32(len(s.events)))
}

// change is what a block did to one key; nil stands for no value.
type change struct {
	key      string
	old, new []byte
}

// changes returns the keys that the block changed, in order.
func (s *state) changes() []change {
	var out []change
	for _, k := range slices.Sorted(maps.Keys(s.touched)) {
		before, had := s.base.get(k)
		after, has := s.root.get(k)
		if had == has && string(before) == string(after) {
			continue
		}
		c := change{key: k}
		if had {
			c.old = nonNil(before)
		}
		if has {
			c.new = nonNil(after)
		}
		out = append(out, c)
	}
	return out
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// digest is a fingerprint of a whole state that a change updates in place: the sum, modulo 2^512, of a hash of each entry. Its hash
// stands where the public chain has the root of its trie. It finds damage, it does not prove membership.
type digest struct{ sum big.Int }

var digestModulus = new(big.Int).Lsh(big.NewInt(1), 512)

func entryHash(key string, value []byte) *big.Int {
	w := writer{b: make([]byte, 0, len(key)+len(value)+10)}
	w.bytes([]byte(key))
	w.bytes(value)
	h := blake2b.Sum512(w.b)
	return new(big.Int).SetBytes(h[:])
}

func (d *digest) apply(changes []change) {
	for _, c := range changes {
		if c.old != nil {
			d.sum.Sub(&d.sum, entryHash(c.key, c.old))
		}
		if c.new != nil {
			d.sum.Add(&d.sum, entryHash(c.key, c.new))
		}
	}
	d.sum.Mod(&d.sum, digestModulus)
}

func (d *digest) undo(changes []change) {
	for _, c := range changes {
		d.apply([]change{{key: c.key, old: c.new, new: c.old}})
	}
}

func (d *digest) root() hash {
	var b [64]byte
	return blake256(d.sum.FillBytes(b[:]))
}
