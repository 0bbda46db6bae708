package wallet

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/nacl/secretbox"
)

// Encryption is how a keyfile is encrypted.
type Encryption int

// The ways that are known. Only Plain and NaCl are written.
const (
	Plain        Encryption = iota
	NaCl                    // $NACL: Argon2i and XSalsa20-Poly1305
	AnsibleVault            // $ANSIBLE_VAULT: PBKDF2 and AES-256-CTR with an HMAC; btcli before 6
	Fernet                  // gAAAAA: PBKDF2 and AES-128-CBC with an HMAC; the first btcli versions
)

// String names the way as programs print it: plain, nacl, ansible-vault or fernet.
func (e Encryption) String() string {
	switch e {
	case NaCl:
		return "nacl"
	case AnsibleVault:
		return "ansible-vault"
	case Fernet:
		return "fernet"
	}
	return "plain"
}

// Legacy reports whether today's tools would write the file in another way.
func (e Encryption) Legacy() bool { return e == AnsibleVault || e == Fernet }

const (
	naclTag    = "$NACL"
	vaultTag   = "$ANSIBLE_VAULT"
	fernetTag  = "gAAAAA"
	nonceBytes = 24
)

// EncryptionOf tells by the first bytes how content is encrypted.
func EncryptionOf(content []byte) Encryption {
	switch {
	case bytes.HasPrefix(content, []byte(naclTag)):
		return NaCl
	case bytes.HasPrefix(content, []byte(vaultTag)):
		return AnsibleVault
	case bytes.HasPrefix(content, []byte(fernetTag)):
		return Fernet
	}
	return Plain
}

// Decrypt returns the plain content of an encrypted keyfile, which the caller clears after use, and plain content as a copy. Nobody but this
// process is asked for memory: a call waits until others have ended, at most until ctx does. Errors wrap ErrPassword, ErrFormat or ErrMemory.
func Decrypt(ctx context.Context, content []byte, password Secret) ([]byte, error) {
	if len(content) > MaxFile {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(content))
	}
	switch EncryptionOf(content) {
	case NaCl:
		if len(content) < len(naclTag)+nonceBytes+secretbox.Overhead {
			return nil, fmt.Errorf("%w: %d bytes are too short for what $NACL begins", ErrFormat, len(content))
		}
		key, err := naclKey(ctx, password.Reveal())
		if err != nil {
			return nil, err
		}
		defer clear(key[:])
		return openNaCl(content, key)
	case AnsibleVault:
		return openVault(ctx, content, password.Reveal())
	case Fernet:
		return openFernet(ctx, content, password.Reveal())
	}
	return bytes.Clone(content), nil
}

// Encrypt encrypts the plain content of a keyfile as $NACL.
func Encrypt(ctx context.Context, plain []byte, password Secret) ([]byte, error) {
	if password.Empty() {
		return nil, errors.New("couldn't encrypt key: the password is empty")
	}
	key, err := naclKey(ctx, password.Reveal())
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	n := nonce()
	return secretbox.Seal(append([]byte(naclTag), n[:]...), plain, &n, key), nil
}

// openNaCl opens content that is long enough with the key of its password.
func openNaCl(content []byte, key *[32]byte) ([]byte, error) {
	content = content[len(naclTag):]
	plain, ok := secretbox.Open(nil, content[nonceBytes:], (*[nonceBytes]byte)(content), key)
	if !ok {
		return nil, ErrPassword
	}
	return plain, nil
}

// The parameters that btcli took from libsodium ("sensitive").
const (
	argonTime   = 8
	argonMemory = 512 << 10 // KiB
)

var naclSalt, _ = hex.DecodeString("137183dff15a09bc9c90b5518739e9b1")

// deriving is held by the one who derives a key: Argon2 takes 512 MiB and a processor for seconds, twice at once is too much for small machines.
var deriving = make(chan struct{}, 1)

// derive runs f when nobody else derives a key.
func derive(ctx context.Context, f func()) error {
	select {
	case deriving <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("couldn't derive the key of a password: %w", context.Cause(ctx))
	}
	defer func() { <-deriving }()
	if ctx.Err() == nil {
		f()
	}
	if ctx.Err() != nil { // also when it ended meanwhile: whoever interrupts wants nothing written
		return fmt.Errorf("couldn't derive the key of a password: %w", context.Cause(ctx))
	}
	return nil
}

// naclKey derives the key of a password in 4 to 5 seconds.
func naclKey(ctx context.Context, password []byte) (key *[32]byte, err error) {
	var short error
	err = derive(ctx, func() {
		if short = enoughMemory(); short != nil {
			return
		}
		raw := argon2.Key(password, naclSalt, argonTime, argonMemory, 1, 32)
		key = (*[32]byte)(raw)
		debug.FreeOSMemory() // half a gigabyte that the collector would keep for minutes
	})
	if err = errors.Join(err, short); err != nil {
		if key != nil {
			clear(key[:])
		}
		return nil, err
	}
	return key, nil
}
