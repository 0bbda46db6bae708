package subtensor

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"
)

// hash is a BLAKE2b-256 digest: of a block, of an extrinsic.
type hash [32]byte

func (h hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

func blake256(b []byte) hash { return blake2b.Sum256(b) }

func blake128(b []byte) []byte {
	h, err := blake2b.New(16, nil)
	if err != nil {
		return make([]byte, 16) // 16 is a valid size, so this is never reached
	}
	h.Write(b)
	return h.Sum(nil)
}

func xx64(b []byte, seed uint64) []byte {
	d := xxhash.NewWithSeed(seed)
	_, _ = d.Write(b)
	return binary.LittleEndian.AppendUint64(nil, d.Sum64())
}

func twox128(s string) []byte { return append(xx64([]byte(s), 0), xx64([]byte(s), 1)...) }

// twox64Concat and blake128Concat are the hashers whose keys can be read back; the third, Identity, is the key itself.
func twox64Concat(k []byte) []byte   { return append(xx64(k, 0), k...) }
func blake128Concat(k []byte) []byte { return append(blake128(k), k...) }

// item is the 32-byte prefix of a storage item: twox128(pallet) ++ twox128(name).
type item string

func itemOf(pallet, name string) item { return item(twox128(pallet)) + item(twox128(name)) }

// at appends hashed keys.
func (i item) at(keys ...[]byte) string {
	b := []byte(i)
	for _, k := range keys {
		b = append(b, k...)
	}
	return string(b)
}

// net is the key of the maps by netuid (Identity).
func (i item) net(netuid uint16) string { return i.at(le16(netuid)) }

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }

var errHex = errors.New(`expected hex text that begins with "0x"`)

func unhex(s string) ([]byte, error) {
	s, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, errHex
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, errHex
	}
	return b, nil
}
