// Package chain measures the Bittensor library against the Python SDK on one machine, in one run, on the same recorded bytes.
//
//	NANTEOS_PYTHON=venv/bin/python go test -run '^$' -bench . -benchtime 5x ./bench/chain
//
// Every benchmark asks all sides in turn, round after round, keeps the fastest round of each and reports the ratio ("x-…", above 1: we are
// faster) beside our own time. A round repeats its operation for a tenth of a second. All sides must come to the same result, or the benchmark
// fails.
//
// # Peers
//
// The SDK of version 10 stands on async-substrate-interface, whose codec is cyscale, compiled by Cython, and on bittensor-wallet, which is
// Rust. bt-decode is the Rust decoder that version 9 called, scalecodec the Python package from which it had its addresses. They run in
// testdata/peer.py, without a network: what they would ask a node for is given to them. NANTEOS_PYTHON names a Python that has the first
// two, NANTEOS_PYTHON_SCALECODEC one with scalecodec, which cannot be installed beside cyscale. A peer that isn't there is left out.
//
// # What is measured
//
// Metadata: a blob of finney's (spec 343, version 15, 296 kB), until values can be decoded. Metagraph: the recorded answer for netuid 1 with
// 1,024 neurons and all columns, 196 kB, to values with addresses as text. Extrinsic: set_weights for 256 neurons, encoded, signed and
// assembled. SCALE: vectors of 4,096 items. ss58: 256 accounts, per address.
//
// TestIdleMemory starts a client of the chain in a process of its own, lets it read a metagraph from a local chain and follow its heads,
// and reads how much memory it keeps.
package chain
