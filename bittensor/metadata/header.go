package metadata

import (
	"golang.org/x/crypto/blake2b"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Header is a block's header. Its hash is the block's.
type Header struct {
	Parent         [32]byte
	Number         uint64
	StateRoot      [32]byte
	ExtrinsicsRoot [32]byte
	// Logs are the items of the digest, encoded, as chain_getHeader gives them.
	Logs [][]byte
}

// Encode returns the header in SCALE.
func (h *Header) Encode() []byte {
	w := make(scale.Writer, 0, 256)
	w.Raw(h.Parent[:]...)
	w.Compact(h.Number)
	w.Raw(h.StateRoot[:]...)
	w.Raw(h.ExtrinsicsRoot[:]...)
	w.Compact(uint64(len(h.Logs)))
	for _, log := range h.Logs {
		w.Raw(log...)
	}
	return w
}

// Hash returns the block's hash: blake2b-256 of the encoded header. A node's answer that hashes to what was asked for is true, whoever
// gave it. Spec section 5.
func (h *Header) Hash() [32]byte { return blake2b.Sum256(h.Encode()) }
