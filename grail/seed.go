package grail

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// EnvSeed returns the seed of a group's problem: the first four bytes, big-endian, of SHA256("seed|hotkey:window hash:group"), section 3.16.
// hotkey is the SS58 text and windowHash the block hash text with its 0x; both are taken literally.
func EnvSeed(hotkey, windowHash string, group int64) uint32 {
	return envSeed(hotkey, windowHash, strconv.FormatInt(group, 10))
}

func envSeed(hotkey, windowHash, group string) uint32 {
	h := sha256.Sum256([]byte("seed|" + hotkey + ":" + windowHash + ":" + group))
	return binary.BigEndian.Uint32(h[:4])
}
