// Package solve answers questions of which it is sure, without a model.
//
// Three kinds of question are recognised. Arithmetic, in symbols or words, is evaluated exactly by a closed grammar. The sound
// generators of package problems are recognised in their own words, in or out of the legacy frame of LogicNet's validators. And some
// of these families are recognised in the free wording that a persona gives them.
//
// A wrong answer is worse than none: whoever asks has a language model for the rest. So a free wording counts only if every one of its
// words is known (either neutral, like "wondering", or of the family, like "radius"), the family's key words are there, every number
// stands where its meaning is said, none is left over, and no second family fits. Any unknown word ("not", "twice", "diameter")
// leaves the question to others. So do questions that are ambiguous, like an implicit product after a division or a tower of powers.
//
// Everything is bounded: length of the question, depth and size of expressions, size of numbers. Solve never panics and does no I/O.
//
// Specification: logicnet 6.4.
package solve
