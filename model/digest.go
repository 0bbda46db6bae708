package model

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// Digest is a fingerprint of what the model computes for the tokens: two machines that print the same have the same
// weights and computed every hidden state to the same bit. It is
//
//	SHA-256("nanteos hidden states 1\n" || positions || hidden size || tokens || one SHA-256 a position)
//
// where numbers are little-endian uint32, and the hash of a position covers its hidden state after the final norm
// as little-endian float32.
func (m *Model) Digest(ctx context.Context, tokens []int32) ([32]byte, error) {
	d := m.cfg.HiddenSize
	rows := make([][32]byte, len(tokens))
	_, err := m.Replay(ctx, []Sequence{{Tokens: tokens}}, ReplayOptions{SkipLogits: true, EOS: -1, Hidden: func(_, pos int, h []float32) {
		b := make([]byte, 0, 4*d)
		for _, x := range h {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		rows[pos] = sha256.Sum256(b)
	}})
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't digest hidden states: %w", err)
	}
	hash := sha256.New()
	hash.Write([]byte("nanteos hidden states 1\n")) // a hash never fails
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(tokens)))
	b = binary.LittleEndian.AppendUint32(b, uint32(d))
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	hash.Write(b)
	for _, r := range rows {
		hash.Write(r[:])
	}
	return [32]byte(hash.Sum(nil)), nil
}
