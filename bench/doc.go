// Package bench measures the engine against others on one machine, in one run, on the same weights, tokens and threads.
//
//	go test -run '^$' -bench . -benchtime 3x ./bench
//
// A speed alone says more about the machine and its other work than about the program. So every benchmark here asks all engines in
// turn, round after round, keeps the fastest round of each and reports the ratio ("x-…", above 1: we are faster) beside our own speed.
//
// # Peers
//
// llama.cpp comes as shared objects, from npm or from a build; NANTEOS_LLAMACPP names their folder. PyTorch comes with a Python that
// has torch and transformers; NANTEOS_PYTHON names it. A peer that isn't there is left out with the command that gets it. The programs that drive them
// (testdata) are ours and speak a line a measurement.
//
// # What is measured
//
// The shape is SmolLM2-135M's, the weights are random bf16 numbers, written as a safetensors folder and as GGUF files in bf16 and f16 (which
// holds these numbers exactly). Prefill is 512 tokens up to the logits of the last one. Decoding starts from 64 tokens a sequence and
// computes the logits of every next one; we also choose the token, the peers are given one. Loading and starting don't count.
package bench
