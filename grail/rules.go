package grail

// Rules is everything in which networks differ: lengths, limits, tolerances, cadences and which quirks of the reference are kept.
// A network's rules are fixed when it starts, and every node compares the Digest. Code asks the rules; it never asks which
// network this is.
//
// Rules is plain data. Reference and Hardened make the two sets that are documented; ParseRules reads one from JSON, Validate
// says what is wrong with one. The values named in the comments are those of Reference; where Hardened differs, it says so.
// Section numbers without a letter are of the protocol specification, those with a letter (A2, F4) of the validator's.
type Rules struct {
	// ProofVersion is the version tag that a miner writes into commit.proof_version. "v5". Section 2.1.
	ProofVersion string `json:"proof_version"`
	// AcceptedVersions are the version tags that a verifier accepts, exact and case-sensitive. ["v4","v5"]. Q-19.
	AcceptedVersions []string `json:"accepted_versions"`
	// LayerIndex is the hidden state that is sketched, -1 for the last after the final norm. -1. Section 2.1.
	LayerIndex int32 `json:"layer_index"`

	// WindowLength is the length of a window in blocks. 30. Section 3.17.
	WindowLength int64 `json:"window_length"`
	// BlockSeconds is the nominal time between blocks in seconds, for estimates only. 12. Section 2.1.
	BlockSeconds float64 `json:"block_seconds"`
	// GroupSize is the number of rollouts of one problem; also the factor of the nonce. 16. Section 5.1.
	GroupSize int `json:"group_size"`
	// ChallengePositions is k, the number of completion positions that a validator opens in a rollout. 32. Section 3.11.
	ChallengePositions int `json:"challenge_positions"`
	// MinTokens is the smallest number of tokens (prompt and completion) that passes the schema. 32. Section 7.5.
	MinTokens int `json:"min_tokens"`
	// MinCompletionTokens is the shortest completion. 32. Section 7.8.
	MinCompletionTokens int `json:"min_completion_tokens"`
	// MaxCompletionTokens caps the length of a completion, whatever max_tokens the checkpoint asks for. 8192. Section 7.5, 7.9.
	MaxCompletionTokens int `json:"max_completion_tokens"`
	// DefaultContext is the context length in tokens when the model's config names none. 16384. Section 7.6.
	DefaultContext int `json:"default_context"`
	// ProofBatch is the number of sequences of one forward pass in proving and replaying; it matters only on hardware where bits
	// depend on the batch. 16. Section 4.3.
	ProofBatch int `json:"proof_batch"`

	// Proof says how sketches and log-probabilities are compared: within tolerance, or for equality when everybody in the network
	// runs the deterministic engine. "tolerance"; Hardened "equality". Section 3.8.
	Proof ProofMode `json:"proof"`
	// SketchToleranceBase is the tolerance at position 0, in units of the sketch. 6000. Section 3.7.
	SketchToleranceBase float64 `json:"sketch_tolerance_base"`
	// SketchToleranceGrowth is what the tolerance grows by for each square root of the position. 5. Section 3.7.
	SketchToleranceGrowth float64 `json:"sketch_tolerance_growth"`
	// LogProbTolerance is the largest median of exp(|difference|)-1 over the challenged positions. 0.10. Section 7.12.
	LogProbTolerance float64 `json:"log_prob_tolerance"`
	// MinEOSProbability is the least probability of the end token where a completion ends early. 0.02. Section 7.9.
	MinEOSProbability float64 `json:"min_eos_probability"`
	// StrictSketchRange refuses sketches that are not integers in [0,Q). false; Hardened true. Q-01: the reference's distance goes
	// negative outside the range and passes.
	StrictSketchRange bool `json:"strict_sketch_range"`
	// RefuseNaN refuses NaN in the claimed token_logprobs, advantage and total_reward. false; Hardened true. Q-06.
	RefuseNaN bool `json:"refuse_nan"`
	// BindBeacon requires commit.beacon.randomness to equal what the validator computes for the window (BoundRandomness).
	// false; Hardened true. Q-03: a miner that may choose it can search for convenient coefficients.
	BindBeacon bool `json:"bind_beacon"`
	// BindRow ties the outer signature to miner, window and row: hotkey is the miner, challenge is |block_hash|nonce, nonce is
	// group·size+index with index in the group. false; Hardened true. Q-04.
	BindRow bool `json:"bind_row"`
	// MaxGroup is the largest problem index that a file may use, 0 for no bound; with a bound negative ones are refused too.
	// 0; Hardened 65535. F2: who may choose any number can search for easy or equal problems.
	MaxGroup int64 `json:"max_group"`
	// GradeEOS grades the completion with the text of its end token, as the reference does; false strips it before grading, so
	// that it cannot count as a part of the answer. true; Hardened false. Section 7.10.
	GradeEOS bool `json:"grade_eos"`
	// FailSkippedRows fails the miner for a row whose checks before the pipeline raise; false counts the row as checked and not
	// valid, without penalty. false; Hardened true. Q-23.
	FailSkippedRows bool `json:"fail_skipped_rows"`
	// FailUnreadableFile fails the miner for a file with unreadable JSON, null structs or bad metadata; false treats it as not
	// found, without penalty. false; Hardened true. Q-10.
	FailUnreadableFile bool `json:"fail_unreadable_file"`

	// RewardRelTolerance is the relative part of the reward tolerance. 0.02. Section 7.11.
	RewardRelTolerance float64 `json:"reward_rel_tolerance"`
	// RewardAbsTolerance is the absolute part of the reward tolerance. 1e-6. Section 7.11.
	RewardAbsTolerance float64 `json:"reward_abs_tolerance"`
	// RewardSoftThreshold is the fraction of the planned rows whose reward may differ before the miner fails; 0 tolerates none.
	// 0.20. Section 7.13.
	RewardSoftThreshold float64 `json:"reward_soft_threshold"`
	// AdvantageSumTolerance bounds the magnitude of the sum of a group's advantages. 0.01. Section 7.14.
	AdvantageSumTolerance float64 `json:"advantage_sum_tolerance"`
	// AdvantageTolerance bounds the difference of each advantage from the recomputed one. 1e-3. Section 7.14.
	AdvantageTolerance float64 `json:"advantage_tolerance"`

	// DistributionMinSteps is the least number of probabilities for a verdict on the distribution. 30. Section 7.13.
	DistributionMinSteps int `json:"distribution_min_steps"`
	// DistributionMedianMax is the largest median that is suspicious. 0.30. Section 7.13.
	DistributionMedianMax float64 `json:"distribution_median_max"`
	// DistributionMinProbability is the largest minimum that is suspicious. 1e-5. Section 7.13.
	DistributionMinProbability float64 `json:"distribution_min_probability"`
	// DistributionLowQuantileMax is the largest 10 % quantile that is suspicious, of the whole and of the first steps.
	// 0.025. Section 7.13.
	DistributionLowQuantileMax float64 `json:"distribution_low_quantile_max"`
	// DistributionInitialSteps is the number of first steps that are looked at on their own. 50. Section 7.13.
	DistributionInitialSteps int `json:"distribution_initial_steps"`
	// DistributionSoftThreshold is the fraction of the planned rows that may fail before the miner fails. 0.51. Section 7.13.
	DistributionSoftThreshold float64 `json:"distribution_soft_threshold"`

	// CheckAllRows is the largest number of rows of which all are checked. 20. Section 7.2.
	CheckAllRows int `json:"check_all_rows"`
	// GroupSampleRate is the fraction of the groups of a larger file that is checked. 0.10. Section 7.2.
	GroupSampleRate float64 `json:"group_sample_rate"`
	// SampleOrder says how groups stand when some are drawn: by the digest of their commits ("digest"), or by their numbers ("number"), for
	// which one column is read and not the whole file. "digest"; Hardened "number". Section 7.2. The draw is as unpredictable either way,
	// because its randomness comes after the deadline.
	SampleOrder SampleOrder `json:"sample_order"`
	// MaxSampledRows caps the rows of a sample; the cap in groups is this divided by GroupSize. 64. Section 7.2.
	MaxSampledRows int `json:"max_sampled_rows"`

	// MinFileBytes is the smallest window file. 200. Section 2.1.
	MinFileBytes int64 `json:"min_file_bytes"`
	// MaxFileBytes is the largest window file that is downloaded. 367001600 (350 MiB). Section 2.1.
	MaxFileBytes int64 `json:"max_file_bytes"`
	// MaxProbeBytes is the largest object that counts a miner as active. 524288000 (500 MiB); Hardened as MaxFileBytes. A2.
	MaxProbeBytes int64 `json:"max_probe_bytes"`
	// MinParquetBytes is the least length of what is parsed as Parquet. 12. Section 6.7.
	MinParquetBytes int64 `json:"min_parquet_bytes"`
	// MaxFileRows is the largest number of rows of a window file, 0 for no rule of the network. 0; Hardened 65536.
	MaxFileRows int64 `json:"max_file_rows"`
	// PreferGzip looks for the object with .gz appended first. true; Hardened false. F10: the twin may hide or replace a good one.
	PreferGzip bool `json:"prefer_gzip"`
	// DeadlineSlackSeconds is added to the time of the block that ends the window to give the upload deadline. -4. A7.
	DeadlineSlackSeconds float64 `json:"deadline_slack_seconds"`

	// BeaconChain is the hash of the drand chain in hex; empty for a network with a beacon of its own.
	// quicknet, 52db…e971. Section 3.18.
	BeaconChain string `json:"beacon_chain"`
	// BeaconGenesisMillis is the time of round 1 in unix milliseconds. 1692803367000. Section 3.18.
	BeaconGenesisMillis int64 `json:"beacon_genesis_millis"`
	// BeaconPeriodMillis is the time between rounds in milliseconds. 3000. Section 3.18.
	BeaconPeriodMillis int64 `json:"beacon_period_millis"`

	// MinerSampleRate is the fraction of the eligible miners that is checked in a window. 0.25. A9.
	MinerSampleRate float64 `json:"miner_sample_rate"`
	// MinSampledMiners is the least number of miners checked, if there are so many. 2. A9.
	MinSampledMiners int `json:"min_sampled_miners"`
	// MaxSampledMiners is the largest number of miners checked. 35. A9.
	MaxSampledMiners int `json:"max_sampled_miners"`
	// FailureLookbackWindows is the number of processed windows for which a failed miner is not checked. 14. A3, A12.
	FailureLookbackWindows int `json:"failure_lookback_windows"`
	// BanOnInfrastructureFault fails a miner when the validator's own sandbox or device fails; false leaves it unjudged.
	// true; Hardened false. F8.
	BanOnInfrastructureFault bool `json:"ban_on_infrastructure_fault"`

	// CopyWindowThreshold is the overlap of two miners in one window that is a copy. 0.05. A11.
	CopyWindowThreshold float64 `json:"copy_window_threshold"`
	// CopyIntervalThreshold is the overlap of two miners in an interval that is a copy. 0.03. A11.
	CopyIntervalThreshold float64 `json:"copy_interval_threshold"`
	// CopyIntervalBlocks is the length of an interval of the copy detection in blocks. 360. A11.
	CopyIntervalBlocks int64 `json:"copy_interval_blocks"`
	// CopyAttribution says who is the copier of an overlap over an interval: who uploaded later at last ("interval"), or later in
	// the window where the overlap arose ("window"). "interval"; Hardened "window". F4: the former accuses the victim.
	CopyAttribution CopyAttribution `json:"copy_attribution"`

	// WeightIntervalBlocks is the time between two settings of weights in blocks. 360. A13.
	WeightIntervalBlocks int64 `json:"weight_interval_blocks"`
	// WeightWindows is the number of windows over which availability and metrics are counted. 12. A13.
	WeightWindows int `json:"weight_windows"`
	// WarmUpWindows is the number of windows that a validator processes before it sets weights. 12. A13.
	WarmUpWindows int `json:"warm_up_windows"`
	// ScoreExponent is the exponent of the unique rollouts in the score. 4. A13.
	ScoreExponent float64 `json:"score_exponent"`
	// UniqueCapEnabled caps the unique rollouts that count. true. A13.
	UniqueCapEnabled bool `json:"unique_cap_enabled"`
	// UniqueCap is the cap in rollouts a window. 5000. A13.
	UniqueCap int64 `json:"unique_cap"`
	// UniqueBound bounds estimated_unique by the distinct completion digests of the whole file. false; Hardened true. F2.
	UniqueBound bool `json:"unique_bound"`
	// AlignAvailability counts availability over the windows that the metrics are taken from. false; Hardened true. F6.
	AlignAvailability bool `json:"align_availability"`
	// BurnUID is the UID that the burned share goes to. 0. A13.
	BurnUID int `json:"burn_uid"`
	// BurnPercent is the share that is burned in percent; 0 burns nothing. 90. A13.
	BurnPercent float64 `json:"burn_percent"`

	// TrainerUID is the UID whose bucket holds the checkpoints. 0. Section 2.1.
	TrainerUID int `json:"trainer_uid"`
	// EnvironmentQuirks has environments reproduce the reference's defects in parsing and rewards, and refuse environments that its validators don't
	// know; docs/environments.md lists them. true; Hardened false.
	EnvironmentQuirks bool `json:"environment_quirks"`
	// DefaultEnvironment is the environment when the checkpoint's metadata names none. "triton_kernel". Section 2.1.
	DefaultEnvironment string `json:"default_environment"`
	// TrustListVersion is the version number of the trust list. 1. A12.
	TrustListVersion int `json:"trust_list_version"`
}

