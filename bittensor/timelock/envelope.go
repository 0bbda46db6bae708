package timelock

import (
	"bytes"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Envelope is a ciphertext with the round that opens it, the form that the Python SDK's encrypt and decrypt hand around: SCALE of
// {encrypted bytes, reveal_round u64}. The chain itself takes the bare ciphertext.
type Envelope struct {
	Ciphertext []byte
	Round      uint64
}

// ParseEnvelope reads an envelope. It looks at the frame only, not into the ciphertext. Errors wrap ErrCiphertext.
func ParseEnvelope(b []byte) (Envelope, error) {
	r := scale.NewReader(b)
	r.Canonical = true
	c, round := r.Bytes(), r.U64()
	if err := r.End(); err != nil {
		return Envelope{}, fmt.Errorf("%w: couldn't decode envelope: %w", ErrCiphertext, err)
	}
	if len(c) > MaxPlaintext+Overhead {
		return Envelope{}, fmt.Errorf("%w: %d bytes in the envelope, at most %d are possible", ErrCiphertext, len(c), MaxPlaintext+Overhead)
	}
	return Envelope{Ciphertext: bytes.Clone(c), Round: round}, nil
}

// Bytes returns the form that ParseEnvelope reads.
func (e Envelope) Bytes() []byte {
	w := make(scale.Writer, 0, 4+len(e.Ciphertext)+8)
	w.Bytes(e.Ciphertext)
	w.U64(e.Round)
	return w
}

// Text returns the plaintext under which the Python SDK commits a text to the chain, to be given to Encrypt: SCALE of a string. Readers of
// revealed commitments expect it.
func Text(s string) []byte {
	var w scale.Writer
	w.Text(s)
	return w
}

// ParseText is the inverse of Text; ok is false where b is anything else or not UTF-8.
func ParseText(b []byte) (s string, ok bool) {
	r := scale.NewReader(b)
	r.Canonical = true
	s = r.Text()
	return s, r.End() == nil
}
