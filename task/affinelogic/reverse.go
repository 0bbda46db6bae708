package affinelogic

import (
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ReverseDyckVerifier judges answers to dyck_language2: put before a suffix the brackets that it lacks.
type ReverseDyckVerifier struct{ Suffix string }

// reverseDyck makes a dyck_language2 puzzle: a suffix of 3 to 48 brackets of three to eight kinds in one of eight wordings.
func reverseDyck(seed uint32, quirks bool) (*Puzzle, error) {
	r := cpython.NewRandFromUint64(uint64(seed))
	kinds := r.RandInt(3, 8)
	total, fill, sequence, err := drawSequence(r, ReverseDyck, seed, quirks, func() int { return 2 * r.RandInt(3, 30) },
		func(r *cpython.Rand, total, fill int) ([]rune, bool) { return reverseSequence(r, kinds, total, fill) })
	if err != nil {
		return nil, err
	}
	variant := r.RandInt(0, len(reverseTexts)-1)
	text := reverseTexts[variant]
	suffix := string(sequence[fill:])
	return &Puzzle{
		Question: text.parts[0] + suffix + text.parts[1],
		Answer:   string(sequence),
		Metadata: map[string]any{
			"seed": seed, "full_sequence": string(sequence), "opening_prefix": string(sequence[:fill]), "suffix_sequence": suffix,
			"n_types": kinds, "total_length": total, "fill_length": fill, "nesting_depth": 0,
			"prompt_variant": variant, "prompt_name": text.name, "task_type": "reverse",
		},
		verifier: ReverseDyckVerifier{suffix},
		solution: "`" + string(sequence) + "`",
	}, nil
}

// reverseSequence draws fill opening brackets, then closes them with matched pairs in between. ok is false when that doesn't make total brackets.
func reverseSequence(r *cpython.Rand, kinds, total, fill int) (sequence []rune, ok bool) {
	var stack []rune // closing brackets of what is open
	for range fill {
		k := r.Below(kinds)
		sequence = append(sequence, openers[k])
		stack = append(stack, closers[k])
	}
	pop := func() {
		sequence = append(sequence, stack[len(stack)-1])
		stack = stack[:len(stack)-1]
	}
	for remaining := total - len(sequence); remaining > 0; remaining = total - len(sequence) {
		switch depth := len(stack); {
		case remaining == depth:
			for len(stack) > 0 {
				pop()
			}
		case remaining-depth >= 2:
			if r.Float64() >= 0.4 && depth > 0 {
				pop()
				continue
			}
			k := r.Below(kinds)
			sequence = append(sequence, openers[k], closers[k])
		case depth > 0:
			pop()
		default:
			return nil, false
		}
	}
	return sequence, len(sequence) == total && balanced(sequence)
}

// Verify says whether the last stretch between backticks that is nothing but brackets is the suffix with the opening brackets before it that it lacks,
// no more. quirks makes no difference.
func (v ReverseDyckVerifier) Verify(answer string, _ bool) bool {
	last := ""
	for {
		_, after, ok := strings.Cut(answer, "`")
		if !ok {
			break
		}
		span, rest, ok := strings.Cut(after, "`")
		if !ok {
			break
		}
		if span = cpython.Strip(span); span != "" && strings.IndexFunc(span, func(r rune) bool { return !isBracket(r) }) < 0 {
			last = span
		}
		answer = rest
	}
	return v.Suffix != "" && last == missingOpeners(v.Suffix)+v.Suffix && balanced([]rune(last))
}
