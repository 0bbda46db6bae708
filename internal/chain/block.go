package chain

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/crypto/blake2b"
)

// header is a block without its transactions.
type header struct {
	number         uint64
	parent         [32]byte
	timeMs         int64 // unix, milliseconds
	stateRoot      [32]byte
	extrinsicsRoot [32]byte
}

// hash is BLAKE2b-256 over the tag, parent, number, time, state root and transactions root. Signatures are no part of it: sr25519
// signatures are random, and a simulation must give the same hashes for the same seed.
func (h header) hash() [32]byte {
	b := append([]byte(nil), "nanteos/block/1"...)
	b = append(b, h.parent[:]...)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = binary.BigEndian.AppendUint64(b, uint64(h.timeMs))
	b = append(b, h.stateRoot[:]...)
	b = append(b, h.extrinsicsRoot[:]...)
	return blake2b.Sum256(b)
}

func (h header) ref() BlockRef {
	return BlockRef{Number: h.number, Hash: hashText(h.hash()), Time: time.UnixMilli(h.timeMs).UTC()}
}

// included is a transaction in a block and what became of it.
type included struct {
	extrinsic Extrinsic
	err       error
}

func extrinsicsRoot(xs []included) [32]byte {
	b := append([]byte(nil), "nanteos/extrinsics/1"...)
	for _, x := range xs {
		id := x.extrinsic.id()
		b = append(b, id[:]...)
		b = appendBool(b, x.err == nil)
	}
	return blake2b.Sum256(b)
}

// Genesis is the state before the first block.
type Genesis struct {
	// Name sets networks apart that are otherwise alike.
	Name string `json:"name"`
	// Time is the time of block 0; the time of creation when zero.
	Time time.Time `json:"time"`
	// Params are the subnet's rules, DefaultHyperparameters where the zero value stands.
	Params Hyperparameters `json:"params"`
	// Neurons get the UIDs 0, 1, …
	Neurons []GenesisNeuron `json:"neurons"`
}

// GenesisNeuron is registered from the start.
type GenesisNeuron struct {
	Hotkey  string `json:"hotkey"`
	Coldkey string `json:"coldkey"`
	// Stake is in rao.
	Stake uint64 `json:"stake"`
}

func (g Genesis) state() (*state, error) {
	s := &state{params: g.Params, nonces: map[string]uint64{}, commitments: map[string]commitment{}}
	if s.params == (Hyperparameters{}) {
		s.params = DefaultHyperparameters()
	}
	if err := s.params.Validate(); err != nil {
		return nil, err
	}
	if len(g.Neurons) > int(s.params.MaxUIDs) {
		return nil, fmt.Errorf("couldn't make genesis: %d neurons for %d places", len(g.Neurons), s.params.MaxUIDs)
	}
	for i, n := range g.Neurons {
		if err := checkAddress("hotkey", n.Hotkey); err != nil {
			return nil, err
		}
		if n.Coldkey == "" {
			n.Coldkey = n.Hotkey
		}
		if err := checkAddress("coldkey", n.Coldkey); err != nil {
			return nil, err
		}
		if uid, ok := s.uid(n.Hotkey); ok {
			return nil, fmt.Errorf("couldn't make genesis: neurons %d and %d have the hotkey %s", uid, i, n.Hotkey)
		}
		s.neurons = append(s.neurons, neuron{hotkey: n.Hotkey, coldkey: n.Coldkey, stake: n.Stake})
	}
	s.grantPermits()
	return s, nil
}

// block0 returns the genesis block's header and state.
func (g Genesis) block0(now time.Time) (header, []byte, error) {
	s, err := g.state()
	if err != nil {
		return header{}, nil, err
	}
	body, err := s.encode()
	if err != nil {
		return header{}, nil, err
	}
	t := g.Time
	if t.IsZero() {
		t = now
	}
	return header{timeMs: t.UnixMilli(), stateRoot: stateRoot(body), extrinsicsRoot: genesisRoot(g.Name)}, body, nil
}

func genesisRoot(name string) [32]byte { return blake2b.Sum256([]byte("nanteos/genesis/1\x00" + name)) }
