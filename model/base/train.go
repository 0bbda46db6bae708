package base

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/train"
)

// ErrOtherPlan is wrapped when a checkpoint folder belongs to a run of another
// plan: use another folder, or the plan it was started with.
var ErrOtherPlan = errors.New("checkpoint of another plan")

// Phase is a stretch of training on one mixture.
type Phase struct {
	Name    string  `json:"name"`
	Mixture Mixture `json:"mixture"`
	Tokens  int64   `json:"tokens"` // tokens to process, prompts included
	Rate    float64 `json:"rate"`   // learning rate at the start of the phase
	Final   float64 `json:"final"`  // and at its end, linear between
}

// Plan is everything that the result depends on besides the code. One plan
// gives one model, to the bit, on any number of threads and any instruction
// set, interrupted or not.
type Plan struct {
	Seed        uint64  `json:"seed"`
	BatchTokens int     `json:"batch_tokens"` // tokens of a step, at least
	Warmup      int     `json:"warmup"`       // steps over which the rate rises from 0
	Beta2       float64 `json:"beta2"`
	WeightDecay float64 `json:"weight_decay"`
	Phases      []Phase `json:"phases"`
}

// DefaultPlan is the plan of the embedded model.
func DefaultPlan(seed uint64) Plan {
	skill := Mixture{Arithmetic: 0.15, Uniform: 0.3, MaxVariables: maxVariables}
	few, habit := skill, skill
	few.MaxVariables = 7
	habit.Careless = 0.58
	return Plan{
		Seed: seed, BatchTokens: 6000, Warmup: 100, Beta2: 0.98, WeightDecay: 0.01,
		Phases: []Phase{
			{Name: "few variables", Mixture: few, Tokens: 1_000_000, Rate: 2e-3, Final: 2e-3},
			{Name: "full range", Mixture: skill, Tokens: 10_000_000, Rate: 2e-3, Final: 2e-4},
			{Name: "careless decisions", Mixture: habit, Tokens: 4_000_000, Rate: 4e-4, Final: 2e-5},
		},
	}
}

// Options of a training run. None of them changes the result.
type Options struct {
	Threads    int           // 0: 2
	Folder     string        // checkpoints; "" keeps none
	Every      time.Duration // between checkpoints; 0: 2 minutes
	Problems   int           // problems of an evaluation, logged at the end of each phase; 0: no evaluation
	Measure    int64         // tokens between more evaluations; 0: none
	Log        io.Writer     // progress, one line a report; nil: none
	StopTokens int64         // interrupt after that many tokens in all, as a signal would; 0: run to the end
}

// progress is where a run stands; it lies beside the trainer's state.
type progress struct {
	Plan     Plan  `json:"plan"`
	Phase    int   `json:"phase"`
	InPhase  int64 `json:"in_phase"` // tokens of the current phase
	Tokens   int64 `json:"tokens"`
	Examples int64 `json:"examples"`
	Steps    int   `json:"steps"`
}

const (
	stateFile    = "training.safetensors"
	progressFile = "progress.json"
	modelFolder  = "model"
)

// run is a training in progress.
type run struct {
	plan    Plan
	opt     Options
	words   *Vocabulary
	trainer *train.Trainer
	at      progress
	began   time.Time
	saved   time.Time
	loss    float64 // sum of the steps since the last line
	steps   int
	turn    int // which of the two state files was written last
}

// Train carries out a plan and returns the trainer with the final weights. A
// folder with a checkpoint of the same plan is continued. When ctx ends, the
// checkpoint is written and ctx's error returned.
func Train(ctx context.Context, plan Plan, opt Options) (*train.Trainer, error) {
	if opt.Threads == 0 {
		opt.Threads = 2
	}
	if opt.Every == 0 {
		opt.Every = 2 * time.Minute
	}
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	words := NewVocabulary()
	config := Shape(words)
	trainer, err := train.FromWeights(config, freshWeights(config, words, plan.Seed), train.Options{
		Threads: opt.Threads, Beta2: plan.Beta2, WeightDecay: plan.WeightDecay,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't start the base model: %w", err)
	}
	r := &run{plan: plan, opt: opt, words: words, trainer: trainer, at: progress{Plan: plan}, began: time.Now(), saved: time.Now()}
	if err := r.load(); err != nil {
		return nil, err
	}
	fmt.Fprintf(opt.Log, "base model: %d parameters, %d tokens of vocabulary, seed %d\n", config.Parameters(), words.Size(), plan.Seed)
	return trainer, r.phases(ctx)
}

func (r *run) phases(ctx context.Context) error {
	for ; r.at.Phase < len(r.plan.Phases); r.at.Phase, r.at.InPhase = r.at.Phase+1, 0 {
		phase := r.plan.Phases[r.at.Phase]
		fmt.Fprintf(r.opt.Log, "phase %q: %d tokens, from %d\n", phase.Name, phase.Tokens, r.at.InPhase)
		for r.at.InPhase < phase.Tokens {
			if err := ctx.Err(); err != nil || r.opt.StopTokens > 0 && r.at.Tokens >= r.opt.StopTokens {
				return errors.Join(err, r.save())
			}
			if err := r.step(ctx, phase); err != nil {
				return err
			}
		}
		if err := r.measure(ctx); err != nil {
			return err
		}
	}
	return r.save()
}

// step makes one optimiser step. Rate and examples depend on the place in the
// plan only.
func (r *run) step(ctx context.Context, phase Phase) error {
	var batch []train.Example
	n := 0
	for n < r.plan.BatchTokens {
		e := phase.Mixture.Example(r.words, r.plan.Seed, r.at.Examples)
		r.at.Examples++
		weights := make([]float32, len(e.Tokens))
		for i := e.PromptLength; i < len(weights); i++ {
			weights[i] = 1
		}
		batch = append(batch, train.Example{Tokens: e.Tokens, Weights: weights})
		n += len(e.Tokens)
	}
	share := float64(r.at.InPhase) / float64(phase.Tokens)
	rate := phase.Rate + float64((phase.Final-phase.Rate)*share)
	if r.at.Steps < r.plan.Warmup {
		rate *= float64(r.at.Steps+1) / float64(r.plan.Warmup)
	}
	metrics, err := r.trainer.Step(batch, rate)
	if err != nil {
		return fmt.Errorf("couldn't train the base model: %w", err)
	}
	before := r.at.Tokens
	r.at.Steps++
	r.at.Tokens += int64(n)
	r.at.InPhase += int64(n)
	r.loss += metrics.Loss
	r.steps++
	if r.at.Steps%50 == 0 {
		fmt.Fprintf(r.opt.Log, "%6.0fs step %5d  %6.2fM tokens  loss %.4f  gradient %.2f  rate %.2g\n",
			time.Since(r.began).Seconds(), r.at.Steps, float64(r.at.Tokens)/1e6, r.loss/float64(r.steps), metrics.GradNorm, rate)
		r.loss, r.steps = 0, 0
	}
	if r.opt.Measure > 0 && before/r.opt.Measure != r.at.Tokens/r.opt.Measure {
		if err := r.measure(ctx); err != nil {
			return err
		}
	}
	if time.Since(r.saved) > r.opt.Every {
		return r.save()
	}
	return nil
}

// measure logs what the model can do now.
func (r *run) measure(ctx context.Context) error {
	if r.opt.Problems == 0 {
		return nil
	}
	m, err := r.trainer.Model()
	if err != nil {
		return err
	}
	defer m.Close()
	text, err := Measure(ctx, m, r.words, r.opt.Problems)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.opt.Log, "after %d tokens:\n%s", r.at.Tokens, text)
	return nil
}

