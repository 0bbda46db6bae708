package expr

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Bounds on polynomials: terms of one, products of terms in one comparison, bits of a coefficient.
const (
	maxTerms  = 300
	maxSteps  = 30000
	maxCoeff  = 4096
	maxPower  = 1000 // numerators and denominators of exponents
	maxFactor = 1 << 30
)

// frac is a small exponent in lowest terms; d is positive.
type frac struct{ n, d int64 }

func (f frac) add(g frac) frac { return lowest(f.n*g.d+g.n*f.d, f.d*g.d) }
func (f frac) mul(g frac) frac { return lowest(f.n*g.n, f.d*g.d) }
func (f frac) fits() bool      { return f.n >= -maxPower && f.n <= maxPower && f.d <= maxPower }

func lowest(n, d int64) frac {
	a, b := n, d
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		a = -a
	}
	return frac{n / a, d / a}
}

func (f frac) String() string {
	if f.d == 1 {
		return strconv.FormatInt(f.n, 10)
	}
	return strconv.FormatInt(f.n, 10) + "/" + strconv.FormatInt(f.d, 10)
}

// factor is a generator with its exponent. A generator is a kind and what it is of:
//
//	s:x      the symbol x
//	p:3      the prime 3, with an exponent between 0 and 1: a radical
//	i:       the imaginary unit, with exponent 1
//	c:pi     the constant pi
//	e:B:M    B to the power of the monomial M, where B is e, a prime or a symbol
//	l:3      the logarithm of the prime 3
//	f:NAME:A a function's value at the arguments A, in canonical form
//	u:NAME:A the same for a function that nothing is known of
type factor struct {
	gen string
	exp frac
}

// mono is a product of powers of generators, sorted by generator.
type mono []factor

func (m mono) key() string {
	var b strings.Builder
	for _, f := range m {
		b.WriteString(f.gen)
		b.WriteByte('^')
		b.WriteString(f.exp.String())
		b.WriteByte('*')
	}
	return b.String()
}

type term struct {
	coeff *big.Rat
	mono  mono
}

// poly is a sum of terms by the keys of their monomials; no coefficient is zero. Polys are immutable.
type poly map[string]term

// ring does arithmetic within bounds. Once they are exceeded, over is set and results mean nothing.
type ring struct {
	steps int
	over  bool
}

func (r *ring) constant(c *big.Rat) poly { return r.term(c, nil) }

func (r *ring) term(c *big.Rat, m mono) poly {
	if c.Sign() == 0 {
		return poly{}
	}
	return poly{m.key(): {c, m}}
}

// generator returns the polynomial of a generator to a power.
func (r *ring) generator(gen string, exp frac) poly {
	c, m := r.reduce(big.NewRat(1, 1), mono{{gen, exp}})
	return r.term(c, m)
}

func (p poly) sole() (term, bool) {
	for _, t := range p {
		return t, len(p) == 1
	}
	return term{}, false
}

// value returns the constant that p is.
func (p poly) value() (*big.Rat, bool) {
	if len(p) == 0 {
		return newRat(), true
	}
	t, ok := p.sole()
	return t.coeff, ok && len(t.mono) == 0
}

func (p poly) key() string {
	keys := make([]string, 0, len(p))
	for k, t := range p {
		keys = append(keys, t.coeff.RatString()+"*"+k)
	}
	slices.Sort(keys)
	return strings.Join(keys, "+")
}

func (r *ring) add(p, q poly) poly {
	out := make(poly, len(p)+len(q))
	for k, t := range p {
		out[k] = t
	}
	for k, t := range q {
		r.put(out, k, t)
	}
	return out
}

func (r *ring) put(out poly, key string, t term) {
	old, ok := out[key]
	if !ok {
		out[key] = t
		return
	}
	sum := newRat().Add(old.coeff, t.coeff)
	if sum.Sign() == 0 {
		delete(out, key)
	} else {
		out[key] = term{sum, t.mono}
	}
}

