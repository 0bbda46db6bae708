package trainer

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrOption says that a variable has a value that can't be used.
var ErrOption = errors.New("unusable variable")

// Options is what an operator tells a trainer by variables that the reference knows (B10 and B11).
type Options struct {
	Settings Settings
	// Policy is what checkpoints fix for everybody.
	Policy checkpoint.Policy
	// WeightDecay is the optimizer's.
	WeightDecay float64
	// Patches says that patches are published, Interval how many follow each other, Format in which form.
	Patches  bool
	Interval int
	Format   patch.Version
	// Retention says what stays in the bucket.
	Retention checkpoint.Retention
	// Attempts is how often an upload is tried, Pause the time between the first two.
	Attempts int
	Pause    time.Duration
	// Processes is the number of processes of the torch engine, KeepActivations has it save time rather than memory.
	Processes       int
	KeepActivations bool
}

// ReadOptions reads variables by name; those that are missing, and empty ones, have the reference's defaults. The error wraps ErrOption or
// checkpoint.ErrSetting, and names the variable and not its value.
func ReadOptions(values map[string]string) (Options, error) {
	o := Options{Settings: DefaultSettings()}
	s := &o.Settings
	var err error
	if o.Policy, err = checkpoint.TrainerPolicy(values); err != nil {
		return o, err
	}
	r := options{values: values}
	many := 1 << 30
	o.WeightDecay = r.number("GRAIL_OPTIMIZER_WEIGHT_DECAY", 0.1, 0, 1)

	s.Schedule.Peak = r.number("GRAIL_TRAINER_LR", s.Schedule.Peak, math.SmallestNonzeroFloat64, 1)
	s.Schedule.Floor = r.number("GRAIL_SCHEDULER_ETA_MIN", s.Schedule.Floor, 0, 1)
	s.Schedule.Warmup = r.number("GRAIL_WARMUP_FRACTION", s.Schedule.Warmup, 0, 1)
	s.Schedule.Total = r.count("GRAIL_TRAINER_TOTAL_WINDOWS", s.Schedule.Total, 1, many)
	choose(&r, "GRAIL_LR_SCHEDULER_TYPE", &s.Schedule.Cosine, grpo.ParseSchedule)

	g := &s.GRPO
	g.GradientClip = r.number("GRAIL_TRAINER_GRAD_CLIP", g.GradientClip, 0, math.MaxFloat64)
	g.MicroBatch = r.count("GRAIL_TRAINER_MICRO_BATCH_SIZE", g.MicroBatch, 1, many)
	g.MicroTokens = r.count("GRAIL_TRAINER_MAX_TOKENS_PER_MICRO_BATCH", g.MicroTokens, 0, many)
	g.Accumulation = r.count("GRAIL_TRAINER_GRAD_ACCUM_STEPS", g.Accumulation, 1, many)
	g.EffectiveBatch = r.count("GRAIL_TRAINER_EFFECTIVE_BATCH_SIZE", g.EffectiveBatch, 0, many)
	g.MaxLength = r.count("GRAIL_TRAINER_MAX_LENGTH", g.MaxLength, 2, many)
	g.KL = r.number("GRAIL_TRAINER_KL_COEF", g.KL, 0, math.MaxFloat64)
	g.Entropy = r.number("GRAIL_TRAINER_ENTROPY_COEF", g.Entropy, 0, math.MaxFloat64)
	g.AdvantageClip = r.number("GRAIL_TRAINER_ADV_CLIP_PERCENTILE", g.AdvantageClip, 0, 100)
	g.NoRatio = !r.yes("GRAIL_TRAINER_USE_IS", true)
	g.ClipLow = r.number("GRAIL_TRAINER_PPO_CLIP_EPS", g.ClipLow, 0, math.MaxFloat64)
	g.ClipHigh = r.number("GRAIL_TRAINER_PPO_CLIP_EPS_UPPER", g.ClipHigh, 0, math.MaxFloat64)
	g.RatioMax = r.number("GRAIL_TRAINER_IS_RATIO_MAX", g.RatioMax, 0, math.MaxFloat64)
	g.LogRatioClamp = r.number("GRAIL_TRAINER_LOGRATIO_CLAMP", g.LogRatioClamp, 0, math.MaxFloat64)
	choose(&r, "GRAIL_IMPORTANCE_SAMPLING_LEVEL", &g.Level, grpo.ParseLevel)
	choose(&r, "GRAIL_GRPO_VARIANT", &g.Variant, grpo.ParseVariant)
	choose(&r, "GRAIL_ADV_ESTIMATOR", &g.Estimator, func(text string) (grpo.Estimator, error) {
		_, err := grpo.Config{Estimator: grpo.Estimator(text)}.Advantages(nil)
		return grpo.Estimator(text), err
	})

	f := &s.Filters
	f.AdvantageTolerance = r.number("GRAIL_TRAINER_GROUP_ADV_SUM_TOL", f.AdvantageTolerance, 0, math.MaxFloat64)
	f.MaxGroups = r.count("GRAIL_GRPO_MAX_GROUPS", f.MaxGroups, 1, many)
	f.MaxCompletion = r.count("GRAIL_GRPO_MAX_COMPLETION_TOKENS", f.MaxCompletion, 0, many)
	f.MinSuccess = r.number("GRAIL_GRPO_MIN_SUCCESS_FRACTION", f.MinSuccess, 0, 1)
	f.MinRewardPerToken = r.number("GRAIL_GRPO_MIN_REWARD_PER_TOKEN", f.MinRewardPerToken, 0, math.MaxFloat64)
	f.DropQuantile = r.number("GRAIL_GRPO_REWARD_PER_TOKEN_DROP_QUANTILE", f.DropQuantile, 0, 1)
	f.RewardWeight = r.number("GRAIL_GRPO_RANKING_REWARD_WEIGHT", f.RewardWeight, 0, math.MaxFloat64)
	f.VarianceWeight = r.number("GRAIL_GRPO_RANKING_VARIANCE_WEIGHT", f.VarianceWeight, 0, math.MaxFloat64)
	s.MinTrusted = r.count("GRAIL_TRAINER_MIN_TRUSTED_MINERS", s.MinTrusted, 0, 1<<16)
	s.MaxStale = r.count("GRAIL_TRUST_LIST_MAX_STALENESS_WINDOWS", s.MaxStale, 0, 1000)

	o.KeepActivations = !r.yes("GRAIL_TRAINER_USE_GRADIENT_CHECKPOINTING", true)
	o.Processes = r.count("GRAIL_DIST_NPROC", 1, 1, 1024)
	o.Patches = r.yes("GRAIL_DELTA_CHECKPOINT_ENABLED", true)
	o.Interval = max(1, r.count("GRAIL_DELTA_BASE_INTERVAL", 10, -many, many))
	o.Format = patch.V31
	if text, ok := r.text("GRAIL_DELTA_FORMAT"); ok {
		o.Format = checkpoint.DeltaFormat(text)
	}
	o.Retention = checkpoint.Retention{
		Full: r.count("GRAIL_BASE_CHECKPOINT_RETENTION_LIMIT", 3, 1, many), Delta: r.count("GRAIL_DELTA_CHECKPOINT_RETENTION_LIMIT", max(15, o.Interval), 1, many),
		Milestone: r.count("GRAIL_CHECKPOINT_MILESTONE_INTERVAL", 0, 0, many), Every: r.count("GRAIL_CLEANUP_INTERVAL_UPLOADS", 10, 1, many),
	}
	o.Attempts = r.count("GRAIL_UPLOAD_RETRY_MAX_ATTEMPTS", 3, 1, 1000)
	o.Pause = time.Duration(r.number("GRAIL_UPLOAD_RETRY_BACKOFF_BASE", 60, 0.001, 86400) * float64(time.Second))
	switch {
	case r.err != nil:
		return o, r.err
	case o.Retention.Delta < o.Interval:
		return o, fmt.Errorf("couldn't use variable GRAIL_DELTA_CHECKPOINT_RETENTION_LIMIT: %w: it is below GRAIL_DELTA_BASE_INTERVAL, %d: patches would be removed that others are applied to",
			ErrOption, o.Interval)
	}
	return o, s.Validate()
}

