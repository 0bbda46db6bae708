package logicvalidator

import (
	"hash/maphash"
	"strings"
	"sync"
	"unicode"
)

// A reasoning of fewer words says too little to tell whose it is.
const fewWords = 20

// copied is the share of four-word sequences that two reasonings have in common from which they count as one.
const copied = 0.7

// words splits a reasoning into words without regard to case and punctuation.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// sequences are the hashes of all runs of four words.
func sequences(seed maphash.Seed, w []string) map[uint64]struct{} {
	out := make(map[uint64]struct{}, len(w))
	var h maphash.Hash
	h.SetSeed(seed)
	for i := 0; i+4 <= len(w); i++ {
		h.Reset()
		for _, x := range w[i : i+4] {
			_, _ = h.WriteString(x)
			_ = h.WriteByte(' ')
		}
		out[h.Sum64()] = struct{}{}
	}
	return out
}

// alike is the share of sequences in common, of all that either has.
func alike(a, b map[uint64]struct{}) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	common := 0
	for x := range a {
		if _, ok := b[x]; ok {
			common++
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

// canned remembers the reasonings of a round by hash, to find those that are given again for another question.
type canned struct {
	seed maphash.Seed

	mu   sync.Mutex
	seen map[uint64]string // the task that it was first given for
}

// maxCanned bounds what is remembered.
const maxCanned = 1 << 16

func newCanned() *canned { return &canned{seed: maphash.MakeSeed(), seen: map[uint64]string{}} }

// again remembers a reasoning for a question and says whether it was given for another one before.
func (c *canned) again(w []string, question string) bool {
	sum := maphash.String(c.seed, strings.Join(w, " "))
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.seen[sum]; ok {
		return first != question
	}
	if len(c.seen) >= maxCanned {
		clear(c.seen)
	}
	c.seen[sum] = question
	return false
}

// duplicates says which replies of a batch have a reasoning that is somebody else's: of several that are alike all but the quickest, since who
// copies answers later; and those that were given for another question in this round. questions are the raw ones, by reply.
func (c *canned) duplicates(replies []reply, questions []string) []bool {
	out := make([]bool, len(replies))
	text := make([][]string, len(replies))
	sets := make([]map[uint64]struct{}, len(replies))
	for i, r := range replies {
		if !r.ok || r.malformed {
			continue
		}
		if w := words(r.reasoning); len(w) >= fewWords {
			text[i], sets[i] = w, sequences(c.seed, w)
		}
	}
	for i := range replies {
		if sets[i] == nil {
			continue
		}
		out[i] = c.again(text[i], questions[i])
		for j := range replies {
			if j == i || sets[j] == nil || alike(sets[i], sets[j]) < copied {
				continue
			}
			if replies[j].seconds < replies[i].seconds || replies[j].seconds == replies[i].seconds && j < i {
				out[i] = true
			}
		}
	}
	return out
}
