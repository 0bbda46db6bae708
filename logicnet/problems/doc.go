// Package problems poses mathematics questions whose answers are known.
//
// It knows the generators of mathgenerator, the library from which LogicNet's validators drew until April 2025, by their ids, and
// writes questions and answers as that library does, to the character: Python's floats, lists and complex numbers included. Draws
// come from internal/cpython's Rand, which is CPython's random.Random.
//
// A generator is a line of a table: which numbers are drawn (Draw), how the question shows them (Form, or Ask and Parse), and what
// the answer is (Answer). The numbers are what the question shows (Args), so that a question can also be read back and answered:
// that is how golden samples are checked without their seeds, and how the solver of package solve recognises a question.
//
// Some generators are wrong or ask nothing that can be answered; Defect says why. Sound returns the others. Source poses their
// questions for a validator of today: from ranges that are too large to tabulate (Wide), from a secret seed, with each answer
// derived a second time in another way (Check) and no question posed twice.
//
// Specification: logicnet 6.4.
package problems
