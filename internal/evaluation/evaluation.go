// Package evaluation measures a model on an environment: how much reward its answers earn, how often they are right, and how sure these figures are.
//
// Problems are those of seeds that depend on the evaluation's own seed alone, so two checkpoints that are measured with one seed answer the same
// problems, each attempt with the same generator. On the built-in engine an evaluation is repeatable to the bit.
//
// Specification: grail-validator-and-trainer, B12.
package evaluation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/task"
)

// ErrOptions says that an evaluation of that kind can't be made.
var ErrOptions = errors.New("evaluation has no sense")

// Options of an evaluation.
type Options struct {
	// Environment poses and grades, in this mode.
	Environment task.Environment
	Mode        task.Mode
	// Tasks is the number of problems, Attempts how often each is answered, Seed chooses the problems and the answers.
	Tasks, Attempts int
	Seed            int
	// Sampling is how answers are drawn.
	Sampling grail.GenerationParams
	// Progress is told after each problem; nil for nobody.
	Progress func(done, tasks int, mean float64)
}

// Bounds of an evaluation.
const (
	maxTasks    = 100_000
	maxAttempts = 1024
)

// Report is what an evaluation found.
type Report struct {
	grpo.Evaluation
	// Low and High are the 95 % interval of the mean reward: problems are drawn at random, so the spread is that of the problems' means.
	Low  float64 `json:"reward_low"`
	High float64 `json:"reward_high"`
	// Stopped is the part of the answers that ended by themselves, Length their mean length in tokens.
	Stopped float64 `json:"stopped"`
	Length  float64 `json:"mean_length"`
	// Attempts are all answers' grades, in order.
	Each []grpo.Attempt `json:"-"`
}

// Run measures a model. The error of a problem that can't be posed or graded ends the evaluation: figures over the others would tell of another set.
func Run(ctx context.Context, e engine.Engine, text *engine.Text, o Options) (Report, error) {
	if o.Tasks < 1 || o.Tasks > maxTasks || o.Attempts < 1 || o.Attempts > maxAttempts {
		return Report{}, fmt.Errorf("couldn't evaluate %d tasks %d times: want 1 to %d tasks and 1 to %d attempts: %w", o.Tasks, o.Attempts, maxTasks, maxAttempts, ErrOptions)
	}
	var r Report
	stopped, tokens := 0, 0
	var sum float64
	for i := range o.Tasks {
		made, err := answer(ctx, e, text, o, i)
		if err != nil {
			return r, fmt.Errorf("couldn't evaluate task %d: %w", i, err)
		}
		for _, a := range made {
			r.Each = append(r.Each, a.Attempt)
			sum += a.Reward
			tokens += a.length
			if a.stopped {
				stopped++
			}
		}
		if o.Progress != nil {
			o.Progress(i+1, o.Tasks, sum/float64(len(r.Each)))
		}
	}
	r.Evaluation = grpo.Evaluate(r.Each, grpo.EvaluationKs(o.Attempts))
	n := float64(len(r.Each))
	r.Stopped, r.Length = float64(stopped)/n, float64(tokens)/n
	r.Low, r.High = interval(r.Each, o.Attempts)
	return r, nil
}

// attempt is an answer with what it looked like.
type attempt struct {
	grpo.Attempt
	stopped bool
	length  int
}

// answer lets the model answer one problem.
func answer(ctx context.Context, e engine.Engine, text *engine.Text, o Options, i int) ([]attempt, error) {
	name := strconv.Itoa(i)
	problem, err := o.Environment.Task(uint32(grpo.EvaluationSeed(o.Seed, 0, name, -1)))
	if err != nil {
		return nil, err
	}
	messages := o.Mode.Prepare(problem.Messages())
	chat := make([]engine.Message, len(messages))
	for k, m := range messages {
		chat[k] = engine.Message{Role: m.Role, Content: m.Content}
	}
	prompt, err := text.Render(chat, o.Mode.EnableThinking())
	if err != nil {
		return nil, err
	}
	if room := e.Info().MaxLength - len(prompt); room < 1 {
		return nil, fmt.Errorf("its prompt has %d tokens, the model takes %d", len(prompt), e.Info().MaxLength)
	}
	requests := make([]engine.Request, o.Attempts)
	for k := range requests {
		requests[k] = engine.Request{Prompt: prompt, Seed: grpo.EvaluationSeed(o.Seed, 0, name, k)}
	}
	completions, err := e.Generate(ctx, requests, o.Sampling)
	if err != nil {
		return nil, err
	}
	out := make([]attempt, len(completions))
	for k, c := range completions {
		tokens := c.Tokens
		if c.Stopped { // the end token is no part of the answer
			tokens = tokens[:len(tokens)-1]
		}
		g, err := problem.Grade(ctx, text.Decode(tokens, true))
		if err != nil {
			return nil, err
		}
		out[k] = attempt{grpo.Attempt{Task: name, Replicate: k, Reward: g.Reward, Success: g.Success}, c.Stopped, len(c.Tokens)}
	}
	return out, nil
}

// interval is the mean of the tasks' means plus and minus 1.96 standard errors. One task has an interval of no width.
func interval(each []grpo.Attempt, attempts int) (low, high float64) {
	var means []float64
	var sum float64
	for i := 0; i < len(each); i += attempts {
		var s float64
		for _, a := range each[i : i+attempts] {
			s += a.Reward
		}
		means = append(means, s/float64(attempts))
		sum += means[len(means)-1]
	}
	mean := sum / float64(len(means))
	var squares float64
	for _, m := range means {
		squares += float64((m - mean) * (m - mean))
	}
	if n := float64(len(means)); n > 1 {
		half := 1.96 * math.Sqrt(squares/(n-1)/n)
		return mean - half, mean + half
	}
	return mean, mean
}
