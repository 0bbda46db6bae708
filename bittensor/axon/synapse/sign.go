package synapse

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrSignatureForm is the sentinel of text that is not 0x and 128 hex digits.
var ErrSignatureForm = errors.New("signature is not 0x and 128 hex digits")

// Signer holds the hotkey with which requests are signed. sr25519.Keypair is one.
type Signer interface {
	Public() [32]byte
	Sign(message []byte) ([64]byte, error)
}

// RequestMessage is what the caller signs: "nonce.caller.receiver.uuid.bodyHash". The verifier puts in its own address as receiver; values
// that did not arrive are None there.
func RequestMessage(nonce Integer, caller, receiver string, uuid, bodyHash Text) []byte {
	b := make([]byte, 0, 256)
	b = append(b, nonce.String()...)
	for _, part := range [...]string{caller, receiver, uuid.Or("None"), bodyHash.Or("None")} {
		b = append(b, '.')
		b = append(b, part...)
	}
	return b
}

// ReplyMessage is what a server signs in its error replies: "nonce.caller.server.uuid", nonce and uuid being its own.
func ReplyMessage(nonce Integer, caller Text, server, uuid string) []byte {
	return []byte(nonce.String() + "." + caller.Or("None") + "." + server + "." + uuid)
}

// ParseSignature reads a signature as it stands in headers.
func ParseSignature(text string) (signature [64]byte, err error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) != 128 {
		return signature, fmt.Errorf("couldn't read signature: %w", ErrSignatureForm)
	}
	if _, err := hex.Decode(signature[:], []byte(digits)); err != nil {
		return signature, fmt.Errorf("couldn't read signature: %w", ErrSignatureForm)
	}
	return signature, nil
}

// FormatSignature writes a signature as it stands in headers.
func FormatSignature(signature [64]byte) string { return "0x" + hex.EncodeToString(signature[:]) }
