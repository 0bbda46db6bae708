package grail

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrLayer is the sentinel of a layer index that does not fit 32 bits.
var ErrLayer = errors.New("layer index does not fit 32 bits")

// ErrText is the sentinel of text that has no UTF-8 form, such as one with a lone surrogate from a JSON escape.
var ErrText = errors.New("text is not valid UTF-8")

// commitDomain starts the binding message. It is the only part without a length in front.
const commitDomain = "grail-commit-v1"

// CommitBinding returns the digest that the miner signs: tokens, beacon randomness, model name, layer index and commitments (section 3.14). Not
// bound are the proof version, the split of prompt and completion, rewards, log-probabilities, window and nonce. The error wraps
// ErrHex when the randomness is no hex, or ErrText when the model name has no UTF-8 form.
func CommitBinding(c *Commit) ([32]byte, error) {
	return bind(HashTokens(c.Tokens), c.Beacon.Randomness, c.Model.Name, int64(c.Model.LayerIndex), c.Commitments.Hash())
}

func bind(tokens [32]byte, randomness, model string, layer int64, commitments [32]byte) ([32]byte, error) {
	clean, err := CleanHex(randomness)
	if err != nil {
		return [32]byte{}, fmt.Errorf("couldn't bind commit: %w", err)
	}
	if layer < math.MinInt32 || layer > math.MaxInt32 {
		return [32]byte{}, fmt.Errorf("couldn't bind commit: %w: %d", ErrLayer, layer)
	}
	if !utf8.ValidString(model) {
		return [32]byte{}, fmt.Errorf("couldn't bind commit: %w: model name %.80q", ErrText, model)
	}
	message := []byte(commitDomain)
	for _, part := range [][]byte{tokens[:], clean, []byte(model), binary.BigEndian.AppendUint32(nil, uint32(layer)), commitments[:]} {
		message = binary.BigEndian.AppendUint32(message, uint32(len(part)))
		message = append(message, part...)
	}
	return sha256.Sum256(message), nil
}
