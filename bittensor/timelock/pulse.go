package timelock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Pulse is one round of a drand chain. A pulse from elsewhere is only a claim until a Verifier has accepted it.
type Pulse struct {
	Round uint64
	// Randomness is the SHA-256 of Signature.
	Randomness [32]byte
	// Signature is a compressed point: 48 bytes in G1 (Unchained) or 96 in G2 (Chained).
	Signature []byte
	// Previous is the signature of the round before, in a Chained chain only; the chain's seed in round 1.
	Previous []byte
}

// NewPulse makes the pulse of a signature; its randomness follows from it.
func NewPulse(round uint64, signature []byte) Pulse {
	return Pulse{Round: round, Randomness: sha256.Sum256(signature), Signature: signature}
}

// pulseJSON is drand's answer to GET /{hash}/public/{round}.
type pulseJSON struct {
	Round      *uint64 `json:"round"`
	Randomness *string `json:"randomness"`
	Signature  string  `json:"signature"`
	Previous   string  `json:"previous_signature"`
}

// ParsePulse reads the JSON that drand's relays give for a round: round, signature and, where the relay sends them, randomness and
// previous_signature, the bytes in hex. It checks the form only. Errors wrap ErrPulse.
func ParsePulse(text []byte) (Pulse, error) {
	if len(text) > maxInfo {
		return Pulse{}, fmt.Errorf("%w: %d bytes of JSON, at most %d allowed", ErrPulse, len(text), maxInfo)
	}
	var j pulseJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return Pulse{}, fmt.Errorf("%w: couldn't decode JSON: %w", ErrPulse, err)
	}
	if j.Round == nil {
		return Pulse{}, fmt.Errorf("%w: no round in its JSON", ErrPulse)
	}
	sig, err := hex.DecodeString(j.Signature)
	if err != nil || len(sig) != g1Bytes && len(sig) != g2Bytes {
		return Pulse{}, fmt.Errorf("%w: signature of round %d is neither %d nor %d bytes of hex", ErrPulse, *j.Round, g1Bytes, g2Bytes)
	}
	p := NewPulse(*j.Round, sig)
	if j.Randomness != nil {
		r, err := hex.DecodeString(*j.Randomness)
		if err != nil || len(r) != 32 {
			return Pulse{}, fmt.Errorf("%w: randomness of round %d is not 32 bytes of hex", ErrPulse, *j.Round)
		}
		p.Randomness = [32]byte(r)
	}
	if j.Previous != "" {
		if p.Previous, err = hex.DecodeString(j.Previous); err != nil || len(p.Previous) > g2Bytes {
			return Pulse{}, fmt.Errorf("%w: previous signature of round %d is not hex of at most %d bytes", ErrPulse, *j.Round, g2Bytes)
		}
	}
	return p, nil
}

// DecodePulse reads a value of the storage map Drand.Pulses of Bittensor's chain: SCALE of {round u64, randomness bytes, signature bytes}. Its
// randomness must have 32 bytes and its signature 48. It checks the form only. Errors wrap ErrPulse.
func DecodePulse(b []byte) (Pulse, error) {
	r := scale.NewReader(b)
	r.Canonical = true
	p := Pulse{Round: r.U64()}
	randomness, sig := r.Bytes(), r.Bytes()
	if err := r.End(); err != nil {
		return Pulse{}, fmt.Errorf("%w: couldn't decode stored pulse: %w", ErrPulse, err)
	}
	if len(randomness) != 32 || len(sig) != g1Bytes {
		return Pulse{}, fmt.Errorf("%w: stored round %d has %d bytes of randomness and %d of signature, not 32 and %d", ErrPulse, p.Round, len(randomness), len(sig), g1Bytes)
	}
	p.Randomness, p.Signature = [32]byte(randomness), bytes.Clone(sig)
	return p, nil
}

// AppendSCALE appends the form that DecodePulse reads.
func (p Pulse) AppendSCALE(b []byte) []byte {
	w := scale.Writer(b)
	w.U64(p.Round)
	w.Bytes(p.Randomness[:])
	w.Bytes(p.Signature)
	return w
}