// ProofMode says how a validator's sketches and log-probabilities are compared with the miner's.
type ProofMode string

// The proof modes.
const (
	// ProofTolerance compares within the tolerances, as hardware that rounds differently needs it.
	ProofTolerance ProofMode = "tolerance"
	// ProofEquality compares for equality: everybody runs the deterministic engine.
	ProofEquality ProofMode = "equality"
)

// SampleOrder says in which order groups stand when some of a large file are drawn.
type SampleOrder string

// The orders.
const (
	// SampleByDigest sorts groups by the digest of their commits, as the reference does.
	SampleByDigest SampleOrder = "digest"
	// SampleByNumber sorts groups by their numbers.
	SampleByNumber SampleOrder = "number"
)

// CopyAttribution says whose upload time decides who copied.
type CopyAttribution string

// The attributions.
const (
	// CopyByInterval compares the latest upload times of both miners in the interval, as the reference does.
	CopyByInterval CopyAttribution = "interval"
	// CopyByWindow compares the upload times of the window where the overlap arose.
	CopyByWindow CopyAttribution = "window"
)

// Reference returns the rules of the Python reference at version 0.0.60, quirks included.
func Reference() Rules {
	return Rules{
		ProofVersion:     "v5",
		AcceptedVersions: []string{"v4", "v5"},
		LayerIndex:       -1,

		WindowLength:        30,
		BlockSeconds:        12,
		GroupSize:           16,
		ChallengePositions:  32,
		MinTokens:           32,
		MinCompletionTokens: 32,
		MaxCompletionTokens: 8192,
		DefaultContext:      16384,
		ProofBatch:          16,

		Proof:                 ProofTolerance,
		SketchToleranceBase:   6000,
		SketchToleranceGrowth: 5,
		LogProbTolerance:      0.10,
		MinEOSProbability:     0.02,
		GradeEOS:              true,

		RewardRelTolerance:    0.02,
		RewardAbsTolerance:    1e-6,
		RewardSoftThreshold:   0.20,
		AdvantageSumTolerance: 0.01,
		AdvantageTolerance:    1e-3,

		DistributionMinSteps:       30,
		DistributionMedianMax:      0.30,
		DistributionMinProbability: 1e-5,
		DistributionLowQuantileMax: 0.025,
		DistributionInitialSteps:   50,
		DistributionSoftThreshold:  0.51,

		CheckAllRows:    20,
		GroupSampleRate: 0.10,
		SampleOrder:     SampleByDigest,
		MaxSampledRows:  64,

		MinFileBytes:         200,
		MaxFileBytes:         350 << 20,
		MaxProbeBytes:        500 << 20,
		MinParquetBytes:      12,
		PreferGzip:           true,
		DeadlineSlackSeconds: -4,

		BeaconChain:         Quicknet.Hash,
		BeaconGenesisMillis: Quicknet.Genesis * 1000,
		BeaconPeriodMillis:  Quicknet.Period * 1000,

		MinerSampleRate:          0.25,
		MinSampledMiners:         2,
		MaxSampledMiners:         35,
		FailureLookbackWindows:   14,
		BanOnInfrastructureFault: true,

		CopyWindowThreshold:   0.05,
		CopyIntervalThreshold: 0.03,
		CopyIntervalBlocks:    360,
		CopyAttribution:       CopyByInterval,

		WeightIntervalBlocks: 360,
		WeightWindows:        12,
		WarmUpWindows:        12,
		ScoreExponent:        4,
		UniqueCapEnabled:     true,
		UniqueCap:            5000,
		BurnUID:              0,
		BurnPercent:          90,

		TrainerUID:         0,
		EnvironmentQuirks:  true,
		DefaultEnvironment: "triton_kernel",
		TrustListVersion:   1,
	}
}

// Hardened returns the rules that close what the specification marks as unsafe. They suit a network in which everybody runs the
// deterministic engine; one with other hardware sets Proof to ProofTolerance.
func Hardened() Rules {
	r := Reference()
	r.Proof = ProofEquality
	r.StrictSketchRange = true
	r.RefuseNaN = true
	r.BindBeacon = true
	r.BindRow = true
	r.MaxGroup = 1<<16 - 1
	r.GradeEOS = false
	r.FailSkippedRows = true
	r.FailUnreadableFile = true
	r.SampleOrder = SampleByNumber
	r.MaxProbeBytes = r.MaxFileBytes
	r.MaxFileRows = 1 << 16
	r.PreferGzip = false
	r.BanOnInfrastructureFault = false
	r.CopyAttribution = CopyByWindow
	r.UniqueBound = true
	r.AlignAvailability = true
	r.EnvironmentQuirks = false
	return r
}

// RulesByName returns the documented set with the given name: "reference" or "hardened".
func RulesByName(name string) (Rules, bool) {
	switch name {
	case "reference":
		return Reference(), true
	case "hardened":
		return Hardened(), true
	}
	return Rules{}, false
}
