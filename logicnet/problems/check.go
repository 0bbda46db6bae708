package problems

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A check derives an answer a second time, in another way than the generator did: from the definition, backwards, or exactly where
// the answer is rounded. A shared mistake of both would have to be made twice.
type check = func(a Args, answer string) bool

// quantity returns the number at the start of an answer, before its unit.
func quantity(answer string) string {
	s, _, _ := strings.Cut(Truth(answer), " ")
	return s
}

// whole checks an integer answer.
func whole(holds func(a Args, x int) bool) check {
	return func(a Args, answer string) bool {
		x, err := strconv.Atoi(quantity(answer))
		return err == nil && holds(a, x)
	}
}

// large checks an integer answer of any size.
func large(holds func(a Args, x *big.Int) bool) check {
	return func(a Args, answer string) bool {
		x, ok := new(big.Int).SetString(quantity(answer), 10)
		return ok && holds(a, x)
	}
}

// half is how far an answer of two decimals may lie from the value that it rounds, with the noise of doubles.
func half(x float64) float64 { return 0.005 + 1e-12*math.Abs(x) + 1e-9 }

// rounded checks an answer of two decimals against the value.
func rounded(value func(a Args) float64) check {
	return func(a Args, answer string) bool {
		x, err := strconv.ParseFloat(quantity(answer), 64)
		return err == nil && math.Abs(x-value(a)) <= half(x)
	}
}

// ratio checks an answer of two decimals against the exact fraction.
func ratio(value func(a Args) (numerator, denominator int)) check {
	return func(a Args, answer string) bool {
		x, ok := new(big.Rat).SetString(quantity(answer))
		n, d := value(a)
		if !ok || d == 0 {
			return false
		}
		distance := new(big.Rat).Sub(x, big.NewRat(int64(n), int64(d)))
		return distance.Abs(distance).Cmp(big.NewRat(1, 200)) <= 0
	}
}

// truncated checks an integer answer that cuts the decimals of the value.
func truncated(value func(a Args) float64) check {
	return whole(func(a Args, x int) bool {
		v := value(a)
		return float64(x) <= v && v-float64(x) < 1
	})
}

// numbers checks the integers of an answer, in order.
func numbers(holds func(a, x Args) bool) check {
	return func(a Args, answer string) bool {
		x, ok := ints(answer)
		return ok && holds(a, x)
	}
}

// floats checks the decimal numbers of an answer, in order.
func floats(holds func(a Args, x []float64) bool) check {
	return func(a Args, answer string) bool {
		var x []float64
		for _, s := range decimal.FindAllString(answer, -1) {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return false
			}
			x = append(x, f)
		}
		return holds(a, x)
	}
}

var decimal = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?`)

// gcd is Euclid's; the sign is never negative.
func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// reduce returns n/d in lowest terms with d > 0.
func reduce(n, d int) (int, int) {
	g := gcd(n, d)
	if g == 0 {
		return n, d
	}
	if d < 0 {
		g = -g
	}
	return n / g, d / g
}

// within says whether every number lies in [lo, hi].
func within(a Args, lo, hi int) bool {
	for _, v := range a {
		if v < lo || v > hi {
			return false
		}
	}
	return true
}

// between returns a Valid that wants every number in [lo, hi].
func between(lo, hi int) func(Args) bool {
	return func(a Args) bool { return within(a, lo, hi) }
}
