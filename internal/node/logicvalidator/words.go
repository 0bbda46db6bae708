package logicvalidator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/logicnet"
)

// posed is a problem as one miner gets it.
type posed struct {
	problem  Problem
	question string // in the words for this miner
	task     string // the name of the task in logs
}

// rewriters is how many rewrites of a batch are asked for at a time.
const rewriters = 4

// phrase puts a problem into words for the miners of a batch: the same for all, or under RewritePerMiner others for each. Where no words are to be had
// the question is asked as it is; under RewritePerMiner each miner then gets numbers of its own, where the source can vary them.
func (v *Validator) phrase(ctx context.Context, p Problem, from Source, n int) []posed {
	rng := v.rand()
	out := make([]posed, n)
	if !v.cfg.Rules.RewritePerMiner {
		one := posed{problem: p, task: logicnet.TaskUID(rng)}
		one.question, _ = v.rephrase(ctx, p.Question)
		for i := range out {
			out[i] = one
		}
		return out
	}
	for i := range out {
		out[i].task = logicnet.TaskUID(rng)
	}
	var failures atomic.Int32
	var taken sync.Mutex
	asIs := false // somebody got the question as it is
	each(ctx, rewriters, n, func(ctx context.Context, i int) {
		ok := false
		if failures.Load() < 2 { // a model that is down must not cost each miner's time
			if out[i].question, ok = v.rephrase(ctx, p.Question); !ok {
				failures.Add(1)
			}
		}
		out[i].problem = p
		if ok {
			return
		}
		out[i].question = p.Question
		taken.Lock()
		first := !asIs
		asIs = true
		taken.Unlock()
		if varier, can := from.(Varier); can && !first {
			if other, err := varier.Vary(ctx, p); err == nil {
				out[i].problem, out[i].question = other, other.Question
			}
		}
	})
	for i := range out {
		if out[i].question == "" { // ctx ended
			out[i].problem, out[i].question = p, p.Question
		}
	}
	return out
}

// rephrase puts a question into other words; ok is false where it stays as it is.
func (v *Validator) rephrase(ctx context.Context, question string) (text string, ok bool) {
	if v.cfg.Rephraser == nil {
		return question, false
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.RephrasePatience)
	defer cancel()
	text, err := v.cfg.Rephraser.Rephrase(ctx, question, v.rand())
	if err != nil || text == "" || len(text) > longestQuestion {
		if err != nil && ctx.Err() == nil {
			v.seldom(&v.rephraseFault, fmt.Errorf("couldn't find other words: %w", plainly(err)), "questions are asked in their own words, with other numbers for each miner where that is possible")
		}
		return question, false
	}
	return text, true
}

// longestQuestion bounds what is sent to miners, in bytes.
const longestQuestion = 16 << 10

// faultEvery is how often a fault that may come with every answer is told.
const faultEvery = time.Minute
