package subtensor

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/bits"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// maxExtrinsic is the block length limit for ordinary transactions of this runtime, in bytes.
const maxExtrinsic = 7_864_320

// extrinsic is a signed transaction, format 4 (specification of the chain, section 7).
type extrinsic struct {
	raw       []byte // with the length prefix
	id        hash
	signer    account
	ed25519   bool
	signature [64]byte
	extra     []byte
	era       era
	nonce     uint32
	tip       uint64
	metaMode  byte
	callBytes []byte
}

// era is for which blocks a transaction is valid; period 0 is for ever.
type era struct{ period, phase uint64 }

// birth is the block whose hash the transaction names, as seen from block current.
func (e era) birth(current uint64) uint64 {
	if e.period == 0 {
		return 0
	}
	return (max(current, e.phase)-e.phase)/e.period*e.period + e.phase
}

// death is the first block in which it is no longer valid.
func (e era) death(current uint64) uint64 {
	if e.period == 0 {
		return 1 << 62
	}
	return e.birth(current) + e.period
}

func (r *reader) era() era {
	first := r.u8()
	if first == 0 {
		return era{}
	}
	v := uint64(first) | uint64(r.u8())<<8
	period := uint64(2) << (v & 15)
	phase := (v >> 4) * max(period>>12, 1)
	if period < 4 || phase >= period {
		r.fail(errScale)
		return era{}
	}
	return era{period, phase}
}

var errUnsigned = errors.New("transaction is not signed")

// parseExtrinsic takes a transaction apart down to its call.
func parseExtrinsic(raw []byte) (*extrinsic, error) {
	if len(raw) > maxExtrinsic {
		return nil, fmt.Errorf("couldn't read transaction: %d bytes are over %d", len(raw), maxExtrinsic)
	}
	x := &extrinsic{raw: raw, id: blake256(raw)}
	r := &reader{b: raw}
	if n := r.compact(); r.err == nil && n != uint64(r.left()) {
		r.fail(errScale)
	}
	switch version := r.u8(); {
	case r.err != nil:
	case version == 4 || version == 5:
		return x, errUnsigned
	case version != 0x84:
		r.fail(fmt.Errorf("version byte %#02x is not 0x84", version))
	}
	if kind := r.u8(); kind != 0 {
		r.fail(fmt.Errorf("signer is address kind %d, not an account id", kind))
	}
	x.signer = r.account()
	switch kind := r.u8(); kind {
	case 0:
		x.ed25519 = true
	case 1:
	default:
		r.fail(fmt.Errorf("signature kind %d is neither ed25519 nor sr25519", kind))
	}
	copy(x.signature[:], r.take(64))
	from := r.at
	x.era = r.era()
	nonce := r.compact()
	if nonce > 1<<32-1 {
		r.fail(errScale)
	}
	x.nonce, x.tip, x.metaMode = uint32(nonce), r.compact(), r.u8()
	if x.metaMode > 1 {
		r.fail(errScale)
	}
	x.extra = raw[from:r.at]
	x.callBytes = raw[r.at:]
	if r.err == nil && len(x.callBytes) < 2 {
		r.fail(errShort)
	}
	if r.err != nil {
		return nil, fmt.Errorf("couldn't read transaction: %w", r.err)
	}
	return x, nil
}

// signed verifies the signature for a chain, a runtime and the hash of the era's birth block.
func (x *extrinsic) signed(spec uint32, genesis, birth hash) bool {
	w := writer{}
	w.raw(x.callBytes)
	w.raw(x.extra)
	w.u32(spec)
	w.u32(txVersion)
	w.raw(genesis[:])
	w.raw(birth[:])
	w.u8(0) // no metadata hash
	message := w.b
	if len(message) > 256 {
		h := blake256(message)
		message = h[:]
	}
	if x.ed25519 {
		return ed25519.Verify(x.signer[:], message, x.signature[:])
	}
	return sr25519.Verify(x.signer, message, x.signature)
}

// inherent encodes Timestamp.set, the first extrinsic of each block. It is bare, and since the chain's upgrade of 2025 of format 5.
func inherent(rt *runtime, now uint64) []byte {
	w := writer{}
	w.u8(5)
	w.raw(rt.call("Timestamp", "set"))
	w.compact(now)
	out := writer{}
	out.bytes(w.b)
	return out.b
}

// fee is what a paying call costs: a base and one part for each byte, in rao.
func fee(length int) uint64 {
	hi, lo := bits.Mul64(uint64(length), 1000)
	if hi != 0 {
		return 1 << 62
	}
	return 100_000 + lo
}
