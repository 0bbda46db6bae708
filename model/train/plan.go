package train

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// plan cuts the batch into micro-batches of similar lengths. It depends on the
// batch and the options only, never on threads.
func (t *Trainer) plan(batch []Example, met *Metrics) error {
	t.batches, t.targets = t.batches[:0], t.targets[:0]
	type item struct{ example, n int }
	var items []item
	longest := 0
	for i, e := range batch {
		if e.Weights != nil && len(e.Weights) != len(e.Tokens) {
			return fmt.Errorf("couldn't use example %d: %d weights for %d tokens", i, len(e.Weights), len(e.Tokens))
		}
		if len(e.Tokens) > t.cfg.MaxPositions+1 {
			return fmt.Errorf("couldn't use example %d: %d tokens, the model takes %d", i, len(e.Tokens), t.cfg.MaxPositions)
		}
		n := 0
		for p, tok := range e.Tokens {
			if tok < 0 || int(tok) >= t.cfg.VocabSize {
				return fmt.Errorf("couldn't use example %d: token %d at position %d is outside the vocabulary of %d", i, tok, p, t.cfg.VocabSize)
			}
			if p > 0 && weight(&batch[i], p) != 0 {
				n = p
			}
		}
		if n > 0 { // n input tokens: what follows the last target is not needed
			items = append(items, item{i, n})
			longest = max(longest, n)
		}
	}
	if len(items) == 0 {
		return errors.New("couldn't use the batch: it has no token to predict")
	}
	t.rope.Grow(longest)
	sort.SliceStable(items, func(a, b int) bool { return items[a].n > items[b].n })
	budget := t.opt.MicroTokens
	for len(items) > 0 {
		var pieces []piece
		var targets []target
		rows := 0
		for len(items) > 0 && (rows == 0 || rows+items[0].n <= budget) {
			it := items[0]
			items = items[1:]
			pieces = append(pieces, piece{example: it.example, at: rows, n: it.n})
			for p := 1; p <= it.n; p++ {
				if weight(&batch[it.example], p) != 0 {
					targets = append(targets, target{rows + p - 1, it.example, p, batch[it.example].Tokens[p]})
				}
			}
			rows += it.n
		}
		met.Tokens += rows
		t.batches = append(t.batches, pieces)
		t.targets = append(t.targets, targets)
	}
	return nil
}

func (t *Trainer) crossEntropy(batch []Example) LossFunc {
	var sum float64
	for _, list := range t.targets {
		for _, x := range list {
			sum += math.Abs(weight(&batch[x.example], x.pos))
		}
	}
	inv := 1 / sum
	return func(example, pos int, logp float64) (float64, float64) {
		w := weight(&batch[example], pos) * inv
		return float64(-w * logp), -w
	}
}

func weight(e *Example, pos int) float64 {
	if e.Weights == nil {
		return 1
	}
	return float64(e.Weights[pos])
}
