package grail

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Integer is a token id in any of the widths that callers have. The protocol hashes the low 32 bits.
type Integer interface{ ~int | ~int32 | ~int64 }

// TokenBytes returns the ids as the protocol hashes them: four bytes each, big-endian, negative ids as two's complement and large ones cut
// (section 3.9).
func TokenBytes[T Integer](tokens []T) []byte {
	b := make([]byte, 0, 4*len(tokens))
	for _, t := range tokens {
		b = binary.BigEndian.AppendUint32(b, uint32(t))
	}
	return b
}

// HashTokens returns the SHA-256 of TokenBytes.
func HashTokens[T Integer](tokens []T) [32]byte { return sha256.Sum256(TokenBytes(tokens)) }

// CompletionDigest returns the SHA-256 of the completion as JSON text like [7,8,9] (section 3.19). It finds copies, over all rows of a file,
// and counts unique rollouts. The completion is tokens[promptLength:] as Python slices it. Without tokens there is no digest and ok is false.
func CompletionDigest[T Integer](tokens []T, promptLength int64) (digest [32]byte, ok bool) {
	if len(tokens) == 0 {
		return digest, false
	}
	completion := afterPrompt(tokens, promptLength)
	text := append(make([]byte, 0, 2+8*len(completion)), '[')
	for i, t := range completion {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(t), 10)
	}
	return sha256.Sum256(append(text, ']')), true
}

// CompletionDigest returns the digest of the commit's completion; ok is false without tokens.
func (c *Commit) CompletionDigest() (digest [32]byte, ok bool) {
	return CompletionDigest(c.Tokens, int64(c.Rollout.PromptLength))
}
