// Package logicnet is the protocol of LogicNet as a pure library: no I/O, no clock, no goroutines, no randomness of its own.
//
// In LogicNet a validator sends maths and logic questions to miners, who answer with any language model. In short:
//
//   - The validator asks every miner once a round for its Information: which category it serves and how many requests it takes in an
//     epoch. The Table keeps what they say, by hotkey.
//   - A miner gives each validator a share of that volume by stake (Rules.Quotas) and counts requests against it (Gate, Limiter).
//     The validator computes the same share to know how often it may ask: the more, the more places the miner has in the Queue.
//   - Batches of miners are drawn from the queue; all of a batch get a LogicSynapse and answer it within its timeout.
//   - Each answer earns a reward for correctness (package grade), for the similarity of its reasoning to the validator's own
//     (Cosine), less a little for the time it took (Rules.Reward, Rules.RewardBatch).
//   - At the end of a round miners are ranked by their mean reward, and the rank gives each a value (Rules.Incentives), which goes into
//     its history. The mean of the last five values is its score, and the scores become weights on the chain (Rules.Scores,
//     Rules.ChainWeights).
//
// The numbers agree with version 1.6.0 of the Python reference. Where it has faults that a validator or miner should not share,
// the difference is data: see Rules, with the two documented sets Reference and Hardened.
//
// What arrives from others is checked where it enters, and what one miner sends can cost nobody else anything under Hardened: a reply
// that makes no sense is an error with that miner's uid beside the others' results.
//
// Randomness is passed in as a Rand. The same inputs, rules and seed give the same results on every machine.
//
// The packages below build on this one: grade (correctness), problems (where questions come from), challenge (how they are put), solve
// (exact answers). Section numbers in the comments are those of the LogicNet specification.
package logicnet
