package tokenizer

import (
	"container/heap"
	"fmt"
	"iter"
	"slices"
)

// maxWord is the longest word, in bytes, that training looks at; longer ones would only teach the tokenizer noise.
const maxWord = 256

// TrainBPE learns a byte-level BPE vocabulary of vocabSize tokens from the corpus. The 256 bytes come first, each byte's id being its value,
// then the learnt tokens in the order of their merges, then the added ones, which also count. Words are cut by the
// Qwen2 pattern after NFC; added tokens in the corpus aren't treated specially, so leave them out of it.
//
// It is deterministic: the most frequent pair is merged first, among equals the one with the lower ids.
// A corpus with too few pairs that occur twice gives a smaller vocabulary.
func TrainBPE(corpus iter.Seq[string], vocabSize int, added []AddedToken) (Spec, error) {
	learn := vocabSize - 256 - len(added)
	if learn < 0 || vocabSize > maxVocab {
		return Spec{}, fmt.Errorf("couldn't train tokenizer: vocabulary of %d doesn't lie between %d (bytes and added tokens) and %d", vocabSize, 256+len(added), maxVocab)
	}
	tr := newTrainer(corpus)
	spec := Spec{Pattern: Qwen2, NFC: true, Added: slices.Clone(added)}
	for b := range 256 {
		spec.Tokens = append(spec.Tokens, string([]byte{byte(b)}))
	}
	made := make(map[string]bool, vocabSize)
	for len(spec.Merges) < learn && tr.queue.Len() > 0 {
		c := heap.Pop(&tr.queue).(candidate)
		if now := tr.pairs[c.pair]; now == nil || now.count != c.count {
			if now != nil && now.count > 1 { // the count fell since the candidate was queued
				heap.Push(&tr.queue, candidate{c.pair, now.count})
			}
			continue
		}
		bytes := spec.Tokens[c.pair[0]] + spec.Tokens[c.pair[1]]
		if made[bytes] { // the same bytes by another way; the file format has one id for them
			delete(tr.pairs, c.pair)
			continue
		}
		made[bytes] = true
		tr.merge(c.pair, int32(len(spec.Tokens)))
		spec.Tokens = append(spec.Tokens, bytes)
		spec.Merges = append(spec.Merges, c.pair)
	}
	return spec, nil
}

type trainWord struct {
	ids   []int32
	count int64
}

type pairCount struct {
	count int64
	words map[int32]struct{} // words that hold, or once held, the pair
}

// trainer keeps the count of every pair of neighbours while words shrink.
type trainer struct {
	words []trainWord
	pairs map[[2]int32]*pairCount
	queue candidates
}

func newTrainer(corpus iter.Seq[string]) *trainer {
	index := map[string]int{}
	tr := &trainer{pairs: map[[2]int32]*pairCount{}}
	for text := range corpus {
		text = normalizeNFC(Lossy(text))
		for len(text) > 0 {
			n := nextCL100K(text, 1)
			word := text[:n]
			text = text[n:]
			if n > maxWord {
				continue
			}
			i, ok := index[word]
			if !ok {
				i = len(tr.words)
				ids := make([]int32, n)
				for j := range ids {
					ids[j] = int32(word[j])
				}
				index[string([]byte(word))] = i // a copy: word would keep the whole text alive
				tr.words = append(tr.words, trainWord{ids: ids})
			}
			tr.words[i].count++
		}
	}
	for i := range tr.words {
		tr.count(int32(i), 1)
	}
	for p, c := range tr.pairs {
		if c.count > 1 {
			tr.queue = append(tr.queue, candidate{p, c.count})
		}
	}
	heap.Init(&tr.queue)
	return tr
}

// count adds the pairs of word i, or takes them away with sign -1.
func (tr *trainer) count(i int32, sign int64) {
	w := tr.words[i]
	for j := range len(w.ids) - 1 {
		p := [2]int32{w.ids[j], w.ids[j+1]}
		c := tr.pairs[p]
		if c == nil {
			c = &pairCount{words: map[int32]struct{}{}}
			tr.pairs[p] = c
		}
		c.count += sign * w.count
		if sign > 0 {
			c.words[i] = struct{}{}
		}
	}
}

// merge replaces the pair by the token id in every word, left to right, and queues the pairs that thereby arise.
func (tr *trainer) merge(p [2]int32, id int32) {
	affected := make([]int32, 0, len(tr.pairs[p].words))
	for i := range tr.pairs[p].words {
		affected = append(affected, i)
	}
	fresh := map[[2]int32]bool{}
	for _, i := range affected {
		tr.count(i, -1)
		ids := tr.words[i].ids
		out := ids[:0]
		for j := 0; j < len(ids); j++ {
			if j+1 < len(ids) && ids[j] == p[0] && ids[j+1] == p[1] {
				out = append(out, id)
				j++
			} else {
				out = append(out, ids[j])
			}
		}
		tr.words[i].ids = out
		tr.count(i, 1)
		for j := range len(out) - 1 {
			if out[j] == id || out[j+1] == id {
				fresh[[2]int32{out[j], out[j+1]}] = true
			}
		}
	}
	delete(tr.pairs, p)
	for q := range fresh {
		if c := tr.pairs[q]; c.count > 1 {
			heap.Push(&tr.queue, candidate{q, c.count})
		}
	}
}

// candidate is a pair with the count that it had when it was queued. Counts of queued pairs only fall.
type candidate struct {
	pair  [2]int32
	count int64
}

type candidates []candidate

func (c candidates) Len() int      { return len(c) }
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c candidates) Less(i, j int) bool {
	if c[i].count != c[j].count {
		return c[i].count > c[j].count
	}
	return slices.Compare(c[i].pair[:], c[j].pair[:]) < 0
}
func (c *candidates) Push(x any) { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	old := *c
	x := old[len(old)-1]
	*c = old[:len(old)-1]
	return x
}
