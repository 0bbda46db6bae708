// Package verify decides whether the rollouts of a window file were made as they claim (protocol specification, section 7;
// validator specification, A10 and A11).
//
// # The way through a file
//
// [Checker.Check] goes it from front to back, and the first thing that is wrong decides:
//
//  1. the whole file: wallet, window, block hash, nonces, groups of sixteen ([Structure]);
//  2. the digests of all completions, from which copies are found and unique rollouts are counted;
//  3. which rows are looked at: all of a small file, else a few groups drawn with randomness that nobody knew before the
//     upload deadline ([SampleRows]);
//  4. for each of these rows in order: its place and outer signature, then the nine checks of the table below;
//  5. the advantages of each group ([CheckGroup]).
//
// The nine checks, in this order:
//
//	schema_valid              hard  fields there, in range and adding up
//	tokens_valid              hard  ids within the vocabulary, length within the context
//	env_prompt_valid          hard  the prompt is the one that hotkey, window and group give
//	proof_valid               hard  signed by the miner, sketches agree with the model's hidden states
//	termination_valid         hard  ended with a probable end token, or at the length limit
//	env_eval_valid            hard  the environment could grade the completion
//	reward_valid              soft  the claimed reward is the environment's
//	logprobs_valid            hard  the claimed log-probabilities are the model's
//	token_distribution_valid  soft  the chosen tokens look sampled, not picked
//
// A hard failure ends the row and fails the miner. Soft failures are counted, and fail the miner when the count reaches a cut-off.
//
// Each check gives a [Verdict]: what was measured, the limit, the margin, the cause in plain words and what to do about it. Validator,
// a miner's preflight and the command explain all run this code and differ in options only.
//
// # Wrong, or cannot tell
//
// When the validator's own sandbox, model or storage fails, nothing is known about the miner. Under rules without
// BanOnInfrastructureFault such a failure ends the check with an error that wraps [ErrUnjudged]; the reference bans the miner instead.
//
// The package has no clock, no randomness and no I/O of its own: a file comes through [Source], the model through [Replayer], the
// environment through [Evaluator]. What differs between networks is asked from [grail.Rules].
package verify
