// Package patch measures sparse weight patches (package grail/patch) on one machine, in one run, on a bfloat16 model of 1 GiB in which one number of a
// hundred has moved by its smallest step.
//
//	NANTEOS_PYTHON=venv/bin/python go test -run '^$' -bench . -benchtime 5x -timeout 30m ./bench/patch
//
// Every benchmark asks all candidates in turn, round after round, keeps the fastest round of each and reports our speed in GB of model a second
// and ratios. "x-copy" is our time in copies of the model by one goroutine, from memory to memory that is mapped already; "x-copies" in copies by
// as many goroutines as we use (below 2 against the first is the goal). "x-python" is how many times as long the way of the reference takes: numpy, torch and zstandard do each
// step as the specification describes it (testdata/reference.py; the program is ours). -short takes a model of 64 MiB.
//
// BenchmarkApply also reports the most memory that reading and applying a patch took beyond the model and the published bytes, in percent of the model, and
// BenchmarkSize the bytes of a patch beside those of the changed bits (old xor new, zstd of the same level) and of zstd's own program where Python is there.
package patch
