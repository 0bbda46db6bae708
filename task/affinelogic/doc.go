// Package affinelogic is the environment of logic puzzles of AffineFoundation/affinetes: nine families, each with a generator and a verifier.
//
//	id    family                          what to do                               generator
//	0     dyck_language                   close what brackets are open             the reference's
//	1     game_of_24                      make a number of others                  the reference's
//	2     operation                       compute with made-up operators           our own
//	3     cryptarithm                     find the digits that letters stand for   our own
//	4, 5  dyck_language2                  open what brackets are closed            the reference's
//	6     boolean_expressions             pick the true options                    our own
//	7     sudoku                          fill a grid                              the reference's
//	8     dyck_language_reasoning_errors  find the wrong steps of a trace          the reference's
//
// A task id is the family's id times 10^8 and the seed of the generator (Decode). Generators draw from CPython's Mersenne Twister, so
// the five that are the reference's give its puzzles byte for byte. Verifiers are the reference's for all of them. They judge the text of the
// answer, not trimmed, in time linear in it; nothing of it is ever executed: game_of_24 has a small evaluator of its own for
// Python's arithmetic on whole numbers, with bounds on depth and size. The reward around them is that of package affine.
//
// Differences of hardened rules, beside those of package affine:
//
//	defect of the reference                                       hardened
//	ids from 9·10^8 on have no puzzle: 79 % of a network's        every seed has one: that of the task id seed mod 9·10^8 (TaskID), so that
//	seeds are errors                                              seeds that the reference knows keep their meaning
//	the words of cryptarithm are drawn from a generator without   generators of our own that the seed alone decides, for these two and
//	seed, boolean_expressions depends on hash randomisation; both for operation; the same verifiers
//	differ from process to process. operation needs the package
//	dyck_language gives up after 1,000 attempts to make a         it draws other lengths then
//	sequence of the drawn lengths: 1 seed in some hundred
//	cryptarithm: numbers may be written with zeros before them    a number has as many digits as its word has letters
//	game_of_24: None is right where no order of the numbers       None is right where no expression at all has the value, and
//	makes the target strictly from left to right, though          is_solvable says so
//	parentheses may
//	game_of_24: ** and // pass where * and / are allowed          they are operators that the puzzle doesn't have
//	operation: a box with text counts as the first number in it,  a box holds one number or fraction and nothing else
//	so \frac{1}{2} is 1
//	reasoning errors: blanks in a list are dropped, so "3 15"     blanks part numbers
//	after "Answer:" is 315
//
// Under the reference's rules operation, cryptarithm and boolean_expressions can't be posed: Task then wraps task.ErrNoTool, and ErrTaskID for
// seeds from 9·10^8 on. The environment isn't in the registry of the reference's validator (see package affine).
//
// Specification: grail-environments, sections 13.2 and 19.
package affinelogic
