// Package sr25519 signs and verifies with sr25519, the Schnorr signatures over ristretto255 that Substrate chains use (schnorrkel).
//
// It fixes the choices that Substrate makes: the signing context "substrate", and mini secrets expanded as Ed25519 does. A public key is
// the 32 bytes of an account; package ss58 gives it its text form. Signatures are randomised: two over one message differ.
//
// Wallets in browsers sign <Bytes>message</Bytes> instead of the message, so that a web page cannot have a transaction signed as text.
// The reference's verifier therefore tries both; VerifyWrapped does the same.
//
// Keys come from 32 random bytes, from mnemonics (12 to 24 words) and from secret URIs such as //Alice, which derive them from one
// another; see FromMnemonic and FromURI.
//
// A Keypair never shows its secret: every way of printing, encoding or logging it gives the public key. Wipe clears it.
package sr25519

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// Sizes in bytes.
const (
	PublicKeySize  = 32
	SignatureSize  = 64
	MiniSecretSize = 32
)

// ErrSignature is the sentinel of a signature that does not verify, whatever the cause.
var ErrSignature = errors.New("signature does not verify")

// ErrWiped is the sentinel of signing with a key pair that was wiped or never made.
var ErrWiped = errors.New("key pair holds no secret")

// substrate is the signing context of all Substrate chains.
var substrate = sr25519.NewSigningContext([]byte("substrate"))

// Keypair is a secret key with its public key. The zero value holds none. Copies share the secret. Signing is safe for use by several
// goroutines, Wipe is not.
type Keypair struct {
	public [PublicKeySize]byte
	secret *secret // behind a pointer, so that printing an enclosing struct shows an address
}

// NewKeypair makes the key pair of a 32-byte mini secret. The caller may clear the mini secret afterwards.
func NewKeypair(mini [MiniSecretSize]byte) Keypair {
	m := sr25519.MiniSecretKey(mini)
	pair := m.ExpandEd25519().KeyPair()
	clear(m[:])
	return fromPair(pair)
}

// Generate makes a key pair from the system's random generator.
func Generate() Keypair {
	var mini [MiniSecretSize]byte
	_, _ = rand.Read(mini[:]) // never fails
	defer clear(mini[:])
	return NewKeypair(mini)
}

func fromPair(pair *sr25519.KeyPair) Keypair {
	k := Keypair{secret: &secret{pair: pair}}
	b, err := pair.PublicKey().MarshalBinary()
	if err != nil || len(b) != PublicKeySize {
		return Keypair{} // the library makes no such key
	}
	copy(k.public[:], b)
	return k
}

// Public returns the public key, which is the account.
func (k Keypair) Public() [PublicKeySize]byte { return k.public }

// PublicKey is Public under the name that interfaces of signers use, as those for chain transactions and HTTP requests do.
func (k Keypair) PublicKey() [PublicKeySize]byte { return k.public }

// Sign signs the message as it is, never wrapped.
func (k Keypair) Sign(message []byte) ([SignatureSize]byte, error) {
	return k.SignRand(rand.Reader, message)
}

// SignRand signs with randomness from r, for tests and simulations that need the same bytes again. The nonce depends on the secret and the
// message as well, so that poor randomness does not leak the key.
func (k Keypair) SignRand(r io.Reader, message []byte) (out [SignatureSize]byte, err error) {
	if k.secret == nil || k.secret.pair == nil {
		return out, fmt.Errorf("couldn't sign: %w", ErrWiped)
	}
	if r == nil {
		r = rand.Reader
	}
	sig, err := k.secret.pair.Sign(r, substrate.NewTranscriptBytes(message))
	if err != nil {
		return out, fmt.Errorf("couldn't sign: %w", err)
	}
	b, err := sig.MarshalBinary()
	if err != nil {
		return out, fmt.Errorf("couldn't encode signature: %w", err)
	}
	copy(out[:], b)
	return out, nil
}

// Verify reports whether the signature is one over the message by the public key.
func Verify(public [PublicKeySize]byte, message []byte, signature [SignatureSize]byte) bool {
	v, ok := newVerifier(public, signature)
	return ok && v.verify(message)
}

// VerifyWrapped reports whether the signature is one over the message or over <Bytes>message</Bytes>.
func VerifyWrapped(public [PublicKeySize]byte, message []byte, signature [SignatureSize]byte) bool {
	v, ok := newVerifier(public, signature)
	return ok && (v.verify(message) || v.verify(Wrap(message)))
}

// Wrap returns <Bytes>message</Bytes>.
func Wrap(message []byte) []byte {
	return bytes.Join([][]byte{[]byte("<Bytes>"), message, []byte("</Bytes>")}, nil)
}

// verifier is a decoded public key with a decoded signature.
type verifier struct {
	public    *sr25519.PublicKey
	signature *sr25519.Signature
}

func newVerifier(public [PublicKeySize]byte, signature [SignatureSize]byte) (verifier, bool) {
	p, err := sr25519.NewPublicKeyFromBytes(public[:])
	if err != nil {
		return verifier{}, false
	}
	s, err := sr25519.NewSignatureFromBytes(signature[:])
	if err != nil {
		return verifier{}, false
	}
	return verifier{p, s}, true
}

func (v verifier) verify(message []byte) bool {
	return v.public.Verify(substrate.NewTranscriptBytes(message), v.signature)
}
