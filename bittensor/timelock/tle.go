package timelock

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"slices"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

const (
	// Overhead is by how many bytes a ciphertext is longer than its plaintext.
	Overhead = g2Bytes + 8 + keyBytes + 8 + keyBytes + 8 + (8 + tagBytes + 8 + nonceBytes) + 8 + len(suite)
	// MaxPlaintext is the longest plaintext that Encrypt takes and Decrypt gives, in bytes. The chain's own limits are far below: 5000
	// bytes of ciphertext for weights, 1024 for commitments.
	MaxPlaintext = 1 << 20

	keyBytes   = 32
	tagBytes   = 16
	nonceBytes = 12
	suite      = "AES_GCM_"
)

// Encrypt locks plaintext, of at most MaxPlaintext bytes, until the given round (at least 1) of the chain with that key. It draws 76 bytes from
// rand, which must be a cryptographic source: crypto/rand.Reader. Errors wrap ErrTooLong and ErrChain.
func Encrypt(rand io.Reader, plaintext []byte, round uint64, public PublicKey) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("couldn't lock message: %w: %d bytes, at most %d", ErrTooLong, len(plaintext), MaxPlaintext)
	}
	if round == 0 {
		return nil, fmt.Errorf("couldn't lock message: drand has no round 0")
	}
	key, err := public.point()
	if err != nil {
		return nil, fmt.Errorf("couldn't lock message: %w", err)
	}
	var drawn [2*keyBytes + nonceBytes]byte
	if _, err := io.ReadFull(rand, drawn[:]); err != nil {
		return nil, fmt.Errorf("couldn't draw random bytes: %w", err)
	}
	defer clear(drawn[:])
	esk, sigma, nonce := drawn[:keyBytes], drawn[keyBytes:2*keyBytes], drawn[2*keyBytes:]

	r := exponent(sigma, esk)
	id, err := identity(round)
	if err != nil {
		return nil, err
	}
	id.ScalarMultiplication(&id, r) // e(r·H, key) = e(H, key)^r, and G1 is the cheaper side
	gt, err := bls.Pair([]bls.G1Affine{id}, []bls.G2Affine{key})
	if err != nil {
		return nil, fmt.Errorf("couldn't pair round %d with the key: %w", round, err)
	}
	var u bls.G2Affine
	u.ScalarMultiplicationBase(r)
	gcm, err := newGCM(esk)
	if err != nil {
		return nil, err
	}

	head, mask, wmask := u.Bytes(), hashGT(gt), sha256.Sum256(sigma)
	out := make([]byte, 0, len(plaintext)+Overhead)
	out = append(out, head[:]...)
	out = appendLen(out, keyBytes)
	out = appendXOR(out, sigma, mask[:])
	out = appendLen(out, keyBytes)
	out = appendXOR(out, esk, wmask[:])
	out = appendLen(out, 8+len(plaintext)+tagBytes+8+nonceBytes)
	out = appendLen(out, len(plaintext)+tagBytes)
	out = gcm.Seal(out, nonce, plaintext, nil)
	out = appendLen(out, nonceBytes)
	out = append(out, nonce...)
	out = appendLen(out, len(suite))
	return append(out, suite...), nil
}

// parts of a ciphertext; the slices are of the ciphertext itself.
type parts struct{ u, v, w, sealed, nonce []byte }

// split takes a ciphertext apart. Each length must be the only one that fits. Errors wrap ErrCiphertext.
func split(c []byte) (p parts, err error) {
	if len(c) < Overhead || len(c) > Overhead+MaxPlaintext {
		return p, fmt.Errorf("%w: %d bytes, from %d to %d are possible", ErrCiphertext, len(c), Overhead, Overhead+MaxPlaintext)
	}
	rest := c
	take := func(n int) []byte {
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	// The sum of all parts is len(c), so no take runs out.
	plain := len(c) - Overhead
	expect := func(name string, n int) {
		if got := binary.LittleEndian.Uint64(take(8)); got != uint64(n) && err == nil {
			err = fmt.Errorf("%w: length of %s is %d, not %d", ErrCiphertext, name, got, n)
		}
	}
	p.u = take(g2Bytes)
	expect("V", keyBytes)
	p.v = take(keyBytes)
	expect("W", keyBytes)
	p.w = take(keyBytes)
	expect("body", 8+plain+tagBytes+8+nonceBytes)
	expect("sealed text", plain+tagBytes)
	p.sealed = take(plain + tagBytes)
	expect("nonce", nonceBytes)
	p.nonce = take(nonceBytes)
	expect("cipher name", len(suite))
	if string(rest) != suite && err == nil {
		err = fmt.Errorf("%w: cipher %q, only %q is known", ErrCiphertext, rest, suite)
	}
	return p, err
}

// Check says whether ciphertext has the form of one, without a signature: its lengths, cipher and the point U. Errors wrap ErrCiphertext.
func Check(ciphertext []byte) error {
	p, err := split(ciphertext)
	if err != nil {
		return err
	}
	_, err = p.point()
	return err
}

func (p parts) point() (bls.G2Affine, error) {
	u, err := parseG2(p.u)
	if err != nil {
		return u, fmt.Errorf("%w: U: %w", ErrCiphertext, err)
	}
	return u, nil
}

// Decrypt opens a ciphertext with the signature (48 bytes) of its round. It fails with ErrPulse where the signature is no point that a drand
// chain could sign with, with ErrCiphertext where the ciphertext is malformed, and with ErrLocked where they do not fit together. The
// signature need not be verified before: no other than that of the ciphertext's round and chain opens it.
func Decrypt(ciphertext, signature []byte) ([]byte, error) {
	p, err := split(ciphertext)
	if err != nil {
		return nil, err
	}
	sig, err := parseG1(signature)
	if err != nil {
		return nil, fmt.Errorf("couldn't open ciphertext: %w: signature: %w", ErrPulse, err)
	}
	u, err := p.point()
	if err != nil {
		return nil, err
	}
	gt, err := bls.Pair([]bls.G1Affine{sig}, []bls.G2Affine{u})
	if err != nil {
		return nil, fmt.Errorf("couldn't pair signature with ciphertext: %w", err)
	}
	mask := hashGT(gt)
	sigma := appendXOR(nil, p.v, mask[:])
	wmask := sha256.Sum256(sigma)
	esk := appendXOR(nil, p.w, wmask[:])
	defer clear(sigma)
	defer clear(esk)

	var again bls.G2Affine
	again.ScalarMultiplicationBase(exponent(sigma, esk))
	if head := again.Bytes(); subtle.ConstantTimeCompare(head[:], p.u) != 1 {
		return nil, fmt.Errorf("%w: U does not follow from the key inside", ErrLocked)
	}
	gcm, err := newGCM(esk)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, p.nonce, p.sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return plain, nil
}

// exponent is r, from which U is made.
func exponent(sigma, esk []byte) *big.Int {
	h := sha256.New()
	h.Write(sigma)
	h.Write(esk)
	r := new(big.Int).SetBytes(h.Sum(nil))
	return r.Mod(r, fr.Modulus())
}

// hashGT hashes an element of GT in arkworks' form: the twelve coefficients little-endian, lowest first, which is gnark's in reverse.
func hashGT(gt bls.GT) [32]byte {
	b := gt.Bytes()
	slices.Reverse(b[:])
	return sha256.Sum256(b[:])
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't set up AES: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("couldn't set up AES-GCM: %w", err)
	}
	return gcm, nil
}

func appendLen(b []byte, n int) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }

func appendXOR(dst, a, b []byte) []byte {
	for i := range a {
		dst = append(dst, a[i]^b[i])
	}
	return dst
}
