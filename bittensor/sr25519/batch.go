package sr25519

import (
	"crypto/rand"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// Batch verifies many signatures at once, in about 60 % of the time as long as all are valid. A signature that does not verify as it is
// is tried over the wrapped message too, as VerifyWrapped does. The zero value is an empty batch; it is not safe for use by several
// goroutines.
type Batch struct {
	entries []batchEntry
}

type batchEntry struct {
	v       verifier
	ok      bool // key and signature are well formed
	message []byte
}

// Add puts a signature into the batch. The message is kept, not copied.
func (b *Batch) Add(public [PublicKeySize]byte, message []byte, signature [SignatureSize]byte) {
	v, ok := newVerifier(public, signature)
	b.entries = append(b.entries, batchEntry{v, ok, message})
}

// Len returns the number of signatures in the batch.
func (b *Batch) Len() int { return len(b.entries) }

// Verify returns the verdict on every signature in the order in which they were added.
func (b *Batch) Verify() []bool {
	valid := make([]bool, len(b.entries))
	batch := sr25519.NewBatchVerifierWithCapacity(len(b.entries))
	var index []int
	for i, e := range b.entries {
		if e.ok {
			batch.Add(e.v.public, substrate.NewTranscriptBytes(e.message), e.v.signature)
			index = append(index, i)
		}
	}
	if len(index) == 0 {
		return valid
	}
	_, each := batch.Verify(rand.Reader)
	for k, i := range index {
		e := b.entries[i]
		valid[i] = each[k] || e.v.verify(Wrap(e.message))
	}
	return valid
}
