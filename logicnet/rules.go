package logicnet

// Rules is everything in which networks and operators differ: limits, shares, the reward's weights and which faults of the reference are
// kept. Code asks the rules; it never asks which network this is.
//
// Rules is plain data. Reference and Hardened make the two sets that are documented; ParseRules reads one from JSON, Validate says what
// is wrong with one. The values named in the comments are those of Reference; where Hardened differs, it says so. Section numbers are
// those of the LogicNet specification.
type Rules struct {
	// MinStake is the stake in TAO from which a validator gets a share of a miner's volume. 10000. Section 3.2.
	MinStake float64 `json:"min_stake"`
	// EverybodyWhenNone gives everybody an equal share when nobody has MinStake; otherwise nobody gets one then. true. Section 3.2.
	EverybodyWhenNone bool `json:"everybody_when_none"`
	// MinQuota is the least number of requests that an eligible validator has in an interval, whatever the volume. 2. Section 3.2.
	MinQuota float64 `json:"min_quota"`
	// MaxQuota is the largest number of requests that a validator has in an interval. 80. Section 3.2.
	MaxQuota float64 `json:"max_quota"`
	// LimitSeconds is the length of an interval in which a miner counts requests. 600. Section 3.2.
	LimitSeconds float64 `json:"limit_seconds"`
	// CountUnverified counts requests whose signature was not checked yet. true; Hardened false. Section 3.2: anybody can name a
	// validator's hotkey and use up its quota.
	CountUnverified bool `json:"count_unverified"`
	// FailOpen admits requests while the miner cannot judge them, such as before it knows the metagraph. true; Hardened false.
	// Section 3.2.
	FailOpen bool `json:"fail_open"`

	// RoundSeconds is how long a validator launches batches in a round. 600. Section 4.
	RoundSeconds float64 `json:"round_seconds"`
	// Batches is how many batches are launched at once. 8. Section 4.
	Batches int `json:"batches"`
	// BatchGapSeconds is the time between two launches. 4. Section 4.
	BatchGapSeconds float64 `json:"batch_gap_seconds"`
	// BatchSize is the number of miners in a batch. 8. Section 4.
	BatchSize int `json:"batch_size"`
	// TimeoutSeconds is how long a miner has for an answer. 64. Sections 2.1 and 5.2.
	TimeoutSeconds int64 `json:"timeout_seconds"`
	// InfoTimeoutSeconds is how long a miner has for its Information. 60. Section 5.1.
	InfoTimeoutSeconds float64 `json:"info_timeout_seconds"`
	// ScoreChance is the probability that an answer is scored; the miner is asked in any case and cannot know. 0.5. Section 4.
	ScoreChance float64 `json:"score_chance"`
	// DistinctInBatch keeps a miner from standing twice in one batch, and so from being asked the same twice. false; Hardened true.
	// Section 4.
	DistinctInBatch bool `json:"distinct_in_batch"`
	// RewritePerMiner asks for a persona's words for each miner of a batch rather than one for all. false; Hardened true. Sections 4 and
	// 10 (10): miners that share answers find each other by the text.
	RewritePerMiner bool `json:"rewrite_per_miner"`
	// WeightBlocks is how many blocks after the last time a validator sets weights again. 50. Section 4.
	WeightBlocks int64 `json:"weight_blocks"`

	// KeepScores lets a new miner have the scores of the one whose uid it took. true; Hardened false. Sections 4 and 10 (9).
	KeepScores bool `json:"keep_scores"`
	// History is the number of a miner's values that are kept and averaged; rounds that are missing count as zero. 5. Sections 5 and 7.4.
	History int `json:"history"`
	// DefaultVolume is the epoch volume of a miner that names none, zero or null. 512. Section 5.1.
	DefaultVolume float64 `json:"default_volume"`
	// FullVolume is the epoch volume from which a reward is not reduced. 512. Section 5.1.
	FullVolume float64 `json:"full_volume"`
	// MaxVolume is the largest epoch volume that makes sense, 0 for no bound. 0; Hardened 1000000. Section 5.1.
	MaxVolume float64 `json:"max_volume"`
	// InfoAnyStatus takes an Information reply whatever its status code. true; Hardened false. Section 5.1.
	InfoAnyStatus bool `json:"info_any_status"`
	// LooseInfo takes a truth value or a negative number for an epoch volume, and any number or truth value for a category.
	// true; Hardened false. Section 5.1.
	LooseInfo bool `json:"loose_info"`
	// StopAtBadInfo stops the refresh of the table at the first reply of the wrong type, with that miner half updated.
	// true; Hardened false. Section 5.1: one miner keeps all later ones from being updated.
	StopAtBadInfo bool `json:"stop_at_bad_info"`
	// ExpireAfter is the number of refreshes after which a miner that no longer replies is not asked any more and gets no weight,
	// 0 for never. 0; Hardened 6. Section 5.1.
	ExpireAfter int `json:"expire_after"`
	// QueueAnyCategory asks miners of categories that earn nothing. true; Hardened false. Section 5.2.
	QueueAnyCategory bool `json:"queue_any_category"`
	// RoundStored rounds the scores in the table to three decimals whenever they are exported. true; Hardened false. Section 5.
	RoundStored bool `json:"round_stored"`
	// SyntheticShare is the part of a miner's rate limit that is for the validator's own questions. 0.8. Section 5.3.
	SyntheticShare float64 `json:"synthetic_share"`
	// ProxyAsSynthetic gives miners as many places in the queue of foreign questions as in that of the validator's own.
	// true; Hardened false. Section 5.3.
	ProxyAsSynthetic bool `json:"proxy_as_synthetic"`

	// Grading says how answers are compared with the truth; package grade knows the modes. "reference"; Hardened "exact". Section 7.1.
	Grading Grading `json:"grading"`
	// BadAnswerVoidsBatch lets an answer that is no text destroy the scoring of its batch; otherwise it is wrong, and nothing else
	// happens. true; Hardened false. Section 7.1.
	BadAnswerVoidsBatch bool `json:"bad_answer_voids_batch"`
	// SimilarityWeight is the weight of similarity in the reward. 0.3. Section 7.2.
	SimilarityWeight float64 `json:"similarity_weight"`
	// CorrectnessWeight is the weight of correctness in the reward. 0.7. Section 7.2.
	CorrectnessWeight float64 `json:"correctness_weight"`
	// TimePenalty is what an answer at the end of its time loses. 0.05. Section 7.2.
	TimePenalty float64 `json:"time_penalty"`
	// VolumeShare is the part of a reward that is proportional to the committed volume. 0.1. Section 7.2.
	VolumeShare float64 `json:"volume_share"`
	// FailedSimilarity is the similarity where embedding fails. 0.5. Section 7.2.
	FailedSimilarity float64 `json:"failed_similarity"`
	// FailTogether gives everybody in a batch FailedSimilarity when the embedding of one fails; otherwise a reasoning that cannot be
	// embedded is not similar (0) and concerns nobody else. true; Hardened false. Section 7.2.
	FailTogether bool `json:"fail_together"`
	// WrongEarns rewards wrong answers for similarity and speed (about 0.6), and caught cheats too (about 0.2); otherwise both earn 0.
	// true; Hardened false. Sections 7.2 and 10 (11).
	WrongEarns bool `json:"wrong_earns"`
	// GateSimilarity multiplies similarity by correctness, so that reasoning counts as far as it led to the right answer. For
	// right answers it changes nothing. false; Hardened true. Section 10 (11).
	GateSimilarity bool `json:"gate_similarity"`
	// KeepNaN lets NaN and infinities through the reward; otherwise they count as the worst value of their kind. true; Hardened false.
	// Section 7.
	KeepNaN bool `json:"keep_nan"`

	// RankThreshold is the mean reward above which a miner's rank counts. 0.3. Section 7.3.
	RankThreshold float64 `json:"rank_threshold"`
	// RankedPlaces is the last rank that counts. 160. Section 7.3.
	RankedPlaces int `json:"ranked_places"`
	// UnrankedPlace is the rank whose value everybody else gets. 250. Section 7.3.
	UnrankedPlace int `json:"unranked_place"`
	// Curve are the coefficients a, b, c, d of the value of rank r: a·r³ + b·r² + c·r + d + 1.
	// [-1.038e-7, 6.214e-5, -0.0129, -0.0118]. Section 7.3.
	Curve [4]float64 `json:"curve"`
	// Ties says who of several miners with the same mean comes first: the one that was scored first ("first"), which is a matter of the
	// validator's thread timing, or nobody, and they share the mean of their ranks' values ("share"). "first"; Hardened "share".
	// Section 7.3.
	Ties Ties `json:"ties"`
	// SilentEarn gives miners that earned nothing at all in a round the value of UnrankedPlace, as all others of no rank; otherwise 0.
	// true; Hardened false. Section 7.3.
	SilentEarn bool `json:"silent_earn"`
	// EqualWhenNone gives all neurons equal weights when no miner has a score; otherwise no weights are set then. true; Hardened false.
	// Section 7.4.
	EqualWhenNone bool `json:"equal_when_none"`
}

