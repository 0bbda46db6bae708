package affinelogic

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ReasoningVerifier judges answers to dyck_language_reasoning_errors: find the steps of a trace that have a wrong stack. Answer is their numbers with
// commas between them.
type ReasoningVerifier struct{ Answer string }

// reasoning makes a dyck_language_reasoning_errors puzzle: a balanced sequence of 10 to 30 brackets, or some more, and the trace of a stack with two to five
// errors in it.
func reasoning(seed uint32) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	kinds := r.RandInt(2, 4)
	total := 2 * r.RandInt(5, 15)
	errors := r.RandInt(2, max(2, min(5, total/4)))
	sequence := reasoningSequence(r, kinds, total)
	thoughts, wrong := reasoningThoughts(r, kinds, sequence, errors)
	text := reasoningTexts[r.RandInt(0, len(reasoningTexts)-1)]
	numbers := make([]string, len(wrong))
	for i, n := range wrong {
		numbers[i] = strconv.Itoa(n)
	}
	answer := strings.Join(numbers, ",")
	return &Puzzle{
		Question: text[0] + string(sequence) + text[1] + strings.Join(thoughts, "\n") + text[2],
		Answer:   answer,
		Metadata: map[string]any{
			"seed": seed, "dyck_sequence": string(sequence), "thoughts": thoughts, "error_indices": wrong,
			"n_types": kinds, "total_length": len(sequence), "n_errors": len(wrong),
		},
		verifier: ReasoningVerifier{answer},
		solution: answer,
	}
}

// reasoningSequence draws total brackets and closes what is open then.
func reasoningSequence(r *cpython.Rand, kinds, total int) (sequence []rune) {
	var stack []rune
	for remaining := total; remaining > 0 || len(stack) > 0; remaining-- {
		if remaining > 0 && (len(stack) == 0 || r.Float64() < 0.5 && remaining > 2*len(stack)) {
			k := r.Below(kinds)
			sequence = append(sequence, openers[k])
			stack = append(stack, closers[k])
			continue
		}
		sequence = append(sequence, stack[len(stack)-1])
		stack = stack[:len(stack)-1]
	}
	return sequence
}

// reasoningThoughts writes the trace of a sequence with errors, and returns the numbers of the wrong thoughts, counted from 1, in order.
func reasoningThoughts(r *cpython.Rand, kinds int, sequence []rune, errors int) (thoughts []string, wrong []int) {
	add := func(format string, args ...any) {
		thoughts = append(thoughts, fmt.Sprintf("Thought %d: ", len(thoughts)+1)+fmt.Sprintf(format, args...))
	}
	add("We should process the input step by step and track the stack state.")
	add("Stack: empty")
	places := r.Sample(len(sequence), min(errors, len(sequence)))
	var stack []rune
	for i, c := range sequence {
		if closer(c) != 0 {
			stack = append(stack, c)
		} else {
			stack = stack[:len(stack)-1]
		}
		shown := stack
		if slices.Contains(places, i) {
			shown = wrongStack(r, kinds, stack)
			wrong = append(wrong, len(thoughts)+1)
		}
		state := "empty"
		if len(shown) > 0 {
			state = string(shown)
		}
		add("%c ; Stack: %s", c, state)
	}
	add("Now we have reached the end. The final stack is empty.")
	return thoughts, wrong
}

// wrongStack draws a stack that differs from the right one.
func wrongStack(r *cpython.Rand, kinds int, right []rune) []rune {
	stack := slices.Clone(right)
	top := len(stack) - 1
	open := func() rune { return openers[r.Below(kinds)] }
	switch kind := r.Below(4); {
	case kind == 0 && top >= 0: // pop, and change the new top
		stack = stack[:top]
		if top > 0 {
			stack[top-1] = open()
		}
	case kind == 1 && top >= 0: // change the top
		stack[top] = open()
	case kind == 1:
		stack = append(stack, open())
	case kind == 2: // push anything
		if k := r.Below(2 * kinds); k < kinds {
			stack = append(stack, openers[k])
		} else {
			stack = append(stack, closers[k-kinds])
		}
	case kind == 3 && top >= 0: // change one bracket to another
		i := r.RandInt(0, top)
		k := r.Below(kinds - 1)
		if openers[k] == stack[i] || slices.Index(openers, stack[i]) < k {
			k++
		}
		stack[i] = openers[k]
	}
	if slices.Equal(stack, right) {
		stack = append(stack, open())
	}
	return stack
}

