package logicnet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrRules is the sentinel of rules that cannot be used: unreadable, or with a value that makes no sense.
var ErrRules = errors.New("invalid rules")

// maxRulesBytes bounds the JSON text of rules.
const maxRulesBytes = 1 << 20

// ParseRules reads rules from a JSON object. The key "base" names the set that missing keys are taken from, "reference" or "hardened";
// without it every key must be there. Unknown keys, wrong types and values that Validate refuses are errors that wrap ErrRules.
func ParseRules(text []byte) (Rules, error) {
	if len(text) > maxRulesBytes {
		return Rules{}, fmt.Errorf("%w: %d bytes of JSON, at most %d are read", ErrRules, len(text), maxRulesBytes)
	}
	var present map[string]json.RawMessage
	if err := json.Unmarshal(text, &present); err != nil {
		return Rules{}, fmt.Errorf("%w: couldn't read JSON: %w", ErrRules, err)
	}
	var based struct {
		Base *string `json:"base"`
		Rules
	}
	if raw, ok := present["base"]; ok {
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return Rules{}, fmt.Errorf("%w: couldn't read base: %w", ErrRules, err)
		}
		base, known := RulesByName(name)
		if !known {
			return Rules{}, fmt.Errorf("%w: unknown base %q, known are reference and hardened", ErrRules, name)
		}
		based.Rules = base
	} else {
		for _, key := range ruleKeys() {
			if _, ok := present[key]; !ok {
				return Rules{}, fmt.Errorf("%w: key %s is missing, add it or a base", ErrRules, key)
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&based); err != nil {
		return Rules{}, fmt.Errorf("%w: couldn't read JSON: %w", ErrRules, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Rules{}, fmt.Errorf("%w: text after the JSON object", ErrRules)
	}
	if err := based.Validate(); err != nil {
		return Rules{}, err
	}
	return based.Rules, nil
}

// ruleKeys lists the JSON keys of Rules in ascending order.
func ruleKeys() []string {
	text, _ := json.Marshal(Reference())
	var m map[string]json.RawMessage
	_ = json.Unmarshal(text, &m)
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Digest returns the SHA-256 by which nodes of one network compare their rules: over the text "nanteos-logicnet-rules-v1", a zero byte
// and the JSON of the rules in the order of the fields.
func (r Rules) Digest() [32]byte {
	text, err := json.Marshal(r)
	if err != nil {
		// Only infinities and NaN cannot be encoded; Validate refuses both. All such rules share one digest that no valid rules have.
		text = []byte("invalid")
	}
	return sha256.Sum256(append([]byte("nanteos-logicnet-rules-v1\x00"), text...))
}

// Validate returns nil for rules that make sense, else an error that wraps ErrRules and names every field that does not.
func (r Rules) Validate() error {
	var bad []error
	fail := func(format string, args ...any) {
		bad = append(bad, fmt.Errorf("%w: "+format, append([]any{ErrRules}, args...)...))
	}
	within := func(name string, v, low, high float64) {
		if !(v >= low && v <= high) {
			fail("%s is %v, must be from %v to %v", name, v, low, high)
		}
	}
	const large = 1e9 // keeps every product with counts or nanoseconds inside 64 bits

	within("min_stake", r.MinStake, 0, 1e15)
	within("min_quota", r.MinQuota, 0, large)
	within("max_quota", r.MaxQuota, max(1, r.MinQuota), large)
	within("limit_seconds", r.LimitSeconds, 1, large)
	within("round_seconds", r.RoundSeconds, 1, large)
	within("batches", float64(r.Batches), 1, 1e6)
	within("batch_gap_seconds", r.BatchGapSeconds, 0, large)
	within("batch_size", float64(r.BatchSize), 1, 65536)
	within("timeout_seconds", float64(r.TimeoutSeconds), 1, 86400)
	within("info_timeout_seconds", r.InfoTimeoutSeconds, 1, 86400)
	within("score_chance", r.ScoreChance, 0, 1)
	within("weight_blocks", float64(r.WeightBlocks), 1, large)
	within("history", float64(r.History), 1, 10000)
	within("default_volume", r.DefaultVolume, 0, large)
	within("full_volume", r.FullVolume, 1, large)
	within("max_volume", r.MaxVolume, 0, large)
	within("expire_after", float64(r.ExpireAfter), 0, large)
	within("synthetic_share", r.SyntheticShare, 0, 1)
	if r.Grading != GradeReference && r.Grading != GradeExact {
		fail("grading is %q, must be %q or %q", r.Grading, GradeReference, GradeExact)
	}
	within("similarity_weight", r.SimilarityWeight, 0, 1)
	within("correctness_weight", r.CorrectnessWeight, 0, 1)
	within("time_penalty", r.TimePenalty, 0, 1)
	within("volume_share", r.VolumeShare, 0, 1)
	within("failed_similarity", r.FailedSimilarity, -1, 1)
	within("rank_threshold", r.RankThreshold, 0, 1)
	within("ranked_places", float64(r.RankedPlaces), 0, 65536)
	within("unranked_place", float64(r.UnrankedPlace), 1, 65536)
	for i, c := range r.Curve {
		within(fmt.Sprintf("curve[%d]", i), c, -large, large)
	}
	if r.Ties != TiesFirst && r.Ties != TiesShare {
		fail("ties is %q, must be %q or %q", r.Ties, TiesFirst, TiesShare)
	}
	return errors.Join(bad...)
}
