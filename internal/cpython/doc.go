// Package cpython reproduces, to the bit, the few behaviours of CPython 3.12 on which peers of the network depend.
//
// The reference implementation is a Python program, and some of what it computes is agreed upon by nobody but its interpreter: which rows a
// validator opens (the Mersenne Twister behind random.Random), what a group's advantages are (sum is compensated since 3.12), which bytes
// are hashed (the text that json.dumps makes of a float), what counts as white space. This package holds exactly those:
//
//   - [Rand]: random.Random seeded from bytes or an integer, and its derived draws;
//   - [Sum]: the built-in sum over floats;
//   - [Value], [ParseJSON] and the three layouts in which Python writes JSON;
//   - [Strip], [IsSpace], [ParseInt], [ParseFloat]: str.strip, str.isspace, int(str), float(str);
//   - [Lower]: str.lower;
//   - [IndexFold], [ContainsLower]: case-insensitive search as re and str.lower do it.
//
// A Python str may hold lone surrogates, a Go string holds bytes. Strings here are "generalised" UTF-8: a lone surrogate is written as the three bytes that
// UTF-8 would give it if it were allowed to (so that byte order stays code point order); other invalid bytes read as U+FFFD each.
//
// Specification: grail-protocol 3.10, 3.12 and 3.20; grail-environments 4.
package cpython
