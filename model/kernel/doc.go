// Package kernel holds the float32 arithmetic of the engine: matrix products,
// norms, softmax, activations and the optimiser step, with the same bits on
// every machine.
//
// # Why the bits are the same
//
// A floating-point sum depends on its order, so a library that picks another
// tile shape, thread count or vector width for speed gives other bits. Here
// the order is part of each function's contract:
//
//   - A matrix product vectorises over output columns, never over k. Each
//     output is one chain of fused multiply-adds over k ascending, in one SIMD
//     lane, starting from +0 (or from the old output when accumulating). Tile
//     shape, row split, thread split and blocking of k (the partial chain
//     rests in memory, exactly) cannot change it.
//   - A reduction over a row (Sum, Dot, RMSNorm, Softmax) keeps 16 partial
//     sums: lane i takes elements i, i+16, i+32, ... ascending, starting from
//     +0; a last incomplete group counts as padded with +0. The lanes are then
//     folded in halves: lane i += lane i+8 for i < 8, then 4, 2, 1.
//   - Everything else is a fixed list of correctly rounded IEEE-754 binary32
//     operations per element: +, -, *, /, square root, fma. Each docstring
//     gives the list. fma(a,b,c) rounds once, a*b+c rounds twice.
//
// Three implementations follow these contracts: AVX-512, AVX2+FMA, and portable Go
// that emulates the fused multiply-add exactly. The fastest one that the
// processor has is chosen at start; SetISA overrides it. Tests compare all of
// them bit by bit.
//
// Two things are not fixed: the payload and sign of a NaN (that a result is NaN is
// fixed), and nothing else. Subnormal numbers are kept, never flushed.
//
// # Layout
//
// The weight of a linear layer, W[n][k] row-major as in model files, is packed
// once into panels of 32 output columns: panel[p][k][32] (see Packed). The
// one primitive of all products, attention included, is then
//
//	y[m][32] (+)= x[m][k] · panel[k][32]
//
// which is Tile. MatMul runs it over all panels, MatMulPool over a Pool of
// blocking workers.
//
// Callers pass slices that are long enough; a short slice is a programming
// error and panics with Go's bounds message. No function keeps a slice,
// allocates per element, or starts a goroutine (NewPool does).
package kernel
