package timelock

import (
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"time"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Secret signs the rounds of an unchained chain of one's own, for networks on one machine and for tests: it can sign any round, at any time, so that
// whoever holds it can open every message locked to its chain. drand's own keys are shared among many and never in one place.
//
// Printing a Secret shows the public key only.
type Secret struct {
	scalar *big.Int
	public PublicKey
}

// NewSecret makes the key of a seed; the same seed gives the same key, so whoever knows the seed knows all rounds. An empty seed is an
// error.
func NewSecret(seed []byte) (*Secret, error) {
	if len(seed) == 0 {
		return nil, errors.New("couldn't make drand test key: empty seed")
	}
	// 512 bits reduced by the 255-bit group order: the bias is below 2^-250.
	wide := sha512.Sum512(append([]byte("nanteos local beacon key\x00"), seed...))
	s := new(big.Int).Mod(new(big.Int).SetBytes(wide[:]), fr.Modulus())
	if s.Sign() == 0 {
		return nil, errors.New("couldn't make drand test key: seed gives the zero key, choose another")
	}
	var p bls.G2Affine
	p.ScalarMultiplicationBase(s)
	return &Secret{scalar: s, public: p.Bytes()}, nil
}

// GenerateSecret makes a key from the system's random generator.
func GenerateSecret() *Secret {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	s, err := NewSecret(seed[:])
	if err != nil {
		panic(err) // once in 2^255
	}
	return s
}

// Public returns the key to which messages for this chain are locked.
func (s *Secret) Public() PublicKey { return s.public }

// Chain describes the chain of this key with the given genesis and period, as another process pins it. The period is 3 s when zero. Its
// hash is drand's for a beacon named "nanteos".
func (s *Secret) Chain(genesis time.Time, period time.Duration) Chain {
	if period == 0 {
		period = quicknetPeriod
	}
	c := Chain{Scheme: Unchained, PublicKey: s.public[:], Genesis: genesis.UTC(), Period: period}
	c.Hash = chainHash(c, "nanteos")
	return c
}

// Pulse signs round n, which is at least 1.
func (s *Secret) Pulse(n uint64) (Pulse, error) {
	if n == 0 {
		return Pulse{}, fmt.Errorf("couldn't sign drand round 0: the first is 1")
	}
	p, err := identity(n)
	if err != nil {
		return Pulse{}, err
	}
	p.ScalarMultiplication(&p, s.scalar)
	sig := p.Bytes()
	return NewPulse(n, sig[:]), nil
}

// String names the key by its public part.
func (s *Secret) String() string { return fmt.Sprintf("drand test key %x…", s.public[:8]) }

// GoString is String.
func (s *Secret) GoString() string { return s.String() }
