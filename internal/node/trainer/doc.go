// Package trainer is the role that turns the rollouts of a window into the next checkpoint.
//
// A window D is over when the block after it exists. In the window after it, W, the trainer takes these steps:
//
//	trust      who handed in work that validators accept? Their trust lists say so, or the chain's incentives
//	load       the files of those miners, in the version that was judged and no later than the deadline; every rollout's prompt is built again
//	           from public randomness and every reward graded again
//	train      groups, filters, replay buffer, epochs of GRPO
//	keep       weights, optimizer, buffer and counters go to disk in one piece
//	publish    as a patch or as a whole, the READY marker last
//
// Every node uses the checkpoint with the largest READY number below its window, so what was trained on window D in window W is used from the
// window after W on.
//
// A turn leaves nothing behind before it is kept: killed at any point, the trainer takes the last turn up to the bit and does the next one again. A
// checkpoint that is kept and not yet published is published first after a start.
//
// # Whom to trust
//
// The reference takes the list of the validator with the most stake, alone, and trains on whatever lies in the miners' buckets when it looks. Here a
// miner is trusted who is on the lists of more than half of the stake that publishes any (all others are the reference's defects F20 to F23), and where
// a list names the version of a file that was judged, a later one is not taken. A list names whom nothing was found against, which is also who was not
// looked at in this window: a file that nobody has judged is judged here, or left out. Rewards are graded here, so an invented one trains nobody.
// [Settings] with Quirks has the reference's manner.
//
// Specification: grail-validator-and-trainer, part B.
package trainer
