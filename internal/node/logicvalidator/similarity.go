package logicvalidator

import (
	"context"
	"errors"
	"fmt"
)

// similarities compares the reasonings of the replies that count with the validator's own, each with that of its problem. Section 7.2.
func (v *Validator) similarities(ctx context.Context, index []int, puts []posed, replies []reply, own map[Problem]string) []float64 {
	out := make([]float64, len(index))
	groups := map[Problem][]int{}
	var order []Problem
	for k, i := range index {
		p := puts[i].problem
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], k)
	}
	for _, p := range order {
		texts := []string{own[p]}
		var which []int
		for _, k := range groups[p] {
			if r := replies[index[k]]; r.ok && !r.malformed {
				texts = append(texts, r.reasoning)
				which = append(which, k)
			}
		}
		if len(which) == 0 {
			continue
		}
		vectors := v.embed(ctx, texts)
		for j, s := range v.cfg.Rules.Similarities(vectors[0], vectors[1:]) {
			out[which[j]] = s
		}
	}
	return out
}

// embed gives the vector of each text, nil for those that have none. texts[0] is the validator's own: without it there is nothing to compare, and
// nobody is embedded. A text that cannot be embedded doesn't keep others from it.
func (v *Validator) embed(ctx context.Context, texts []string) [][]float32 {
	out := make([][]float32, len(texts))
	if v.cfg.Encoder == nil || texts[0] == "" {
		return out
	}
	all, err := v.cfg.Encoder.Embed(ctx, texts)
	if err == nil && len(all) == len(texts) {
		return all
	}
	for i, t := range texts {
		one, failed := v.cfg.Encoder.Embed(ctx, []string{t})
		switch {
		case failed == nil && len(one) == 1:
			out[i] = one[0]
		case i == 0:
			if ctx.Err() == nil && failed != nil {
				why := errors.New("couldn't embed the validator's own reasoning") // the cause may repeat it
				var status statusError
				if errors.As(failed, &status) {
					why = fmt.Errorf("%w: %w", why, status)
				}
				v.seldom(&v.embedFault, why, "nobody's reasoning is more similar than another's in this batch")
			}
			return make([][]float32, len(texts))
		}
	}
	return out
}