func (r *ring) scale(p poly, c *big.Rat) poly {
	out := poly{}
	if c.Sign() != 0 {
		for k, t := range p {
			out[k] = term{newRat().Mul(t.coeff, c), t.mono}
		}
	}
	return out
}

func (r *ring) mul(p, q poly) poly {
	out := poly{}
	if r.steps += len(p) * len(q); r.over || r.steps > maxSteps {
		r.over = true
		return out
	}
	for _, a := range p {
		for _, b := range q {
			c := newRat().Mul(a.coeff, b.coeff)
			c, m := r.reduce(c, slices.Concat(a.mono, b.mono))
			if max(c.Num().BitLen(), c.Denom().BitLen()) > maxCoeff {
				r.over = true
				return poly{}
			}
			r.put(out, m.key(), term{c, m})
		}
	}
	if len(out) > maxTerms {
		r.over = true
	}
	return out
}

// invert returns 1/p for a single term.
func (r *ring) invert(t term) poly {
	m := make(mono, len(t.mono))
	for i, f := range t.mono {
		m[i] = factor{f.gen, frac{-f.exp.n, f.exp.d}}
	}
	c, m := r.reduce(newRat().Inv(t.coeff), m)
	return r.term(c, m)
}

func (r *ring) pow(p poly, k int) poly {
	out := r.constant(big.NewRat(1, 1))
	for ; k > 0 && !r.over; k-- {
		out = r.mul(out, p)
	}
	return out
}

// reduce sorts and merges factors. Powers of the imaginary unit and whole powers of primes go into the coefficient.
func (r *ring) reduce(c *big.Rat, m mono) (*big.Rat, mono) {
	slices.SortFunc(m, func(a, b factor) int { return strings.Compare(a.gen, b.gen) })
	out := m[:0:0]
	for i := 0; i < len(m); {
		gen, exp := m[i].gen, m[i].exp
		for i++; i < len(m) && m[i].gen == gen; i++ {
			exp = exp.add(m[i].exp)
		}
		if !exp.fits() {
			r.over = true
			return c, nil
		}
		switch gen[0] {
		case 'i':
			n := (exp.n%4 + 4) % 4
			if n >= 2 {
				c = newRat().Neg(c)
			}
			exp = frac{n % 2, 1}
		case 'p':
			whole := exp.n / exp.d
			if exp.n < 0 && exp.n%exp.d != 0 {
				whole--
			}
			if whole != 0 {
				prime, _ := new(big.Int).SetString(gen[2:], 10)
				f := power(newRat().SetInt(prime), big.NewInt(max(whole, -whole)))
				if whole < 0 {
					f.Inv(f)
				}
				c = newRat().Mul(c, f)
			}
			exp = lowest(exp.n-whole*exp.d, exp.d)
		}
		if exp.n != 0 {
			out = append(out, factor{gen, exp})
		}
	}
	return c, out
}

// independent reports whether the generators have no algebraic relations but those that reduce knows, so that a polynomial in them that isn't zero has
// a value that isn't: symbols, radicals of primes, the imaginary unit, pi, and functions that nothing is known of.
func (p poly) independent() bool {
	for _, t := range p {
		for _, f := range t.mono {
			if strings.IndexByte("spicu", f.gen[0]) < 0 {
				return false
			}
		}
	}
	return true
}

// primes factors a positive integer; ok is false where that would take long.
func primes(n *big.Int) (out map[int64]int64, ok bool) {
	out = map[int64]int64{}
	m := new(big.Int).Set(n)
	q, rem := new(big.Int), new(big.Int)
	for p := int64(2); p < 1<<15; p++ {
		if m.IsInt64() && m.Int64() < p*p {
			break
		}
		for {
			q.QuoRem(m, big.NewInt(p), rem)
			if rem.Sign() != 0 {
				break
			}
			m, q = q, new(big.Int)
			out[p]++
		}
	}
	if m.Cmp(big.NewInt(maxFactor)) >= 0 {
		return nil, false
	}
	if m.Int64() > 1 {
		out[m.Int64()]++
	}
	return out, true
}
