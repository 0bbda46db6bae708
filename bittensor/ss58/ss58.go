// Package ss58 reads and writes SS58 addresses, the text form in which Substrate chains, Bittensor among them, show accounts.
//
// An address is base58 text of
//
//	prefix ‖ account (32 bytes) ‖ checksum (2 bytes)
//
// where the prefix names the network (42 for Bittensor: addresses start with 5) in one byte below 64 or in two bytes up to 16383, and
// the checksum is the start of BLAKE2b-512("SS58PRE" ‖ prefix ‖ account).
//
// Only accounts of 32 bytes are read and written; the shorter forms of the standard (account indices) are errors.
package ss58

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Bittensor is the prefix of Bittensor addresses, the generic one of Substrate.
const Bittensor uint16 = 42

// MaxPrefix is the largest prefix that the two-byte form holds.
const MaxPrefix uint16 = 1<<14 - 1

// ErrAddress is the sentinel of text that is not an address of a 32-byte account.
var ErrAddress = errors.New("invalid ss58 address")

// ErrPrefix is the sentinel of a prefix that is reserved or too large, or of an address of another network than asked for.
var ErrPrefix = errors.New("ss58 prefix not allowed")

const (
	accountLen  = 32
	checksumLen = 2
	// longest is the base58 length of 36 bytes: two of prefix, the account, the checksum.
	longest = 50
)

// Encode returns the address of an account in the network with the given prefix. Reserved prefixes (46, 47) and such above
// MaxPrefix are errors that wrap ErrPrefix.
func Encode(account [32]byte, prefix uint16) (string, error) {
	if err := allowed(prefix); err != nil {
		return "", fmt.Errorf("couldn't encode address: %w", err)
	}
	return encode(account, prefix), nil
}

// EncodeBittensor returns the account's Bittensor address (prefix 42).
func EncodeBittensor(account [32]byte) string { return encode(account, Bittensor) }

func encode(account [32]byte, prefix uint16) string {
	raw := make([]byte, 0, 2+accountLen+checksumLen)
	if prefix < 64 {
		raw = append(raw, byte(prefix))
	} else {
		raw = append(raw, byte(prefix>>2&0x3f)|0x40, byte(prefix>>8)|byte(prefix&3)<<6)
	}
	raw = append(raw, account[:]...)
	sum := checksum(raw)
	return encodeBase58(append(raw, sum[:]...))
}

// Decode returns account and prefix of an address. It accepts what Substrate's decoder accepts: any prefix but the reserved ones,
// also the two-byte form of a prefix below 64, which Encode never writes. Errors wrap ErrAddress or ErrPrefix and say what is wrong.
func Decode(address string) (account [32]byte, prefix uint16, err error) {
	fail := func(sentinel error, format string, args ...any) ([32]byte, uint16, error) {
		return [32]byte{}, 0, fmt.Errorf("couldn't decode address: %w: %s", sentinel, fmt.Sprintf(format, args...))
	}
	if address == "" {
		return fail(ErrAddress, "it is empty")
	}
	if len(address) > longest {
		return fail(ErrAddress, "%d characters, an account has at most %d", len(address), longest)
	}
	raw, bad := decodeBase58(address)
	if bad >= 0 {
		return fail(ErrAddress, "character %q at %d is not base58", address[bad], bad)
	}
	prefixLen := 1
	switch {
	case len(raw) == 0:
		return fail(ErrAddress, "no bytes")
	case raw[0] < 64:
		prefix = uint16(raw[0])
	case raw[0] < 128:
		if len(raw) < 2 {
			return fail(ErrAddress, "one byte of a two-byte prefix")
		}
		prefixLen = 2
		prefix = uint16(raw[0]&0x3f)<<2 | uint16(raw[1]>>6) | uint16(raw[1]&0x3f)<<8
	default:
		return fail(ErrAddress, "first byte %d starts no prefix", raw[0])
	}
	if want := prefixLen + accountLen + checksumLen; len(raw) != want {
		return fail(ErrAddress, "%d bytes, an account has %d", len(raw), want)
	}
	body := raw[:prefixLen+accountLen]
	if sum := checksum(body); sum[0] != raw[len(body)] || sum[1] != raw[len(body)+1] {
		return fail(ErrAddress, "the checksum does not match, check for a typing error")
	}
	if err := allowed(prefix); err != nil {
		return [32]byte{}, 0, fmt.Errorf("couldn't decode address: %w", err)
	}
	copy(account[:], body[prefixLen:])
	return account, prefix, nil
}

// DecodeBittensor returns the account of a Bittensor address. It is strict, as input that a user types deserves: the prefix is 42 and
// the text is the one that EncodeBittensor writes.
func DecodeBittensor(address string) ([32]byte, error) {
	account, prefix, err := Decode(address)
	if err != nil {
		return [32]byte{}, err
	}
	if prefix != Bittensor {
		return [32]byte{}, fmt.Errorf("couldn't decode address: %w: it is of network %d, Bittensor is %d", ErrPrefix, prefix, Bittensor)
	}
	if EncodeBittensor(account) != address {
		return [32]byte{}, fmt.Errorf("couldn't decode address: %w: not in the usual form, which is %s", ErrAddress, EncodeBittensor(account))
	}
	return account, nil
}

// allowed refuses the prefixes that the registry keeps reserved, and such that the encoding cannot hold.
func allowed(prefix uint16) error {
	if prefix > MaxPrefix {
		return fmt.Errorf("%w: %d is above %d", ErrPrefix, prefix, MaxPrefix)
	}
	if prefix == 46 || prefix == 47 {
		return fmt.Errorf("%w: %d is reserved", ErrPrefix, prefix)
	}
	return nil
}

func checksum(body []byte) [checksumLen]byte {
	var space [64]byte // body has 33 or 34 bytes
	h := blake2b.Sum512(append(append(space[:0], "SS58PRE"...), body...))
	return [checksumLen]byte(h[:checksumLen])
}
