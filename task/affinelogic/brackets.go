package affinelogic

import "strings"

// openers and closers are the eight pairs of brackets, in the order in which puzzles take more of them.
var (
	openers = []rune("([{<⟨⟦⦃⦅")
	closers = []rune(")]}>⟩⟧⦄⦆")
)

// opener returns the opening bracket of a closing one, or 0.
func opener(r rune) rune {
	for i, c := range closers {
		if c == r {
			return openers[i]
		}
	}
	return 0
}

// closer returns the closing bracket of an opening one, or 0.
func closer(r rune) rune {
	for i, o := range openers {
		if o == r {
			return closers[i]
		}
	}
	return 0
}

func isBracket(r rune) bool { return opener(r) != 0 || closer(r) != 0 }

// balanced says whether the brackets of a sequence nest. Other characters don't count.
func balanced(sequence []rune) bool {
	var stack []rune
	for _, r := range sequence {
		if closer(r) != 0 {
			stack = append(stack, r)
		} else if o := opener(r); o != 0 {
			if len(stack) == 0 || stack[len(stack)-1] != o {
				return false
			}
			stack = stack[:len(stack)-1]
		}
	}
	return len(stack) == 0
}

// missingClosers returns the closing brackets that a prefix of a balanced sequence lacks, innermost first.
func missingClosers(prefix string) string {
	var stack []rune
	for _, r := range prefix {
		if closer(r) != 0 {
			stack = append(stack, r)
		} else if o := opener(r); o != 0 && len(stack) > 0 && stack[len(stack)-1] == o {
			stack = stack[:len(stack)-1]
		}
	}
	var b strings.Builder
	for i := len(stack) - 1; i >= 0; i-- {
		b.WriteRune(closer(stack[i]))
	}
	return b.String()
}

// missingOpeners returns the opening brackets that a suffix of a balanced sequence lacks, outermost first.
func missingOpeners(suffix string) string {
	var stack, needed []rune
	for _, r := range suffix {
		if closer(r) != 0 {
			stack = append(stack, r)
		} else if o := opener(r); o != 0 {
			if len(stack) > 0 && stack[len(stack)-1] == o {
				stack = stack[:len(stack)-1]
			} else {
				needed = append(needed, o)
			}
		}
	}
	var b strings.Builder
	for i := len(needed) - 1; i >= 0; i-- {
		b.WriteRune(needed[i])
	}
	return b.String()
}

// longestBalanced returns the first of the longest balanced stretches of a sequence of nothing but brackets.
func longestBalanced(sequence []rune) []rune {
	var unmatched []int // places of brackets without partner: what lies between two of them is balanced
	for i, r := range sequence {
		if o := opener(r); o != 0 && len(unmatched) > 0 && sequence[unmatched[len(unmatched)-1]] == o {
			unmatched = unmatched[:len(unmatched)-1]
		} else {
			unmatched = append(unmatched, i)
		}
	}
	start, length, from := 0, 0, 0
	for _, end := range append(unmatched, len(sequence)) {
		if end-from > length {
			start, length = from, end-from
		}
		from = end + 1
	}
	return sequence[start : start+length]
}
