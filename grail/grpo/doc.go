// Package grpo is what a trainer does with rollouts, as a pure library: it puts rows of window files into groups, filters and ranks them, keeps a replay
// buffer, cuts an epoch into micro-batches and steps, and says what each token's log-probability is worth.
//
// Group relative policy optimisation compares the rollouts of one problem with each other: the advantage of a rollout is its reward less the group's
// mean. A step moves the probability of each token by its advantage, weighted by how far the policy has moved since the rollout was sampled (the
// importance ratio, clipped), and held back by the distance to a reference model. The model itself is behind the interface [Policy]: it tells
// log-probabilities and takes their derivatives, so every engine computes the same loss, and this package never sees a weight.
//
// # Reference and hardened
//
// [Config.Quirks] reproduces the reference to the bit of its decisions. Without it:
//
//	reference                                              hardened
//	groups of different miners with one number merge       a group belongs to its miner (F23)
//	the first epoch has learning rate 0                    the warm-up begins at 1/w (F17)
//	dapo and bnpo normalise by the micro-batch             by the optimizer step, so every token weighs the same (F25)
//	a non-finite log-probability loses the whole step      its micro-batch contributes nothing (F31)
//	completions that are all empty divide by zero          they contribute nothing
//
// Specification: grail-validator-and-trainer, part B.
package grpo
