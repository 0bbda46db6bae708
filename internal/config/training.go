package config

// Training is what the variables of a trainer say, each as it was written; Values gives them by name. What they say is checked where it is used: a file for the
// Python implementation must not keep other commands from working.
type Training [len(training)]setting

// setting is the value of a variable, and whether there is one: empty is not the same as missing.
type setting struct {
	value string
	set   bool
}

// Values are the variables that are set, by name.
func (t Training) Values() map[string]string {
	values := map[string]string{}
	for i, s := range t {
		if s.set {
			values[training[i].name] = s.value
		}
	}
	return values
}

// training lists the variables that nanteos train heeds, with the names, meanings and defaults of the Python implementation (validator specification, B10 and B11).
var training = [...]struct{ name, example, text string }{
	{"GRAIL_ENV_ID", "sat", "environment that a trainer publishes: affine_logic, affine_trace, gsm8k, humaneval, math, mbpp, sat or triton_kernel"},
	{"GRAIL_ENV_SPLIT", "train", "part of the environment's dataset: train, test, validation or val"},
	{"GRAIL_THINKING_MODE", "instructed", "how a trainer has the model asked to think: instructed or native"},
	{"GRAIL_GEN_MAX_TOKENS", "2048", "tokens of a completion, 1 to 16384"},
	{"GRAIL_GEN_TEMPERATURE", "0.7", "temperature that miners sample at, 0.01 to 2"},
	{"GRAIL_GEN_TOP_P", "0.9", "nucleus that miners sample from, 0 to 1"},
	{"GRAIL_GEN_TOP_K", "50", "tokens that miners sample from, 0 to 1000; 0 for all"},
	{"GRAIL_GEN_REPETITION_PENALTY", "1.0", "penalty for repeated tokens, 1 to 2"},
	{"GRAIL_TRAINER_LR", "1e-6", "learning rate after the warm-up"},
	{"GRAIL_LR_SCHEDULER_TYPE", "constant", "what the learning rate does after the warm-up: constant or cosine"},
	{"GRAIL_SCHEDULER_ETA_MIN", "1e-7", "learning rate at the end of a cosine"},
	{"GRAIL_WARMUP_FRACTION", "0.05", "part of the planned windows in which the learning rate rises"},
	{"GRAIL_TRAINER_TOTAL_WINDOWS", "100", "planned windows; training goes on after them"},
	{"GRAIL_OPTIMIZER_WEIGHT_DECAY", "0.1", "weight decay of matrices"},
	{"GRAIL_TRAINER_GRAD_CLIP", "0.5", "bound of the gradient's norm"},
	{"GRAIL_TRAINER_MICRO_BATCH_SIZE", "16", "rollouts that are computed together"},
	{"GRAIL_TRAINER_MAX_TOKENS_PER_MICRO_BATCH", "0", "tokens that are computed together, instead of rollouts; 0: rollouts are counted"},
	{"GRAIL_TRAINER_GRAD_ACCUM_STEPS", "8", "micro-batches of an optimizer step"},
	{"GRAIL_TRAINER_EFFECTIVE_BATCH_SIZE", "0", "rollouts of an optimizer step where tokens are counted; 0: micro-batches are counted"},
	{"GRAIL_TRAINER_MAX_LENGTH", "12288", "tokens at which rollouts are cut"},
	{"GRAIL_TRAINER_KL_COEF", "0.02", "weight of the distance to the first model; 0 saves that model's memory"},
	{"GRAIL_TRAINER_ENTROPY_COEF", "0.001", "weight of the entropy"},
	{"GRAIL_TRAINER_ADV_CLIP_PERCENTILE", "99.0", "percentile at which advantages are cut; 0 and 100: not"},
	{"GRAIL_TRAINER_GROUP_ADV_SUM_TOL", "0.01", "bound of the sum of a group's advantages"},
	{"GRAIL_TRAINER_USE_IS", "1", "importance sampling: 1 for yes"},
	{"GRAIL_TRAINER_PPO_CLIP_EPS", "0.2", "how far a ratio may fall below 1"},
	{"GRAIL_TRAINER_PPO_CLIP_EPS_UPPER", "0.28", "how far a ratio may rise above 1"},
	{"GRAIL_TRAINER_IS_RATIO_MAX", "10.0", "ceiling of ratios; 0: none"},
	{"GRAIL_TRAINER_LOGRATIO_CLAMP", "5.0", "bound of a ratio's logarithm"},
	{"GRAIL_IMPORTANCE_SAMPLING_LEVEL", "sequence", "what a ratio is of: sequence or token"},
	{"GRAIL_GRPO_VARIANT", "dapo", "what a loss is averaged over: grpo, bnpo, dr_grpo or dapo"},
	{"GRAIL_ADV_ESTIMATOR", "grpo", "how rewards become advantages: grpo, dr_grpo or dapo"},
	{"GRAIL_GRPO_MAX_GROUPS", "32", "groups of a window that are learnt from, the best ones"},
	{"GRAIL_GRPO_MAX_COMPLETION_TOKENS", "8192", "longest completion in a group; 0: any"},
	{"GRAIL_GRPO_MIN_SUCCESS_FRACTION", "0.0", "part of a group that has to succeed"},
	{"GRAIL_GRPO_MIN_REWARD_PER_TOKEN", "0.0", "least reward for each token of a group"},
	{"GRAIL_GRPO_REWARD_PER_TOKEN_DROP_QUANTILE", "0.0", "part of the groups that is dropped, those with the least reward for a token"},
	{"GRAIL_GRPO_RANKING_REWARD_WEIGHT", "0.7", "weight of the reward for a token in the ranking of groups"},
	{"GRAIL_GRPO_RANKING_VARIANCE_WEIGHT", "0.3", "weight of the variance of advantages in the ranking of groups"},
	{"GRAIL_TRAINER_MIN_TRUSTED_MINERS", "1", "miners that are learnt from where no validator vouches for any, by incentive"},
	{"GRAIL_TRUST_LIST_MAX_STALENESS_WINDOWS", "5", "windows that a validators' list may be old"},
	{"GRAIL_TRAINER_USE_GRADIENT_CHECKPOINTING", "1", "torch engine: compute layers again on the way back, to save memory: 1 for yes"},
	{"GRAIL_DIST_NPROC", "1", "torch engine: processes, one a GPU, where --processes doesn't say"},
	{"GRAIL_DELTA_CHECKPOINT_ENABLED", "1", "publish patches: 1 for yes"},
	{"GRAIL_DELTA_BASE_INTERVAL", "10", "patches from one whole checkpoint to the next"},
	{"GRAIL_DELTA_FORMAT", "sparse_codec_v3.1", "form of patches: v2, v3 or v3.1"},
	{"GRAIL_BASE_CHECKPOINT_RETENTION_LIMIT", "3", "whole checkpoints that stay in the bucket, the newest"},
	{"GRAIL_DELTA_CHECKPOINT_RETENTION_LIMIT", "15", "patches that stay in the bucket, the newest"},
	{"GRAIL_CHECKPOINT_MILESTONE_INTERVAL", "0", "of so many windows one checkpoint stays for good; 0: none"},
	{"GRAIL_CLEANUP_INTERVAL_UPLOADS", "10", "publications after which the bucket is cleaned"},
	{"GRAIL_UPLOAD_RETRY_MAX_ATTEMPTS", "3", "how often an upload is tried"},
	{"GRAIL_UPLOAD_RETRY_BACKOFF_BASE", "60", "seconds between the first two tries; twice as many each time"},
}

// trainingVariables are the variables of training, for Variables.
func trainingVariables() []Variable {
	out := make([]Variable, len(training))
	for i, v := range training {
		out[i] = Variable{Name: v.name, Example: v.example, Text: v.text, read: func(c *Config, value string) error {
			c.Training[i] = setting{value, true}
			return nil
		}}
	}
	return out
}
