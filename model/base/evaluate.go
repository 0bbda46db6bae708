package base

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model"
)

// heldOut is the seed of the problems that measure a model. No training seed
// reaches them: the generator is PCG(seed, number) and training seeds are below 2^63.
const heldOut = 0xffff_6e61_6e74_656f

// Trial says how a model is measured.
type Trial struct {
	Problems   int // different problems; 0: 100
	Samples    int // completions a problem; 0: 1
	Arithmetic bool
	model.Sampling
}

// Report is what a trial found. Shares are of all completions unless said otherwise.
type Report struct {
	Completions int     `json:"completions"`
	WellFormed  float64 `json:"well_formed"`
	Satisfied   float64 `json:"satisfied"`        // all clauses true, or the right number
	BestOf      float64 `json:"best_of"`          // share of problems that at least one completion satisfies
	Mixed       float64 `json:"mixed"`            // share of problems with successes and failures: what GRPO learns from
	Reward      float64 `json:"reward"`           // mean, end-of-sequence text stripped
	Random      float64 `json:"random"`           // success of one random assignment
	Stopped     float64 `json:"stopped"`          // ended by themselves
	Shortest    int     `json:"shortest"`         // tokens
	MeanLength  float64 `json:"mean_length"`      // tokens
	Longest     int     `json:"longest"`          // tokens
	Plausible   float64 `json:"plausible"`        // pass the distribution check of the protocol
	LeastEOS    float64 `json:"least_eos"`        // smallest probability of an end that was taken
	MedianEOS   float64 `json:"median_eos"`       // its median
	Decisions   float64 `json:"median_of_chosen"` // median over completions of the median probability of their tokens
}

// String is the report on one line.
func (r Report) String() string {
	return fmt.Sprintf("well-formed %.1f%%, satisfied %.1f%% (random %.1f%%), best of group %.1f%%, mixed %.1f%%, reward %.3f, "+
		"stopped %.1f%%, %d/%.0f/%d tokens, plausible %.1f%%, eos %.3f/%.3f, median p %.2f",
		100*r.WellFormed, 100*r.Satisfied, 100*r.Random, 100*r.BestOf, 100*r.Mixed, r.Reward,
		100*r.Stopped, r.Shortest, r.MeanLength, r.Longest, 100*r.Plausible, r.LeastEOS, r.MedianEOS, r.Decisions)
}

// Evaluate samples completions of held-out problems, drawn like those of the
// SAT environment, and grades them. The result depends on the model and the trial only.
func Evaluate(ctx context.Context, m *model.Model, v *Vocabulary, trial Trial) (Report, error) {
	if trial.Problems == 0 {
		trial.Problems = 100
	}
	if trial.Samples == 0 {
		trial.Samples = 1
	}
	if trial.MaxTokens == 0 {
		trial.MaxTokens = 256
	}
	const together = 64 // sequences of one call
	var rep Report
	var all []graded
	for first := 0; first < trial.Problems; {
		var requests []model.Request
		var judges []func(string) grade
		for ; first < trial.Problems && (len(requests) == 0 || len(requests)+trial.Samples <= together); first++ {
			user, judge, random := question(source(heldOut, int64(first)), trial.Arithmetic)
			rep.Random += random
			prompt := v.Encode(render(user))
			for s := range trial.Samples {
				requests = append(requests, model.Request{Prompt: prompt, Seed: uint64(first)<<20 + uint64(s)})
				judges = append(judges, judge)
			}
		}
		list, err := gradeAll(ctx, m, v, trial, requests, judges)
		if err != nil {
			return rep, err
		}
		all = append(all, list...)
	}
	rep.Random /= float64(trial.Problems)
	rep.summarise(all, trial)
	return rep, nil
}

// question draws a held-out question, its judge and the chance of a random answer.
func question(r *rand.Rand, sums bool) (user string, judge func(string) grade, random float64) {
	if sums {
		user, _, result := arithmetic(r)
		return user, func(text string) grade { return gradeNumber(text, result) }, 0
	}
	p := randomProblem(r, false, maxVariables)
	return p.prompt(), p.grade, float64(len(p.solutions())) / float64(int(1)<<p.variables)
}

