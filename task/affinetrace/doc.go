// Package affinetrace is the environment of traces of AffineFoundation/affinetes: given a Python program and what it reads, predict what it prints.
//
// Programs come from a dataset. So that nobody can learn their outputs by heart, up to six prints of variables are put into each, at places that the seed
// decides. That is done on Python's own syntax tree and written by Python's own ast.unparse; then the program runs, and what it prints is the
// truth. Both need an interpreter and are jobs of a sandbox (python/trace.py): the programs are foreign text.
//
// The answer is right when it has the same words as the truth: text between white space, in order, upper and lower case being different. The reward around
// that is that of package affine.
//
// Making a task takes an interpreter some milliseconds and the program its time, 10 seconds at most. Task has no context, so it does that within a
// deadline of its own (taskTime), and the environment remembers the tasks of the last cachedTasks seeds, prompt and truth: the rollouts of a group ask for
// one seed many times. Seeds that several goroutines ask for at once are made once.
//
// What ast.unparse writes depends on the version of Python. Measured on 224 files of the standard library: 3.12 and 3.13 agree on all, 3.11 differs from them
// in 10 (quotes inside f-strings), 3.9 and 3.10 put parentheses around tuples that are assigned to, and 3.8 has none. The reference runs 3.12; New refuses versions
// below 3.11. Messages of syntax errors, which stand in the prompts of broken programs, differ between all versions. A network should therefore
// have one minor version everywhere; Metadata says which made a task.
//
// Differences of hardened rules, beside those of package affine:
//
//	defect of the reference                                       hardened
//	the truth is read from a field that doesn't exist, so it      the truth is what the program prints
//	is always empty: only answers of nothing but white space
//	earn correctness
//	a program that runs out of time has printed nothing           it has no truth: Task fails with ErrNoTruth. So does one that prints
//	                                                              more than 256 KiB or that the sandbox's limits end
//	sets of texts, random numbers: truths differ from run to run  hashes and the random generator begin with seed 0, so they don't
//	                                                              (the clock and addresses of objects still may)
//
// Under the reference's rules programs aren't run at all: their output has no use.
//
// The environment isn't in the registry of the reference's validator (see package affine).
//
// Specification: grail-environments, section 13.1.
package affinetrace
