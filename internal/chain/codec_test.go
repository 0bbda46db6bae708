package chain

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func sampleExtrinsics() []Extrinsic {
	return []Extrinsic{
		{Hotkey: key(0).Hotkey(), Nonce: 3, Expiry: 9, Call: CommitCall{Data: []byte("x")}, Signature: make([]byte, 64)},
		{Hotkey: key(1).Hotkey(), Call: SetWeightsCall{UIDs: []uint16{0, 65535}, Weights: []uint16{1, 2}, VersionKey: 1 << 60}, Signature: []byte{1}},
		{Hotkey: "", Nonce: 1<<64 - 1, Call: RegisterCall{Coldkey: "5F"}, Signature: []byte{}},
	}
}

func TestExtrinsicEncoding(t *testing.T) {
	for _, x := range sampleExtrinsics() {
		b := x.Encode()
		got, err := DecodeExtrinsic(b)
		if err != nil || !reflect.DeepEqual(got, x) {
			t.Errorf("%+v became %+v, %v", x, got, err)
		}
		for n := range b {
			if _, err := DecodeExtrinsic(b[:n]); err == nil {
				t.Errorf("%d of %d bytes were enough", n, len(b))
			}
		}
		if _, err := DecodeExtrinsic(append(slices.Clone(b), 0)); err == nil {
			t.Error("a byte too many was ignored")
		}
	}
	signed, unsigned := sampleExtrinsics()[0], sampleExtrinsics()[0]
	signed.Signature = []byte("another")
	if signed.Hash() != unsigned.Hash() {
		t.Error("the signature changes the name")
	}
	if _, err := signed.Payload("0x12"); err == nil {
		t.Error("a bad genesis hash was accepted")
	}
}

func FuzzDecodeExtrinsic(f *testing.F) {
	for _, x := range sampleExtrinsics() {
		f.Add(x.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := DecodeExtrinsic(b)
		if err == nil && !bytes.Equal(x.Encode(), b) {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, x, x.Encode())
		}
	})
}

func randomState(r *rand.Rand) *state {
	s := &state{params: DefaultHyperparameters(), lastEpoch: r.Uint64(), nonces: map[string]uint64{}, commitments: map[string]commitment{}, neurons: []neuron{}}
	for i := range r.IntN(20) {
		n := neuron{hotkey: key(i).Hotkey(), coldkey: key(i + 100).Hotkey(), stake: r.Uint64(), permit: r.IntN(2) == 0, registeredAt: r.Uint64(), lastUpdate: r.Uint64(),
			rank: uint16(r.Uint32()), trust: uint16(r.Uint32()), consensus: uint16(r.Uint32()), incentive: uint16(r.Uint32()), dividends: uint16(r.Uint32())}
		for j := range r.IntN(5) {
			n.weights = append(n.weights, Weight{uint16(j), uint16(r.Uint32())})
		}
		s.neurons = append(s.neurons, n)
		s.nonces[n.hotkey] = r.Uint64()
		s.commitments[n.hotkey] = commitment{data: bytes.Repeat([]byte{byte(i)}, r.IntN(129)), block: r.Uint64(), epoch: r.Uint64(), used: r.Uint64()}
	}
	return s
}

func TestStateEncoding(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		s := randomState(r)
		b, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeState(b)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v became %+v, %v", s, got, err)
		}
		cut := b[:r.IntN(len(b))]
		if _, err := decodeState(cut); err == nil {
			t.Errorf("%d of %d bytes were enough", len(cut), len(b))
		}
	}
}

func FuzzDecodeState(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		s := randomState(r)
		s.neurons, s.nonces = s.neurons[:min(2, len(s.neurons))], map[string]uint64{"5F": 1} // long inputs take a minute each to minimise
		s.commitments = map[string]commitment{"5F": {data: []byte("x")}}
		b, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeState(b); err == nil && s == nil {
			t.Error("neither state nor error")
		}
	})
}

// TestCloneIsApart: what a block changes is not seen in the state before it.
func TestCloneIsApart(t *testing.T) {
	s, err := genesis(4).state()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dispatch(Extrinsic{Hotkey: key(0).Hotkey(), Call: SetWeightsCall{UIDs: []uint16{2, 3}, Weights: []uint16{1, 2}}}, 1); err != nil {
		t.Fatal(err)
	}
	before, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	c := s.clone()
	for _, x := range []Extrinsic{
		{Hotkey: key(2).Hotkey(), Call: CommitCall{Data: []byte("x")}},
		{Hotkey: key(0).Hotkey(), Call: SetWeightsCall{UIDs: []uint16{4}, Weights: []uint16{9}}},
		{Hotkey: key(40).Hotkey(), Call: RegisterCall{Coldkey: key(41).Hotkey()}},
	} {
		c.nonces[x.Hotkey]++
		if err := c.dispatch(x, 100); err != nil {
			t.Fatal(err)
		}
	}
	c.epoch(100)
	if after, err := s.encode(); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the old state changed: %v", err)
	}
	if b, err := c.encode(); err != nil || bytes.Equal(b, before) {
		t.Errorf("the new state did not: %v", err)
	}
}

func TestEpochProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		s := &state{params: DefaultHyperparameters(), nonces: map[string]uint64{}, commitments: map[string]commitment{}}
		s.params.Emission = uint64(r.IntN(2)) * 100 * tao
		n := 2 + r.IntN(12)
		for i := range n {
			s.neurons = append(s.neurons, neuron{hotkey: key(i).Hotkey(), stake: uint64(r.IntN(3)) * uint64(r.IntN(1000)) * tao})
		}
		s.grantPermits()
		stake := uint64(0)
		for i := range s.neurons {
			stake += s.neurons[i].stake
			var uids, weights []uint16
			for j := range n {
				uids, weights = append(uids, uint16(j)), append(weights, uint16(r.IntN(100)))
			}
			_ = s.dispatch(Extrinsic{Hotkey: s.neurons[i].hotkey, Call: SetWeightsCall{UIDs: uids, Weights: weights}}, 1) // refused without stake
		}
		s.epoch(10)
		var incentive, dividends, after uint64
		for i := range s.neurons {
			incentive += uint64(s.neurons[i].incentive)
			dividends += uint64(s.neurons[i].dividends)
			after += s.neurons[i].stake
		}
		if incentive > 65535 || dividends > 65535 || incentive > 0 && incentive < uint64(65535-n) {
			t.Errorf("incentives sum to %d, dividends to %d of 65535", incentive, dividends)
		}
		if after < stake || after-stake > s.params.Emission {
			t.Errorf("stake grew by %d, emission is %d", after-stake, s.params.Emission)
		}
	}
}

// TestEpochClipsAMinority: a validator with less than half of the stake cannot give its friend anything alone.
func TestEpochClipsAMinority(t *testing.T) {
	s, err := genesis(2).state()
	if err != nil {
		t.Fatal(err)
	}
	for i, uid := range []uint16{2, 3} {
		if err := s.dispatch(Extrinsic{Hotkey: key(i).Hotkey(), Call: SetWeightsCall{UIDs: []uint16{uid}, Weights: []uint16{1}}}, 1); err != nil {
			t.Fatal(err)
		}
	}
	s.epoch(10)
	if s.neurons[2].incentive != 65535 || s.neurons[3].incentive != 0 || s.neurons[3].trust != 0 || s.neurons[2].consensus != 65535 {
		t.Errorf("%+v", s.neurons)
	}
	s.epoch(1 + s.params.ActivityCutoff + 1)
	if s.neurons[2].incentive != 65535 {
		t.Error("without active validators the last result should stay")
	}
}
