package affinelogic

import (
	"strconv"
)

// value is an exact fraction in lowest terms, its denominator positive, with the two values that it was made of. Numbers up to 20, six of them, keep
// numerators and denominators far within 64 bits.
type value struct {
	num, den    int64
	left, right *value
	op          string // empty for a number of the puzzle
}

// String writes the expression that makes the value.
func (v *value) String() string {
	if v.op == "" {
		return strconv.FormatInt(v.num, 10)
	}
	return "(" + v.left.String() + v.op + v.right.String() + ")"
}

// combine returns a op b, not in lowest terms; ok is false for a division by zero.
func combine(op string, a, b *value) (num, den int64, ok bool) {
	switch op {
	case "+":
		return a.num*b.den + b.num*a.den, a.den * b.den, true
	case "-":
		return a.num*b.den - b.num*a.den, a.den * b.den, true
	case "*":
		return a.num * b.num, a.den * b.den, true
	default:
		num, den = a.num*b.den, a.den*b.num
		if den < 0 {
			num, den = -num, -den
		}
		return num, den, den != 0
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// solve returns an expression that makes the target of all numbers, with any parentheses, or "" when there is none. It builds the exact values of each subset of
// the numbers from those of smaller ones: at most some hundred thousand for six.
func solve(numbers []int, operators []string, target int) string {
	full := 1<<len(numbers) - 1
	values := make([][]*value, full+1)
	for i, n := range numbers {
		values[1<<i] = []*value{{num: int64(n), den: 1}}
	}
	for set := 1; set <= full; set++ {
		if set&(set-1) == 0 {
			continue
		}
		seen := map[[2]int64]bool{}
		add := func(op string, a, b *value) *value {
			num, den, ok := combine(op, a, b)
			if !ok || set == full && num != int64(target)*den {
				return nil
			}
			g := gcd(num, den)
			key := [2]int64{num / g, den / g}
			if seen[key] {
				return nil
			}
			seen[key] = true
			v := &value{key[0], key[1], a, b, op}
			values[set] = append(values[set], v)
			return v
		}
		for part := (set - 1) & set; part > 0; part = (part - 1) & set {
			rest := set &^ part
			for _, a := range values[part] {
				for _, b := range values[rest] {
					for _, op := range operators {
						if part < rest && (op == "+" || op == "*") {
							continue // the other way round has it
						}
						if v := add(op, a, b); v != nil && set == full {
							return v.String()
						}
					}
				}
			}
		}
	}
	return ""
}
