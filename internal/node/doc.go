// Package node holds what all roles of a Grail network share: the few things that a role asks of the world, and what every node must
// compute alike from them.
//
// A role (node/miner, node/validator) is a pure function of its state and of what happens: Step(rules, state, event) gives the next
// state and the effects to perform. Time, randomness, network and disk enter as events, and a thin driver performs the effects. So a
// role can be tested as a table, run under simulated time and killed at any point.
//
// What everybody must agree about for a window is in three values here. [Window] is known when its first block exists: the block
// hash from which problems are drawn and the randomness from which the sketch coefficients are drawn. [Closing] is known when the block
// after it exists: the upload deadline and the randomness that opens positions of the rollouts. [Policy] comes from the checkpoint of
// the window: which problems, which prompt style, which sampling. [Evaluator] poses and grades the problems; miner and validator
// use the same one, so a prompt or a reward can only differ where somebody cheats.
//
// [Peers] finds the buckets of other nodes by the read credentials that they committed on chain.
//
// Specification: grail-protocol 3.16 to 3.18 and 5, grail-mining-and-storage 5 to 7 and 11, grail-validator-and-trainer A5 to A8.
package node
