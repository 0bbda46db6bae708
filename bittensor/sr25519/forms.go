package sr25519

import (
	"errors"
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// SecretSize is the size in bytes of an expanded secret key: a scalar of 32 bytes and a nonce of 32 bytes.
const SecretSize = 64

// ErrSecret is the sentinel of bytes that are no secret key of the form asked for.
var ErrSecret = errors.New("invalid secret key")

// FromSecret makes the key pair of an expanded secret in the canonical form (scalar ‖ nonce), the one of Substrate and of wallet files.
// A secret in the Ed25519 form is nearly always refused, since its scalar is too large; compare the account with the one expected all the
// same. Errors wrap ErrSecret.
func FromSecret(canonical [SecretSize]byte) (Keypair, error) {
	defer clear(canonical[:])
	key, err := sr25519.NewSecretKeyFromBytes(canonical[:])
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't read secret key: %w: the scalar is not canonical; keys of polkadot.js have another form", ErrSecret)
	}
	return fromKey(key)
}

// FromSecretEd25519 makes the key pair of an expanded secret in the Ed25519 form (8·scalar ‖ nonce), the one of polkadot.js. Errors wrap
// ErrSecret.
func FromSecretEd25519(secret [SecretSize]byte) (Keypair, error) {
	defer clear(secret[:])
	key, err := sr25519.NewSecretKeyFromEd25519Bytes(secret[:])
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't read secret key: %w: it does not have the Ed25519 form", ErrSecret)
	}
	return fromKey(key)
}

func fromKey(key *sr25519.SecretKey) (Keypair, error) {
	k := fromPair(key.KeyPair())
	if k.public == [PublicKeySize]byte{} { // the scalar is zero
		return Keypair{}, fmt.Errorf("couldn't read secret key: %w: it is zero", ErrSecret)
	}
	return k, nil
}

// Secret returns the expanded secret in the canonical form, which FromSecret reads. The caller clears it after use. It wraps ErrWiped
// when the key pair holds none.
func (k Keypair) Secret() (out [SecretSize]byte, err error) {
	if k.secret == nil || k.secret.pair == nil {
		return out, fmt.Errorf("couldn't give secret key: %w", ErrWiped)
	}
	b, err := k.secret.pair.SecretKey().MarshalBinary()
	if err != nil {
		return out, fmt.Errorf("couldn't give secret key: %w", err)
	}
	defer clear(b)
	copy(out[:], b)
	return out, nil
}

// SecretEd25519 returns the expanded secret in the form of polkadot.js, which FromSecretEd25519 reads. The caller clears it after use.
// It wraps ErrWiped when the key pair holds none, and ErrSecret when the scalar is one that Ed25519 has no form for, as after a soft derivation.
func (k Keypair) SecretEd25519() ([SecretSize]byte, error) {
	out, err := k.Secret()
	if err != nil {
		return out, err
	}
	carry := byte(0)
	for i := range 32 {
		out[i], carry = out[i]<<3|carry, out[i]>>5
	}
	if carry != 0 || out[31]&0xc0 != 0x40 {
		clear(out[:])
		return out, fmt.Errorf("couldn't give secret key: %w: this one has no Ed25519 form", ErrSecret)
	}
	return out, nil
}
