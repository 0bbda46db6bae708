// Package logicminer is the miner of LogicNet: it serves questions of validators over the axon protocol and answers them with a language model
// and, where that is sure, with an exact solver.
//
// # The way of a question
//
// The axon has verified the caller's signature and nonce before anything here runs. The gate counts the request against the validator's quota. The
// pace refuses at once, with 503, what could not be answered in time, so that the validator asks somebody else instead of waiting. Then the
// question is put to the model in two turns, as the reference does: the first answer is the reasoning, the second the short final answer. An exact
// solver looks at the question at the same time; where it is sure, its number is the answer, and its steps are the reasoning if the model fails.
// All ends a margin before the validator stops waiting. Where the second turn fails, the answer is taken out of the reasoning.
package logicminer
