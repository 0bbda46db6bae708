// Package grail is the GRAIL protocol as a pure library: no I/O, no clock, no goroutines, no globals that change.
//
// GRAIL (Guaranteed Rollout Authenticity via Inference Ledger) lets a miner prove with which model each token of a rollout was
// processed. In short:
//
//   - A window is 30 blocks. Its first block hash fixes the problems: EnvSeed(hotkey, hash, group) seeds the environment.
//   - For each group of 16 rollouts the miner runs the model once more over prompt and completion. At every position it takes the
//     16 largest activations of the last hidden state, puts each into a signed logarithmic bucket and multiplies them by
//     Coefficients drawn from public randomness. The sum modulo Q is the Sketch of that position.
//   - The miner signs tokens, sketches, randomness and model (CommitBinding, SignCommit), then the row (SignRow).
//   - The validator draws positions that nobody could know before (ChallengeIndices) and compares its own sketches and
//     log-probabilities at these positions with the miner's.
//
// The values here agree to the bit with version 0.0.60 of the Python reference (proof version v5). Where networks differ, quirks
// included, the difference is data: see Rules. Section numbers in the comments are those of the protocol specification.
//
// The packages above build on this one: grail/verify (checks and verdicts), grail/score (weights), grail/windowfile (Parquet).
package grail
