package chain

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/crypto/blake2b"
)

// state is everything that blocks change. Its encoding's hash is the block's state root.
type state struct {
	params      Hyperparameters
	lastEpoch   uint64
	neurons     []neuron // by UID
	nonces      map[string]uint64
	commitments map[string]commitment
}

// neuron holds the last epoch's results in 65535ths, as the public chain does.
type neuron struct {
	hotkey, coldkey string
	stake           uint64
	permit          bool
	registeredAt    uint64
	lastUpdate      uint64
	rank            uint16
	trust           uint16
	consensus       uint16
	incentive       uint16
	dividends       uint16
	weights         []Weight
}

// commitment is a neuron's entry on the board, with the bytes it has used up since the epoch began.
type commitment struct {
	data  []byte
	block uint64
	epoch uint64
	used  uint64
}

func (s *state) uid(hotkey string) (uint16, bool) {
	for i := range s.neurons {
		if s.neurons[i].hotkey == hotkey {
			return uint16(i), true
		}
	}
	return 0, false
}

// clone copies what dispatch may change in place. Slices of weights and commitments are replaced, never written into.
func (s *state) clone() *state {
	c := *s
	c.neurons = slices.Clone(s.neurons)
	c.nonces = maps.Clone(s.nonces)
	c.commitments = maps.Clone(s.commitments)
	return &c
}

const stateTag = "nanteos/state/1"

func (s *state) encode() ([]byte, error) {
	params, err := json.Marshal(s.params)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode hyperparameters: %w", err)
	}
	b := append([]byte(nil), stateTag...)
	b = appendBytes(b, params)
	b = binary.BigEndian.AppendUint64(b, s.lastEpoch)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.neurons)))
	for i := range s.neurons {
		n := &s.neurons[i]
		b = appendBytes(b, []byte(n.hotkey))
		b = appendBytes(b, []byte(n.coldkey))
		b = appendBool(b, n.permit)
		for _, v := range []uint64{n.stake, n.registeredAt, n.lastUpdate} {
			b = binary.BigEndian.AppendUint64(b, v)
		}
		for _, v := range []uint16{n.rank, n.trust, n.consensus, n.incentive, n.dividends} {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(n.weights)))
		for _, w := range n.weights {
			b = binary.BigEndian.AppendUint16(b, w.UID)
			b = binary.BigEndian.AppendUint16(b, w.Value)
		}
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.nonces)))
	for _, k := range slices.Sorted(maps.Keys(s.nonces)) {
		b = appendBytes(b, []byte(k))
		b = binary.BigEndian.AppendUint64(b, s.nonces[k])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.commitments)))
	for _, k := range slices.Sorted(maps.Keys(s.commitments)) {
		c := s.commitments[k]
		b = appendBytes(b, []byte(k))
		b = appendBytes(b, c.data)
		for _, v := range []uint64{c.block, c.epoch, c.used} {
			b = binary.BigEndian.AppendUint64(b, v)
		}
	}
	return b, nil
}

func decodeState(b []byte) (*state, error) {
	r := reader{b: b}
	if tag := r.take(len(stateTag)); !bytes.Equal(tag, []byte(stateTag)) {
		return nil, fmt.Errorf("couldn't decode chain state: it does not begin with %s", stateTag)
	}
	s := &state{nonces: map[string]uint64{}, commitments: map[string]commitment{}}
	params := r.bytes(1 << 16)
	s.lastEpoch = r.uint64()
	s.neurons = make([]neuron, r.count(maxUIDs, 47))
	for i := range s.neurons {
		n := &s.neurons[i]
		n.hotkey, n.coldkey, n.permit = r.text(maxAddress), r.text(maxAddress), r.bool()
		n.stake, n.registeredAt, n.lastUpdate = r.uint64(), r.uint64(), r.uint64()
		n.rank, n.trust, n.consensus, n.incentive, n.dividends = r.uint16(), r.uint16(), r.uint16(), r.uint16(), r.uint16()
		if k := r.count(maxUIDs, 4); k > 0 {
			n.weights = make([]Weight, k)
			for j := range n.weights {
				n.weights[j] = Weight{UID: r.uint16(), Value: r.uint16()}
			}
		}
	}
	for range r.count(1<<24, 12) {
		k := r.text(maxAddress)
		s.nonces[k] = r.uint64()
	}
	for range r.count(maxUIDs, 32) {
		k := r.text(maxAddress)
		s.commitments[k] = commitment{data: r.bytes(MaxCommitment), block: r.uint64(), epoch: r.uint64(), used: r.uint64()}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("couldn't decode chain state: %w", err)
	}
	if err := json.Unmarshal(params, &s.params); err != nil {
		return nil, fmt.Errorf("couldn't decode hyperparameters: %w", err)
	}
	return s, nil
}

// grantPermits gives the permits to the neurons with the most stake, ties to the lower UID.
func (s *state) grantPermits() {
	order := make([]int, len(s.neurons))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.neurons[b].stake, s.neurons[a].stake) })
	for place, i := range order {
		n := &s.neurons[i]
		n.permit = place < int(s.params.MaxValidators) && n.stake > 0 && n.stake >= s.params.StakeThreshold
	}
}

func stateRoot(encoded []byte) [32]byte { return blake2b.Sum256(encoded) }
