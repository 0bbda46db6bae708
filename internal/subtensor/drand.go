package subtensor

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/timelock"
)

// Drand is where the chain gets its pulses from. The public chain stores those of drand's quicknet; a node that has no network signs
// its own, with the schedule of quicknet and a key that everybody can know.
type Drand struct {
	// Secret signs the pulses of the test beacon. When nil a key is made from Genesis.Name (see TestSecret).
	Secret *timelock.Secret
	// Pulse, where not nil, gives the signature of a round of a real beacon instead, false while there is none. PublicKey is its key.
	Pulse     func(round uint64) (signature []byte, ok bool)
	PublicKey timelock.PublicKey
	// Off leaves the chain without pulses: timelocked weights and commitments stay locked.
	Off bool
}

// TestSecret is the key of the test beacon of a chain with that genesis name.
func TestSecret(genesisName string) (*timelock.Secret, error) {
	seed := sha256.Sum256([]byte("nanteos test drand key for " + genesisName))
	return timelock.NewSecret(seed[:])
}

const (
	pulsesPerBlock = 50
	keptPulses     = 8192
)

func (d *Drand) start(genesisName string) error {
	if d.Off || d.Pulse != nil {
		return nil
	}
	if d.Secret == nil {
		secret, err := TestSecret(genesisName)
		if err != nil {
			return fmt.Errorf("couldn't make the test beacon's key: %w", err)
		}
		d.Secret = secret
	}
	d.PublicKey = d.Secret.Public()
	d.Pulse = func(round uint64) ([]byte, bool) {
		p, err := d.Secret.Pulse(round)
		return p.Signature, err == nil
	}
	return nil
}

// writeConfig stores Drand.BeaconConfig, from which clients of a test chain learn the key.
func (d *Drand) writeConfig(s *state) {
	w := writer{}
	w.bytes(d.PublicKey[:])
	w.u32(3)
	w.u32(1692803367)
	chain := timelock.QuicknetChain()
	if d.Secret != nil {
		chain = d.Secret.Chain(chain.Genesis, chain.Period)
	}
	w.bytes(chain.Hash[:])
	w.bytes(chain.Hash[:])
	w.bytes([]byte("bls-unchained-g1-rfc9380"))
	w.bytes([]byte("quicknet"))
	s.put(beaconConfig.at(), w.b)
}

// storePulses writes the rounds since the last stored one, up to the block's time: what the public chain's offchain workers do with
// Drand.write_pulse.
func (d *Drand) storePulses(s *state) {
	if d.Off || d.Pulse == nil {
		return
	}
	newest := timelock.Round(time.UnixMilli(int64(s.now)))
	last := s.u64(lastRound.at(), 0)
	if newest == 0 || newest <= last {
		return
	}
	from := last + 1
	if last == 0 || newest-last > pulsesPerBlock {
		from = newest - min(newest-1, pulsesPerBlock-1) // a chain that stood still does not catch up on every round
	}
	if last == 0 {
		from = newest
		s.putU64(oldestRound.at(), newest)
	}
	var stored []uint64
	for round := from; round <= newest; round++ {
		signature, ok := d.Pulse(round)
		if !ok {
			continue
		}
		randomness := sha256.Sum256(signature)
		w := writer{}
		w.u64(round)
		w.bytes(randomness[:])
		w.bytes(signature)
		s.put(pulseKey(round), w.b)
		s.putU64(lastRound.at(), round)
		stored = append(stored, round)
	}
	if len(stored) == 0 {
		return
	}
	oldest := s.u64(oldestRound.at(), 0)
	for ; oldest+keptPulses < newest && oldest < newest; oldest++ {
		if s.has(pulseKey(oldest)) {
			s.del(pulseKey(oldest))
		} else if newest-oldest > 2*keptPulses {
			oldest = newest - keptPulses - 1
		}
	}
	s.putU64(oldestRound.at(), oldest)
	s.emit("Drand", "NewPulse", func(w *writer) {
		w.compact(uint64(len(stored)))
		for _, round := range stored {
			w.u64(round)
		}
	})
}

func pulseKey(round uint64) string { return pulses.at(blake128Concat(le64(round))) }

// pulse returns the stored signature of a round.
func (s *state) pulse(round uint64) ([]byte, bool) {
	v := s.get(pulseKey(round))
	if v == nil {
		return nil, false
	}
	r := &reader{b: v}
	r.u64()
	r.bytes()
	signature := r.bytes()
	return signature, r.err == nil
}