// options reads variables and keeps the first error.
type options struct {
	values map[string]string
	err    error
}

func (r *options) text(name string) (string, bool) {
	text := strings.TrimSpace(r.values[name])
	return text, text != ""
}

func (r *options) fail(name, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("couldn't use variable %s: %w: %s", name, ErrOption, fmt.Sprintf(format, args...))
	}
}

// number reads a number as Python does.
func (r *options) number(name string, otherwise, low, high float64) float64 {
	text, ok := r.text(name)
	if !ok {
		return otherwise
	}
	f, err := cpython.ParseFloat(text)
	switch {
	case err != nil:
		r.fail(name, "it is not a number")
	case !(f >= low && f <= high) && low == math.SmallestNonzeroFloat64:
		r.fail(name, "it is not above 0 and at most %g", high)
	case !(f >= low && f <= high) && high == math.MaxFloat64:
		r.fail(name, "it is not a finite number of at least %g", low)
	case !(f >= low && f <= high):
		r.fail(name, "it is not from %g to %g", low, high)
	default:
		return f
	}
	return otherwise
}

// count reads a whole number as Python does.
func (r *options) count(name string, otherwise, low, high int) int {
	text, ok := r.text(name)
	if !ok {
		return otherwise
	}
	n, err := cpython.ParseInt(text)
	if err != nil || n.Cmp(big.NewInt(int64(low))) < 0 || n.Cmp(big.NewInt(int64(high))) > 0 {
		r.fail(name, "it is not a whole number from %d to %d", low, high)
		return otherwise
	}
	return int(n.Int64())
}

