package patch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"

	"github.com/zeebo/xxh3"
)

// hashStep is how many bytes go to a hash between two looks at the context.
const hashStep = 64 << 20

// Hash gives XXH3-128 (seed 0) over the bytes of all tensors in ascending order of names, as 32 lower-case hex digits (section 8.3). Names, shapes and
// kinds aren't part of it. The tensors of one file in order of names are hashed at the speed of memory.
func Hash(ctx context.Context, tensors []Tensor) (string, error) {
	order, err := byName(tensors)
	if err != nil {
		return "", fmt.Errorf("couldn't hash weights: %w", err)
	}
	h := xxh3.New128()
	for i := 0; i < len(order); {
		data := tensors[order[i]].Data
		for i++; i < len(order); i++ { // neighbours in memory are hashed in one piece: the hasher copies what comes after its first bytes
			joined, ok := join(data, tensors[order[i]].Data)
			if !ok {
				break
			}
			data = joined
		}
		if err := feed(ctx, h, data); err != nil {
			return "", fmt.Errorf("couldn't hash weights: %w", err)
		}
	}
	return sum128(h), nil
}

func sum128(h *xxh3.Hasher128) string { return hex.EncodeToString(h.Sum(nil)) }

// feed writes data to the hash. The first bytes decide: while nothing is buffered the hasher reads whole blocks where they lie,
// so the first write is the whole piece.
func feed(ctx context.Context, h hash.Hash, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, direct := h.(*xxh3.Hasher128); direct {
		_, _ = h.Write(data) // 15 GB/s and more: seconds for the largest models
		return nil
	}
	for len(data) > 0 {
		n := min(hashStep, len(data))
		_, _ = h.Write(data[:n])
		data = data[n:]
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// HashOld gives the digest of the seed's time: SHA-256 over name, kind, shape and bytes of each tensor in ascending order of names, as
// 64 hex digits.
func HashOld(ctx context.Context, tensors []Tensor) (string, error) {
	order, err := byName(tensors)
	if err != nil {
		return "", fmt.Errorf("couldn't hash weights: %w", err)
	}
	h := sha256.New()
	for _, i := range order {
		t := &tensors[i]
		head := append([]byte(t.Name), "torch."...)
		head = append(head, t.DType...)
		head = appendTuple(head, t.Shape)
		_, _ = h.Write(head)
		if err := feed(ctx, h, t.Data); err != nil {
			return "", fmt.Errorf("couldn't hash weights: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// appendTuple writes a shape as Python does: (), (5,), (3, 4).
func appendTuple(b []byte, shape []int) []byte {
	b = append(b, '(')
	for i, d := range shape {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	if len(shape) == 1 {
		b = append(b, ',')
	}
	return append(b, ')')
}

// Verify compares the hash of the tensors with want, whose length says which of the two it is: 32 hex digits for [Hash], 64 for [HashOld].
// Any other text, and a hash that differs, give ErrHash.
func Verify(ctx context.Context, tensors []Tensor, want string) error {
	var got string
	var err error
	switch len(want) {
	case 32:
		got, err = Hash(ctx, tensors)
	case 64:
		got, err = HashOld(ctx, tensors)
	default:
		return fmt.Errorf("couldn't verify weights: %q is no hash of weights, which has 32 or 64 hex digits: %w", want, ErrHash)
	}
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("couldn't verify weights: their hash is %s, expected %s: %w", got, want, ErrHash)
	}
	return nil
}

// ReferenceHashes says whether the reference can hash tensors like these: it can't where a scalar takes more than one byte (QUIRK 37).
func ReferenceHashes(tensors []Tensor) bool {
	for i := range tensors {
		if len(tensors[i].Shape) == 0 && tensors[i].DType.Size() > 1 {
			return false
		}
	}
	return true
}
