package timelock

import (
	"encoding/binary"
	"fmt"
)

// Envelope is a ciphertext with the round that opens it, the form that the Python SDK's encrypt and decrypt hand around: SCALE of
// {encrypted bytes, reveal_round u64}. The chain itself takes the bare ciphertext.
type Envelope struct {
	Ciphertext []byte
	Round      uint64
}

// ParseEnvelope reads an envelope. It looks at the frame only, not into the ciphertext. Errors wrap ErrCiphertext.
func ParseEnvelope(b []byte) (Envelope, error) {
	c, rest, ok := cutBytes(b)
	if !ok {
		return Envelope{}, fmt.Errorf("%w: envelope of %d bytes is cut short or too long", ErrCiphertext, len(b))
	}
	if len(rest) != 8 {
		return Envelope{}, fmt.Errorf("%w: %d bytes after the envelope's ciphertext, its round has 8", ErrCiphertext, len(rest))
	}
	return Envelope{Ciphertext: append([]byte(nil), c...), Round: binary.LittleEndian.Uint64(rest)}, nil
}

// Bytes returns the form that ParseEnvelope reads.
func (e Envelope) Bytes() []byte {
	b := make([]byte, 0, 4+len(e.Ciphertext)+8)
	b = appendBytes(b, e.Ciphertext)
	return binary.LittleEndian.AppendUint64(b, e.Round)
}

// Text returns the plaintext under which the Python SDK commits a text to the chain, to be given to Encrypt: SCALE of a string. Readers of
// revealed commitments expect it. Text longer than MaxPlaintext is cut off by Encrypt's error, not here.
func Text(s string) []byte { return appendBytes(nil, []byte(s)) }

// ParseText is the inverse of Text; ok is false where b is anything else.
func ParseText(b []byte) (s string, ok bool) {
	part, rest, ok := cutBytes(b)
	if !ok || len(rest) != 0 {
		return "", false
	}
	return string(part), true
}
