// Package patch carries the change between two checkpoints: which weights differ, and their new values.
//
// A step of reinforcement learning moves few weights of a bfloat16 model far enough to change their bits, so a trainer publishes most checkpoints
// as the changes since the one before, a hundredth of the size. A patch names the positions by row and column (or by flat
// number), as differences from one to the next, and holds the new values, not increments: applied to the right base it
// gives the trainer's weights to the bit, which a hash over all weights confirms (specification of mining and storage, sections 8 and 9).
//
// # The forms
//
// On the wire a patch is one zstd frame around a JSON header and the blocks of each tensor in order of names:
//
//	zstd( u32 length | {"version":31,"tensors":[{"name":"lm_head.weight","shape":[512,128],…}]} | rows | columns | values | rows | … )
//
// [V2] has flat positions, [V3] rows and columns of 4 bytes, [V31] rows and columns of 1, 2 or 4 bytes. A [Patch] keeps its blocks in this form:
// decoding slices them out of the payload, applying reads the narrow numbers where they lie.
//
// # Two manners
//
// [Decode], [Compute], [Apply] and [Stream] are what this program stands for: every refusal names tensor and rule ([Refusal]), positions must
// ascend inside the shape, nothing is written before everything has been checked, weights are compared as bits (so that a changed
// sign of zero travels, and a NaN that stays doesn't), and what peers that run the reference can't arrive at is reported ([Report]).
// [Options].Quirks and the functions named after the reference reproduce its defects for networks that keep them.
//
// # Work and memory
//
// The package does no I/O and has no state. It knows tensors as names, kinds, shapes and little-endian bytes, which may be mapped
// files. Work is cut into ranges of some hundred kilobytes and shared by a bounded number of goroutines that have ended when a call returns;
// a call that ends early leaves no goroutine behind. Memory beyond the caller's tensors is the patch itself and a few ranges.
package patch
