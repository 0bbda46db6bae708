package metadata

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Hasher turns an encoded key into the part of a storage key that stands for it.
type Hasher uint8

// The hashers, in the order of the metadata. The Concat ones and Identity end in the key itself, so that it can be read back.
const (
	Blake2_128       Hasher = iota // blake2b of 16 bytes
	Blake2_256                     // blake2b of 32 bytes
	Blake2_128Concat               // blake2b of 16 bytes, then the key
	Twox128                        // xxhash64 of seeds 0 and 1
	Twox256                        // xxhash64 of seeds 0 to 3
	Twox64Concat                   // xxhash64 of seed 0, then the key
	Identity                       // the key
)

var hasherNames = [...]string{"Blake2_128", "Blake2_256", "Blake2_128Concat", "Twox128", "Twox256", "Twox64Concat", "Identity"}

// hashSizes are the bytes before the key, or in its stead.
var hashSizes = [...]int{16, 32, 16, 16, 32, 8, 0}

// String returns the name as the metadata's source has it.
func (h Hasher) String() string {
	if int(h) < len(hasherNames) {
		return hasherNames[h]
	}
	return fmt.Sprintf("Hasher(%d)", uint8(h))
}

// Reversible reports whether the key can be read back from what the hasher made of it.
func (h Hasher) Reversible() bool { return h == Blake2_128Concat || h == Twox64Concat || h == Identity }

// Append appends what the hasher makes of an encoded key.
func (h Hasher) Append(b, key []byte) []byte {
	switch h {
	case Blake2_128, Blake2_128Concat:
		sum, _ := blake2b.New(16, nil) // no key, a size it knows: can't fail
		_, _ = sum.Write(key)
		b = sum.Sum(b)
	case Blake2_256:
		sum := blake2b.Sum256(key)
		b = append(b, sum[:]...)
	case Twox128:
		b = appendTwox(b, key, 2)
	case Twox256:
		b = appendTwox(b, key, 4)
	case Twox64Concat:
		b = appendTwox(b, key, 1)
	}
	if h.Reversible() {
		b = append(b, key...)
	}
	return b
}

// appendTwox appends the xxhash64 of the seeds 0 to n-1, little-endian.
func appendTwox(b, data []byte, n uint64) []byte {
	var d xxhash.Digest
	for seed := range n {
		d.ResetWithSeed(seed)
		_, _ = d.Write(data)
		b = binary.LittleEndian.AppendUint64(b, d.Sum64())
	}
	return b
}

// StorageKey returns the key under which a value lies. Give one Go value for each key of a map, in order, or fewer: the result is then
// the prefix of all keys that begin so, which is what state_getKeysPaged takes. Errors: ErrUnknown, ErrType.
func (rt *Runtime) StorageKey(pallet, item string, keys ...any) ([]byte, error) {
	s, b, err := rt.storagePrefix(pallet, item)
	if err != nil {
		return nil, err
	}
	if len(keys) > len(s.Keys) {
		return nil, fmt.Errorf("couldn't make storage key of %s.%s: it has %d keys, not %d: %w", pallet, item, len(s.Keys), len(keys), ErrType)
	}
	var buf [64]byte
	for i, k := range keys {
		raw, err := rt.AppendEncode(buf[:0], s.Keys[i], k)
		if err != nil {
			return nil, fmt.Errorf("couldn't make storage key of %s.%s: key %d: %w", pallet, item, i, err)
		}
		b = s.Hashers[i].Append(b, raw)
	}
	return b, nil
}

func (rt *Runtime) storagePrefix(pallet, item string) (*StorageItem, []byte, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return nil, nil, err
	}
	s, err := p.Item(item)
	if err != nil {
		return nil, nil, err
	}
	b := appendTwox(make([]byte, 0, 128), []byte(p.Prefix), 2)
	return s, appendTwox(b, []byte(s.Name), 2), nil
}

