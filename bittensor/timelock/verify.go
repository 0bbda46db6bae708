package timelock

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

// Verifier checks pulses of one chain. It is safe for concurrent use.
type Verifier struct {
	chain Chain
	// unchained: e(sig, −g2) · e(H(m), key) = 1, with the lines of both fixed points computed once.
	lines [][2][len(bls.LoopCounter) - 1]bls.LineEvaluationAff
	// chained: e(−g1, sig) · e(key, H(m)) = 1.
	points []bls.G1Affine
}

// NewVerifier decodes the chain's key. Errors wrap ErrChain.
func NewVerifier(c Chain) (*Verifier, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.PublicKey, c.Seed = bytes.Clone(c.PublicKey), bytes.Clone(c.Seed)
	v := &Verifier{chain: c}
	_, _, g1, g2 := bls.Generators()
	if c.Scheme == Chained {
		key, err := parseG1(c.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("%w %x: couldn't decode public key: %w", ErrChain, c.Hash[:4], err)
		}
		g1.Neg(&g1)
		v.points = []bls.G1Affine{g1, key}
		return v, nil
	}
	key, err := PublicKey(c.PublicKey).point()
	if err != nil {
		return nil, err
	}
	g2.Neg(&g2)
	v.lines = append(v.lines, bls.PrecomputeLines(g2), bls.PrecomputeLines(key))
	return v, nil
}

// Chain returns the chain whose pulses the verifier accepts.
func (v *Verifier) Chain() Chain {
	c := v.chain
	c.PublicKey, c.Seed = bytes.Clone(c.PublicKey), bytes.Clone(c.Seed)
	return c
}

// Verify fails with ErrPulse unless p is the round of that number of the verifier's chain, with its true randomness. In a chained scheme it
// says that p follows p.Previous; that p.Previous is the signature of the round before is for the caller to check.
func (v *Verifier) Verify(p Pulse) error {
	if p.Round == 0 {
		return fmt.Errorf("%w: round 0 does not exist", ErrPulse)
	}
	if sha256.Sum256(p.Signature) != p.Randomness {
		return fmt.Errorf("%w: randomness of round %d is not the SHA-256 of its signature", ErrPulse, p.Round)
	}
	var good bool
	var err error
	if v.chain.Scheme == Chained {
		good, err = v.chained(p)
	} else {
		good, err = v.unchained(p)
	}
	if err != nil {
		return err
	}
	if !good {
		return fmt.Errorf("%w: signature of round %d is not by the key of chain %x", ErrPulse, p.Round, v.chain.Hash[:4])
	}
	return nil
}

func (v *Verifier) unchained(p Pulse) (bool, error) {
	sig, err := parseG1(p.Signature)
	if err != nil {
		return false, fmt.Errorf("%w: signature of round %d: %w", ErrPulse, p.Round, err)
	}
	h, err := identity(p.Round)
	if err != nil {
		return false, err
	}
	// a copy: gnark scales the lines that it is given in place
	good, err := bls.PairingCheckFixedQ([]bls.G1Affine{sig, h}, slices.Clone(v.lines))
	if err != nil {
		return false, fmt.Errorf("couldn't pair signature of round %d: %w", p.Round, err)
	}
	return good, nil
}

func (v *Verifier) chained(p Pulse) (bool, error) {
	switch {
	case p.Round == 1 && v.chain.Seed != nil:
		if !bytes.Equal(p.Previous, v.chain.Seed) {
			return false, fmt.Errorf("%w: round 1 does not follow the chain's seed", ErrPulse)
		}
	case p.Round > 1 && len(p.Previous) != g2Bytes:
		return false, fmt.Errorf("%w: previous signature of round %d has %d bytes, not %d", ErrPulse, p.Round, len(p.Previous), g2Bytes)
	case len(p.Previous) > g2Bytes:
		return false, fmt.Errorf("%w: previous signature of round %d has %d bytes", ErrPulse, p.Round, len(p.Previous))
	}
	sig, err := parseG2(p.Signature)
	if err != nil {
		return false, fmt.Errorf("%w: signature of round %d: %w", ErrPulse, p.Round, err)
	}
	h, err := chainedIdentity(p.Previous, p.Round)
	if err != nil {
		return false, err
	}
	good, err := bls.PairingCheck(v.points, []bls.G2Affine{sig, h})
	if err != nil {
		return false, fmt.Errorf("couldn't pair signature of round %d: %w", p.Round, err)
	}
	return good, nil
}