// Texts that say that there is no error; an empty text does so too.
var noErrors = []string{
	"none", "no errors", "no error", "empty", `""`, "''", "no mistakes", "correct", "all correct", "no issues",
}

// Patterns of Python's re, written out: s is \s, d is \d, and letters that ignore case match what re.IGNORECASE matches.
const (
	reSpace = `\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	reDigit = `\p{Nd}`
	foldI   = `[iIİı]`
	foldS   = `[sSſ]`
	foldK   = `[kK\x{212a}]`
)

var (
	reOnlyNumbers = regexp.MustCompile(`^[0-9,，` + reSpace + `]+$`)
	reAnswer      = regexp.MustCompile(`[Aa]nswer[:` + reSpace + `]+([0-9,，` + reSpace + `]+)`)
	reErrors      = regexp.MustCompile(`(?:[eE][rR][rR][oO][rR]` + foldS + `?|[mM]` + foldI + foldS + `[tT][aA]` + foldK + `[eE]` + foldS +
		`?|[wW][rR][oO][nN][gG]|` + foldI + `[nN][cC][oO][rR][rR][eE][cC][tT]).*?([0-9]+(?:[,，` + reSpace + `]+[0-9]+)*)`)
	reNumberList = regexp.MustCompile(`([0-9]+(?:[,，` + reSpace + `]+[0-9]+)+)`)
	reThought    = regexp.MustCompile(`[Tt]hought[` + reSpace + `]+(` + reDigit + `+)`)
	reDigits     = regexp.MustCompile(reDigit + `+`)
	reBetween    = regexp.MustCompile(`[,，` + reSpace + `]+`)
)

// largestThought bounds the numbers that count in a text without any list of them.
const largestThought = 50

// Verify says whether an answer names just the wrong steps. It need not be a list: a cascade of patterns finds the numbers in prose. With quirks, blanks
// between two digits of a list are dropped where no comma stands ("11 19" after "Answer:" is 1119); without, they part numbers.
func (v ReasoningVerifier) Verify(answer string, quirks bool) bool {
	want, ok := indices(v.Answer)
	if !ok {
		return false
	}
	got, ok := indices(findIndices(answer, quirks))
	return ok && slices.Equal(got, want)
}

// indices returns the numbers in a text as a sorted set, in plain decimal. ok is false where one is too long for Python's int.
func indices(text string) (set []string, ok bool) {
	for _, digits := range reDigits.FindAllString(text, -1) {
		n, err := cpython.ParseInt(digits)
		if err != nil {
			return nil, false
		}
		set = append(set, n.String())
	}
	slices.Sort(set)
	return slices.Compact(set), true
}

// findIndices returns the part of an answer that has the numbers, as the reference's cascade finds it.
func findIndices(answer string, quirks bool) string {
	list := func(s string) string {
		if quirks {
			s = strings.ReplaceAll(s, " ", "")
		}
		return s // what parts numbers doesn't matter to indices
	}
	text := cpython.Strip(answer)
	for _, s := range noErrors {
		if cpython.RuneCount(text) == len(s) && cpython.ContainsLower(text, s) {
			return ""
		}
	}
	if reOnlyNumbers.MatchString(text) {
		return list(text)
	}
	for _, re := range []*regexp.Regexp{reAnswer, reErrors} {
		if m := re.FindStringSubmatch(text); m != nil {
			return list(m[1])
		}
	}
	if m := reNumberList.FindStringSubmatch(text); m != nil {
		return reBetween.ReplaceAllString(m[1], ",")
	}
	lines := strings.Split(text, "\n")
	for _, line := range slices.Backward(lines) {
		if line = cpython.Strip(line); reOnlyNumbers.MatchString(line) {
			return list(line)
		}
	}
	if all := reThought.FindAllStringSubmatch(text, -1); all != nil {
		numbers := make([]string, len(all))
		for i, m := range all {
			numbers[i] = m[1]
		}
		return strings.Join(numbers, ",")
	}
	return smallNumbers(text)
}

// smallNumbers joins the numbers of a text that may be those of thoughts. A number begins with an ASCII digit other than 0 and is no part of a longer one.
func smallNumbers(text string) string {
	var numbers []string
	for _, digits := range reDigits.FindAllString(text, -1) {
		if digits[0] < '1' || digits[0] > '9' {
			continue
		}
		n, err := cpython.ParseInt(digits)
		if err != nil {
			return digits // too long for Python's int: it raises here, and indices says no
		}
		if n.Cmp(big.NewInt(largestThought)) <= 0 {
			numbers = append(numbers, n.String())
		}
	}
	return strings.Join(numbers, ",")
}
