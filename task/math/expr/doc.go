// Package expr decides whether two mathematical expressions are the same, without evaluating foreign text.
//
// The reference compares answers by simplify(parse_expr(a) - parse_expr(b)) == 0: sympy's parser hands the text to Python's eval, with all of Python in
// reach, and simplify may take forever. This package reads the same texts with a parser of its own, and answers what sympy would answer wherever that is
// certain, in bounded time. Where sympy's heuristics decide, it says Undecided instead of guessing. [Compare] gives two verdicts: the reference's, and
// whether the values are equal in fact.
//
// It works in tiers, from certainty downwards:
//
//   - a text that Python's grammar refuses, or whose value has no arithmetic (LaTeX, "x=2", "(1,2)", "x<2", "2^x"), equals nothing;
//   - numbers: exact rationals and sympy's Floats, which are binary numbers of as many bits as their decimals ask for, rounded after each operation;
//   - rational functions of symbols, in canonical form: polynomials over monomials whose exponents may be fractions, so that square roots of integers,
//     the imaginary unit, pi, exponentials, logarithms of integers and values of unknown functions are generators like any other. A difference that is
//     zero in this form is zero; one that isn't, is not, if the generators are algebraically independent;
//   - otherwise numbers again: both are evaluated as complex balls of 448 bits with an error bound, at fixed points in all quadrants where there are symbols.
//     A ball that excludes zero proves a difference. Balls that stay within 2^-170 (50 digits) around zero count as equal in value; whether sympy would
//     see that is then left open.
//
// Everything is bounded: the length of a text (4096 bytes; longer ones are only checked for what Python's tokenizer refuses), its depth (60), digits and
// exponents of numbers, terms and steps of polynomials. An integer power of more than 2^30 bits, such as 9**9**9, counts as refused: the reference
// would not come back from it.
//
// Specification: grail-environments, section 9.1.
package expr
