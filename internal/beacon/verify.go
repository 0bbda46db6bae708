package beacon

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

// dst is the domain separation tag of hashing to G1 (RFC 9380, random-oracle suite with simplified SWU).
const dst = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

const signatureBytes = 48

// Verifier checks rounds of one chain. It is safe for concurrent use.
type Verifier struct {
	info ChainInfo
	// negGen and key are −g2 and the chain's key: e(sig, −g2) · e(H(m), key) = 1.
	pair [2]bls.G2Affine
}

// NewVerifier decodes the chain's key. A key that is no point of G2's prime-order subgroup, or is infinity, is refused.
func NewVerifier(info ChainInfo) (*Verifier, error) {
	if err := info.check(); err != nil {
		return nil, err
	}
	v := &Verifier{info: info}
	if n, err := v.pair[1].SetBytes(info.PublicKey); err != nil || n != len(info.PublicKey) {
		return nil, fmt.Errorf("couldn't decode key of beacon chain %.16s: %w", info.Hash, orShort(err))
	}
	if v.pair[1].IsInfinity() {
		return nil, fmt.Errorf("couldn't use key of beacon chain %.16s: point at infinity", info.Hash)
	}
	_, _, _, g2 := bls.Generators()
	v.pair[0].Neg(&g2)
	return v, nil
}

// Verify fails with ErrInvalid unless r is the round of that number of the verifier's chain.
func (v *Verifier) Verify(r Round) error {
	if len(r.Signature) != signatureBytes {
		return fmt.Errorf("%w: signature of round %d has %d bytes, not %d", ErrInvalid, r.Number, len(r.Signature), signatureBytes)
	}
	if r.Number == 0 {
		return fmt.Errorf("%w: round 0 does not exist", ErrInvalid)
	}
	if sum := sha256.Sum256(r.Signature); !bytes.Equal(sum[:], r.Randomness) {
		return fmt.Errorf("%w: randomness of round %d is not the SHA-256 of its signature", ErrInvalid, r.Number)
	}
	var sig bls.G1Affine
	if n, err := sig.SetBytes(r.Signature); err != nil || n != signatureBytes { // checks the subgroup too
		return fmt.Errorf("%w: signature of round %d: %w", ErrInvalid, r.Number, orShort(err))
	}
	if sig.IsInfinity() {
		return fmt.Errorf("%w: signature of round %d is the point at infinity", ErrInvalid, r.Number)
	}
	h, err := hashToCurve(r.Number)
	if err != nil {
		return err
	}
	ok, err := bls.PairingCheck([]bls.G1Affine{sig, h}, v.pair[:])
	if err != nil {
		return fmt.Errorf("couldn't pair signature of round %d: %w", r.Number, err)
	}
	if !ok {
		return fmt.Errorf("%w: signature of round %d is not by the key of chain %.16s", ErrInvalid, r.Number, v.info.Hash)
	}
	return nil
}

// hashToCurve maps a round's number to G1.
func hashToCurve(n uint64) (bls.G1Affine, error) {
	var be [8]byte
	binary.BigEndian.PutUint64(be[:], n)
	msg := sha256.Sum256(be[:])
	p, err := bls.HashToG1(msg[:], []byte(dst))
	if err != nil {
		return p, fmt.Errorf("couldn't hash round %d to the curve: %w", n, err)
	}
	return p, nil
}

// newRound makes the round whose signature is given; its randomness follows from it.
func newRound(n uint64, signature []byte) Round {
	sum := sha256.Sum256(signature)
	return Round{Number: n, Randomness: sum[:], Signature: signature}
}

func orShort(err error) error {
	if err == nil {
		return fmt.Errorf("encoding has another length than the point")
	}
	return err
}
