package grail

import (
	"crypto/sha256"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// CommitDigest returns the SHA-256 of the row's commit as canonical JSON, from which a validator orders the groups it samples
// (section 7.2).
func (row *Row) CommitDigest() [32]byte { return sha256.Sum256(row.AppendCommit(nil)) }

// AppendCommit appends the commit as canonical JSON: what Python's json.dumps with sorted keys and without spaces makes of the commit as it is read
// from a file. Null columns are null; of a list with null elements the places of the nulls are lost and zeros stand there.
func (row *Row) AppendCommit(dst []byte) []byte {
	c, null := &row.Commit, row.Null
	if null.Has(NullCommit) {
		return append(dst, "null"...)
	}
	field := func(key string, isNull NullFields, value func([]byte) []byte) {
		dst = append(dst, key...)
		if null.Has(isNull) {
			dst = append(dst, "null"...)
		} else {
			dst = value(dst)
		}
	}
	text := func(s string) func([]byte) []byte {
		return func(b []byte) []byte { return cpython.AppendString(b, s) }
	}
	integer := func(n int64) func([]byte) []byte {
		return func(b []byte) []byte { return strconv.AppendInt(b, n, 10) }
	}
	real := func(f float64) func([]byte) []byte {
		return func(b []byte) []byte { return cpython.AppendFloat(b, f) }
	}
	field(`{"beacon":`, NullBeacon, c.Beacon.AppendCompactSorted)
	field(`,"commitments":`, NullCommitments, c.Commitments.AppendCompactSorted)
	dst = append(dst, `,"model":`...)
	if null.Has(NullModel) {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, '{')
		if w := c.Model.CheckpointWindow; w != nil {
			dst = append(strconv.AppendInt(append(dst, `"checkpoint_window":`...), *w, 10), ',')
		}
		field(`"layer_index":`, NullLayerIndex, integer(int64(c.Model.LayerIndex)))
		field(`,"name":`, NullModelName, text(c.Model.Name))
		dst = append(dst, '}')
	}
	field(`,"proof_version":`, NullProofVersion, text(c.ProofVersion))
	dst = append(dst, `,"rollout":`...)
	if null.Has(NullRollout) {
		dst = append(dst, "null"...)
	} else {
		o := &c.Rollout
		field(`{"advantage":`, NullAdvantage, real(o.Advantage))
		field(`,"completion_length":`, NullCompletionLength, integer(int64(o.CompletionLength)))
		field(`,"prompt_length":`, NullPromptLength, integer(int64(o.PromptLength)))
		field(`,"success":`, NullSuccess, func(b []byte) []byte { return strconv.AppendBool(b, o.Success) })
		field(`,"token_logprobs":`, NullTokenLogprobs, func(b []byte) []byte {
			return appendList(b, o.TokenLogprobs, cpython.AppendFloat)
		})
		field(`,"total_reward":`, NullTotalReward, real(o.TotalReward))
		dst = append(dst, '}')
	}
	field(`,"signature":`, NullCommitSignature, text(c.Signature))
	field(`,"tokens":`, NullTokens, func(b []byte) []byte {
		return appendList(b, c.Tokens, func(b []byte, t int32) []byte { return strconv.AppendInt(b, int64(t), 10) })
	})
	return append(dst, '}')
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}
