package chain

import (
	"fmt"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// KeySigner signs with a key pair held in memory.
func KeySigner(k sr25519.Keypair) Signer {
	return NewSigner(ss58.EncodeBittensor(k.Public()), func(payload []byte) ([]byte, error) {
		sig, err := k.Sign(payload)
		return sig[:], err
	})
}

// verifySignature fails with ErrBadSignature unless hotkey's key signed payload as it is.
func verifySignature(hotkey string, payload, signature []byte) error {
	account, err := ss58.DecodeBittensor(hotkey)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if len(signature) != sr25519.SignatureSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrBadSignature, len(signature), sr25519.SignatureSize)
	}
	if !sr25519.Verify(account, payload, [sr25519.SignatureSize]byte(signature)) {
		return fmt.Errorf("%w: not by %s for this chain", ErrBadSignature, hotkey)
	}
	return nil
}

func checkAddress(what, address string) error {
	if _, err := ss58.DecodeBittensor(address); err != nil {
		return fmt.Errorf("couldn't use %s %.80q: %w", what, address, err)
	}
	return nil
}
