package nonce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// The file is a line that names it and records of 64 bytes:
//
//	0  1   kind: N a nonce, L a lease, C the end of a run that lost nothing
//	1  3   N: seconds for which the nonce is kept, big endian
//	4  32  N: hotkey
//	36 16  N: digest of the endpoint
//	52 8   nonce, or nanoseconds up to which the lease reaches, big endian
//	60 4   CRC-32C of the bytes before
const (
	magic      = "nanteos nonces 1\n"
	recordSize = 64

	kindNonce = 'N'
	kindLease = 'L'
	kindClean = 'C'

	maxKeep = 1<<24 - 1 // seconds
)

// ErrFile is the sentinel of a file that is no nonce store. It is not overwritten: move it away to start anew.
var ErrFile = errors.New("not a nonce store")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(dst []byte, kind byte, k key, nonce, keep int64) []byte {
	var r [recordSize]byte
	seconds := min(keep/int64(time.Second)+1, maxKeep)
	binary.BigEndian.PutUint32(r[0:], uint32(max(seconds, 0)))
	r[0] = kind
	copy(r[4:], k.hotkey[:])
	copy(r[36:], k.endpoint[:])
	binary.BigEndian.PutUint64(r[52:], uint64(nonce))
	binary.BigEndian.PutUint32(r[60:], crc32.Checksum(r[:60], castagnoli))
	return append(dst, r[:]...)
}

// contents is what a file says.
type contents struct {
	entries map[key]entry
	highest int64 // of all nonces and leases
	clean   bool  // the run before ended with Close
	torn    bool  // something in the file could not be read
	records int
}

// parse reads a file. Records that do not check are left out and make it torn, whereupon the caller trusts nothing but highest; only a
// file that is no nonce store at all is an error. Memory is bounded by the length of the file.
func parse(file []byte) (contents, error) {
	c := contents{entries: make(map[key]entry)}
	body, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok {
		if len(file) < len(magic) && bytes.HasPrefix([]byte(magic), file) {
			c.torn = len(file) > 0 // the crash came while the file was made
			c.clean = len(file) == 0
			return c, nil
		}
		return c, ErrFile
	}
	for ; len(body) >= recordSize; body = body[recordSize:] {
		c.records++
		r := body[:recordSize]
		if crc32.Checksum(r[:60], castagnoli) != binary.BigEndian.Uint32(r[60:]) {
			c.torn, c.clean = true, false
			continue
		}
		nonce := int64(binary.BigEndian.Uint64(r[52:]))
		c.clean = r[0] == kindClean
		switch r[0] {
		case kindNonce:
			k := key{[32]byte(r[4:36]), [16]byte(r[36:52])}
			keep := int64(binary.BigEndian.Uint32(r[0:])&maxKeep) * int64(time.Second)
			if e, ok := c.entries[k]; !ok || nonce > e.nonce {
				c.entries[k] = entry{nonce, keep}
			}
			c.highest = max(c.highest, nonce)
		case kindLease:
			c.highest = max(c.highest, nonce)
		case kindClean:
		default:
			c.torn = true
		}
	}
	if len(body) > 0 {
		c.torn, c.clean = true, false
	}
	return c, nil
}
