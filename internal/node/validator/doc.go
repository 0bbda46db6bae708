// Package validator is the role that checks what miners hand in, and pays for it with weights.
//
// A window is over when the block after it exists. The validator then takes six steps:
//
//	prepare   which checkpoint is the window's, and is it usable? Load it.
//	open      block hashes, randomness, upload deadline, register and buckets
//	discover  HEAD the window file of every neuron: there, in time, of a good size?
//	judge     the chosen miners' files, side by side: footer, structure and digests by range reads, the model on sampled rows
//	close     copies, metrics, histories, weights if they are due: computed at once and written in one piece
//	settle    publish the trust list, set the weights and read them back from the chain
//
// [Step] decides all of it as a pure function of a state and of what happened; [Run] performs what it asks for. Nothing of a window is
// remembered before it is closed: killed at any point, a validator judges the same files again and comes to the same result, and a closed
// window is never counted twice. What is owed to the outside world (weights, trust list) is part of the written state, so a crash between
// deciding and doing loses nothing either.
//
// # Wrong, or cannot tell
//
// What fails on the validator's side, or on the way to a bucket, is retried a few times and then leaves the miner unjudged: no metrics, no
// failure. A window whose checkpoint asks for an environment that this build doesn't have is skipped, and nobody is blamed.
//
// # What people can see
//
// Every miner that was chosen, and every one whose file is missing, late or of a bad size, gets a status.Verdict event with check, cause,
// figures and remedy. The reports of the last windows lie as JSON in the folder reports ([ReadReport]).
//
// Specification: grail-validator-and-trainer, part A; grail-protocol, section 7.
package validator