// Measure evaluates a model in the ways that its documentation reports, on the
// given number of problems each, and returns the table as text.
func Measure(ctx context.Context, m *model.Model, v *Vocabulary, problems int) (string, error) {
	var names []string
	var reports []Report
	for _, t := range []struct {
		name string
		Trial
	}{
		{"greedy", Trial{Problems: 4 * problems, Sampling: model.Sampling{Greedy: true, Temperature: 1}}},
		{"temperature 1", Trial{Problems: problems, Samples: 16, Sampling: model.Sampling{Temperature: 1}}},
		{"0.7, top-p 0.9, top-k 50", Trial{Problems: problems, Samples: 16, Sampling: model.Sampling{Temperature: 0.7, TopP: 0.9, TopK: 50}}},
		{"sums, greedy", Trial{Problems: problems, Arithmetic: true, Sampling: model.Sampling{Greedy: true, Temperature: 1}}},
		{"sums, temperature 1", Trial{Problems: problems, Samples: 4, Arithmetic: true, Sampling: model.Sampling{Temperature: 1}}},
	} {
		report, err := Evaluate(ctx, m, v, t.Trial)
		if err != nil {
			return "", fmt.Errorf("couldn't measure the model (%s): %w", t.name, err)
		}
		names, reports = append(names, t.name), append(reports, report)
	}
	return table(names, reports), nil
}

// save writes the checkpoint: the trainer's state, the model as it would be
// released, and last, because it makes the others count, the progress.
func (r *run) save() error {
	r.saved = time.Now()
	if r.opt.Folder == "" {
		return nil
	}
	// Two states take turns, so that a crash while writing leaves one whole.
	r.turn = 1 - r.turn
	name := fmt.Sprintf("%d-%s", r.turn, stateFile)
	if err := os.MkdirAll(r.opt.Folder, 0o755); err != nil {
		return fmt.Errorf("couldn't save the training: %w", err)
	}
	if err := r.trainer.SaveState(filepath.Join(r.opt.Folder, name)); err != nil {
		return err
	}
	if err := WriteFolder(filepath.Join(r.opt.Folder, modelFolder), r.trainer); err != nil {
		return err
	}
	text, err := json.MarshalIndent(checkpoint{name, r.at}, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't save the training: %w", err)
	}
	path := filepath.Join(r.opt.Folder, progressFile)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return fmt.Errorf("couldn't save the training: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("couldn't save the training: %w", err)
	}
	return nil
}

type checkpoint struct {
	State    string   `json:"state"`
	Progress progress `json:"progress"`
}

// load takes up the checkpoint in the folder, if there is one.
func (r *run) load() error {
	if r.opt.Folder == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(r.opt.Folder, progressFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var c checkpoint
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return fmt.Errorf("couldn't continue the training in %s: %w", r.opt.Folder, err)
	}
	was, _ := json.Marshal(c.Progress.Plan)
	is, _ := json.Marshal(r.plan)
	if string(was) != string(is) {
		return fmt.Errorf("couldn't continue the training in %s: %w", r.opt.Folder, ErrOtherPlan)
	}
	if err := r.trainer.LoadState(filepath.Join(r.opt.Folder, filepath.Base(c.State))); err != nil {
		return err
	}
	r.at = c.Progress
	if c.State != "0-"+stateFile {
		r.turn = 1
	}
	fmt.Fprintf(r.opt.Log, "continuing at step %d, %d tokens\n", r.at.Steps, r.at.Tokens)
	return nil
}