// DecodeStorageKey reads the keys of a map back from a storage key. Keys under hashers that keep nothing of them are nil. A key of another item
// is ErrType.
func (rt *Runtime) DecodeStorageKey(pallet, item string, key []byte) ([]any, error) {
	var out []any
	err := rt.storageKeyParts(pallet, item, key, func(s *StorageItem, i int, d *decoder) {
		if d == nil {
			out = append(out, nil)
		} else {
			out = append(out, d.value(s.Keys[i]))
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UnmarshalStorageKey reads the keys of a map back into what outs point to, one for each key. A nil out skips its key, as must be done under
// hashers that keep nothing of it.
func (rt *Runtime) UnmarshalStorageKey(pallet, item string, key []byte, outs ...any) error {
	s, err := rt.Item(pallet, item)
	if err != nil {
		return err
	}
	if len(outs) != len(s.Keys) {
		return fmt.Errorf("couldn't read storage key of %s.%s: it has %d keys, not %d: %w", pallet, item, len(s.Keys), len(outs), ErrType)
	}
	return rt.storageKeyParts(pallet, item, key, func(s *StorageItem, i int, d *decoder) {
		switch {
		case outs[i] == nil && d != nil:
			d.skip(s.Keys[i])
		case outs[i] == nil:
		case d == nil:
			err = fmt.Errorf("couldn't read key %d of %s.%s back: %s keeps nothing of it: %w", i, pallet, item, s.Hashers[i], ErrType)
		default:
			d.into(s.Keys[i], outs[i])
		}
	}, &err)
}

// storageKeyParts calls part for each key, with a decoder at it or nil where the hasher kept nothing. more are errors of part's own.
func (rt *Runtime) storageKeyParts(pallet, item string, key []byte, part func(s *StorageItem, i int, d *decoder), more ...*error) error {
	s, prefix, err := rt.storagePrefix(pallet, item)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(key, prefix) {
		return fmt.Errorf("couldn't read storage key: it isn't one of %s.%s: %w", pallet, item, ErrType)
	}
	d := rt.decoder(key[len(prefix):])
	for i, h := range s.Hashers {
		hash := d.r.Take(hashSizes[h])
		if !h.Reversible() {
			part(s, i, nil)
			continue
		}
		start := len(prefix) + d.r.Offset()
		part(s, i, d)
		if h != Identity && d.r.Err() == nil {
			raw := key[start : len(prefix)+d.r.Offset()]
			if want := h.Append(nil, raw); !bytes.Equal(want[:hashSizes[h]], hash) {
				return fmt.Errorf("couldn't read storage key of %s.%s: the hash of key %d is not its own: %w", pallet, item, i, ErrType)
			}
		}
	}
	if err := d.r.End(); err != nil {
		return fmt.Errorf("couldn't read storage key of %s.%s: %w", pallet, item, err)
	}
	for _, e := range more {
		if *e != nil {
			return *e
		}
	}
	return nil
}

// into decodes a value into what out points to, as a part of a larger input.
func (d *decoder) into(id TypeID, out any) {
	if err := d.rt.unmarshal(d, id, out); err != nil {
		d.r.Fail(err)
	}
}

// DecodeStorage reads what a node keeps under a key of an item. A nil raw stands for a key without a value: the item's default, or
// ErrAbsent where there is none.
func (rt *Runtime) DecodeStorage(pallet, item string, raw []byte) (any, error) {
	s, raw, err := rt.stored(pallet, item, raw)
	if err != nil {
		return nil, err
	}
	d := rt.storedDecoder(s, raw)
	v := d.value(s.Value)
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("couldn't decode %s.%s: %w", pallet, item, err)
	}
	return v, nil
}

// UnmarshalStorage is DecodeStorage into what out points to (see Unmarshal).
func (rt *Runtime) UnmarshalStorage(pallet, item string, raw []byte, out any) error {
	s, raw, err := rt.stored(pallet, item, raw)
	if err != nil {
		return err
	}
	d := rt.storedDecoder(s, raw)
	d.into(s.Value, out)
	if err := d.end(); err != nil {
		return fmt.Errorf("couldn't decode %s.%s: %w", pallet, item, err)
	}
	return nil
}

func (rt *Runtime) stored(pallet, item string, raw []byte) (*StorageItem, []byte, error) {
	s, err := rt.Item(pallet, item)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case raw != nil:
		return s, raw, nil
	case s.Modifier == Default:
		return s, s.Default, nil
	}
	return nil, nil, fmt.Errorf("couldn't decode %s.%s: %w", pallet, item, ErrAbsent)
}

// tailZeros is how many zeros a commitment may lack at its end. The runtime's own decoder adds them without end; what is longer than
// the largest plain field would be nothing but zeros.
const tailZeros = 256

// storedDecoder is a decoder of a stored value. The registrations of commitments may lack zeros at their end (spec section 9).
func (rt *Runtime) storedDecoder(s *StorageItem, raw []byte) *decoder {
	t := rt.Type(s.Value)
	if s.Name != "CommitmentOf" || t.Name() != "Registration" {
		return rt.decoder(raw)
	}
	d := rt.decoder(append(raw[:len(raw):len(raw)], make([]byte, tailZeros)...))
	d.padded, d.whole = true, len(raw)
	return d
}

// end is the check after a stored value: nothing of it may remain.
func (d *decoder) end() error {
	if !d.padded {
		return d.r.End()
	}
	if err := d.r.Err(); err != nil {
		return err
	}
	if d.r.Offset() < d.whole {
		return fmt.Errorf("couldn't read the end at byte %d: %w", d.r.Offset(), scale.ErrTrailing)
	}
	return nil
}