// yes reads a switch: the reference's are on at 1 and off at anything else; what looks like a mistake is one.
func (r *options) yes(name string, otherwise bool) bool {
	text, ok := r.text(name)
	if !ok {
		return otherwise
	}
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		return true
	case "0", "false", "no", "off":
		return false
	}
	r.fail(name, "it is neither 1 nor 0")
	return otherwise
}

// choose reads a name.
func choose[T any](r *options, name string, to *T, parse func(string) (T, error)) {
	text, ok := r.text(name)
	if !ok {
		return
	}
	v, err := parse(strings.ToLower(text))
	if err != nil {
		r.fail(name, "%s", lastOf(err))
		return
	}
	*to = v
}

// lastOf is what an error of package grpo wants, without the value.
func lastOf(err error) string {
	if _, want, ok := strings.Cut(err.Error(), "want "); ok {
		return "want " + want
	}
	return "there is no such choice"
}

// String tells in one line what is trained with.
func (o Options) String() string {
	s := o.Settings
	shape, floor := "constant", ""
	if s.Schedule.Cosine {
		shape, floor = "cosine", fmt.Sprintf(" to %g", s.Schedule.Floor)
	}
	g := s.GRPO
	batch := fmt.Sprintf("%d rollouts", g.MicroBatch)
	if g.MicroTokens > 0 {
		batch = fmt.Sprintf("%d tokens", g.MicroTokens)
	}
	ratio := string(g.Level)
	if g.NoRatio {
		ratio = "none"
	}
	return fmt.Sprintf("%s, learning rate %g (%s%s, warm-up %g of %d windows), %s loss, advantages %s, ratios %s, kl %g, entropy %g, clip %g, %d × %s a step, %d groups",
		o.Policy.EnvID, s.Schedule.Peak, shape, floor, s.Schedule.Warmup, s.Schedule.Total, g.Variant, g.Estimator, ratio, g.KL, g.Entropy, g.GradientClip,
		g.Accumulation, batch, s.Filters.MaxGroups)
}

// TrainingConfig is what the metadata of checkpoints say of the training, for people (storage specification, 12.1).
func (o Options) TrainingConfig() cpython.Value {
	g := o.Settings.GRPO
	whole := func(n int) cpython.Value { return cpython.IntValue(int64(n)) }
	return cpython.ObjectValue([]cpython.Member{
		{Key: "lr", Value: cpython.FloatValue(o.Settings.Schedule.Peak)}, {Key: "epochs", Value: whole(o.Settings.EpochsPerWindow)},
		{Key: "micro_batch_size", Value: whole(g.MicroBatch)}, {Key: "max_length", Value: whole(g.MaxLength)}, {Key: "grad_clip", Value: cpython.FloatValue(g.GradientClip)},
		{Key: "kl_coef", Value: cpython.FloatValue(g.KL)}, {Key: "entropy_coef", Value: cpython.FloatValue(g.Entropy)},
	})
}
