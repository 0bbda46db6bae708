// Package learning measures what a network learns by itself: a devnet at default settings, with miners that are honest and others, a validator, and a trainer
// that publishes a checkpoint after each window.
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 60m ./bench/learning
//
// It runs 40 windows for each of three seeds, ten minutes each, and prints for each the mean reward of the honest miners' rollouts in the first five windows
// (which begin with the base model) and in the last five, with 95 % intervals over groups, and how the checkpoints went. -windows, -seeds and -block-time choose other
// runs; a machine that is busy needs a longer block time. A seed makes identities and sampling; how many groups are made in a window, and when a checkpoint
// is ready, depends on the machine too, so two runs of a seed differ.
package learning
