package metadata

import (
	"fmt"

	"golang.org/x/crypto/blake2b"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Signer signs with an sr25519 key. The message is what SignedMessage gives, never wrapped.
type Signer interface {
	PublicKey() [32]byte
	Sign(message []byte) ([64]byte, error)
}

// Transaction is what goes into a signed extrinsic of format 4 besides key and signature.
type Transaction struct {
	// Call is the encoded call, see Runtime.Call.
	Call []byte
	// Era and the hash of the block at which it began (Era.Birth); the genesis hash for an immortal one, which a zero hash stands for.
	Era          Era
	EraBlockHash [32]byte
	// Nonce counts the transactions of the account before this one.
	Nonce uint64
	// Tip is paid on top of the fee, in rao.
	Tip uint64
	// SpecVersion and TransactionVersion are the runtime's own (state_getRuntimeVersion).
	SpecVersion, TransactionVersion uint32
	Genesis                         [32]byte
	// MetadataHash lets a wallet prove which metadata it saw (RFC 78); nil switches that off, which is what everybody does.
	MetadataHash *[32]byte
}

// hashOver is the length above which a payload is hashed before it is signed.
const hashOver = 256

// SignedMessage returns what is signed for a payload: itself, or its blake2b-256 when it is longer than 256 bytes.
func SignedMessage(payload []byte) []byte {
	if len(payload) <= hashOver {
		return payload
	}
	sum := blake2b.Sum256(payload)
	return sum[:]
}

// ExtrinsicHash returns the hash by which a node knows an extrinsic: blake2b-256 of all of it, with its length in front.
func ExtrinsicHash(extrinsic []byte) [32]byte { return blake2b.Sum256(extrinsic) }

// Payload returns the bytes over which a transaction is signed, before SignedMessage: call, extra, implicit. Errors: ErrUnknownExtension
// if the runtime asks for something unknown, ErrType if it has no place for a value.
func (rt *Runtime) Payload(tx Transaction) ([]byte, error) {
	s, err := rt.planFor(&tx)
	if err != nil {
		return nil, err
	}
	b := make(scale.Writer, 0, len(tx.Call)+160)
	b = append(b, tx.Call...)
	for _, x := range s.extra {
		x(&b, &tx)
	}
	for _, x := range s.implicit {
		x(&b, &tx)
	}
	return b, nil
}

// Assemble puts a transaction, a public key and its signature over the payload together to the extrinsic that a node takes, with its length
// in front.
func (rt *Runtime) Assemble(tx Transaction, public [32]byte, signature [64]byte) ([]byte, error) {
	s, err := rt.planFor(&tx)
	if err != nil {
		return nil, err
	}
	// The length stands in front; it is known when the rest is written.
	const room = 5
	b := make(scale.Writer, room, room+len(tx.Call)+128)
	b.Raw(0x84) // signed, format 4
	b.Raw(s.beforeKey...)
	b.Raw(public[:]...)
	b.Raw(s.beforeSignature...)
	b.Raw(signature[:]...)
	for _, x := range s.extra {
		x(&b, &tx)
	}
	b.Raw(tx.Call...)
	n := len(b) - room
	start := room - scale.CompactSize(uint64(n))
	if start < 0 {
		return nil, fmt.Errorf("couldn't assemble extrinsic of %d bytes: %w", n, ErrLimit)
	}
	scale.AppendCompact(b[start:start], uint64(n))
	return b[start:], nil
}

// SignedExtrinsic signs a transaction and assembles it. Errors: ErrUnknownExtension, and those of the signer.
func (rt *Runtime) SignedExtrinsic(tx Transaction, signer Signer) ([]byte, error) {
	payload, err := rt.Payload(tx)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(SignedMessage(payload))
	if err != nil {
		return nil, fmt.Errorf("couldn't sign transaction: %w", err)
	}
	return rt.Assemble(tx, signer.PublicKey(), signature)
}

// BareExtrinsic returns an unsigned extrinsic of format 4.
func BareExtrinsic(call []byte) []byte {
	b := scale.AppendCompact(nil, uint64(len(call)+1))
	return append(append(b, 0x04), call...)
}
