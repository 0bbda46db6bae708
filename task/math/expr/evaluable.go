package expr

import "strings"

// computing are the functions of sympy and Python that an answer may call where sympy itself is asked: they make numbers of numbers. The others make texts,
// run texts or reach into Python.
var computing = set(`abs acos acosh acot acoth acsc acsch airyai airyaiprime airybi airybiprime arg asec asech asin asinh atan atan2 atanh bell bernoulli besseli
besselj besselk bessely beta binomial catalan cbrt ceiling conjugate cos cosh cot coth csc csch degree diff digamma dirichlet_eta divisor_count divisor_sigma divmod
elliptic_e elliptic_f elliptic_k elliptic_pi erf erfc erfi euler exp expand expint factor factorial factorial2 ff fibonacci floor frac gamma gcd genocchi harmonic
hermite igcd ilcm im integrate isprime laguerre lcm legendre len lerchphi li limit ln log loggamma lowergamma lucas max min mobius mod_inverse nextprime npartitions
polygamma polylog pow prevprime prime primepi primorial product re real_root rf root round sec sech sign simplify sin sinc sinh sqrt subfactorial sum summation tan
tanh totient tribonacci trigamma uppergamma zeta`)

// programs are operators that answers don't need.
var programs = set(". ... = := : { } @ -> += -= *= /= //= %= **= &= |= ^= >>= <<= @=")

// Evaluable reports whether a normalised text may be handed to sympy in the sandbox: names, numbers, operators, brackets and functions that compute. Texts with
// strings, attributes, assignments, keywords or other functions of Python are programs rather than answers: they fail by this rule, though the
// reference would run them.
func Evaluable(s string) bool {
	if len(s) > maxLength || strings.Contains(s, "__") {
		return false
	}
	tokens, err := lex(s)
	if err != nil {
		return false
	}
	for _, t := range tokens {
		switch {
		case t.kind == tokName && (taken[t.text] && !computing[t.text]):
			return false
		case t.kind == tokOp && programs[t.text]:
			return false
		}
	}
	return true
}
