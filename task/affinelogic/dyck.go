package affinelogic

import (
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// DyckVerifier judges answers to dyck_language: complete a prefix of brackets.
type DyckVerifier struct{ Prefix string }

// attempts is how often the reference tries to make a sequence; hardened rules go on tenfold.
const attempts = 1000

// dyck makes a dyck_language puzzle: a prefix of 20 to 48 brackets of three kinds, whose closing brackets are the answer.
func dyck(seed uint32, quirks bool) (*Puzzle, error) {
	const kinds = 3
	r := cpython.NewRandFromUint64(uint64(seed))
	total := 2 * r.RandInt(20, 30)
	fill := fillLength(r, total)
	sequence, ok := []rune(nil), false
	for attempt := 0; !ok && attempt < tries(quirks); attempt++ {
		sequence, ok = dyckSequence(cpython.NewRandFromUint64(uint64(seed)+uint64(attempt)), kinds, total, total-fill)
	}
	if !ok {
		return nil, unsolved(Dyck, seed)
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

func tries(quirks bool) int {
	if quirks {
		return attempts
	}
	return 10 * attempts
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
