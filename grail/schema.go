package grail

import (
	"errors"
	"fmt"
	"math"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrSchema is the sentinel of a commit whose fields are missing, of a wrong type or out of range.
var ErrSchema = errors.New("commit does not fit the schema")

func schemaError(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s %s", ErrSchema, field, fmt.Sprintf(format, args...))
}

// requiredFields pairs the columns that the schema wants not to be null with their names.
const requiredFields = NullCommit | NullTokens | NullTokenElement | NullCommitments | NullProofVersion | NullModel | NullModelName |
	NullLayerIndex | NullCommitSignature | NullBeacon | NullRollout | NullTotalReward | NullAdvantage | NullSuccess |
	NullTokenLogprobs | NullLogprobElement | NullPromptLength | NullCompletionLength

// CheckSchema checks the commit of a row that came from a file (section 7.5): nothing required is null, token count, commitments a list
// of as many objects, beacon randomness plain hex, lengths in range and adding up. With RefuseNaN the claimed numbers must not be NaN.
// The error wraps ErrSchema and names the field.
func (r Rules) CheckSchema(row *Row) error {
	if null := row.Null & requiredFields; null != 0 {
		return schemaError(null.String(), "is null")
	}
	return r.checkCommit(&row.Commit)
}

func (r Rules) checkCommit(c *Commit) error {
	n, o := len(c.Tokens), &c.Rollout
	if n < r.MinTokens {
		return schemaError("tokens", "has %d entries, at least %d are needed", n, r.MinTokens)
	}
	if !c.Commitments.Objects() {
		return schemaError("commitments", "is not a list of objects")
	}
	if c.Commitments.Len() != n {
		return schemaError("commitments", "has %d entries for %d tokens", c.Commitments.Len(), n)
	}
	text, ok := c.Beacon.Text()
	if !ok {
		return schemaError("beacon.randomness", "is missing or not text")
	}
	if !isHexText(text) {
		return schemaError("beacon.randomness", "%.80q is not plain hex, write it without 0x", text)
	}
	if o.PromptLength < 0 {
		return schemaError("rollout.prompt_length", "is %d, must not be negative", o.PromptLength)
	}
	if o.CompletionLength < 1 || int(o.CompletionLength) > r.MaxCompletionTokens {
		return schemaError("rollout.completion_length", "is %d, must be 1 to %d", o.CompletionLength, r.MaxCompletionTokens)
	}
	if sum := int64(o.PromptLength) + int64(o.CompletionLength); sum != int64(n) {
		return schemaError("rollout", "lengths add up to %d for %d tokens", sum, n)
	}
	if r.RefuseNaN {
		return checkNaN(o)
	}
	return nil
}

// checkNaN refuses NaN in claimed numbers. Infinities stay: a log-probability of -inf has a defined meaning (section 7.12).
func checkNaN(o *Outcome) error {
	if math.IsNaN(o.TotalReward) {
		return schemaError("rollout.total_reward", "is NaN")
	}
	if math.IsNaN(o.Advantage) {
		return schemaError("rollout.advantage", "is NaN")
	}
	for i, lp := range o.TokenLogprobs {
		if math.IsNaN(lp) {
			return schemaError("rollout.token_logprobs", "is NaN at position %d", i)
		}
	}
	return nil
}

// ParseCommit reads a commit from JSON text and checks it as the reference's schema library does, coercions included: an integral float or
// numeric text passes as integer, 0, 1 and text like "true" as boolean, numeric text as float, a boolean as number; numbers never pass as text.
// The result holds the coerced values. Token ids, prompt_length and layer_index that do not fit 32 bits are refused here already.
// Unknown keys are ignored. Errors wrap ErrJSON or ErrSchema.
func (r Rules) ParseCommit(text []byte) (Commit, error) {
	v, err := cpython.ParseJSON(text, jsonLimits)
	if err != nil {
		return Commit{}, fmt.Errorf("couldn't read commit: %w: %w", ErrJSON, err)
	}
	return r.CommitOf(v)
}

// CommitOf is ParseCommit for a JSON value that was read before.
func (r Rules) CommitOf(v cpython.Value) (Commit, error) {
	c, err := commitOf(v)
	if err != nil {
		return Commit{}, err
	}
	if err := r.checkCommit(&c); err != nil {
		return Commit{}, err
	}
	return c, nil
}

func commitOf(v cpython.Value) (c Commit, err error) {
	top := reader{object: v, path: ""}
	for _, e := range top.list("tokens") {
		c.Tokens = append(c.Tokens, top.int32Of("tokens", e))
	}
	c.Commitments = CommitmentsOf(top.value("commitments"))
	c.ProofVersion = top.text("proof_version")
	c.Signature = top.text("signature")
	c.Beacon = BeaconOf(top.value("beacon"))

	model := top.object1("model")
	c.Model.Name = model.text("name")
	c.Model.LayerIndex = model.int32("layer_index")
	if w, ok := model.object.Get("checkpoint_window"); ok {
		if n, err := w.ToInt(); err == nil && n.IsInt64() {
			window := n.Int64()
			c.Model.CheckpointWindow = &window
		}
	}

	rollout := top.object1("rollout")
	c.Rollout.PromptLength = rollout.int32("prompt_length")
	c.Rollout.CompletionLength = rollout.int32("completion_length")
	c.Rollout.Success = rollout.bool("success")
	c.Rollout.TotalReward = rollout.float("total_reward")
	c.Rollout.Advantage = rollout.float("advantage")
	if _, ok := rollout.object.Get("token_logprobs"); ok {
		for _, e := range rollout.list("token_logprobs") {
			c.Rollout.TokenLogprobs = append(c.Rollout.TokenLogprobs, rollout.floatOf("token_logprobs", e))
		}
	}

	env := top.optional("env")
	if env.object.Kind() == cpython.Object {
		env.text("id")
		env.integer("seed")
	}
	return c, errors.Join(top.err, model.err, rollout.err, env.err)
}
