package affinelogic

import (
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// DyckVerifier judges answers to dyck_language: complete a prefix of brackets.
type DyckVerifier struct{ Prefix string }

// attempts is how often a generator tries to make something of the lengths that it has drawn.
const attempts = 1000

// redraws is how often hardened rules draw other lengths then. Some lengths need 28 opening brackets in a row; a handful of draws is always enough.
const redraws = 100

// dyck makes a dyck_language puzzle: a prefix of 20 to 48 brackets of three kinds, whose closing brackets are the answer.
func dyck(seed uint32, quirks bool) (*Puzzle, error) {
	const kinds = 3
	r := cpython.NewRandFromUint64(uint64(seed))
	total, fill, sequence, err := drawSequence(r, Dyck, seed, quirks, func() int { return 2 * r.RandInt(20, 30) },
		func(r *cpython.Rand, total, fill int) ([]rune, bool) {
			return dyckSequence(r, kinds, total, total-fill)
		})
	if err != nil {
		return nil, err
	}
	prefix, suffix := string(sequence[:total-fill]), string(sequence[total-fill:])
	return &Puzzle{
		Question: dyckText[0] + prefix + dyckText[1],
		Answer:   suffix,
		Metadata: map[string]any{
			"seed": seed, "full_sequence": string(sequence), "question_sequence": prefix, "closing_sequence": suffix,
			"n_types": kinds, "total_length": total, "fill_length": fill, "nesting_depth": 0,
		},
		verifier: DyckVerifier{prefix},
		solution: string(sequence),
	}, nil
}

// fillLength draws how many brackets the answer has: a fifth to half of all.
func fillLength(r *cpython.Rand, total int) int {
	return r.RandInt(max(1, int(float64(total)*0.2)), min(int(float64(total)*0.5), total/2))
}

// drawSequence draws a total and how much of it to fill, and makes a sequence of them, each attempt with a generator of its own. With quirks it
// gives up after the first lengths.
func drawSequence(r *cpython.Rand, f Family, seed uint32, quirks bool, length func() int, make func(r *cpython.Rand, total, fill int) ([]rune, bool)) (
	total, fill int, sequence []rune, err error,
) {
	for redraw := range uint64(redraws) {
		total = length()
		fill = fillLength(r, total)
		for attempt := range uint64(attempts) {
			own := cpython.NewRandFromUint64(uint64(seed) + redraw*attempts + attempt)
			if sequence, ok := make(own, total, fill); ok {
				return total, fill, sequence, nil
			}
		}
		if quirks {
			break
		}
	}
	return 0, 0, nil, unsolved(f, seed)
}

// dyckSequence draws cut brackets and closes what is open then. ok is false when that doesn't make total brackets.
func dyckSequence(r *cpython.Rand, kinds, total, cut int) (sequence []rune, ok bool) {
	var stack []rune // closing brackets of what is open
	for len(sequence) < cut {
		if len(stack) > 0 && cut-len(sequence) > len(stack) && r.Float64() >= 0.6 {
			sequence = append(sequence, stack[len(stack)-1])
			stack = stack[:len(stack)-1]
			continue
		}
		k := r.Below(kinds)
		sequence = append(sequence, openers[k])
		stack = append(stack, closers[k])
	}
	if len(sequence)+len(stack) != total {
		return nil, false
	}
	for i := len(stack) - 1; i >= 0; i-- {
		sequence = append(sequence, stack[i])
	}
	return sequence, true
}

// Verify says whether the longest balanced run of brackets in an answer is the prefix and the closing brackets that it lacks, no more. White space and
// one pair of quotes around all of it don't count. quirks makes no difference.
func (v DyckVerifier) Verify(answer string, _ bool) bool {
	text := strings.Join(strings.FieldsFunc(answer, cpython.IsSpace), "")
	for _, escape := range []string{`\n`, `\t`, `\r`} {
		text = strings.ReplaceAll(text, escape, "")
	}
	if n := len(text); n >= 2 && text[0] == text[n-1] && (text[0] == '"' || text[0] == '\'') {
		text = text[1 : n-1]
	}
	var best, segment []rune
	for _, r := range text + " " {
		if isBracket(r) {
			segment = append(segment, r)
			continue
		}
		if len(segment) > len(best) {
			if run := longestBalanced(segment); len(run) > len(best) {
				best = append([]rune(nil), run...)
			}
		}
		segment = segment[:0]
	}
	return v.Prefix != "" && len(best) > 0 && string(best) == v.Prefix+missingClosers(v.Prefix)
}
