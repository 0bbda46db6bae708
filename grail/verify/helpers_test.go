package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// real is a float of a vector: a number, or NaN, Infinity, -Infinity as text.
type real float64

func (r *real) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		switch s {
		case "NaN":
			*r = real(math.NaN())
		case "Infinity", "inf":
			*r = real(math.Inf(1))
		case "-Infinity", "-inf":
			*r = real(math.Inf(-1))
		default:
			return fmt.Errorf("%q is not a number", s)
		}
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*r = real(f)
	return nil
}

func floats(rs []real) []float64 {
	out := make([]float64, len(rs))
	for i, r := range rs {
		out[i] = float64(r)
	}
	return out
}

func f32s(t testing.TB, b64 string) []float32 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func jsonValue(t testing.TB, b []byte) cpython.Value {
	t.Helper()
	v, err := cpython.ParseJSON(b, cpython.Limits{})
	if err != nil {
		t.Fatalf("couldn't parse JSON: %v", err)
	}
	return v
}

// rowFrom builds a row from the rollout object of a vector. Missing keys are null. ok is false where a value has no place in a typed row,
// such as a group that is no integer; files can't hold that, their reader refuses the column.
func rowFrom(t testing.TB, v cpython.Value) (row grail.Row, ok bool) {
	t.Helper()
	ok = true
	integer := func(o cpython.Value, key string, null grail.NullFields) int64 {
		x, there := o.Get(key)
		if !there || x.Kind() == cpython.Null {
			row.Null |= null
			return 0
		}
		if s, isText := x.Text(); isText { // the reference compares groups by their text
			n, err := strconv.ParseInt(s, 10, 64)
			ok = ok && err == nil
			return n
		}
		n, err := x.ToInt()
		if err != nil || !n.IsInt64() {
			ok = false
			return 0
		}
		return n.Int64()
	}
	text := func(o cpython.Value, key string, null grail.NullFields) string {
		x, there := o.Get(key)
		if !there || x.Kind() == cpython.Null {
			row.Null |= null
		}
		s, _ := x.Text()
		return s
	}
	number := func(o cpython.Value, key string, null grail.NullFields) float64 {
		x, there := o.Get(key)
		if !there {
			row.Null |= null
			return 0
		}
		if s, isText := x.Text(); isText {
			var r real
			if r.UnmarshalJSON([]byte(strconv.Quote(s))) != nil {
				ok = false
			}
			return float64(r)
		}
		f, err := x.ToFloat()
		ok = ok && err == nil
		return f
	}
	row.WindowStart = integer(v, "window_start", grail.NullWindowStart)
	row.Nonce = integer(v, "nonce", grail.NullNonce)
	row.RolloutGroup = integer(v, "rollout_group", grail.NullRolloutGroup)
	row.CheckpointWindow = integer(v, "checkpoint_window", grail.NullCheckpointWindow)
	row.BlockHash = text(v, "block_hash", grail.NullBlockHash)
	row.Challenge = text(v, "challenge", grail.NullChallenge)
	row.Hotkey = text(v, "hotkey", grail.NullHotkey)
	row.Signature = text(v, "signature", grail.NullSignature)
	c, _ := v.Get("commit")
	if c.Kind() != cpython.Object {
		row.Null |= grail.NullCommit
		return row, ok
	}
	tokens, there := c.Get("tokens")
	if !there {
		row.Null |= grail.NullTokens
	}
	for _, x := range tokens.Elements() {
		n, _ := x.Int64()
		row.Commit.Tokens = append(row.Commit.Tokens, int32(n))
	}
	if x, there := c.Get("commitments"); there {
		row.Commit.Commitments = grail.CommitmentsOf(x)
	} else {
		row.Null |= grail.NullCommitments
	}
	if x, there := c.Get("beacon"); there {
		row.Commit.Beacon = grail.BeaconOf(x)
	} else {
		row.Null |= grail.NullBeacon
	}
	row.Commit.ProofVersion = text(c, "proof_version", grail.NullProofVersion)
	row.Commit.Signature = text(c, "signature", grail.NullCommitSignature)
	m, there := c.Get("model")
	if !there {
		row.Null |= grail.NullModel
	}
	row.Commit.Model.Name = text(m, "name", grail.NullModelName)
	row.Commit.Model.LayerIndex = int32(integer(m, "layer_index", grail.NullLayerIndex))
	if x, there := m.Get("checkpoint_window"); there {
		if n, err := x.ToInt(); err == nil && n.IsInt64() {
			w := n.Int64()
			row.Commit.Model.CheckpointWindow = &w
		}
	}
	o, there := c.Get("rollout")
	if !there {
		row.Null |= grail.NullRollout
	}
	row.Commit.Rollout = grail.Outcome{
		PromptLength:     int32(integer(o, "prompt_length", grail.NullPromptLength)),
		CompletionLength: int32(integer(o, "completion_length", grail.NullCompletionLength)),
		TotalReward:      number(o, "total_reward", grail.NullTotalReward),
		Advantage:        number(o, "advantage", grail.NullAdvantage),
	}
	if x, there := o.Get("success"); there {
		row.Commit.Rollout.Success, _ = x.Bool()
	} else {
		row.Null |= grail.NullSuccess
	}
	lp, there := o.Get("token_logprobs")
	if !there {
		row.Null |= grail.NullTokenLogprobs
	}
	for _, x := range lp.Elements() {
		f, err := x.ToFloat()
		if err != nil {
			ok = false
		}
		row.Commit.Rollout.TokenLogprobs = append(row.Commit.Rollout.TokenLogprobs, f)
	}
	return row, ok
}

func rowsFrom(t testing.TB, list []json.RawMessage) (rows []grail.Row, ok bool) {
	t.Helper()
	ok = true
	for _, b := range list {
		row, good := rowFrom(t, jsonValue(t, bytes.TrimSpace(b)))
		rows = append(rows, row)
		ok = ok && good
	}
	return rows, ok
}
