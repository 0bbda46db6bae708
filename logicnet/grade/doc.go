// Package grade says whether an answer is right.
//
// A validator knows the truth of every question that it asks. Most answers can be compared with it by arithmetic alone: "$\frac{3}{4}$",
// "0.75" and "x = 75%" are the same number, and no model is needed to see it. What arithmetic cannot decide ("the man's son") goes to a
// judge, a language model that reads question, truth and answer. The answer is written by somebody who gains from a high score, so
// everything in it is data: nothing in it is ever evaluated outside a closed, bounded grammar, and nothing in it may speak to the judge.
//
// Two sets of rules exist. With Options.Reference a Grader does what the Python reference does, where that is safe:
//
//   - Compare and Numbers compare the numbers in both texts, without their signs, and give part of the score to a number nearby; where
//     the reference would hand the miner's text to a Python evaluator, only plain arithmetic is worked out and the rest is undecided;
//   - the judge gets the reference's three messages (cheat detection, extraction, rating), byte for byte, and its replies are read with
//     the reference's habits: a failing detector is skipped, a failing rating is worth 0.5, any text with a "1" in it is worth 1.
//
// Without it a Grader is exact and closed:
//
//   - Decide compares by the grammar of this package (numbers, fractions, percentages, units, LaTeX, expressions and polynomials, sets,
//     tuples, intervals, equations, yes and no) with exact rational numbers, or with 256 bits where roots and pi stand;
//   - Inspect finds attacks: text that addresses the judge, invisible characters, chat templates, fake verdicts, look-alike letters;
//   - what is left goes to the judges inside JSON between random delimiters; a vote counts only when it is one strict JSON object that
//     repeats a random canary of the system message, and an answer is right only with two such votes;
//   - a vote other than "incorrect" is then held against a control: the same answer with a question and truth that it cannot fit. A judge
//     that calls it right there too was persuaded by the answer, or is broken; a second control with a plainly wrong answer tells which;
//   - a judge that cannot be reached, or whose words cannot be read, leaves the answer unscored. There is no score by default. A judge that
//     fails at this answer and at no other was made to: the answer is wrong, so that nobody escapes a score by being unreadable.
//
// The package does no I/O: a judge is a Completer, which is a model bound to an endpoint. It holds no clock and starts no goroutine, and
// a Grader may be used by many. The time of Compare, Decide and Inspect is bounded by the length of the texts, which are bounded too.
//
// Specification: logicnet 7.1, 10 (1, 2, 3) and 11.
package grade
