// Package task is what a network trains on: environments that turn a seed into a problem, and problems that grade a completion.
//
// Miner and validator meet here without exchanging a word. Both derive the same 32-bit seed from public randomness, both ask the same
// [Environment] for the same [Task], so both know the same prompt; and the validator grades the completion's text again instead of believing the
// miner's reward. So everything below is a pure function of the seed, the completion and the thinking [Mode]; rewards agree to the last bit.
//
// The environments themselves are packages of their own (task/sat), the scanner of thinking and answer tags is task/answer, and task/catalog finds an
// environment by the id that a checkpoint's metadata names.
//
// Specification: grail-environments, sections 2, 5, 6 and 14.
package task
