package timelock

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

// Domain separation tags of hashing to the curve (RFC 9380, random oracle, simplified SWU).
const (
	dstG1 = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
	dstG2 = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_"
)

// PublicKey is the key of an unchained drand chain, to whose rounds messages can be locked: a compressed point of G2.
type PublicKey [g2Bytes]byte

// Quicknet returns quicknet's key.
func Quicknet() PublicKey { return PublicKey(unhex(quicknetKey)) }

// Key returns the chain's key for Encrypt. It fails with ErrChain where the scheme is not Unchained: in a chained scheme nobody knows
// before the time what the round will sign.
func (c Chain) Key() (PublicKey, error) {
	if err := c.check(); err != nil {
		return PublicKey{}, err
	}
	if c.Scheme != Unchained {
		return PublicKey{}, fmt.Errorf("%w %x: messages cannot be locked with scheme %s, only with %s", ErrChain, c.Hash[:4], c.Scheme, Unchained)
	}
	k := PublicKey(c.PublicKey)
	if _, err := k.point(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// point decodes the key; errors wrap ErrChain.
func (k PublicKey) point() (bls.G2Affine, error) {
	p, err := parseG2(k[:])
	if err != nil {
		return p, fmt.Errorf("%w: couldn't decode public key %x…: %w", ErrChain, k[:4], err)
	}
	return p, nil
}

// parseG1 decodes a compressed point of G1's subgroup of prime order other than the neutral one.
func parseG1(b []byte) (p bls.G1Affine, err error) {
	if len(b) != g1Bytes {
		return p, fmt.Errorf("%d bytes, a point of G1 has %d", len(b), g1Bytes)
	}
	if n, err := p.SetBytes(b); err != nil {
		return p, err
	} else if n != g1Bytes {
		return p, errors.New("not the compressed form")
	}
	if p.IsInfinity() {
		return p, errors.New("point at infinity")
	}
	return p, nil // SetBytes has checked curve and subgroup
}

// parseG2 is parseG1 in G2.
func parseG2(b []byte) (p bls.G2Affine, err error) {
	if len(b) != g2Bytes {
		return p, fmt.Errorf("%d bytes, a point of G2 has %d", len(b), g2Bytes)
	}
	if n, err := p.SetBytes(b); err != nil {
		return p, err
	} else if n != g2Bytes {
		return p, errors.New("not the compressed form")
	}
	if p.IsInfinity() {
		return p, errors.New("point at infinity")
	}
	return p, nil
}

// identity is the point of G1 that an unchained chain signs in round n, and to which messages for that round are locked.
func identity(n uint64) (bls.G1Affine, error) {
	msg := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	p, err := bls.HashToG1(msg[:], []byte(dstG1))
	if err != nil {
		return p, fmt.Errorf("couldn't hash round %d to the curve: %w", n, err)
	}
	return p, nil
}

// chainedIdentity is the point of G2 that a chained chain signs.
func chainedIdentity(previous []byte, n uint64) (bls.G2Affine, error) {
	h := sha256.New()
	h.Write(previous)
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	p, err := bls.HashToG2(h.Sum(nil), []byte(dstG2))
	if err != nil {
		return p, fmt.Errorf("couldn't hash round %d to the curve: %w", n, err)
	}
	return p, nil
}
