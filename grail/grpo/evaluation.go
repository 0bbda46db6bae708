package grpo

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Attempt is one answer to a task of an evaluation (B12).
type Attempt struct {
	Task      string
	Replicate int
	Reward    float64
	Success   bool
}

// AtK are the figures of an evaluation for a number of attempts a task, each a mean over tasks. A task with fewer attempts counts those it has.
type AtK struct {
	K           int     `json:"k"`
	Pass        float64 `json:"pass"`         // the chance that one of k attempts, drawn without replacement, succeeds
	PassOrdered float64 `json:"pass_ordered"` // whether one of the first k succeeds
	Mean        float64 `json:"mean"`         // of the first k rewards
	Best        float64 `json:"best"`         // of the first k rewards
}

// Evaluation are the figures of all attempts.
type Evaluation struct {
	Tasks    int `json:"tasks"`
	Attempts int `json:"attempts"`
	// RewardMean and RewardSD (population) are over all attempts, SuccessRate too; those by task are means over tasks of the tasks' means.
	RewardMean        float64 `json:"reward_mean"`
	RewardSD          float64 `json:"reward_sd"`
	SuccessRate       float64 `json:"success_rate"`
	RewardMeanByTask  float64 `json:"reward_mean_by_task"`
	SuccessRateByTask float64 `json:"success_rate_by_task"`
	AtK               []AtK   `json:"at_k"`
}

// Evaluate gives the figures of attempts, for each k of ks. Without attempts it is the zero Evaluation.
func Evaluate(attempts []Attempt, ks []int) Evaluation {
	if len(attempts) == 0 {
		return Evaluation{}
	}
	byTask, order := map[string][]Attempt{}, []string{}
	for _, a := range attempts {
		if byTask[a.Task] == nil {
			order = append(order, a.Task)
		}
		byTask[a.Task] = append(byTask[a.Task], a)
	}
	e := Evaluation{Tasks: len(order), Attempts: len(attempts)}
	e.RewardMean, e.SuccessRate = rates(attempts)
	squares := make([]float64, len(attempts))
	for i, a := range attempts {
		squares[i] = float64((a.Reward - e.RewardMean) * (a.Reward - e.RewardMean))
	}
	e.RewardSD = math.Sqrt(mean(squares))
	var rewards, successes []float64
	for _, name := range order {
		slices.SortStableFunc(byTask[name], func(a, b Attempt) int { return a.Replicate - b.Replicate })
		r, s := rates(byTask[name])
		rewards, successes = append(rewards, r), append(successes, s)
	}
	e.RewardMeanByTask, e.SuccessRateByTask = mean(rewards), mean(successes)
	for _, k := range ks {
		var pass, ordered, means, best []float64
		for _, name := range order {
			all := byTask[name]
			first := all[:min(k, len(all))]
			m, s := rates(first)
			top := first[0].Reward
			for _, a := range first {
				top = max(top, a.Reward)
			}
			hit := 0.0
			if s > 0 {
				hit = 1
			}
			pass, ordered, means, best = append(pass, passAt(all, len(first))), append(ordered, hit), append(means, m), append(best, top)
		}
		e.AtK = append(e.AtK, AtK{K: k, Pass: mean(pass), PassOrdered: mean(ordered), Mean: mean(means), Best: mean(best)})
	}
	return e
}

// rates are the means of rewards and successes.
func rates(attempts []Attempt) (reward, success float64) {
	rewards, n := make([]float64, len(attempts)), 0
	for i, a := range attempts {
		rewards[i] = a.Reward
		if a.Success {
			n++
		}
	}
	return mean(rewards), float64(n) / float64(len(attempts))
}

// passAt is 1 − C(n−c, k)/C(n, k) for n attempts of which c succeed.
func passAt(all []Attempt, k int) float64 {
	n, failed := len(all), 0
	for _, a := range all {
		if !a.Success {
			failed++
		}
	}
	miss := 1.0
	for i := range k {
		miss *= float64(max(0, failed-i)) / float64(n-i)
	}
	return 1 - miss
}

// EvaluationKs are the numbers of attempts that are reported for n attempts a task: 1, 5, 10 and n, as far as there are so many.
func EvaluationKs(n int) []int {
	n = max(1, n)
	ks := []int{1, min(5, n), min(10, n), n}
	slices.Sort(ks)
	return slices.Compact(ks)
}

// EvaluationSeed is the generator's seed of one attempt: below 2⁶³, and the same wherever the evaluation is made.
func EvaluationSeed(base int, cycle int64, task string, replicate int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%d:%s:%d", base, cycle, task, replicate))
	return binary.BigEndian.Uint64(sum[:]) &^ (1 << 63)
}

// EvaluationSubset are the indices of the tasks of an evaluation of size tasks out of n, ascending.
func EvaluationSubset(n, size int, base uint32) []int {
	out := cpython.NewRandLegacy(base).PermutationLegacy(n)
	out = out[:min(max(size, 0), n)]
	slices.Sort(out)
	return out
}

// Utilisation says what part of a processor's peak a step used: 6·parameters and attention's 12·heads·width·layers·length operations a token.
// tflops are those done a second.
func Utilisation(parameters, layers, heads, width, tokens int, length, seconds, peakTFLOPS float64) (mfu, tflops, tokensPerSecond float64) {
	if seconds <= 0 {
		return 0, 0, 0
	}
	perToken := 6*float64(parameters) + float64(12*float64(heads*width*layers)*length)
	tflops = float64(tokens) * perToken / seconds / 1e12
	if peakTFLOPS > 0 {
		mfu = tflops / peakTFLOPS
	}
	return mfu, tflops, float64(tokens) / seconds
}
