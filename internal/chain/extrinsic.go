package chain

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Call is what a transaction asks the chain to do.
type Call interface {
	kind() byte
	append(dst []byte) []byte
}

// CommitCall replaces the signer's commitment.
type CommitCall struct{ Data []byte }

// SetWeightsCall replaces the signer's weights.
type SetWeightsCall struct {
	UIDs, Weights []uint16
	VersionKey    uint64
}

// RegisterCall gives the signer a UID, owned by Coldkey. The public chain wants the coldkey's signature and a fee; here the hotkey
// registers itself.
type RegisterCall struct{ Coldkey string }

const (
	kindCommit byte = iota + 1
	kindSetWeights
	kindRegister
)

func (CommitCall) kind() byte     { return kindCommit }
func (SetWeightsCall) kind() byte { return kindSetWeights }
func (RegisterCall) kind() byte   { return kindRegister }

func (c CommitCall) append(dst []byte) []byte { return appendBytes(dst, c.Data) }

func (c SetWeightsCall) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, c.VersionKey)
	dst = appendUint16s(dst, c.UIDs)
	return appendUint16s(dst, c.Weights)
}

func (c RegisterCall) append(dst []byte) []byte { return appendBytes(dst, []byte(c.Coldkey)) }

// Extrinsic is a signed transaction.
type Extrinsic struct {
	Hotkey string
	// Nonce counts the hotkey's transactions from 0; the chain takes them in that order only.
	Nonce uint64
	// Expiry is the number of the last block that may include it.
	Expiry uint64
	Call   Call
	// Signature is the sr25519 signature of Payload.
	Signature []byte
}

// Payload returns the bytes to be signed. They name the chain by its genesis hash, so that a transaction of one network means nothing
// in another:
//
//	"nanteos/extrinsic/1" ‖ genesis hash (32) ‖ hotkey ‖ nonce ‖ expiry ‖ kind ‖ call
//
// Numbers are 8 bytes big-endian, byte strings are preceded by their length in 4 bytes, lists of numbers by their count.
func (x Extrinsic) Payload(genesisHash string) ([]byte, error) {
	g, err := parseHash(genesisHash)
	if err != nil {
		return nil, err
	}
	return x.appendUnsigned(append([]byte(extrinsicTag), g[:]...)), nil
}

const extrinsicTag = "nanteos/extrinsic/1"

func (x Extrinsic) appendUnsigned(dst []byte) []byte {
	dst = appendBytes(dst, []byte(x.Hotkey))
	dst = binary.BigEndian.AppendUint64(dst, x.Nonce)
	dst = binary.BigEndian.AppendUint64(dst, x.Expiry)
	dst = append(dst, x.Call.kind())
	return x.Call.append(dst)
}

// Encode returns the transaction as blocks hold it: the unsigned part and the signature.
func (x Extrinsic) Encode() []byte { return appendBytes(x.appendUnsigned(nil), x.Signature) }

// Limits of what is decoded.
const (
	maxExtrinsic = 1 << 20
	maxAddress   = 64
	maxUIDs      = 1 << 16
)

// DecodeExtrinsic reads what Encode wrote. Nothing may follow it.
func DecodeExtrinsic(b []byte) (Extrinsic, error) {
	if len(b) > maxExtrinsic {
		return Extrinsic{}, fmt.Errorf("couldn't decode transaction: %d bytes are over %d", len(b), maxExtrinsic)
	}
	r := reader{b: b}
	x := Extrinsic{Hotkey: r.text(maxAddress), Nonce: r.uint64(), Expiry: r.uint64()}
	switch kind := r.byte(); kind {
	case kindCommit:
		x.Call = CommitCall{Data: r.bytes(maxExtrinsic)}
	case kindSetWeights:
		x.Call = SetWeightsCall{VersionKey: r.uint64(), UIDs: r.uint16s(maxUIDs), Weights: r.uint16s(maxUIDs)}
	case kindRegister:
		x.Call = RegisterCall{Coldkey: r.text(maxAddress)}
	default:
		r.fail("kind %d is unknown", kind)
	}
	x.Signature = r.bytes(64)
	if err := r.end(); err != nil {
		return Extrinsic{}, fmt.Errorf("couldn't decode transaction: %w", err)
	}
	return x, nil
}

// Hash names the transaction. The signature is no part of it.
func (x Extrinsic) Hash() string { return hashText(x.id()) }

func (x Extrinsic) id() [32]byte { return blake2b.Sum256(x.appendUnsigned(nil)) }

func hashText(h [32]byte) string { return "0x" + hex.EncodeToString(h[:]) }

func parseHash(s string) (h [32]byte, err error) {
	if len(s) != 66 || s[:2] != "0x" {
		return h, fmt.Errorf("couldn't parse block hash %.80q: not 0x and 64 hex digits", s)
	}
	if _, err := hex.Decode(h[:], []byte(s[2:])); err != nil {
		return h, fmt.Errorf("couldn't parse block hash %.80q: %w", s, err)
	}
	return h, nil
}
