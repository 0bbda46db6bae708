package grpo

import (
	"container/heap"
	"slices"
	"strings"
)

// Sequence is a rollout as it is trained on.
type Sequence struct {
	// Tokens are Prompt and then Completion tokens, cut to Config.MaxLength.
	Tokens             []int32
	Prompt, Completion int
	// Behaviour are the log-probabilities of the completion's tokens when they were sampled.
	Behaviour []float64
	Advantage float64
	Reward    float64
}

// Sequence cuts a rollout to maxLength tokens and finds the log-probabilities of its completion (B7).
func (r Rollout) Sequence(maxLength int) Sequence {
	tokens := r.Tokens[:min(len(r.Tokens), maxLength)]
	prompt := min(r.Prompt, maxLength)
	completion := max(0, min(r.Completion, maxLength-prompt))
	prompt = min(prompt, len(tokens))
	completion = min(completion, len(tokens)-prompt)
	logs := r.LogProbs[:min(len(r.LogProbs), maxLength)]
	if len(logs) >= prompt+completion {
		logs = logs[prompt : prompt+completion]
	} else {
		logs = logs[:min(completion, len(logs))]
	}
	return Sequence{
		Tokens: tokens[:prompt+completion], Prompt: prompt, Completion: completion, Behaviour: logs, Advantage: r.Advantage, Reward: r.Reward,
	}
}

// Epoch is the work of an epoch: the sequences, and for each optimizer step its micro-batches as indices of sequences.
type Epoch struct {
	Sequences []Sequence
	Steps     [][][]int
}

// Plan cuts groups into steps and micro-batches (B7). The order of the groups does not matter: rollouts are sorted by group and nonce.
func (c Config) Plan(groups []Group) Epoch {
	type place struct {
		key string
		r   Rollout
	}
	var all []place
	for _, g := range groups {
		for _, r := range g.Rollouts {
			all = append(all, place{g.Key, r})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int {
		if d := strings.Compare(a.key, b.key); d != 0 {
			return d
		}
		return int(max(-1, min(1, a.r.Nonce-b.r.Nonce)))
	})
	e := Epoch{Sequences: make([]Sequence, len(all))}
	lengths := make([]int, len(all))
	for i, p := range all {
		e.Sequences[i] = p.r.Sequence(c.MaxLength)
		lengths[i] = len(e.Sequences[i].Tokens)
	}
	var micro [][]int
	accumulate := max(1, c.Accumulation)
	if c.MicroTokens > 0 {
		micro = PartitionTokens(lengths, c.MicroTokens, c.MaxLength)
		steps := max(1, len(micro)/accumulate)
		if c.EffectiveBatch > 0 {
			steps = max(1, len(all)/c.EffectiveBatch)
		}
		accumulate = max(1, (len(micro)+steps-1)/steps)
	} else {
		index := make([]int, len(all))
		for i := range index {
			index[i] = i
		}
		micro = slices.Collect(slices.Chunk(index, max(1, c.MicroBatch)))
	}
	e.Steps = slices.Collect(slices.Chunk(micro, accumulate))
	return e
}

// PartitionTokens packs sequences into micro-batches of at most budget tokens: the longest first, each into the open batch with the fewest tokens if
// it fits there, else into a new one. A sequence longer than the budget is alone. Lengths count up to maxLength.
func PartitionTokens(lengths []int, budget, maxLength int) [][]int {
	order := make([]int, len(lengths))
	for i := range order {
		order[i] = i
	}
	length := func(i int) int { return min(lengths[i], maxLength) }
	slices.SortStableFunc(order, func(a, b int) int { return length(b) - length(a) })
	var batches [][]int
	var open loads
	for _, i := range order {
		if len(open) > 0 && open[0].tokens+length(i) <= budget {
			batches[open[0].batch] = append(batches[open[0].batch], i)
			open[0].tokens += length(i)
			heap.Fix(&open, 0)
			continue
		}
		heap.Push(&open, load{length(i), len(batches)})
		batches = append(batches, []int{i})
	}
	return batches
}

// load is a batch being filled; loads is a heap of them, by tokens and then by age.
type load struct{ tokens, batch int }
type loads []load

func (l loads) Len() int { return len(l) }
func (l loads) Less(i, j int) bool {
	return l[i].tokens < l[j].tokens || l[i].tokens == l[j].tokens && l[i].batch < l[j].batch
}
func (l loads) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *loads) Push(x any)   { *l = append(*l, x.(load)) }
func (l *loads) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}
