package wallet

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Key is what a keyfile holds: an account, and in secret files what signs for it. It prints as its address. Signing is safe for use by several
// goroutines, Wipe is not.
type Key struct {
	public [32]byte
	held   *held // nil in public keys
}

// held is the secret part. Phrase and seed are empty where the file has only what follows from them.
type held struct {
	pair         sr25519.Keypair
	phrase, seed Secret
}

// NewPublic makes a key without a secret.
func NewPublic(account [32]byte) *Key { return &Key{public: account} }

// ParseAddress makes a key without a secret from a Bittensor address. Errors wrap those of package ss58.
func ParseAddress(address string) (*Key, error) {
	account, err := ss58.DecodeBittensor(address)
	if err != nil {
		return nil, err
	}
	return NewPublic(account), nil
}

// Generate makes a key of a new mnemonic of 12, 15, 18, 21 or 24 words.
func Generate(words int) (*Key, error) {
	phrase, err := sr25519.NewMnemonic(words)
	if err != nil {
		return nil, err
	}
	return FromPhrase(NewSecret(phrase))
}

// FromPhrase makes the key of a mnemonic. It takes over the secret. Errors wrap sr25519.ErrMnemonic.
func FromPhrase(phrase Secret) (*Key, error) {
	words := bytes.Join(bytes.Fields(phrase.Reveal()), []byte(" "))
	phrase.Wipe()
	mini, err := sr25519.MiniSecret(words, nil)
	if err != nil {
		clear(words)
		return nil, err
	}
	k := fromMini(mini[:])
	k.held.phrase = NewSecret(words)
	return k, nil
}

// FromSeed makes the key of a mini secret, which it clears.
func FromSeed(mini *[32]byte) *Key {
	defer clear(mini[:])
	return fromMini(mini[:])
}

// FromKeypair makes the key of a pair, such as one derived from //Alice. Wipe of the one wipes the other.
func FromKeypair(pair sr25519.Keypair) *Key {
	return &Key{public: pair.PublicKey(), held: &held{pair: pair}}
}

// fromMini keeps the seed and clears the bytes given.
func fromMini(mini []byte) *Key {
	seed := bytes.Clone(mini)
	pair := sr25519.NewKeypair([32]byte(mini))
	clear(mini)
	k := FromKeypair(pair)
	k.held.seed = NewSecret(seed)
	return k
}

// PublicKey is the account, and with Sign what signers of transactions and requests need.
func (k *Key) PublicKey() [32]byte { return k.public }

// Address is the account in text, with the prefix of Bittensor.
func (k *Key) Address() string { return ss58.EncodeBittensor(k.public) }

// Keypair returns the pair that signs, for what wants one. It wraps ErrPublicOnly when there is no secret. Wipe of the one wipes the other.
func (k *Key) Keypair() (sr25519.Keypair, error) {
	if k.held == nil {
		return sr25519.Keypair{}, fmt.Errorf("couldn't sign with %s: %w", k.Address(), ErrPublicOnly)
	}
	return k.held.pair, nil
}

// Private reports whether the key can sign.
func (k *Key) Private() bool { return k.held != nil }

// Sign signs the message as it is. It wraps ErrPublicOnly when there is no secret.
func (k *Key) Sign(message []byte) ([64]byte, error) {
	if k.held == nil {
		return [64]byte{}, fmt.Errorf("couldn't sign with %s: %w", k.Address(), ErrPublicOnly)
	}
	return k.held.pair.Sign(message)
}

// Phrase returns the mnemonic itself, which Wipe clears. It is empty where the file does not have it.
func (k *Key) Phrase() Secret {
	if k.held == nil {
		return Secret{}
	}
	return k.held.phrase
}

// Public returns the key without its secret.
func (k *Key) Public() *Key { return NewPublic(k.public) }

// Wipe overwrites the secrets. The public part stays.
func (k *Key) Wipe() {
	if k.held == nil {
		return
	}
	k.held.pair.Wipe()
	k.held.phrase.Wipe()
	k.held.seed.Wipe()
	k.held = nil
}

// String returns the address.
func (k *Key) String() string { return k.Address() }

// Format prints the address for every verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Address()) }

// MarshalText gives the address.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.Address()), nil }

// LogValue gives the address to log/slog.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.Address()) }

// Format hides what is behind the pointer from whoever prints it.
func (held) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// nonce fills 24 bytes from the system's random generator.
func nonce() (n [24]byte) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// appendHex appends 0x and the hex of raw.
func appendHex(to, raw []byte) []byte { return hex.AppendEncode(append(to, "0x"...), raw) }
