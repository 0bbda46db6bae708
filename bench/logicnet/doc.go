// Package logicnet measures the two ends of LogicNet's wire on one machine: how many signed questions a miner answers, and what a validator
// needs for a thousand queries at a time.
//
//	NANTEOS_BITTENSOR9=venv/bin/python go test -run '^$' -bench . -benchtime 3x ./bench/logicnet
//
// # Axon
//
// BenchmarkAxon starts our miner (package logicminer: axon with nonces on disk, gate, pace) with a solver that answers at once, and the
// axon of the Python SDK with a handler that does, each in a process of its own. A Go client (package dendrite) asks both, in turn, with the
// same number of callers, each of which sends its next question when it has its answer. It signs as it goes, on the same processors. What
// is reported is requests answered a second and the 99th percentile of their time, ours and as ratios to the SDK's ("x-requests", above 1: we
// answer more; "x-p99", below 1: we are quicker). NANTEOS_BITTENSOR9 and NANTEOS_BITTENSOR10 name Pythons with the SDK of these versions; one
// that isn't there is left out. Most of the SDK's time goes into the JSON schema of the class, which it generates anew for the headers of each reply.
//
// # Dendrite
//
// BenchmarkDendrite sends 1,000 questions to as many axons, none of which answers before all were asked, and reads how much memory that takes:
// with answers of usual length, and with such as are twice as long as may be. TestCrowd holds it under a bound.
//
// # Interop
//
// TestValidatorAsksSDK is no benchmark: it has the whole validator (package logicvalidator) ask and grade axons of the SDKs for a round.
package logicnet