// Grading names a way to compare an answer with the truth.
type Grading string

// The ways.
const (
	// GradeReference compares as the reference does, the numbers in both texts without their signs.
	GradeReference Grading = "reference"
	// GradeExact compares by a closed grammar, and fails closed.
	GradeExact Grading = "exact"
)

// Ties names a way to rank miners with the same mean.
type Ties string

// The ways.
const (
	// TiesFirst ranks who was scored first before the others.
	TiesFirst Ties = "first"
	// TiesShare gives all of them the mean of the values of their ranks.
	TiesShare Ties = "share"
)

// Reference returns the rules of the Python reference at version 1.6.0, faults included.
func Reference() Rules {
	return Rules{
		MinStake:          10000,
		EverybodyWhenNone: true,
		MinQuota:          2,
		MaxQuota:          80,
		LimitSeconds:      600,
		CountUnverified:   true,
		FailOpen:          true,

		RoundSeconds:       600,
		Batches:            8,
		BatchGapSeconds:    4,
		BatchSize:          8,
		TimeoutSeconds:     DefaultTimeout,
		InfoTimeoutSeconds: 60,
		ScoreChance:        0.5,
		WeightBlocks:       50,

		KeepScores:       true,
		History:          5,
		DefaultVolume:    512,
		FullVolume:       512,
		InfoAnyStatus:    true,
		LooseInfo:        true,
		StopAtBadInfo:    true,
		QueueAnyCategory: true,
		RoundStored:      true,
		SyntheticShare:   0.8,
		ProxyAsSynthetic: true,

		Grading:             GradeReference,
		BadAnswerVoidsBatch: true,
		SimilarityWeight:    0.3,
		CorrectnessWeight:   0.7,
		TimePenalty:         0.05,
		VolumeShare:         0.1,
		FailedSimilarity:    0.5,
		FailTogether:        true,
		WrongEarns:          true,
		KeepNaN:             true,

		RankThreshold: 0.3,
		RankedPlaces:  160,
		UnrankedPlace: 250,
		Curve:         [4]float64{-1.038e-7, 6.214e-5, -0.0129, -0.0118},
		Ties:          TiesFirst,
		SilentEarn:    true,
		EqualWhenNone: true,
	}
}

// Hardened returns the rules that nanteos stands for: the reference's numbers without its faults.
func Hardened() Rules {
	r := Reference()
	r.CountUnverified = false
	r.FailOpen = false
	r.DistinctInBatch = true
	r.RewritePerMiner = true
	r.KeepScores = false
	r.MaxVolume = 1_000_000
	r.InfoAnyStatus = false
	r.LooseInfo = false
	r.StopAtBadInfo = false
	r.ExpireAfter = 6
	r.QueueAnyCategory = false
	r.RoundStored = false
	r.ProxyAsSynthetic = false
	r.Grading = GradeExact
	r.BadAnswerVoidsBatch = false
	r.FailTogether = false
	r.WrongEarns = false
	r.GateSimilarity = true
	r.KeepNaN = false
	r.Ties = TiesShare
	r.SilentEarn = false
	r.EqualWhenNone = false
	return r
}

// RulesByName returns a documented set: "reference" or "hardened".
func RulesByName(name string) (Rules, bool) {
	switch name {
	case "reference":
		return Reference(), true
	case "hardened":
		return Hardened(), true
	}
	return Rules{}, false
}
