package weights

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// MaxCommit is the longest timelocked commit that the chain takes, in bytes (MAX_CRV3_COMMIT_SIZE_BYTES).
const MaxCommit = 5000

// MaxSubnets is the number of netuids; storage indices count mechanisms in steps of it.
const MaxSubnets = 4096

// StorageIndex is under what the chain keeps the weights of one of a subnet's mechanisms: mechanism·4096 + netuid.
func StorageIndex(netuid uint16, mechanism uint8) uint16 {
	return uint16(mechanism)*MaxSubnets + netuid
}

// Commitment is all that a commit hides and a reveal shows.
type Commitment struct {
	// Hotkey is the account of the validator.
	Hotkey [32]byte
	// Index is the StorageIndex.
	Index uint16
	// UIDs and Values are the normalised weights.
	UIDs, Values []uint16
	// Salt is chosen at random (8 numbers in the SDK), so that the hash cannot be guessed.
	Salt []uint16
	// VersionKey must be at least the subnet's WeightsVersionKey at the reveal.
	VersionKey uint64
}

// Preimage is what CommitHash hashes: account ‖ index u16 ‖ SCALE vectors of uids, values and salt ‖ version key u64.
func (c Commitment) Preimage() []byte {
	w := make(scale.Writer, 0, 32+2+12+2*(len(c.UIDs)+len(c.Values)+len(c.Salt))+8)
	w.Raw(c.Hotkey[:]...)
	w.U16(c.Index)
	w.U16s(c.UIDs)
	w.U16s(c.Values)
	w.U16s(c.Salt)
	w.U64(c.VersionKey)
	return w
}

// CommitHash is the argument of commit_weights: BLAKE2b-256 of the preimage. The reveal must repeat the same values, in their order.
func CommitHash(c Commitment) [32]byte { return blake2b.Sum256(c.Preimage()) }

// Payload is the plaintext of a timelocked commit (commit_timelocked_weights): SCALE of {hotkey bytes, uids, values, version key}. The hotkey
// must be the signer's.
func Payload(hotkey [32]byte, uids, values []uint16, versionKey uint64) []byte {
	w := make(scale.Writer, 0, 1+32+8+2*(len(uids)+len(values))+8)
	w.Bytes(hotkey[:])
	return append(w, LegacyPayload(uids, values, versionKey)...)
}

// LegacyPayload is Payload for runtimes up to about spec 300 (commit_crv3_weights), which want no hotkey in it.
func LegacyPayload(uids, values []uint16, versionKey uint64) []byte {
	var w scale.Writer
	w.U16s(uids)
	w.U16s(values)
	return binary.LittleEndian.AppendUint64(w, versionKey)
}