type graded struct {
	grade
	length  int
	stopped bool
	probs   []float64
	eos     float64
}

func gradeAll(ctx context.Context, m *model.Model, v *Vocabulary, trial Trial, requests []model.Request, judges []func(string) grade) ([]graded, error) {
	completions, err := m.Generate(ctx, requests, trial.Sampling)
	if err != nil {
		return nil, fmt.Errorf("couldn't sample completions: %w", err)
	}
	var list []graded
	var sequences []model.Sequence
	for i, c := range completions {
		list = append(list, graded{
			grade: judges[i](v.Decode(c.Tokens)), length: len(c.Tokens),
			stopped: len(c.Tokens) > 0 && c.Tokens[len(c.Tokens)-1] == v.EOS(),
		})
		sequences = append(sequences, model.Sequence{
			Tokens:       slices.Concat(requests[i].Prompt, c.Tokens),
			PromptLength: len(requests[i].Prompt),
		})
	}
	replays, err := m.Replay(ctx, sequences, model.ReplayOptions{
		Temperature: trial.Temperature, RepetitionPenalty: trial.RepetitionPenalty, EOS: int(v.EOS()),
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't replay completions: %w", err)
	}
	for i, r := range replays {
		list[i].probs, list[i].eos = r.ChosenProbs, r.EOSProb
	}
	return list, nil
}

func (rep *Report) summarise(all []graded, trial Trial) {
	rep.Completions, rep.Shortest = len(all), math.MaxInt
	var ends, medians []float64
	for g := 0; g < len(all); g += trial.Samples {
		successes := 0
		for _, x := range all[g : g+trial.Samples] {
			if x.satisfied {
				successes++
			}
			count(&rep.WellFormed, x.wellFormed)
			count(&rep.Satisfied, x.satisfied)
			count(&rep.Stopped, x.stopped)
			count(&rep.Plausible, plausible(x.probs))
			rep.Reward += x.reward
			rep.MeanLength += float64(x.length)
			rep.Shortest, rep.Longest = min(rep.Shortest, x.length), max(rep.Longest, x.length)
			if x.stopped {
				ends = append(ends, x.eos)
			}
			medians = append(medians, quantile(x.probs, 0.5))
		}
		count(&rep.BestOf, successes > 0)
		count(&rep.Mixed, successes > 0 && successes < trial.Samples)
	}
	n := float64(len(all))
	for _, share := range []*float64{&rep.WellFormed, &rep.Satisfied, &rep.Stopped, &rep.Plausible, &rep.Reward, &rep.MeanLength} {
		*share /= n
	}
	rep.BestOf /= n / float64(trial.Samples)
	rep.Mixed /= n / float64(trial.Samples)
	rep.LeastEOS, rep.MedianEOS = quantile(ends, 0), quantile(ends, 0.5)
	rep.Decisions = quantile(medians, 0.5)
}

func count(share *float64, yes bool) {
	if yes {
		*share++
	}
}

// plausible is the verdict of the protocol's distribution check
// (grail-protocol 7.13) on the probabilities of a completion's tokens.
func plausible(p []float64) bool {
	return len(p) >= 30 && quantile(p, 0.5) > 0.30 && quantile(p, 0) > 1e-5 &&
		quantile(p, 0.1) > 0.025 && quantile(p[:min(50, len(p))], 0.1) > 0.025
}

// quantile interpolates linearly between order statistics; 0 for an empty list.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	x := slices.Sorted(slices.Values(values))
	h := q * float64(len(x)-1)
	lo := int(h)
	if lo+1 >= len(x) {
		return x[lo]
	}
	return x[lo] + float64((x[lo+1]-x[lo])*(h-float64(lo)))
}

// table writes reports side by side under their names, for the log.
func table(names []string, reports []Report) string {
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "  %-22s %s\n", name, reports[i])
	}
	return b.String()
}
