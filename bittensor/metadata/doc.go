// Package metadata speaks to a Substrate runtime, such as Bittensor's, in the runtime's own words.
//
// A Substrate chain describes itself. Its metadata, a blob of 250 to 350 kB, lists every pallet (module) with its storage items, calls,
// events, errors and constants, the runtime APIs, the extensions that a transaction must carry, and a registry of all types they
// use. Indices and shapes change from one runtime upgrade to the next; names stay. So nothing here knows the number of a call or the
// layout of a structure: Parse reads the blob (versions 14, 15 and 16) into a Runtime, and everything else asks it by name:
//
//	rt, err := metadata.Parse(blob)
//	key, err := rt.StorageKey("SubtensorModule", "Uids", uint16(1), hotkey)   // what to ask a node for
//	value, err := rt.DecodeStorage("SubtensorModule", "Uids", answer)         // what it said
//	call, err := rt.Call("SubtensorModule", "set_weights", netuid, uids, weights, uint64(0))
//	signed, err := rt.SignedExtrinsic(metadata.Transaction{Call: call, ...}, signer)
//	events, err := rt.DecodeEvents(answer)
//
// # Values
//
// What is decoded without a Go type to decode into has one of these forms, and what is encoded may have them too:
//
//	bool                         bool
//	u8 .. u64, compact of them   uint64
//	i8 .. i64                    int64
//	u128, u256, i128, i256       *big.Int (compact u128 as well)
//	char                         rune
//	str                          string
//	Vec<u8>, [u8; N]             []byte, but [32]byte for [u8; 32]: accounts and hashes
//	Vec<T>, [T; N], tuples       []any
//	(), structs without fields   nil
//	structs                      Struct: the fields in order, with their names
//	structs of one unnamed field the field's value: NetUid(u16) is a uint64
//	Option<T>                    nil or T's value; Some{T's value} where that itself may be nil
//	other enums                  Variant: name, index and fields
//	BitVec                       Bits
//
// Unmarshal and its kin decode straight into Go values instead: struct fields are found by name (netuid_index is NetuidIndex, or the
// tag `scale:"netuid_index"`), numbers are checked for range, and the way is worked out once for each pair of types. It is several times
// faster; a metagraph of a thousand neurons takes well below a millisecond.
//
// # Foreign bytes
//
// Blobs and values come from the network. Types that refer to themselves, counts without end, vectors of nothing and nesting without
// bottom give errors (ErrLimit, scale.ErrShort); memory is bounded by a multiple of the input's size.
//
// A Runtime doesn't change after Parse and may be used by any number of goroutines.
//
// Specified in "Talking to the Bittensor chain", sections 3, 4, 5, 7 and 8.
package metadata

import "errors"

// Sentinel errors, one for each decision of a caller. Errors of package scale show through as well.
var (
	// ErrMetadata: the blob is no metadata, or contradicts itself. Ask another node.
	ErrMetadata = errors.New("malformed metadata")
	// ErrVersion: the blob's version is not 14, 15 or 16. Ask the node for version 15.
	ErrVersion = errors.New("unsupported metadata version")
	// ErrUnknown: this runtime has no pallet, item, call, constant, API or variant of the name. Choose another way to ask.
	ErrUnknown = errors.New("not in this runtime")
	// ErrAbsent: the storage item is optional and there is no value under the key.
	ErrAbsent = errors.New("no value stored")
	// ErrType: the Go value and the runtime's type don't fit each other.
	ErrType = errors.New("value doesn't fit the type")
	// ErrLimit: a type or value nests too deeply, or holds more items than its bytes could account for.
	ErrLimit = errors.New("value or type beyond all limits")
	// ErrUnknownExtension: transactions of this runtime need something that this package doesn't know how to give. It refuses to sign;
	// a newer version is needed.
	ErrUnknownExtension = errors.New("unknown transaction extension")
)
