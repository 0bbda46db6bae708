package grail

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

// ParseRules reads rules from a JSON object. The key "base" names the set that missing keys are taken from, "reference" or
// "hardened"; without it every key must be there. Unknown keys, wrong types and values that Validate refuses are errors that wrap
// ErrRules.
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

// ruleKeys lists the JSON keys of Rules.
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

// Digest returns the SHA-256 that nodes compare to make sure that they follow the same rules: over the text "nanteos-rules-v1", a
// zero byte and the JSON of the rules in the order of the fields.
func (r Rules) Digest() [32]byte {
	text, err := json.Marshal(r)
	if err != nil {
		// Only infinities and NaN cannot be encoded; Validate refuses both. All such rules share one digest that no valid rules have.
		text = []byte("invalid")
	}
	return sha256.Sum256(append([]byte("nanteos-rules-v1\x00"), text...))
}

// Accepts reports whether a verifier accepts the proof version.
func (r Rules) Accepts(version string) bool { return slices.Contains(r.AcceptedVersions, version) }

// Validate returns nil for rules that make sense, else an error that wraps ErrRules and names every field that does not.
func (r Rules) Validate() error {
	var bad []error
	fail := func(format string, args ...any) {
		bad = append(bad, fmt.Errorf("%w: "+format, append([]any{ErrRules}, args...)...))
	}
	atLeast := func(name string, v, least int64) {
		if v < least {
			fail("%s is %d, must be at least %d", name, v, least)
		}
	}
	within := func(name string, v, low, high float64) {
		if !(v >= low && v <= high) {
			fail("%s is %v, must be from %v to %v", name, v, low, high)
		}
	}
	const large = 1e15 // keeps every product with counts, bytes or milliseconds far inside 64 bits

	if r.ProofVersion == "" || !r.Accepts(r.ProofVersion) {
		fail("proof_version %q is not among accepted_versions %q", r.ProofVersion, r.AcceptedVersions)
	}
	within("window_length", float64(r.WindowLength), 1, 1e9)
	within("block_seconds", r.BlockSeconds, 1e-3, 1e6)
	atLeast("group_size", int64(r.GroupSize), 2)
	atLeast("challenge_positions", int64(r.ChallengePositions), 1)
	atLeast("min_tokens", int64(r.MinTokens), 1)
	atLeast("min_completion_tokens", int64(r.MinCompletionTokens), 1)
	atLeast("max_completion_tokens", int64(r.MaxCompletionTokens), int64(r.MinCompletionTokens))
	atLeast("default_context", int64(r.DefaultContext), 1)
	atLeast("proof_batch", int64(r.ProofBatch), 1)
	if r.Proof != ProofTolerance && r.Proof != ProofEquality {
		fail("proof is %q, must be %q or %q", r.Proof, ProofTolerance, ProofEquality)
	}
	within("sketch_tolerance_base", r.SketchToleranceBase, 0, Q)
	within("sketch_tolerance_growth", r.SketchToleranceGrowth, 0, Q)
	within("log_prob_tolerance", r.LogProbTolerance, 0, large)
	within("min_eos_probability", r.MinEOSProbability, 0, 1)
	atLeast("max_group", r.MaxGroup, 0)
	within("reward_rel_tolerance", r.RewardRelTolerance, 0, 1)
	within("reward_abs_tolerance", r.RewardAbsTolerance, 0, large)
	within("reward_soft_threshold", r.RewardSoftThreshold, 0, 1)
	within("advantage_sum_tolerance", r.AdvantageSumTolerance, 0, large)
	within("advantage_tolerance", r.AdvantageTolerance, 0, large)
	atLeast("distribution_min_steps", int64(r.DistributionMinSteps), 1)
	within("distribution_median_max", r.DistributionMedianMax, -1, 1)
	within("distribution_min_probability", r.DistributionMinProbability, -1, 1)
	within("distribution_low_quantile_max", r.DistributionLowQuantileMax, -1, 1)
	atLeast("distribution_initial_steps", int64(r.DistributionInitialSteps), 1)
	within("distribution_soft_threshold", r.DistributionSoftThreshold, 0, 1)
	atLeast("check_all_rows", int64(r.CheckAllRows), 0)
	within("group_sample_rate", r.GroupSampleRate, 0, 1)
	if r.SampleOrder != SampleByDigest && r.SampleOrder != SampleByNumber {
		fail("sample_order is %q, must be %q or %q", r.SampleOrder, SampleByDigest, SampleByNumber)
	}
	atLeast("max_sampled_rows", int64(r.MaxSampledRows), int64(r.GroupSize))
	atLeast("min_file_bytes", r.MinFileBytes, 0)
	atLeast("max_file_bytes", r.MaxFileBytes, max(1, r.MinFileBytes))
	atLeast("max_probe_bytes", r.MaxProbeBytes, max(1, r.MinFileBytes))
	atLeast("min_parquet_bytes", r.MinParquetBytes, 12)
	atLeast("max_file_rows", r.MaxFileRows, 0)
	within("deadline_slack_seconds", r.DeadlineSlackSeconds, -1e6, 1e6)
	within("beacon_genesis_millis", float64(r.BeaconGenesisMillis), 0, large)
	within("beacon_period_millis", float64(r.BeaconPeriodMillis), 1, large)
	within("miner_sample_rate", r.MinerSampleRate, 0, 1)
	atLeast("min_sampled_miners", int64(r.MinSampledMiners), 0)
	atLeast("max_sampled_miners", int64(r.MaxSampledMiners), max(1, int64(r.MinSampledMiners)))
	atLeast("failure_lookback_windows", int64(r.FailureLookbackWindows), 0)
	within("copy_window_threshold", r.CopyWindowThreshold, 0, 1)
	within("copy_interval_threshold", r.CopyIntervalThreshold, 0, 1)
	atLeast("copy_interval_blocks", r.CopyIntervalBlocks, r.WindowLength)
	if r.CopyAttribution != CopyByInterval && r.CopyAttribution != CopyByWindow {
		fail("copy_attribution is %q, must be %q or %q", r.CopyAttribution, CopyByInterval, CopyByWindow)
	}
	atLeast("weight_interval_blocks", r.WeightIntervalBlocks, 1)
	atLeast("weight_windows", int64(r.WeightWindows), 1)
	atLeast("warm_up_windows", int64(r.WarmUpWindows), 0)
	within("score_exponent", r.ScoreExponent, 0, 64)
	atLeast("unique_cap", r.UniqueCap, 1)
	atLeast("burn_uid", int64(r.BurnUID), 0)
	within("burn_percent", r.BurnPercent, 0, 100)
	atLeast("trainer_uid", int64(r.TrainerUID), 0)
	return errors.Join(bad...)
}
